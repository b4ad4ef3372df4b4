// What rewriting has to know of a body before it can write any part of it: its blocks with the operands that lie below
// them, and its safe points with the operands there. One pass of the validator's own machine. Unreachable blocks and
// points are left out, as unreachable code is never written.

import type { Catch } from '../binary/instruction.ts';
import type { Special } from '../spec/instructions.ts';
import type { FuncIdx, FuncType } from '../spec/types.ts';
import { BodyValidator } from '../validate/body.ts';
import { funcType, type ModuleContext } from '../validate/context.ts';
import type { LocalSet } from '../validate/safepoints.ts';
import { type FunctionPlan, planOf, pointAt } from '../validate/safepoints.ts';
import { type Low, type LowTypes, lowAll, lowOf, slotsOfLow, slotsOfLows } from './types.ts';

export interface BlockShape {
  /** A clause of a legacy `try` takes its place: below it is the caught exception too. */
  readonly kind: 'block' | 'loop' | 'if' | 'try' | 'try_table' | 'clause';
  readonly pc: number;
  /** The first instruction inside. */
  readonly start: number;
  readonly parent: BlockShape | undefined;
  readonly params: LowTypes;
  readonly results: LowTypes;
  /** Operands of the block around that lie below the parameters. */
  readonly below: LowTypes;
  /** There is a safe point inside, so that what lies below must be within reach. */
  suspends: boolean;
  /** Of the `else`, and of the first instruction after it; -1 without. */
  elsePc: number;
  elseStart: number;
  /** Of the `end`, and of the first instruction after it. */
  end: number;
  after: number;
  /** Of a `try_table`. */
  readonly catches: readonly Catch[];
  /** Of a `try`: its clauses; the label that its exceptions are delegated to, or -1. */
  readonly clauses: BlockShape[];
  delegate: number;
  /** Of a clause: the `try`, and the tag, or -1 for all. */
  readonly tried: BlockShape | undefined;
  readonly tag: number;
}

export interface PointShape {
  readonly pc: number;
  readonly block: BlockShape | undefined;
  /** Operands of the innermost block, after a call with its results. */
  readonly own: LowTypes;
  /** How many of them are the results that the frame waits for. */
  readonly results: number;
  readonly live: LocalSet;
}

export interface FunctionShape {
  readonly func: FuncIdx;
  readonly type: FuncType;
  readonly params: LowTypes;
  readonly results: LowTypes;
  /** Parameters first. */
  readonly locals: LowTypes;
  /** Where each local stands in a frame, and where operands begin. */
  readonly localSlots: Int32Array;
  readonly blocks: ReadonlyMap<number, BlockShape>;
  readonly points: ReadonlyMap<number, PointShape>;
  readonly plan: FunctionPlan;
  /** Of the function's own `end`. */
  readonly end: number;
  /** Most slots that a frame has. */
  readonly slots: number;
  /** Bytes of native stack that a frame may take, as a careful guess. */
  readonly frameBytes: number;
  /** Some block handles exceptions. */
  readonly catches: boolean;
}

/** Fewest bytes of native stack that are counted for a frame; two words for the return address and the frame pointer. */
export const leastFrameBytes = 96;

/** Instructions that end a block, that begin another clause of one, and that begin one. */
export const ends: ReadonlySet<Special> = new Set(['end', 'delegate']);
export const clauses: ReadonlySet<Special> = new Set(['else', 'catch', 'catch_all']);
export const opens: ReadonlySet<Special> = new Set(['block', 'loop', 'if', 'try', 'try_table']);
const noCatches: readonly Catch[] = [];

class ShapeReader {
  private readonly v: BodyValidator;
  private readonly plan: FunctionPlan;
  private readonly blocks = new Map<number, BlockShape>();
  private readonly points = new Map<number, PointShape>();
  /** Parallel to the validator's control frames; undefined for unreachable ones and for the function. */
  private readonly open: (BlockShape | undefined)[] = [undefined];
  private readonly start: number;
  /** Most slots of operands at once. */
  private highest = 0;
  private hasVectors = false;
  private catches = false;
  private lastEnd = 0;

  constructor(
    private readonly context: ModuleContext,
    private readonly func: FuncIdx,
  ) {
    this.v = new BodyValidator(context, func);
    this.plan = planOf(context, func);
    this.start = this.v.reader.pos;
    this.addPoint(0, [], 0);
  }

  run(): FunctionShape {
    const { v } = this;
    while (!v.done) {
      v.read();
      const { special } = v.reader.row;
      if (special === undefined) v.apply();
      else this.special(special);
      if (!v.unreachable) this.measure();
    }
    return this.finish();
  }

  private measure(): void {
    const { operands } = this.v;
    const { length } = operands;
    if (operands[length - 1] === 'v128') this.hasVectors = true;
    const slots = this.hasVectors ? slotsOfLows(operands.map(lowOf)) : length;
    if (slots > this.highest) this.highest = slots;
  }

  private finish(): FunctionShape {
    const { func, plan, blocks, points } = this;
    const type = funcType(this.context, func);
    const locals = lowAll(this.v.locals);
    const localSlots = new Int32Array(locals.length + 1);
    locals.forEach((local, i) => {
      localSlots[i + 1] = (localSlots[i] as number) + slotsOfLow(local);
    });
    return {
      func,
      type,
      params: lowAll(type.params),
      results: lowAll(type.results),
      locals,
      localSlots,
      blocks,
      points,
      plan,
      end: this.lastEnd,
      slots: (localSlots[locals.length] as number) + this.highest,
      frameBytes: leastFrameBytes + 8 * ((localSlots[locals.length] as number) + 2 * this.highest),
      catches: this.catches,
    };
  }

