// One forward pass over a body that keeps what liveness and costs need of it: a list of events (locals read and written,
// branches, block boundaries, safe points) and the cost of each loop. Unreachable code is left out. liveness.ts reads
// the events backwards. Who has to know more of a body drives the reader, and sees each instruction.

import { InstructionReader } from '../binary/instruction.ts';
import { instructions, type Special } from '../spec/instructions.ts';
import { checkDeadline } from '../spec/patience.ts';
import type { FuncIdx } from '../spec/types.ts';
import { bodyOf, type ModuleContext } from './context.ts';
import { slotOfCode } from './rules.ts';

/** What an event is; an event is its argument above `eventBits` bits of code. */
export const events = {
  /** A local is read, or written. */
  read: 0,
  write: 1,
  /** Control may go to the label of this depth. */
  branch: 2,
  /** Control does not go on. */
  stop: 3,
  /** An exception may leave from here. */
  throw: 4,
  /** The safe point with this index: after a call, or at a loop's begin. */
  call: 5,
  /** The `loop` instruction of the loop with this index. Its safe point is a `loopPoint` event right after. */
  beginLoop: 6,
  loopPoint: 7,
  /** An opening instruction of another kind. */
  begin: 8,
  /** An `if`; the argument is 1 if it has an `else`. */
  beginIf: 9,
  else: 10,
  /** A legacy catch clause; the argument is 1 for the first one of its `try`. */
  catch: 11,
  end: 12,
  endLoop: 13,
  /** Of a `try` with catch clauses, and of a `try_table` with some. */
  endTry: 14,
  endTryTable: 15,
  /** After `endTryTable`: the labels of the clauses, then `handlers`. */
  handler: 16,
  handlers: 17,
} as const;
export const eventBits = 5;

/**
 * What instructions are charged to: a loop, or the function's entry. The cost is that of the longest way through those
 * that are in no loop inside it.
 */
interface Charged {
  cost: number;
}
export interface Loop extends Charged {
  /** Of the `loop` instruction. */
  readonly pc: number;
}
export interface Point {
  readonly pc: number;
  readonly kind: 'loop' | 'call';
}
export interface Flow {
  readonly events: readonly number[];
  readonly loops: readonly Loop[];
  /** By pc. */
  readonly points: readonly Point[];
  readonly entryCost: number;
  /** Past the highest local that is read. */
  readonly locals: number;
  /** The greatest number of blocks within each other. */
  readonly depth: number;
}

interface Open {
  readonly kind: Special;
  /** The index of the loop, and what is charged around it. */
  readonly loop: number;
  readonly charged: Charged;
  /** Of the `beginIf` event. */
  readonly event: number;
  /** How many loops are around it. */
  readonly level: number;
  /** The longest way to its begin, and that of those that branch to its end. */
  readonly path: number;
  reach: number;
  /** Depths of the labels of a `try_table`. */
  readonly handlers: readonly number[];
  hasClause: boolean;
}

/** The length of the longest way to a place that no way leads to; it is negative however much is added. */
const noWay = -(2 ** 30);

const noHandlers: readonly number[] = [];

export class FlowReader implements Flow {
  readonly events: number[] = [];
  readonly loops: Loop[] = [];
  readonly points: Point[] = [];
  readonly reader: InstructionReader;
  locals = 0;
  depth = 0;

  /** Reachable open blocks; blocks opened in unreachable code are only counted. */
  private readonly open: Open[] = [];
  private stopped = false;
  private deadBlocks = 0;
  /** What instructions are charged to: the innermost loop, or the function's entry. */
  private readonly entry: Charged = { cost: 0 };
  private charged: Charged = this.entry;
  /** Instructions on the longest way from the begin of what is charged to here. */
  private path = 0;
  /** The same for what is around each of the open loops, as it was where that begins. */
  private readonly paths: number[] = [];
  readonly start: number;

  constructor(context: ModuleContext, func: FuncIdx) {
    const body = bodyOf(context, func);
    this.start = body.start;
    this.reader = new InstructionReader(context.syntax.bytes, body.start, body.end);
  }

