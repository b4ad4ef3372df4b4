// Wide arithmetic: 128-bit numbers stand in four words of the stack, lowest first, as their two i64 operands do.
// https://github.com/WebAssembly/wide-arithmetic/blob/main/proposals/wide-arithmetic/Overview.md

import type { Machine } from '../machine/machine.ts';

const base32 = 0x1_0000_0000;
const unsigned = (I: Int32Array, at: number): number => (I[at] as number) >>> 0;

/** Adds `count` words at `b`, or takes them away, from those at `a`, whose place the result takes. */
function accumulate(I: Int32Array, a: number, b: number, count: number, sign: 1 | -1): void {
  let carry = 0;
  for (let k = 0; k < count; k++) {
    const sum = unsigned(I, a + k) + sign * unsigned(I, b + k) + carry;
    I[a + k] = sum;
    carry = Math.floor(sum / base32);
  }
}

/** The high word of a product of two words. */
function highProduct(a: number, b: number): number {
  const middle = (a >>> 16) * (b & 0xffff) + (((a & 0xffff) * (b & 0xffff)) >>> 16);
  const low = (middle & 0xffff) + (a & 0xffff) * (b >>> 16);
  return (a >>> 16) * (b >>> 16) + (middle >>> 16) + (low >>> 16);
}
const lowProduct = (a: number, b: number): number => Math.imul(a, b) >>> 0;

/** The two factors, which the product overwrites. */
const factors = new Int32Array(4);

function multiply({ I }: Machine, base: number): void {
  factors.set(I.subarray(base, base + 4));
  const [a0, a1, b0, b1] = factors as unknown as [number, number, number, number];
  I[base] = lowProduct(a0, b0);
  const second = highProduct(a0, b0) + lowProduct(a0, b1) + lowProduct(a1, b0);
  I[base + 1] = second;
  const third = highProduct(a0, b1) + highProduct(a1, b0) + lowProduct(a1, b1) + Math.floor(second / base32);
  I[base + 2] = third;
  I[base + 3] = highProduct(a1, b1) + Math.floor(third / base32);
}

/** A negative factor was taken as 2^64 too large: the product has the other one too often in its high half. */
function multiplySigned(m: Machine, base: number): void {
  multiply(m, base);
  const { I } = m;
  const [a0, a1, b0, b1] = factors as unknown as [number, number, number, number];
  if (a1 < 0) subtractHigh(I, base, b0, b1);
  if (b1 < 0) subtractHigh(I, base, a0, a1);
}

function subtractHigh(I: Int32Array, base: number, low: number, high: number): void {
  const difference = unsigned(I, base + 2) - (low >>> 0);
  I[base + 2] = difference;
  I[base + 3] = (I[base + 3] as number) - high - (difference < 0 ? 1 : 0);
}

type Routine = (m: Machine, at: number, base: number) => void;

export const wideRoutines = {
  'i64.add128': ({ I }, _, base) => accumulate(I, base, base + 4, 4, 1),
  'i64.sub128': ({ I }, _, base) => accumulate(I, base, base + 4, 4, -1),
  'i64.mul_wide_s': (m, _, base) => multiplySigned(m, base),
  'i64.mul_wide_u': (m, _, base) => multiply(m, base),
} satisfies Record<string, Routine>;
