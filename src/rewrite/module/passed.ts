// What guest code and the engine pass each other: references as numbers of 64 bits, and work that is done in part.

import { Trap } from '../../spec/errors.ts';
import { type BulkName, bulk } from '../../spec/fuel.ts';

export const wordsToRef = (lo: number, hi: number): bigint => (BigInt(hi) << 32n) | BigInt(lo >>> 0);
export const low = (ref: bigint): number => Number(BigInt.asIntN(32, ref));
export const high = (ref: bigint): number => Number(BigInt.asIntN(32, ref >> 32n));

export function checkTable(start: number, count: number, size: number): void {
  if (start + count > size) throw new Trap('out of bounds table access');
}

/** Items of a bulk instruction that are done now, and those that are left. */
export function chunk(name: BulkName, count: number): { done: number; rest: number } {
  const done = Math.min(count, bulk[name].chunk);
  return { done, rest: count - done };
}
