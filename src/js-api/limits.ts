// Sizes in descriptors: numbers for 32-bit memories and tables, bigints for 64-bit ones.
// https://webassembly.github.io/spec/js-api/#addressvaluetou64

import type { AddrType, Limits } from '../spec/types.ts';
import { oneOf, unsignedLong } from './webidl.ts';

/** A member of a dictionary, read once. */
export type Members = Readonly<Record<string, unknown>>;

export const addressType = ({ address }: Members): AddrType =>
  address === undefined ? 'i32' : oneOf(address, ['i32', 'i64'], 'address');

export function size(value: unknown, type: AddrType, what: string): bigint {
  if (type === 'i32') return BigInt(unsignedLong(value, what));
  // Only this conversion refuses numbers.
  const wide = BigInt.asIntN(128, value as bigint);
  if (wide >= 0n && wide < 2n ** 64n) return wide;
  throw new TypeError(`${what} must be an integer from 0 to 2^64 - 1`);
}

export const fromSize = (value: number, type: AddrType): number => (type === 'i32' ? value : (BigInt(value) as never));

/** A size as a number: where a double is not exact, it is far out of all bounds. */
export const index = (value: unknown, type: AddrType, what: string): number => Number(size(value, type, what));

/** Given as `initial` and `maximum`, as far as they are there. */
export function limits(initial: bigint | undefined, maximum: bigint | undefined): Limits {
  if (initial === undefined) throw new TypeError('initial is missing');
  if (maximum === undefined) return { min: initial };
  if (initial > maximum) throw new RangeError(`initial ${initial} is above maximum ${maximum}`);
  return { min: initial, max: maximum };
}

/** The size that a descriptor gives by a name, if any. */
export function given(members: Members, name: string, type: AddrType): bigint | undefined {
  const value = members[name];
  return value === undefined ? undefined : size(value, type, name);
}
