// Atomic accesses do what the host's engine does, in memories of one thread and in shared ones.

import test from 'ava';
import { LimitError, Trap } from '../../src/spec/errors.ts';
import { bytesAccessed, instructions } from '../../src/spec/instructions.ts';
import { VM } from '../../src/vm.ts';
import { moduleOf } from '../wat.ts';
import { differences } from './differential.ts';

const accesses = instructions.filter(
  ({ feature, name }) => feature === 'threads' && name.includes('.atomic.') && !name.startsWith('memory'),
);
const equal = (_: unknown, a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

/** In every other round the cell holds what a cmpxchg expects, so that it exchanges. */
function fill(bytes: Uint8Array, round: number): void {
  let state = round + 1;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = state >>> 24;
  }
  if (round % 2 === 0) for (const at of [96, 104, 112]) bytes.copyWithin(at, 32, 40);
  // Without its high bytes an expected value is one that a narrow cell can hold.
  if (round % 4 === 0) bytes.fill(0, 33, 40);
}

for (const memory of ['1', '1 1 shared']) {
  test(`memory of type ${memory}: as the host does it`, async (t) => {
    t.is(accesses.length, 63);
    t.deepEqual(await differences(accesses, 16, fill, equal, memory), []);
  });
}

for (const row of accesses) {
  const { name, params } = row;
  const bytes = bytesAccessed(row);
  if (bytes === 1) continue;
  test(`${name} at an address that is no multiple of ${bytes} traps`, async (t) => {
    const operands = params.slice(1).map((type) => `(${type}.const 0)`);
    const access = `(${name} (local.get 0) ${operands.join(' ')})`;
    const body = name.includes('.store') ? access : `(drop ${access})`;
    const vm = new VM();
    const func = vm.instantiate(await moduleOf(`(memory 1) (func (export "f") (param i32) ${body})`)).func('f');
    t.deepEqual(vm.invoke(func, [65536 - bytes]), []);
    t.is(t.throws(() => vm.invoke(func, [1]), { instanceOf: Trap })?.kind, 'unaligned atomic');
    t.is(t.throws(() => vm.invoke(func, [65536]), { instanceOf: Trap })?.kind, 'out of bounds memory access');
  });
}

const waiting = (memory: string) =>
  moduleOf(`(memory ${memory})
    (func (export "wait32") (param i32 i32 i64) (result i32)
      (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "wait64") (param i32 i64 i64) (result i32)
      (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "notify") (param i32 i32) (result i32) (atomic.fence) (memory.atomic.notify (local.get 0) (local.get 1)))
    (func (export "set") (i64.atomic.store (i32.const 8) (i64.const 0x1_0000_0007)))`);

test('a wait says whether the value differs or the time is out', async (t) => {
  const vm = new VM();
  const instance = vm.instantiate(await waiting('1 1 shared'));
  vm.invoke(instance.func('set'));
  t.deepEqual(vm.invoke(instance.func('wait32'), [8, 6, -1n]), [1]);
  t.deepEqual(vm.invoke(instance.func('wait32'), [8, 7, 0n]), [2]);
  t.deepEqual(vm.invoke(instance.func('wait64'), [8, 7n, -1n]), [1]);
  t.deepEqual(vm.invoke(instance.func('wait64'), [8, 0x1_0000_0007n, 1_000_000n]), [2]);
  t.deepEqual(vm.invoke(instance.func('notify'), [8, 10]), [0]);
});

test('a wait that nobody can end is refused', async (t) => {
  const vm = new VM();
  const instance = vm.instantiate(await waiting('1 1 shared'));
  t.throws(() => vm.invoke(instance.func('wait32'), [0, 0, -1n]), { instanceOf: LimitError });
});

test('a memory of one thread cannot be waited on, but notified', async (t) => {
  const vm = new VM();
  const instance = vm.instantiate(await waiting('1'));
  t.is(
    t.throws(() => vm.invoke(instance.func('wait32'), [0, 0, 0n]), { instanceOf: Trap })?.kind,
    'expected shared memory',
  );
  t.deepEqual(vm.invoke(instance.func('notify'), [0, 1]), [0]);
  t.is(t.throws(() => vm.invoke(instance.func('notify'), [2, 1]), { instanceOf: Trap })?.kind, 'unaligned atomic');
});