  private get next(): number {
    return this.v.reader.pos - this.start;
  }
  private get block(): BlockShape | undefined {
    return this.open[this.open.length - 1];
  }

  private special(special: Special): void {
    const { v } = this;
    if (opens.has(special)) return this.openBlock(special as BlockShape['kind']);
    if (ends.has(special)) return this.closeBlock(special === 'delegate' ? v.reader.x : -1);
    if (special === 'catch' || special === 'catch_all') return this.clause(special === 'catch' ? v.reader.x : -1);
    if (special === 'else') {
      const block = this.block;
      if (block !== undefined) {
        block.elsePc = v.pc;
        block.elseStart = this.next;
      }
    }
    const type = v.unreachable ? undefined : this.calleeType(special);
    v.apply();
    if (type !== undefined) this.addPoint(this.next, v.operands.slice(v.top.height).map(lowOf), type.results.length);
  }

  private calleeType(special: Special): FuncType | undefined {
    const { reader, context } = this.v;
    if (special === 'call') return funcType(context, reader.x);
    return special === 'call_indirect' || special === 'call_ref'
      ? (context.types[reader.x]?.comp as FuncType)
      : undefined;
  }

  private openBlock(kind: BlockShape['kind']): void {
    const { v } = this;
    const dead = v.unreachable;
    const { params, results } = v.blockType();
    const top = v.operands.length - params.length - (kind === 'if' ? 1 : 0);
    const below = dead ? [] : v.operands.slice(v.top.height, top).map(lowOf);
    const block: BlockShape = {
      kind,
      pc: v.pc,
      start: this.next,
      parent: this.block,
      params: lowAll(params),
      results: lowAll(results),
      below,
      suspends: false,
      elsePc: -1,
      elseStart: -1,
      end: -1,
      after: -1,
      catches: kind === 'try_table' ? [...v.reader.catches] : noCatches,
      clauses: [],
      delegate: -1,
      tried: undefined,
      tag: -1,
    };
    v.apply();
    this.open.push(dead ? undefined : block);
    if (dead) return;
    this.blocks.set(block.pc, block);
    if (kind === 'loop') this.addPoint(block.start, block.params, 0);
  }

  private clause(tag: number): void {
    const { v, open } = this;
    const { pc } = v;
    const start = this.next;
    const before = this.block;
    v.apply();
    if (before === undefined) return;
    const tried = before.tried ?? before;
    const params = tag < 0 ? [] : lowAll(v.tagAt(tag).params);
    const below: LowTypes = [...tried.below, 'i64'];
    const clause: BlockShape = { ...tried, kind: 'clause', pc, start, params, below, clauses: [], tried, tag };
    tried.clauses.push(clause);
    open[open.length - 1] = clause;
    this.catches = true;
  }

  private closeBlock(delegate: number): void {
    const block = this.open.pop();
    this.lastEnd = this.v.pc;
    this.v.apply();
    if (block === undefined) return;
    for (const it of [block, ...(block.tried === undefined ? [] : [block.tried, ...block.tried.clauses])]) {
      it.end = this.v.pc;
      it.after = this.next;
    }
    block.delegate = delegate;
    if (block.catches.length > 0) this.catches = true;
  }

  private addPoint(pc: number, own: LowTypes, results: number): void {
    const point = pointAt(this.plan, pc);
    if (point === undefined) return;
    for (let block = this.block; block !== undefined && !block.suspends; block = block.parent) {
      block.suspends = true;
      if (block.tried !== undefined) block.tried.suspends = true;
    }
    this.points.set(pc, { pc, block: this.block, own, results, live: point.live });
  }
}

export const shapeOf = (context: ModuleContext, func: FuncIdx): FunctionShape => new ShapeReader(context, func).run();

/** The blocks that a block stands in, outermost first, itself last. */
export function chainOf(block: BlockShape | undefined): BlockShape[] {
  const chain: BlockShape[] = [];
  for (let b = block; b !== undefined; b = b.parent) chain.push(b);
  return chain.reverse();
}

/** Whether what is thrown inside the block, and not in one of its clauses, may be caught by it. */
export const handles = ({ kind, catches, clauses }: BlockShape): boolean =>
  kind === 'try' ? clauses.length > 0 : catches.length > 0;

/** Which of the blocks that a place stands in, outermost first, handles what is thrown there; -1 if none does. */
export function handlerIn(chain: readonly BlockShape[]): number {
  for (let i = chain.length - 1; i >= 0; i--) {
    const block = chain[i] as BlockShape;
    if (block.delegate >= 0) i -= block.delegate;
    else if (handles(block)) return i;
  }
  return -1;
}

/** Where a value of a frame stands: slot from the frame's base. */
export interface Place {
  readonly slot: number;
  readonly type: Low;
}

/** Where the operands at a point stand, as they belong to the blocks around: those below each of them, then its own. */
export function operandPlaces(shape: FunctionShape, point: PointShape): { below: Place[][]; own: Place[] } {
  let slot = shape.localSlots[shape.locals.length] as number;
  const place = (type: Low): Place => {
    const at = { slot, type };
    slot += slotsOfLow(type);
    return at;
  };
  return { below: chainOf(point.block).map(({ below }) => below.map(place)), own: point.own.map(place) };
}
