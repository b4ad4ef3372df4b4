// Relaxed vector instructions, as instructions that are not: hosts differ in what the former give, and in having them.

import { deterministic } from '../../spec/instructions/relaxed.ts';
import { instructionNamed } from '../../spec/instructions.ts';
import type { BodyWriter } from './body-writer.ts';
import { Op } from './ops.ts';

function vector(b: BodyWriter, name: string): void {
  b.w.byte(0xfd);
  b.w.u32(instructionNamed(name).code & 0xffff);
}

export function writeRelaxed(b: BodyWriter): void {
  const { name } = b.reader.row;
  const same = deterministic(name);
  const shape = name.slice(0, name.indexOf('.'));
  if (same !== name) vector(b, same);
  else if (name.includes('madd')) multiplyAdd(b, shape, name.includes('nmadd'));
  else if (name.endsWith('_add_s')) dotAdd(b);
  else dot(b);
}

/** a b c: ±a · b + c, rounded twice. */
function multiplyAdd(b: BodyWriter, shape: string, negative: boolean): void {
  const last = b.take('v128');
  b.index(Op.localSet, last.index);
  vector(b, `${shape}.mul`);
  if (negative) vector(b, `${shape}.neg`);
  b.index(Op.localGet, last.index);
  b.give(last);
  vector(b, `${shape}.add`);
}

/** Products of bytes as numbers of 16 bits, added in pairs, and cut off. */
function dot(b: BodyWriter): void {
  const [x, y] = [b.take('v128'), b.take('v128')];
  b.index(Op.localSet, y.index);
  b.index(Op.localSet, x.index);
  for (const half of ['low', 'high']) {
    b.index(Op.localGet, x.index);
    b.index(Op.localGet, y.index);
    vector(b, `i16x8.extmul_${half}_i8x16_s`);
  }
  b.index(Op.localSet, y.index);
  b.index(Op.localSet, x.index);
  for (const odd of [0, 2]) {
    b.index(Op.localGet, x.index);
    b.index(Op.localGet, y.index);
    vector(b, 'i8x16.shuffle');
    for (let i = 0; i < 32; i += 4) b.w.bytes(Uint8Array.of(i + odd, i + odd + 1));
  }
  vector(b, 'i16x8.add');
  b.give(x);
  b.give(y);
}

function dotAdd(b: BodyWriter): void {
  const sum = b.take('v128');
  b.index(Op.localSet, sum.index);
  dot(b);
  vector(b, 'i32x4.extadd_pairwise_i16x8_s');
  b.index(Op.localGet, sum.index);
  b.give(sum);
  vector(b, 'i32x4.add');
}
