// What vector instructions do, by families of mnemonics. An operation on lanes that the scalar type has too is read
// from the instruction table, so that it is said once.
// https://webassembly.github.io/spec/core/exec/instructions.html#vector-instructions

import { type Instruction, instructionNamed, instructions } from '../../spec/instructions.ts';
import { accessBytes, isCondition } from '../ops.ts';
import {
  copied,
  copyOperands,
  each,
  element,
  immediateAt,
  type Lane,
  mask,
  operand,
  type Place,
  read,
  result,
  routine,
  type Shape,
  shapeNamed,
  unrolled,
  word,
  write,
} from './lanes.ts';

const letters = ['a', 'b', 'c'];
const scalar = (name: string): string => instructionNamed(name).semantics;

// Lane by lane

/** Semantics of operations that scalars do not have, or have otherwise. */
const own: Record<string, string | ((shape: Shape) => string)> = {
  not: '~a',
  andnot: 'a & ~b',
  bitselect: '(a & c) | (b & ~c)',
  min_s: 'a < b ? a : b',
  max_s: 'a > b ? a : b',
  min_u: 'a >>> 0 < b >>> 0 ? a : b',
  max_u: 'a >>> 0 > b >>> 0 ? a : b',
  avgr_u: '(au + bu + 1) >>> 1',
  popcnt: 'num.popcnt32(au)',
  q15mulr_sat_s: 'Math.min(32767, (a * b + 16384) >> 15)',
  add_sat_s: (shape) => clamped('a + b', shape, true),
  add_sat_u: (shape) => clamped('au + bu', shape, false),
  sub_sat_s: (shape) => clamped('a - b', shape, true),
  sub_sat_u: (shape) => clamped('au - bu', shape, false),
  abs: (shape) => bySign(shape, 'a < 0 ? -a : a', `const n = ah >> 31 ; const l = al ^ n ; const t = (l - n) | 0 ; t ; ((ah ^ n) - n - (t === 0 ? 0 : 0)) | 0`),
  neg: (shape) => bySign(shape, '-a', 'const t = -al | 0 ; t ; (~ah + (t === 0 ? 1 : 0)) | 0'),
  shr_u: ({ bits, scalar: type }) => (bits < 32 ? 'au >>> b' : scalar(`${type}.shr_u`)),
  pmin: ({ bits }) => (bits === 32 ? '# b < a ? bi : ai' : '# const t = b < a ; t ? bl : al ; t ? bh : ah'),
  pmax: ({ bits }) => (bits === 32 ? '# a < b ? bi : ai' : '# const t = a < b ; t ? bl : al ; t ? bh : ah'),
  relaxed_madd: ({ bits }) => (bits === 32 ? 'Math.fround(a * b) + c' : 'a * b + c'),
  relaxed_nmadd: ({ bits }) => (bits === 32 ? 'Math.fround(-a * b) + c' : '-a * b + c'),
};
