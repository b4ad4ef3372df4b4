// Folding must not change the wrong op: what the fuzzer found, made small.

import test from 'ava';
import { VM } from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

/** Calls `f` of a module, folded and in plain code. */
async function both(fields: string, args: readonly unknown[]): Promise<unknown[]> {
  const module = await moduleOf(fields);
  return [undefined, 1_000_000].map((steps) => {
    const vm = new VM();
    vm.start(vm.instantiate(module).func('f'), args);
    const outcome = vm.run(steps === undefined ? {} : { steps });
    return outcome.status === 'returned' ? outcome.values[0] : outcome.status;
  });
}

test('eqz of a local does not turn the comparison below it around', async (t) => {
  const f = `(func (export "f") (param i32 i32) (result i32)
    (i32.eq (local.get 0) (i32.const 7)) (i32.eqz (local.get 1)) i32.sub)`;
  t.deepEqual(await both(f, [7, 0]), [0, 0]);
  t.deepEqual(await both(f, [7, 1]), [1, 1]);
});

test('a branch after a drop does not take the dropped comparison for its condition', async (t) => {
  const f = `(func (export "f") (param i32 i32) (result i32)
    (block $l (result i32)
      (i32.const 5)
      (i32.eq (local.get 0) (i32.const 7))
      (i32.eq (local.get 1) (i32.const 7))
      drop
      br_if $l
      drop
      (i32.const 6)))`;
  t.deepEqual(await both(f, [7, 0]), [5, 5]);
  t.deepEqual(await both(f, [0, 7]), [6, 6]);
});

test('a local set after a drop takes the operand below', async (t) => {
  const f = `(func (export "f") (param i32 i32) (result i32)
    (i32.add (local.get 0) (i32.const 1))
    (i32.mul (local.get 1) (i32.const 3))
    drop
    local.set 0
    (local.get 0))`;
  t.deepEqual(await both(f, [10, 20]), [11, 11]);
});

test('a constant before a local changes places with it where the order does not matter', async (t) => {
  for (const row of ['ne', 'eq', 'add', 'mul', 'xor']) {
    const f = `(func (export "f") (param i64) (result i64)
      (i64.${row} (i64.const 5) (local.get 0)) ${row === 'ne' || row === 'eq' ? 'i64.extend_i32_u' : ''})`;
    const expected = { ne: 1n, eq: 0n, add: 12n, mul: 35n, xor: 2n }[row];
    t.deepEqual(await both(f, [7n]), [expected, expected], row);
  }
});
