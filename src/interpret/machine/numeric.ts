// Numeric semantics that are too long for a row of the instruction table. Named in the table as `num.…`.
// A 64-bit result is returned as its low half; the high half is in `hi`.
// https://webassembly.github.io/spec/core/exec/numerics.html

import { Trap } from '../../spec/errors.ts';

/** High half of the last 64-bit result. */
export let hi = 0;

export function popcnt32(a: number): number {
  let n = a - ((a >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

const ctz32 = (a: number): number => (a === 0 ? 32 : 31 - Math.clz32(a & -a));
export const ctz64 = (al: number, ah: number): number => (al === 0 ? 32 + ctz32(ah) : ctz32(al));

const divideByZero = (): never => {
  throw new Trap('integer divide by zero');
};
const overflow = (): never => {
  throw new Trap('integer overflow');
};

export function div32s(a: number, b: number): number {
  if (b === 0) divideByZero();
  if (b === -1 && a === -0x80000000) overflow();
  return (a / b) | 0;
}
export function div32u(a: number, b: number): number {
  if (b === 0) divideByZero();
  return ((a >>> 0) / (b >>> 0)) | 0;
}
export function rem32s(a: number, b: number): number {
  if (b === 0) divideByZero();
  return (a % b) | 0;
}
export function rem32u(a: number, b: number): number {
  if (b === 0) divideByZero();
  return ((a >>> 0) % (b >>> 0)) | 0;
}

const signed = (lo: number, high: number): bigint => (BigInt(high) << 32n) | BigInt(lo >>> 0);
const unsigned = (lo: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(lo >>> 0);

function split(value: bigint): number {
  hi = Number(BigInt.asIntN(32, value >> 32n));
  return Number(BigInt.asIntN(32, value));
}

/** Below this, an unsigned 64-bit number and its quotients are exact as a double. */
const exactHigh = 0x200000;

/** Splits a non-negative integer below 2^53. */
function splitExact(value: number): number {
  hi = (value / 4294967296) | 0;
  return value | 0;
}
const exact = (lo: number, high: number): number => high * 4294967296 + (lo >>> 0);

export function div64s(al: number, ah: number, bl: number, bh: number): number {
  if ((bl | bh) === 0) divideByZero();
  if (ah >= 0 && bh >= 0 && ah < exactHigh && bh < exactHigh)
    return splitExact(Math.floor(exact(al, ah) / exact(bl, bh)));
  if ((bl & bh) === -1 && al === 0 && ah === -0x80000000) overflow();
  return split(signed(al, ah) / signed(bl, bh));
}
export function div64u(al: number, ah: number, bl: number, bh: number): number {
  if ((bl | bh) === 0) divideByZero();
  if (ah >>> 0 < exactHigh && bh >>> 0 < exactHigh) return splitExact(Math.floor(exact(al, ah) / exact(bl, bh)));
  return split(unsigned(al, ah) / unsigned(bl, bh));
}
export function rem64s(al: number, ah: number, bl: number, bh: number): number {
  if ((bl | bh) === 0) divideByZero();
  if (ah >= 0 && bh >= 0 && ah < exactHigh && bh < exactHigh) return splitExact(exact(al, ah) % exact(bl, bh));
  return split(signed(al, ah) % signed(bl, bh));
}
export function rem64u(al: number, ah: number, bl: number, bh: number): number {
  if ((bl | bh) === 0) divideByZero();
  if (ah >>> 0 < exactHigh && bh >>> 0 < exactHigh) return splitExact(exact(al, ah) % exact(bl, bh));
  return split(unsigned(al, ah) % unsigned(bl, bh));
}

/** Rounds to the nearest integer, ties to even, keeping the sign of zero. */
export function nearest(a: number): number {
  if (!(Math.abs(a) < 4503599627370496)) return a;
  const magic = a < 0 || Object.is(a, -0) ? -4503599627370496 : 4503599627370496;
  const rounded = a + magic - magic;
  return rounded === 0 && magic < 0 ? -0 : rounded;
}

const two63 = 2 ** 63;
const two64 = 2 ** 64;

const invalidConversion = (): never => {
  throw new Trap('invalid conversion to integer');
};

export function trunc32s(a: number): number {
  if (a > -2147483649 && a < 2147483648) return a | 0;
  return Number.isNaN(a) ? invalidConversion() : overflow();
}
export function trunc32u(a: number): number {
  if (a > -1 && a < 4294967296) return Math.trunc(a) | 0;
  return Number.isNaN(a) ? invalidConversion() : overflow();
}
export function trunc64s(a: number): number {
  if (a >= -two63 && a < two63) return fromDouble(a);
  return Number.isNaN(a) ? invalidConversion() : overflow();
}
export function trunc64u(a: number): number {
  if (a > -1 && a < two64) return fromDouble(a);
  return Number.isNaN(a) ? invalidConversion() : overflow();
}

/** The integer part of a double in range, modulo 2^64. */
function fromDouble(a: number): number {
  const magnitude = Math.floor(Math.abs(a));
  const lo = (magnitude % 4294967296) | 0;
  const high = Math.floor(magnitude / 4294967296) | 0;
  if (a >= 0) {
    hi = high;
    return lo;
  }
  hi = (~high + (lo === 0 ? 1 : 0)) | 0;
  return -lo | 0;
}

export const sat32s = (a: number): number =>
  Number.isNaN(a) ? 0 : Math.max(-2147483648, Math.min(2147483647, Math.trunc(a))) | 0;
export const sat32u = (a: number): number =>
  Number.isNaN(a) ? 0 : Math.max(0, Math.min(4294967295, Math.trunc(a))) | 0;

function limit(lo: number, high: number): number {
  hi = high;
  return lo;
}
export function sat64s(a: number): number {
  if (Number.isNaN(a)) return limit(0, 0);
  if (a >= two63) return limit(-1, 0x7fffffff);
  if (a <= -two63) return limit(0, -0x80000000);
  return fromDouble(a);
}
export function sat64u(a: number): number {
  if (Number.isNaN(a) || a <= 0) return limit(0, 0);
  if (a >= two64) return limit(-1, -1);
  return fromDouble(a);
}

/**
 * Converts a 64-bit integer to f32 with one rounding: where the double would round first, the lowest kept bit is made
 * sticky so that the second rounding sees what the first one dropped.
 */
export function f32FromU64(al: number, ah: number): number {
  const high = ah >>> 0;
  if (high < exactHigh) return Math.fround(high * 4294967296 + (al >>> 0));
  const sticky = (al & 0xfff) === 0 ? al : (al & ~0xfff) | 0x800;
  return Math.fround(high * 4294967296 + (sticky >>> 0));
}
export function f32FromI64(al: number, ah: number): number {
  if (ah >= 0) return f32FromU64(al, ah);
  const lo = -al | 0;
  return -f32FromU64(lo, (~ah + (lo === 0 ? 1 : 0)) | 0);
}
