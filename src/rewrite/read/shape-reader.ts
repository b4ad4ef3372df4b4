// Finds the shape of a body (shape.ts) in the pass that finds its flow: the types of operands are followed beside it. The
// body is valid, and of instructions that the rewriter supports; so nothing is checked here.

import type { Catch } from '../../binary/instruction.ts';
import type { DefType } from '../../spec/deftypes.ts';
import { isBulk } from '../../spec/fuel.ts';
import { instructions, type Special } from '../../spec/instructions.ts';
import type { ArrayType, FieldType, FuncIdx, FuncType, StorageType, StructType, ValType } from '../../spec/types.ts';
import { chargesOf } from '../../validate/charges.ts';
import { funcType, type ModuleContext } from '../../validate/context.ts';
import { FlowReader } from '../../validate/flow.ts';
import { livenessOf } from '../../validate/liveness.ts';
import { slotOfCode } from '../../validate/rules.ts';
import type { LocalSet, SafePoint } from '../../validate/safepoints.ts';
import { type Growth, GrowthError } from './growth.ts';
import { mostLeft, mostValues } from './index-spaces.ts';
import { type BlockShape, type FunctionShape, leastFrameBytes, type PointShape } from './shape.ts';
import { type Low, type LowTypes, lowAll, lowOf, slotsOfLow } from './types.ts';

const none: LowTypes = [];
const noCatches: readonly Catch[] = [];
/** Filled in at the end. */
const unknown: LocalSet = new Uint32Array(0);
/** Lists of one type, as most are. */
const single: Readonly<Record<Low, LowTypes>> = {
  i32: ['i32'],
  i64: ['i64'],
  f32: ['f32'],
  f64: ['f64'],
  v128: ['v128'],
};

/** Safe points from which on a function counts as very large. */
const manyPoints = 60;

/**
 * A careful guess from the sizes of frames in several programs: locals and operands, and what a landing hands over. In a
 * very large function, as the loop of an interpreter, V8 gives most values a place of their own: 8 KB for 545 points.
 */
const frameBytes = (localSlots: number, operands: number, points: number): number =>
  leastFrameBytes +
  8 * (localSlots + 3 * operands + Math.min(mostLeft, localSlots + operands)) +
  16 * Math.max(0, points - manyPoints);

class ShapeReader {
  private readonly flow: FlowReader;
  private readonly types: LowTypes;
  /** Types of the operands, and how many of them take two slots. */
  private readonly operands: Low[] = [];
  private vectors = 0;
  /** Most slots of operands at once. */
  private highest = 0;
  /** Where the operands of the innermost block begin. */
  private height = 0;
  /** The open blocks, and where the operands of what is around each begin. */
  private readonly open: BlockShape[] = [];
  private readonly heights: number[] = [];
  private readonly blocks: BlockShape[] = [];
  private readonly points: PointShape[] = [];
  private catches = false;
  private makesArrays = false;
  private lastEnd = 0;

  constructor(
    private readonly context: ModuleContext,
    private readonly func: FuncIdx,
    private readonly growth: Growth,
  ) {
    this.flow = new FlowReader(context, func);
    growth.begin(localCount(context, func));
    this.types = localTypes(context, func);
    this.addPoint(0, 'entry', none, 0);
  }

  run(): FunctionShape {
    const { flow, operands } = this;
    while (flow.next()) {
      this.growth.use(1);
      const effect = effects[slotOfCode(flow.reader.row.code)] as Effect;
      if (typeof effect === 'function') effect(this);
      else {
        flow.take();
        this.plain(effect);
      }
      const slots = operands.length + this.vectors;
      if (slots > this.highest) this.highest = slots;
    }
    return this.finish();
  }

