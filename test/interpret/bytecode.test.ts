// Above V8's size limit the loop would never be optimised, and run twenty times slower.

import test from 'ava';
import { bytecodeLength, mostBytecode } from './bytecode.ts';

test('the loop is small enough for V8 to optimise', (t) => {
  const length = bytecodeLength();
  t.true(length > 10_000 && length <= mostBytecode, `${length} bytes of bytecode`);
});
