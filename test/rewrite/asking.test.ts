// Native code asks for more fuel where it stands: a look at the clock leaves nothing, and what can stop it still does.

import test from 'ava';
import { Module, type RunOptions, VM } from '../../src/index.ts';
import { keptContinuations } from '../../src/rewrite/module/continuation.ts';
import { bytesOf } from '../wat.ts';

const calls = 20;

/** A loop with many calls around a function with as many, which are not made; where that is given, they are. */
const guest = bytesOf(`(global $made (mut i32) (i32.const 0))
  (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 3)))
  (func $large (param i32) (result i32)
    ${'(if (global.get $made) (then (local.set 0 (call $leaf (local.get 0)))))'.repeat(calls)}
    (i32.xor (i32.mul (local.get 0) (i32.const 31)) (i32.const 7)))
  (func (export "run") (param i32 i32) (result i32) (local i32)
    (global.set $made (local.get 1))
    (loop (local.set 2 (call $large (local.get 2)))
      ${'(if (global.get $made) (then (local.set 2 (call $leaf (local.get 2)))))'.repeat(calls)}
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 2))`);

/** Goes down and back through branches that cost more than others do. */
const deep = bytesOf(`(func $down (export "run") (param i32) (result i32) (local i32)
    ${`(if (i32.and (local.get 0) (i32.const 1)) (then ${'(local.set 1 (i32.rotl (local.get 1) (local.get 0)))'.repeat(30)}))`.repeat(120)}
    (if (result i32) (local.get 0)
      (then (i32.add (local.get 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 5))))`);

const never = () => new Int32Array(new SharedArrayBuffer(4));

async function started(bytes: Promise<Uint8Array>, args: number[], engine: 'native' | 'interpreter' = 'native') {
  const module = Module.from(await bytes);
  const vm = new VM({ engine });
  vm.instantiate(module);
  vm.start(vm.instance().func('run'), args);
  return { vm, module };
}

for (const made of [0, 1])
  for (const [bounds, options] of [
    ['a pause word', () => ({ pause: never() })],
    ['much fuel', () => ({ fuel: 1e12 })],
    ['a pause word and fuel', () => ({ pause: never(), fuel: 1e12 })],
    ['a time', () => ({ timeout: 1e9 })],
    ['nothing', () => ({})],
  ] as const satisfies readonly (readonly [string, () => RunOptions])[])
    test.serial(`code that runs on is not left, bounded by ${bounds}; calls made: ${made}`, async (t) => {
      const { vm } = await started(guest, [10, made]);
      vm.run(options());
      const { count } = keptContinuations();
      const n = 400_000;
      vm.start(vm.instance().func('run'), [n, made]);
      const before = vm.fuelUsed;
      const { values } = vm.run(options());
      t.true(vm.fuelUsed - before > 30_000_000, 'there were looks');
      t.is(keptContinuations().count, count);
      const other = await started(guest, [10, made], 'interpreter');
      other.vm.run();
      other.vm.start(other.vm.instance().func('run'), [n, made]);
      t.deepEqual(values, other.vm.run().values);
      t.is(vm.fuelUsed, other.vm.fuelUsed);
    });

test.serial('a continuation leaves its loop now and then, to come back to better code, and ends as ever', async (t) => {
  const n = 400_000;
  const whole = await started(guest, [n, 1]);
  const { values } = whole.vm.run();
  const { vm, module } = await started(guest, [n, 1], 'interpreter');
  // Where a function that it calls was just entered, and not at its loop.
  for (let depth = 0; depth < 2; depth = vm.frames().length) vm.run({ fuel: vm.store.debt + 1 });
  const bytes = vm.save().encode();
  const ends = (options: RunOptions) => {
    const moved = VM.restore(bytes, { modules: [module], engine: 'native' });
    t.deepEqual(moved.run(options).values, values);
    t.is(moved.fuelUsed, whole.vm.fuelUsed);
    return keptContinuations().count;
  };
  const once = ends({});
  t.is(ends({}), once);
  t.is(ends({ pause: never() }), once + 1, 'it came back at its loop');
  t.is(ends({ pause: never() }), once + 1);
});

test.serial('fuel that ends where code could ask for more ends there, as interpreted', async (t) => {
  for (let fuel = 1; fuel < 60_000; fuel = Math.ceil(fuel * 1.7)) {
    const [native, interpreted] = [await started(guest, [1e6, 1]), await started(guest, [1e6, 1], 'interpreter')];
    for (const { vm } of [native, interpreted])
      for (let i = 0; i < 3; i++) t.deepEqual(vm.run({ fuel, pause: never() }).reason, { kind: 'fuel' });
    t.is(native.vm.fuelUsed, interpreted.vm.fuelUsed);
    t.deepEqual(native.vm.save().encode(), interpreted.vm.save().encode());
  }
});

test.serial(
  'what a function charges on its ways makes its frames no larger: recursion is not left for them',
  async (t) => {
    const first = await started(deep, [1]);
    first.vm.run();
    const { count } = keptContinuations();
    const depth = 900;
    const { vm } = await started(deep, [depth]);
    t.is(vm.run().status, 'returned');
    t.is(keptContinuations().count, count);
  },
);