  private finish(): FunctionShape {
    const { context, func, flow, blocks, points, types } = this;
    const { entry, points: live } = livenessOf(flow);
    points.forEach((point, i) => {
      point.live = i === 0 ? entry : (live[i - 1] as LocalSet);
    });
    const { entryCost, loops, charges } = chargesOf(flow);
    let loop = 0;
    for (const block of blocks) if (block.kind === 'loop') block.cost = loops[loop++] as number;
    const localSlots = new Int32Array(types.length + 1);
    types.forEach((type, i) => {
      localSlots[i + 1] = (localSlots[i] as number) + slotsOfLow(type);
    });
    const ofLocals = localSlots[types.length] as number;
    const type = funcType(context, func);
    return {
      func,
      params: types.slice(0, type.params.length),
      results: lowAll(type.results),
      locals: types,
      localSlots,
      blocks,
      points,
      entryCost,
      charges,
      end: this.lastEnd,
      slots: ofLocals + this.highest,
      frameBytes: frameBytes(ofLocals, this.highest, points.length),
      owes: this.makesArrays || charges.size > 0,
      catches: this.catches,
    };
  }

  // Operands

  pop(count: number): void {
    for (let i = 0; i < count; i++) if (this.operands.pop() === 'v128') this.vectors--;
  }
  push(type: Low): void {
    this.operands.push(type);
    if (type === 'v128') this.vectors++;
  }
  private pushAll(types: LowTypes): void {
    for (let i = 0; i < types.length; i++) this.push(types[i] as Low);
  }
  private from(height: number, end = this.operands.length): LowTypes {
    if (height === end) return none;
    return height + 1 === end ? single[this.operands[height] as Low] : this.operands.slice(height, end);
  }

  /** An instruction without rules of its own. */
  private plain({ pops, pushes, ofMemory }: Plain): void {
    this.pop(pops);
    if (ofMemory) this.push(this.context.memories[this.x]?.addr ?? 'i32');
    else this.pushAll(pushes);
  }

  // What the instruction says

  get x(): number {
    return this.flow.reader.x;
  }
  take(): void {
    this.flow.take();
  }
  get local(): Low {
    return this.types[this.x] as Low;
  }
  get global(): Low {
    return lowOf(this.context.globals[this.x]?.type as ValType);
  }
  get table(): Low {
    return this.context.tables[this.x]?.addr ?? 'i32';
  }
  get callee(): FuncType {
    return funcType(this.context, this.x);
  }
  get calleeType(): FuncType {
    return funcOf(this.context.types[this.x]);
  }

  private get pc(): number {
    return this.flow.reader.start - this.flow.start;
  }
  private get next(): number {
    return this.flow.reader.pos - this.flow.start;
  }

  private blockType(): { params: LowTypes; results: LowTypes } {
    const { block } = this.flow.reader;
    if ('type' in block) {
      const { params, results } = funcOf(this.context.types[block.type]);
      return { params: lowAll(params), results: lowAll(results) };
    }
    return { params: none, results: block.result === undefined ? none : single[lowOf(block.result)] };
  }

  // Effects

  call({ params, results }: FuncType): void {
    this.take();
    this.growth.use(params.length + results.length);
    this.pop(params.length);
    for (let i = 0; i < results.length; i++) this.push(lowOf(results[i] as ValType));
    const own = this.operands.length - this.height;
    if (own > mostValues) throw new GrowthError('would hand over very many operands at once');
    this.growth.use(own);
    this.addPoint(this.next, 'call', this.from(this.height), results.length);
  }

  /** Before a bulk instruction there is a safe point, where none is yet. */
  bulk(operands: number): void {
    const { pc } = this;
    if (this.points.at(-1)?.pc !== pc) this.addPoint(pc, 'bulk', this.from(this.height), 0);
    this.take();
    this.pop(operands);
  }

  /** The structure or array that the instruction names. */
  get aggregate(): StructType | ArrayType {
    return this.context.types[this.x]?.comp as StructType | ArrayType;
  }
  get structFields(): readonly FieldType[] {
    return (this.aggregate as StructType).fields;
  }
  get fieldLow(): Low {
    const { aggregate, flow } = this;
    const field = aggregate.kind === 'array' ? aggregate.field : (aggregate.fields[flow.reader.y] as FieldType);
    return lowOfStorage(field.storage);
  }
  get count(): number {
    return this.flow.reader.y;
  }

  /** An array that is paid for when it is made. */
  newArray(operands: number): void {
    this.makesArrays = true;
    this.take();
    this.pop(operands);
    this.push('i64');
  }

