// What V8 has to see in the loop: above its size limit the loop would never be optimised, and run twenty times slower; and
// where it makes code for a call under way, that code stays, and takes nearly twice as long (generate.ts, `around`).

import test from 'ava';
import { bytecodeLength, mostBytecode, printedBytecode } from './bytecode.ts';

const text = printedBytecode();

test('the loop is small enough for V8 to optimise', (t) => {
  const length = bytecodeLength(text);
  t.true(length > 10_000 && length <= mostBytecode, `${length} bytes of bytecode`);
});

test('V8 sees the loop that dispatches as nested deeply', (t) => {
  const jumps = [...text.matchAll(/JumpLoop\S* \[(\d+)\], \[(\d+)\]/g)].map(([, length, depth]) => ({
    length: Number(length),
    depth: Number(depth),
  }));
  const dispatch = jumps.reduce((longest, jump) => (jump.length > longest.length ? jump : longest));
  t.true(dispatch.length > 10_000);
  t.is(dispatch.depth, 5);
});