  run(): Flow {
    while (this.next()) {
      checkDeadline('reading the flow of code');
      this.take();
    }
    return this;
  }

  /** Reads on to the next instruction that can be reached. False at the end. */
  next(): boolean {
    const { reader } = this;
    while (reader.pos < reader.end) {
      reader.next();
      if (!this.stopped || this.resumes()) return true;
    }
    return false;
  }

  /** Takes in the instruction that was read. */
  take(): void {
    if (this.reader.row.special !== 'loop') this.step();
    effectsBySlot[slotOfCode(this.reader.row.code)]?.(this);
  }

  private step(): void {
    this.path++;
    if (this.path > this.charged.cost) this.charged.cost = this.path;
  }

  get entryCost(): number {
    return Math.max(1, this.entry.cost);
  }

  /** In unreachable code only the end of the clause matters. */
  private resumes(): boolean {
    const { special } = this.reader.row;
    if (special === undefined) return false;
    if (opens.has(special)) this.deadBlocks++;
    else if (this.deadBlocks > 0) {
      if (special === 'end' || special === 'delegate') this.deadBlocks--;
    } else if (resumes.has(special)) {
      this.stopped = false;
      return true;
    }
    return false;
  }

  emit(code: number, argument = 0): void {
    this.events.push((argument << eventBits) | code);
  }

  read(): void {
    const { x } = this.reader;
    this.emit(events.read, x);
    if (x >= this.locals) this.locals = x + 1;
  }

  stop(): void {
    this.emit(events.stop);
    this.stopped = true;
    this.path = noWay;
  }

  branch(depth: number): void {
    this.emit(events.branch, depth);
    this.leadTo(depth, this.path);
  }

  /** What goes to a label from within a loop leaves what is around that as it was where the loop begins. */
  private leadTo(depth: number, path: number): void {
    const block = this.open[this.open.length - 1 - depth];
    if (block === undefined || block.kind === 'loop') return;
    const here = block.level === this.paths.length ? path : (this.paths[block.level] as number);
    if (here > block.reach) block.reach = here;
  }

  /** A label that many entries name counts once. */
  branchTable(): void {
    for (const depth of new Set(this.reader.labels)) this.branch(depth);
    this.stop();
  }

  call(): void {
    this.emit(events.call, this.points.length);
    this.points.push({ pc: this.reader.pos - this.start, kind: 'call' });
  }

  begin(kind: Special): void {
    const handlers = kind === 'try_table' ? [...new Set(this.reader.catches.map(({ label }) => label))] : noHandlers;
    this.open.push({
      kind,
      loop: this.loops.length,
      charged: this.charged,
      event: this.events.length,
      level: this.paths.length,
      path: this.path,
      reach: kind === 'if' ? this.path : noWay,
      handlers,
      hasClause: false,
    });
    this.depth = Math.max(this.depth, this.open.length);
    if (kind === 'loop') this.beginLoop();
    else this.emit(kind === 'if' ? events.beginIf : events.begin);
  }

  /** The instruction itself belongs to the loop. */
  private beginLoop(): void {
    this.paths.push(this.path);
    this.path = 1;
    this.emit(events.beginLoop, this.loops.length);
    const loop = { pc: this.reader.start - this.start, cost: 1 };
    this.charged = loop;
    this.loops.push(loop);
    this.emit(events.loopPoint, this.points.length);
    this.points.push({ pc: this.reader.pos - this.start, kind: 'loop' });
  }

  else(): void {
    const block = this.open[this.open.length - 1] as Open;
    this.events[block.event] = (1 << eventBits) | events.beginIf;
    this.emit(events.else);
    block.reach = Math.max(block.reach, this.path);
    this.path = block.path;
  }

  catch(): void {
    const block = this.open[this.open.length - 1] as Open;
    this.emit(events.catch, block.hasClause ? 0 : 1);
    block.hasClause = true;
    block.reach = Math.max(block.reach, this.path);
    this.path = this.thrown;
  }

