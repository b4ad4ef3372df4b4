// One forward pass over a body that keeps what liveness and charges need of it: a list of events (locals read and written,
// branches, block boundaries, safe points), and another one of those that lead somewhere with the costs between them.
// Unreachable code is left out. liveness.ts and charges.ts read them backwards. Who has to know more of a body drives the
// reader, and sees each instruction.

import { InstructionReader } from '../binary/instruction.ts';
import type { DefType } from '../spec/deftypes.ts';
import {
  carriedCost,
  clausesCost,
  grown,
  importedCall,
  isBulk,
  localsCost,
  priceOf,
  resolveCost,
} from '../spec/fuel.ts';
import { instructions, type Special } from '../spec/instructions.ts';
import { checkDeadline } from '../spec/patience.ts';
import { type FuncIdx, type FuncType, slotsOf } from '../spec/types.ts';
import { bodyOf, funcType, type ModuleContext } from './context.ts';
import { slotOfCode, slots } from './rules.ts';

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
  /** The safe point with this index: after a call; at a loop's begin, or at a bulk instruction (`point`). */
  call: 5,
  /** The `loop` instruction of the loop with this index. Its safe point is a `point` event right after. */
  beginLoop: 6,
  point: 7,
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
  /** Only among the costs: so many units are spent; */
  cost: 18,
  /** this is the pc behind what was just told: a conditional branch, an `if`, an `else`; */
  after: 19,
  /** or behind the end of a block that branches lead to; or where what is thrown may lead to. */
  join: 20,
  landing: 21,
} as const;
export const eventBits = 5;

export interface Point {
  readonly pc: number;
  readonly kind: 'loop' | 'call' | 'bulk';
}
export interface Flow {
  readonly events: readonly number[];
  readonly costs: readonly number[];
  /** The pc of each `loop` instruction. */
  readonly loops: readonly number[];
  /** By pc. */
  readonly points: readonly Point[];
  /** What a frame costs for the locals that it begins with. */
  readonly localsCost: number;
  /** Past the highest local that is read. */
  readonly locals: number;
  /** The greatest number of blocks within each other. */
  readonly depth: number;
}

interface Open {
  readonly kind: Special;
  /** The index of the loop. */
  readonly loop: number;
  /** Of the `beginIf` event. */
  readonly event: number;
  /** Branches lead to its end, and what is thrown inside does. */
  joined: boolean;
  handling: boolean;
  /** Depths of the labels of a `try_table`. */
  readonly handlers: readonly number[];
  hasClause: boolean;
  /** How many values a branch to its label carries. */
  readonly arity: number;
}

/** A cost of more is several events. */
const mostCost = 1 << 20;

const noHandlers: readonly number[] = [];

export class FlowReader implements Flow {
  readonly events: number[] = [];
  readonly costs: number[] = [];
  readonly loops: number[] = [];
  readonly points: Point[] = [];
  readonly reader: InstructionReader;
  locals = 0;
  depth = 0;

  /** Reachable open blocks; blocks opened in unreachable code are only counted. */
  private readonly open: Open[] = [];
  private stopped = false;
  /** No way leads here, although code may stand here that is read as if one did: behind a block that never ends. */
  private dead = false;
  private deadBlocks = 0;
  /** Units spent since the last event that is among the costs. */
  private due = 0;
  readonly start: number;
  /** Slots of locals that are no parameters. */
  private localSlots = 0;

  private readonly type: FuncType;

  constructor(
    private readonly context: ModuleContext,
    func: FuncIdx,
  ) {
    const body = bodyOf(context, func);
    this.start = body.start;
    this.type = funcType(context, func);
    for (const { count, type } of context.syntax.funcs[func - context.importedFuncs]?.locals ?? [])
      this.localSlots += count * slotsOf(type);
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
    const { row } = this.reader;
    const slot = slotOfCode(row.code);
    if (row.special !== 'loop') this.spend(prices[slot] as number);
    effectsBySlot[slot]?.(this);
  }

  spend(units: number): void {
    this.due += units;
  }

  get localsCost(): number {
    return localsCost(this.localSlots);
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
    const event = (argument << eventBits) | code;
    this.events.push(event);
    if (leads.has(code)) this.cost(event);
  }

  private cost(event: number): void {
    this.flush();
    this.costs.push(event);
  }

  private flush(): void {
    for (; this.due > 0; this.due -= mostCost)
      this.costs.push((Math.min(this.due, mostCost) << eventBits) | events.cost);
    this.due = 0;
  }

