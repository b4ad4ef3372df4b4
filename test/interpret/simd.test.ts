// Vector instructions do what the host's engine does: all of them, with operands of all sorts. Relaxed ones do what the
// deterministic profile says.

import test from 'ava';
import { type Instruction, instructions } from '../../src/spec/instructions.ts';
import { VM } from '../../src/vm.ts';
import { moduleOf } from '../wat.ts';
import { differences } from './differential.ts';

const rows = instructions.filter(({ feature }) => feature === 'simd');
const prefixes = [...new Set(rows.map(({ name }) => name.slice(0, name.indexOf('.'))))];

/** Words on which operations differ: limits of lanes of all widths, and floats that are special. */
const special = [
  0, 1, -1, 0x7fffffff, 0x80000000, 0x7f, 0x80, 0x7fff, 0x8000, 0xff80ff80, 0x80008000, 0x7fff7fff, 0x3f800000,
  0xbf800000, 0x3f000000, 0x40200000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fa00000, 0xffc12345, 0x4f000000,
  0xcf000000, 0x4f800000, 0x00000001, 0x80000001, 0x7ff00000, 0xfff00000, 0x7ff80000, 0x41e00000, 0xc1e00000,
  0x43e00000, 0x3fe00000, 0x4b000001,
];

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) ^ Math.imul(state, 0x9e3779b1);
  };
}

/** Rounds take random words, special ones and mixtures in turn. */
function fill(bytes: Uint8Array, round: number): void {
  const next = generator(round + 1);
  const words = new Int32Array(bytes.buffer);
  for (let i = 0; i < words.length; i++) {
    const word = next();
    const isSpecial = round % 3 === 0 || (round % 3 === 1 && (word & 0x100) !== 0);
    words[i] = isSpecial ? (special[(word >>> 1) % special.length] as number) : next();
  }
}

const computesFloats = /^f..x.\.(?:ceil|floor|trunc|nearest|sqrt|add|sub|mul|div|min|max|demote|promote)/;

/** Which NaN an operation gives is not fixed; that it gives one is. */
function same({ name }: Instruction, a: Uint8Array, b: Uint8Array): boolean {
  if (computesFloats.test(name)) {
    const [one, other] = [a, b].map((bytes) =>
      name.startsWith('f32') ? new Float32Array(bytes.buffer) : new Float64Array(bytes.buffer),
    );
    for (let i = 0; i < 16 / (one?.BYTES_PER_ELEMENT ?? 1); i++) if (!Object.is(one?.[i], other?.[i])) return false;
    return Buffer.compare(a.subarray(16), b.subarray(16)) === 0;
  }
  return Buffer.compare(a, b) === 0;
}

for (const prefix of prefixes) {
  test(`${prefix}: as the host does it`, async (t) => {
    const family = rows.filter(({ name }) => name.startsWith(`${prefix}.`));
    t.true(family.length > 10);
    t.deepEqual(await differences(family, 24, fill, same), []);
  });
}

/** https://webassembly.github.io/spec/core/exec/numerics.html#relaxed-operations */
const deterministic: readonly (readonly [what: string, text: string, result: string])[] = [
  [
    'multiplies and adds with two roundings',
    `f32x4.relaxed_madd (v128.const f32x4 0x1.000004p+0 0x1p127 1 nan) (v128.const f32x4 0x1.0002p+0 2 1 1)
      (v128.const f32x4 -0x1.000204p+0 -0x1p127 1 1)`,
    'f32x4 0 inf 2 nan',
  ],
  [
    'negates the product',
    'f64x2.relaxed_nmadd (v128.const f64x2 3 -0) (v128.const f64x2 5 1) (v128.const f64x2 1 0)',
    'f64x2 -14 0',
  ],
  [
    'selects bit by bit',
    `i16x8.relaxed_laneselect (v128.const i32x4 -1 -1 -1 -1) (v128.const i32x4 0 0 0 0)
      (v128.const i32x4 0x8000_0001 1 2 0x7fff_ffff)`,
    'i32x4 0x8000_0001 1 2 0x7fff_ffff',
  ],
  [
    'swizzles to zero from past the last lane',
    `i8x16.relaxed_swizzle (v128.const i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
      (v128.const i8x16 15 16 0 127 128 255 1 2 3 4 5 6 7 8 9 10)`,
    'i8x16 16 0 1 0 0 0 2 3 4 5 6 7 8 9 10 11',
  ],
  ['saturates what it truncates', 'i32x4.relaxed_trunc_f32x4_u (v128.const f32x4 nan -1 0x1p40 3.9)', 'i32x4 0 0 -1 3'],
  [
    'truncates two lanes',
    'i32x4.relaxed_trunc_f64x2_s_zero (v128.const f64x2 -1e300 -2.5)',
    'i32x4 0x8000_0000 -2 0 0',
  ],
  ['orders zeros', 'f32x4.relaxed_min (v128.const f32x4 -0 0 nan 1) (v128.const f32x4 0 -0 1 2)', 'f32x4 -0 -0 nan 1'],
  [
    'saturates a product of fractions',
    'i16x8.relaxed_q15mulr_s (v128.const i16x8 -32768 1 0 0 0 0 0 0) (v128.const i16x8 -32768 16384 0 0 0 0 0 0)',
    'i16x8 32767 1 0 0 0 0 0 0',
  ],
  [
    'multiplies bytes with their signs, and does not saturate',
    `i16x8.relaxed_dot_i8x16_i7x16_s (v128.const i8x16 -128 -128 1 2 0 0 0 0 0 0 0 0 0 0 0 0)
      (v128.const i8x16 -128 -128 -3 4 0 0 0 0 0 0 0 0 0 0 0 0)`,
    'i16x8 -32768 5 0 0 0 0 0 0',
  ],
  [
    'adds up sums of 16 bits',
    `i32x4.relaxed_dot_i8x16_i7x16_add_s (v128.const i8x16 -128 -128 1 2 1 1 1 1 0 0 0 0 0 0 0 0)
      (v128.const i8x16 -128 -128 -3 4 1 1 1 1 0 0 0 0 0 0 0 0) (v128.const i32x4 10 20 30 40)`,
    'i32x4 -32753 24 30 40',
  ],
];

for (const [what, text, result] of deterministic) {
  test(`${text.split(' ')[0]} ${what}`, async (t) => {
    const vm = new VM();
    const functions = [text, `v128.const ${result}`].map(
      (value, i) => `(func (export "${i}") (result v128) (${value}))`,
    );
    const instance = vm.instantiate(await moduleOf(functions.join(' ')));
    const [got, expected] = ['0', '1'].map((name) => vm.invoke(instance.func(name)));
    t.deepEqual(got, expected);
  });
}
