// What rewriting has to know of a body before it can write any part of it: its blocks with the operands that lie below
// them, and its safe points with the operands there. shape-reader.ts finds it. Unreachable blocks and points are left out,
// as unreachable code is never written.

import type { Catch } from '../../binary/instruction.ts';
import type { Special } from '../../spec/instructions.ts';
import type { FuncIdx } from '../../spec/types.ts';
import type { LocalSet, SafePoint } from '../../validate/safepoints.ts';
import { type Low, type LowTypes, slotsOfLow } from './types.ts';

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
  /** Of a loop: what it charges. */
  cost: number;
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
  readonly kind: SafePoint['kind'];
  readonly block: BlockShape | undefined;
  /** Operands of the innermost block, after a call with its results. */
  readonly own: LowTypes;
  /** How many of them are the results that the frame waits for. */
  readonly results: number;
  live: LocalSet;
}

export interface FunctionShape {
  readonly func: FuncIdx;
  readonly params: LowTypes;
  readonly results: LowTypes;
  /** Parameters first. */
  readonly locals: LowTypes;
  /** Where each local stands in a frame, and where operands begin. */
  readonly localSlots: Int32Array;
  /** By pc. */
  readonly blocks: readonly BlockShape[];
  readonly points: readonly PointShape[];
  /** What a call charges; and, by the pc that code comes to, what is charged there. */
  readonly entryCost: number;
  readonly charges: ReadonlyMap<number, number>;
  /** Of the function's own `end`. */
  readonly end: number;
  /** Most slots that a frame has. */
  readonly slots: number;
  /** Bytes of native stack that a frame may take, as a careful guess. */
  readonly frameBytes: number;
  /** Code charges also where it cannot be left. */
  readonly owes: boolean;
  /** Some block handles exceptions. */
  readonly catches: boolean;
}

/** Fewest bytes of native stack that are counted for a frame; two words for the return address and the frame pointer. */
export const leastFrameBytes = 96;

/** Instructions that end a block, that begin another clause of one, and that begin one. */
export const ends: ReadonlySet<Special> = new Set(['end', 'delegate']);
export const clauses: ReadonlySet<Special> = new Set(['else', 'catch', 'catch_all']);
export const opens: ReadonlySet<Special> = new Set(['block', 'loop', 'if', 'try', 'try_table']);

/** Finds, of blocks or points in their order, the one at a pc: mostly that is the one after the last. */
export class Finder<T extends { readonly pc: number }> {
  private next = 0;

  constructor(private readonly list: readonly T[]) {}

  at(pc: number): T | undefined {
    const { list } = this;
    if (list[this.next]?.pc !== pc) this.seek(pc);
    const found = list[this.next++];
    return found?.pc === pc ? found : undefined;
  }

  private seek(pc: number): void {
    this.next = firstFrom(this.list, pc, (it) => it.pc);
  }
}

/** Where the first one stands whose number is not less than `least`, of a list in the order of these numbers. */
export function firstFrom<T>(list: ArrayLike<T>, least: number, number: (it: T) => number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (number(list[middle] as T) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The safe point at a pc, if there is one that is reached. */
export const pointOf = ({ points }: FunctionShape, pc: number): PointShape | undefined => new Finder(points).at(pc);

/** Bytes of guest code, at most, in loops that the host unrolls. */
const shortLoop = 160;

/** Whether there is a short loop that neither calls nor contains another. */
export function hasShortLoop({ blocks, points }: FunctionShape): boolean {
  let next = 0;
  return blocks.some(({ kind, start, end }) => {
    if (kind !== 'loop' || end - start > shortLoop) return false;
    while (next < points.length && (points[next] as PointShape).pc <= start) next++;
    return (points[next]?.pc ?? end + 1) > end;
  });
}

/** The blocks that a block stands in, outermost first, itself last. */
export function chainOf(block: BlockShape | undefined): BlockShape[] {
  const chain: BlockShape[] = [];
  for (let b = block; b !== undefined; b = b.parent) chain.push(b);
  return chain.reverse();
}

/** Whether what is thrown inside the block, and not in one of its clauses, may be caught by it. */
export const handles = ({ kind, catches, clauses }: BlockShape): boolean =>
  kind === 'try' ? clauses.length > 0 : catches.length > 0;

/** Whether one of the blocks that a place stands in, the innermost of which is given, handles what is thrown there. */
export function isHandled(innermost: BlockShape | undefined): boolean {
  for (let block = innermost; block !== undefined; block = block.parent) {
    if (handles(block)) return true;
    for (let outer = block.delegate; outer > 0; outer--) block = block?.parent;
    if (block === undefined) return false;
  }
  return false;
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