  begin(kind: BlockShape['kind']): void {
    const { params, results } = this.blockType();
    if (kind === 'if') this.pop(1);
    const top = this.operands.length - params.length;
    this.growth.use(params.length + results.length + top - this.height);
    const block: BlockShape = {
      kind,
      pc: this.pc,
      start: this.next,
      parent: this.open[this.open.length - 1],
      params,
      results,
      below: this.from(this.height, top),
      suspends: false,
      cost: 0,
      elsePc: -1,
      elseStart: -1,
      end: -1,
      after: -1,
      catches: kind === 'try_table' ? [...this.flow.reader.catches] : noCatches,
      clauses: [],
      delegate: -1,
      tried: undefined,
      tag: -1,
    };
    this.take();
    this.blocks.push(block);
    this.open.push(block);
    this.heights.push(this.height);
    this.height = top;
    if (kind === 'loop') this.addPoint(block.start, 'loop', params, 0);
  }

  /** What the innermost clause had on the stack goes. */
  private clear(block: BlockShape): void {
    this.pop(this.operands.length - this.height);
    if (block.kind !== 'clause') return;
    this.pop(1);
    this.height--;
  }

  else(): void {
    const block = this.open[this.open.length - 1] as BlockShape;
    block.elsePc = this.pc;
    block.elseStart = this.next;
    this.take();
    this.clear(block);
    this.pushAll(block.params);
  }

  /** A clause of a legacy `try`; the caught exception lies below it. */
  clause(tag: number): void {
    const { open, context } = this;
    const before = open[open.length - 1] as BlockShape;
    this.take();
    this.clear(before);
    const tried = before.tried ?? before;
    const params = tag < 0 ? none : lowAll(funcOf(context.tags[tag]).params);
    this.growth.use(params.length + tried.below.length);
    const below: LowTypes = [...tried.below, 'i64'];
    const clause: BlockShape = {
      ...tried,
      kind: 'clause',
      pc: this.pc,
      start: this.next,
      params,
      below,
      clauses: [],
      tried,
      tag,
    };
    tried.clauses.push(clause);
    open[open.length - 1] = clause;
    this.push('i64');
    this.height++;
    this.pushAll(params);
    this.catches = true;
  }

  close(delegate = -1): void {
    const block = this.open.pop();
    this.take();
    if (block === undefined) {
      this.lastEnd = this.pc;
      return;
    }
    this.clear(block);
    this.height = this.heights.pop() as number;
    this.pushAll(block.results);
    this.ends(block);
    if (block.tried !== undefined) for (const it of [block.tried, ...block.tried.clauses]) this.ends(it);
    block.delegate = delegate;
    if (block.catches.length > 0) this.catches = true;
  }

  private ends(block: BlockShape): void {
    block.end = this.pc;
    block.after = this.next;
  }

  private addPoint(pc: number, kind: SafePoint['kind'], own: LowTypes, results: number): void {
    const innermost = this.open[this.open.length - 1];
    for (let block = innermost; block !== undefined && !block.suspends; block = block.parent) {
      block.suspends = true;
      if (block.tried !== undefined) block.tried.suspends = true;
    }
    this.points.push({ pc, kind, block: innermost, own, results, live: unknown });
  }
}

const funcOf = (type: DefType | undefined): FuncType => type?.comp as FuncType;

const declared = ({ syntax, importedFuncs }: ModuleContext, func: FuncIdx) =>
  syntax.funcs[func - importedFuncs]?.locals ?? [];

/** A few bytes may declare very many. */
const localCount = (context: ModuleContext, func: FuncIdx): number =>
  declared(context, func).reduce((sum, { count }) => sum + count, funcType(context, func).params.length);

function localTypes(context: ModuleContext, func: FuncIdx): LowTypes {
  const types = [...lowAll(funcType(context, func).params)];
  for (const { count, type } of declared(context, func)) {
    const low = lowOf(type);
    for (let i = 0; i < count; i++) types.push(low);
  }
  return types;
}

/** What an instruction without rules of its own does to the operands. */
interface Plain {
  readonly pops: number;
  readonly pushes: LowTypes;
  /** It pushes an address, or a size, of the memory. */
  readonly ofMemory: boolean;
}
type Effect = Plain | ((s: ShapeReader) => void);