  /** Tells the pc behind the instruction. */
  private tellPc(code: number): void {
    this.cost(((this.reader.pos - this.start) << eventBits) | code);
  }

  read(): void {
    const { x } = this.reader;
    this.emit(events.read, x);
    if (x >= this.locals) this.locals = x + 1;
  }

  stop(): void {
    this.emit(events.stop);
    this.stopped = true;
    this.dead = true;
  }

  /** Values that a branch to a label, or a return, carries. */
  private arity(depth: number): number {
    return this.open[this.open.length - 1 - depth]?.arity ?? this.type.results.length;
  }

  /** The instruction branches: what it carries costs more. */
  carry(depth = this.open.length): void {
    this.spend(carriedCost(this.arity(depth)));
  }

  branch(depth: number): void {
    this.emit(events.branch, depth);
    const block = this.open[this.open.length - 1 - depth];
    if (block !== undefined) block.joined = true;
  }

  /** A branch that may not be taken. */
  branchIf(): void {
    this.carry(this.reader.x);
    this.branch(this.reader.x);
    this.tellPc(events.after);
  }

  /** A label that many entries name counts once. */
  branchTable(): void {
    this.carry(this.reader.labels.at(-1) as number);
    for (const depth of new Set(this.reader.labels)) this.branch(depth);
    this.stop();
  }

  /** What a call costs more, of a function of the type. */
  carryCall({ params, results }: FuncType): void {
    this.spend(carriedCost(params.length + results.length));
  }
  /** The type of the function that a `call` names. */
  callee(): FuncType {
    const { x } = this.reader;
    if (x < this.context.importedFuncs) this.spend(importedCall);
    return funcType(this.context, x);
  }
  typeAt(index: number): FuncType {
    return this.context.types[index]?.comp as FuncType;
  }

  call(type: FuncType): void {
    this.carryCall(type);
    this.emit(events.call, this.points.length);
    this.points.push({ pc: this.reader.pos - this.start, kind: 'call' });
  }

  callIndirect(call: (type: FuncType) => void): void {
    const type = this.typeAt(this.reader.x);
    if ([...type.params, ...type.results].some((type) => typeof type === 'object')) this.spend(resolveCost);
    call(type);
  }

  /** Before a bulk instruction; where a call or a loop's begin is just before, there is a safe point already. */
  bulk(): void {
    const pc = this.reader.start - this.start;
    if (this.points.at(-1)?.pc === pc) return;
    this.emit(events.point, this.points.length);
    this.points.push({ pc, kind: 'bulk' });
  }

  throwTag(): void {
    this.carryCall(this.context.tags[this.reader.x]?.comp as FuncType);
    throws(this);
  }

  /** A structure has a word or more for each field, an array here for each element. */
  makeStruct(): void {
    const { comp } = this.context.types[this.reader.x] as DefType;
    if (comp.kind === 'struct') this.spend(grown.word * 2 * comp.fields.length);
  }

  private blockArity(kind: Special): number {
    const { block } = this.reader;
    if (!('type' in block)) return block.result === undefined || kind === 'loop' ? 0 : 1;
    const { params, results } = this.typeAt(block.type);
    return kind === 'loop' ? params.length : results.length;
  }

  begin(kind: Special): void {
    if (kind === 'try_table') this.spend(clausesCost(this.reader.catches.length));
    const handlers = kind === 'try_table' ? [...new Set(this.reader.catches.map(({ label }) => label))] : noHandlers;
    this.open.push({
      kind,
      loop: this.loops.length,
      event: this.events.length,
      joined: kind === 'if',
      handling: false,
      handlers,
      hasClause: false,
      arity: this.blockArity(kind),
    });
    this.depth = Math.max(this.depth, this.open.length);
    if (kind === 'loop') this.beginLoop();
    else if (kind === 'if') {
      this.emit(events.beginIf);
      this.tellPc(events.after);
    } else this.emit(events.begin);
  }

  /** The instruction itself belongs to the loop. */
  private beginLoop(): void {
    this.emit(events.beginLoop, this.loops.length);
    this.spend(1);
    this.loops.push(this.reader.start - this.start);
    this.emit(events.point, this.points.length);
    this.points.push({ pc: this.reader.pos - this.start, kind: 'loop' });
  }

  else(): void {
    this.dead = false;
    const block = this.open[this.open.length - 1] as Open;
    this.events[block.event] = (1 << eventBits) | events.beginIf;
    this.emit(events.else);
    this.tellPc(events.after);
  }