  /** The longest way to whatever throws in the block that ends here, as far as it matters: that to anything so far. */
  private get thrown(): number {
    return this.charged.cost;
  }

  end(): void {
    const block = this.open.pop();
    if (block === undefined) return;
    if (block.kind === 'loop') {
      this.emit(events.endLoop, block.loop);
      this.charged = block.charged;
      const around = this.paths.pop() as number;
      this.path = this.path < 0 ? noWay : around;
      return;
    }
    this.path = Math.max(this.path, block.reach);
    if (block.handlers.length > 0) {
      this.emit(events.endTryTable);
      for (const depth of block.handlers) {
        this.emit(events.handler, depth);
        this.leadTo(depth, this.thrown);
      }
      this.emit(events.handlers);
    } else this.emit(block.hasClause ? events.endTry : events.end);
  }
}

const opens: ReadonlySet<Special> = new Set(['block', 'loop', 'if', 'try_table', 'try']);
/** What makes code reachable again. */
const resumes: ReadonlySet<Special> = new Set(['else', 'catch', 'catch_all', 'end', 'delegate']);

type Effect = (f: FlowReader) => void;
const none = undefined;
const write: Effect = (f) => f.emit(events.write, f.reader.x);
const branch: Effect = (f) => f.branch(f.reader.x);
const stop: Effect = (f) => f.stop();
const call: Effect = (f) => f.call();
const throws: Effect = (f) => {
  f.emit(events.throw);
  f.stop();
};

const effects = {
  unreachable: stop,
  block: (f) => f.begin('block'),
  loop: (f) => f.begin('loop'),
  if: (f) => f.begin('if'),
  else: (f) => f.else(),
  end: (f) => f.end(),
  try_table: (f) => f.begin('try_table'),
  try: (f) => f.begin('try'),
  catch: (f) => f.catch(),
  catch_all: (f) => f.catch(),
  delegate: (f) => f.end(),
  rethrow: throws,
  throw: throws,
  throw_ref: throws,
  br: (f) => {
    branch(f);
    f.stop();
  },
  br_if: branch,
  br_table: (f) => f.branchTable(),
  br_on_null: branch,
  br_on_non_null: branch,
  br_on_cast: branch,
  br_on_cast_fail: branch,
  return: stop,
  call,
  call_indirect: call,
  call_ref: call,
  return_call: stop,
  return_call_indirect: stop,
  return_call_ref: stop,
  drop: none,
  select: none,
  'select t': none,
  'local.get': (f) => f.read(),
  'local.set': write,
  'local.tee': write,
  'global.get': none,
  'global.set': none,
  'table.get': none,
  'table.set': none,
  'table.size': none,
  'table.grow': none,
  'table.fill': none,
  'table.copy': none,
  'table.init': none,
  'elem.drop': none,
  'memory.copy': none,
  'ref.null': none,
  'ref.is_null': none,
  'ref.func': none,
  'ref.as_non_null': none,
  'ref.i31': none,
  'ref.test': none,
  'ref.cast': none,
  'any.convert_extern': none,
  'extern.convert_any': none,
  'struct.new': none,
  'struct.new_default': none,
  'struct.get': none,
  'struct.set': none,
  'array.new': none,
  'array.new_default': none,
  'array.new_fixed': none,
  'array.new_data': none,
  'array.new_elem': none,
  'array.get': none,
  'array.set': none,
  'array.fill': none,
  'array.copy': none,
  'array.init_data': none,
  'array.init_elem': none,
} satisfies Record<Special, Effect | undefined>;

const effectsBySlot: (Effect | undefined)[] = [];
for (const { code, special } of instructions) {
  if (special !== undefined) effectsBySlot[slotOfCode(code)] = effects[special];
}

/** Reads the flow of a function that is no import. */
export const flowOf = (context: ModuleContext, func: FuncIdx): Flow => new FlowReader(context, func).run();