/** Takes so many operands, and gives some. */
const moves =
  (pops: number, pushes?: Low) =>
  (s: ShapeReader): void => {
    s.take();
    s.pop(pops);
    if (pushes !== undefined) s.push(pushes);
  };
const nothing = moves(0);
const bulk = (s: ShapeReader): void => s.bulk(3);
const lowOfStorage = (type: StorageType): Low => (type === 'i8' || type === 'i16' ? 'i32' : lowOf(type));
/** Reads a field or an element. */
const reads =
  (operands: number) =>
  (s: ShapeReader): void => {
    s.take();
    s.pop(operands);
    s.push(s.fieldLow);
  };

const specials = {
  unreachable: nothing,
  block: (s) => s.begin('block'),
  loop: (s) => s.begin('loop'),
  if: (s) => s.begin('if'),
  else: (s) => s.else(),
  end: (s) => s.close(),
  try_table: (s) => s.begin('try_table'),
  try: (s) => s.begin('try'),
  catch: (s) => s.clause(s.x),
  catch_all: (s) => s.clause(-1),
  delegate: (s) => s.close(s.x),
  rethrow: nothing,
  throw: nothing,
  throw_ref: nothing,
  br: nothing,
  br_if: moves(1),
  br_table: nothing,
  br_on_null: nothing,
  br_on_non_null: moves(1),
  return: nothing,
  call: (s) => s.call(s.callee),
  call_indirect: (s) => {
    s.pop(1);
    s.call(s.calleeType);
  },
  call_ref: (s) => {
    s.pop(1);
    s.call(s.calleeType);
  },
  return_call: nothing,
  return_call_indirect: nothing,
  return_call_ref: nothing,
  drop: moves(1),
  select: moves(2),
  'select t': moves(2),
  'local.get': (s) => {
    s.take();
    s.push(s.local);
  },
  'local.set': moves(1),
  'local.tee': nothing,
  'global.get': (s) => {
    s.take();
    s.push(s.global);
  },
  'global.set': moves(1),
  'table.get': moves(1, 'i64'),
  'table.set': moves(2),
  'table.size': (s) => {
    s.take();
    s.push(s.table);
  },
  'table.grow': (s) => {
    s.take();
    s.pop(2);
    s.push(s.table);
  },
  'table.fill': bulk,
  'table.copy': bulk,
  'table.init': bulk,
  'elem.drop': nothing,
  'memory.copy': bulk,
  'ref.null': moves(0, 'i64'),
  'ref.is_null': moves(1, 'i32'),
  'ref.func': moves(0, 'i64'),
  'ref.as_non_null': nothing,
  br_on_cast: nothing,
  br_on_cast_fail: nothing,
  'ref.i31': moves(1, 'i64'),
  'ref.test': moves(1, 'i32'),
  'ref.cast': nothing,
  'any.convert_extern': nothing,
  'extern.convert_any': nothing,
  'struct.new': (s) => {
    s.take();
    s.pop(s.structFields.length);
    s.push('i64');
  },
  'struct.new_default': moves(0, 'i64'),
  'struct.get': reads(1),
  'struct.set': moves(2),
  'array.new': (s) => s.newArray(2),
  'array.new_default': (s) => s.newArray(1),
  'array.new_fixed': (s) => {
    s.take();
    s.pop(s.count);
    s.push('i64');
  },
  'array.new_data': moves(2, 'i64'),
  'array.new_elem': moves(2, 'i64'),
  'array.get': reads(2),
  'array.set': moves(3),
  'array.fill': (s) => s.bulk(4),
  'array.copy': (s) => s.bulk(5),
  'array.init_data': (s) => s.bulk(4),
  'array.init_elem': (s) => s.bulk(4),
} satisfies Record<Special, (s: ShapeReader) => void>;

/** By slot. */
const effects: Effect[] = [];
for (const { name, code, special, params, results } of instructions)
  effects[slotOfCode(code)] =
    special === undefined
      ? isBulk(name)
        ? bulk
        : { pops: params.length, pushes: results as LowTypes, ofMemory: results.some((type) => type === 'addr') }
      : specials[special];

/** Throws GrowthError where that takes more than is allowed. */
export const shapeOf = (context: ModuleContext, func: FuncIdx, growth: Growth): FunctionShape =>
  new ShapeReader(context, func, growth).run();