  catch(): void {
    this.dead = false;
    const block = this.open[this.open.length - 1] as Open;
    this.emit(events.catch, block.hasClause ? 0 : 1);
    block.hasClause = true;
    this.tellPc(events.landing);
  }

  end(): void {
    const block = this.open.pop();
    if (block === undefined) return this.flush();
    if (block.kind === 'loop') this.endLoop(block);
    else {
      this.endBlock(block);
      if (block.handling) this.tellPc(events.landing);
      else if (block.joined || block.hasClause) this.tellPc(events.join);
      this.dead &&= !(block.handling || block.joined || block.hasClause);
    }
  }

  private endLoop({ loop }: Open): void {
    this.emit(events.endLoop, loop);
    if (this.dead) this.cost(events.stop);
  }

  private endBlock(block: Open): void {
    if (block.handlers.length === 0) return this.emit(block.hasClause ? events.endTry : events.end);
    this.emit(events.endTryTable);
    for (const depth of block.handlers) {
      this.emit(events.handler, depth);
      const target = this.open[this.open.length - 1 - depth];
      if (target !== undefined) target.handling = true;
    }
    this.emit(events.handlers);
  }
}

/** What is among the costs, too. */
const leads: ReadonlySet<number> = new Set([
  events.branch,
  events.stop,
  events.beginLoop,
  events.begin,
  events.beginIf,
  events.else,
  events.catch,
  events.end,
  events.endLoop,
  events.endTry,
  events.endTryTable,
]);

const opens: ReadonlySet<Special> = new Set(['block', 'loop', 'if', 'try_table', 'try']);
/** What makes code reachable again. */
const resumes: ReadonlySet<Special> = new Set(['else', 'catch', 'catch_all', 'end', 'delegate']);

type Effect = (f: FlowReader) => void;
const none = undefined;
const write: Effect = (f) => f.emit(events.write, f.reader.x);
const branchIf: Effect = (f) => f.branchIf();
const stop: Effect = (f) => f.stop();
const bulk: Effect = (f) => f.bulk();
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
  throw: (f) => f.throwTag(),
  throw_ref: throws,
  br: (f) => {
    f.carry(f.reader.x);
    f.branch(f.reader.x);
    f.stop();
  },
  br_if: branchIf,
  br_table: (f) => f.branchTable(),
  br_on_null: branchIf,
  br_on_non_null: branchIf,
  br_on_cast: branchIf,
  br_on_cast_fail: branchIf,
  return: (f) => {
    f.carry();
    f.stop();
  },
  call: (f) => f.call(f.callee()),
  call_indirect: (f) => f.callIndirect((type) => f.call(type)),
  call_ref: (f) => f.call(f.typeAt(f.reader.x)),
  return_call: (f) => {
    f.carryCall(f.callee());
    f.stop();
  },
  return_call_indirect: (f) => {
    f.callIndirect((type) => f.carryCall(type));
    f.stop();
  },
  return_call_ref: (f) => {
    f.carryCall(f.typeAt(f.reader.x));
    f.stop();
  },
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
  'table.fill': bulk,
  'table.copy': bulk,
  'table.init': bulk,
  'elem.drop': none,
  'memory.copy': bulk,
  'ref.null': none,
  'ref.is_null': none,
  'ref.func': none,
  'ref.as_non_null': none,
  'ref.i31': none,
  'ref.test': none,
  'ref.cast': none,
  'any.convert_extern': none,
  'extern.convert_any': none,
  'struct.new': (f) => f.makeStruct(),
  'struct.new_default': (f) => f.makeStruct(),
  'struct.get': none,
  'struct.set': none,
  'array.new': none,
  'array.new_default': none,
  'array.new_fixed': (f) => f.spend(grown.word * 2 * f.reader.y),
  'array.new_data': none,
  'array.new_elem': none,
  'array.get': none,
  'array.set': none,
  'array.fill': bulk,
  'array.copy': bulk,
  'array.init_data': bulk,
  'array.init_elem': bulk,
} satisfies Record<Special, Effect | undefined>;

const prices = new Uint16Array(slots);
const effectsBySlot: (Effect | undefined)[] = [];
for (const row of instructions) {
  const slot = slotOfCode(row.code);
  prices[slot] = priceOf(row);
  effectsBySlot[slot] = row.special === undefined ? (isBulk(row.name) ? bulk : none) : effects[row.special];
}

/** Reads the flow of a function that is no import. */
export const flowOf = (context: ModuleContext, func: FuncIdx): Flow => new FlowReader(context, func).run();
