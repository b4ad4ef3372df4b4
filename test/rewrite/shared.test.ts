// Compiled code is known by a module's content: modules of equal bytes share it, and other threads can have it.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { Module, VM } from '../../src/index.ts';
import { adopt, compiledOf, isRewritten, rewritten } from '../../src/rewrite/module/module.ts';
import { bytesOf } from '../wat.ts';
import { show } from './differential.ts';

/** Traps for odd numbers, in an inner function. */
const guest = (mark: number) => `(memory 1) (global $g (mut i32) (i32.const ${mark}))
  (func $f (param i32) (global.set $g (i32.add (global.get $g) (local.get 0)))
    (if (i32.and (local.get 0) (i32.const 1)) (then unreachable)))
  (func (export "run") (param i32) (result i32) (call $f (local.get 0)) (global.get $g))`;

function outcome(module: Module, argument: number, sharedMemory = false): string {
  const vm = new VM({ engine: 'native', sharedMemory });
  vm.start(vm.instantiate(module).func('run'), [argument]);
  return show(vm.run());
}

test('modules of equal bytes share one compiled form, and traps are told of whichever ran', async (t) => {
  const bytes = await bytesOf(guest(5));
  const [first, second] = [Module.from(bytes), Module.from(bytes)];
  t.false(isRewritten(second));
  const expected = outcome(first, 2);
  t.regex(expected, /7/);
  t.true(isRewritten(second));
  t.is(rewritten(second, false), rewritten(first, false));
  t.is(outcome(second, 2), expected);
  t.is(outcome(second, 3), outcome(first, 3));
});

test('two instances of equal modules in one store keep their own state, and traps name the function', async (t) => {
  const bytes = await bytesOf(guest(6));
  const vm = new VM({ engine: 'native' });
  const [one, two] = [vm.instantiate(Module.from(bytes)), vm.instantiate(Module.from(bytes))];
  t.deepEqual(vm.invoke(one.func('run'), [2]), [8]);
  t.deepEqual(vm.invoke(one.func('run'), [2]), [10]);
  t.deepEqual(vm.invoke(two.func('run'), [2]), [8]);
  vm.start(two.func('run'), [1]);
  const outcome = vm.run();
  t.like(outcome, { status: 'trapped', trap: { kind: 'unreachable' } });
  if (outcome.status === 'trapped') t.is(outcome.trap.frames.length, 2);
});

test('what one thread compiled another one adopts, for either kind of memory', async (t) => {
  const bytes = await bytesOf(guest(7));
  const module = Module.from(bytes);
  t.is(compiledOf(module), undefined);
  const expected = [2, 3].map((argument) => outcome(module, argument));
  const plain = compiledOf(module);
  t.deepEqual([...(plain?.keys() ?? [])], [false]);
  t.is(outcome(module, 2, true), outcome(module, 2));
  const worker = new Worker(new URL('adopter.ts', import.meta.url), {
    workerData: { bytes, compiled: compiledOf(module), arguments: [2, 3] },
  });
  const [told] = await once(worker, 'message');
  await worker.terminate();
  t.deepEqual(told, { before: false, after: true, kept: true, outcomes: expected });
});

test('what is there already is not replaced', async (t) => {
  const bytes = await bytesOf(guest(8));
  const module = Module.from(bytes);
  const form = rewritten(module, false);
  adopt(module, new Map([[false, { ...form }]]));
  t.is(rewritten(module, false), form);
});
