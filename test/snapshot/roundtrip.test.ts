// A store as data and back: nothing is lost, and equal states give equal bytes.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { Module, Snapshot, SnapshotError, UsageError, VM } from '../../src/index.ts';
import { pageBytes } from '../../src/snapshot/data/format.ts';
import { moduleOf } from '../wat.ts';
import { begun, finish, forged, guest, imports, limits, restored, suspended, waiting } from './guest.ts';

test('restored after each instruction, it comes to the same end by the same states', async (t) => {
  const vm = await begun();
  let stops = 0;
  for (let left = vm.run({ steps: 1 }); left.status === 'suspended' && left.reason.kind === 'step'; stops++) {
    const snapshot = vm.save();
    const twin = await restored(snapshot.encode());
    t.deepEqual(twin.save().encode(), snapshot.encode());
    t.deepEqual(twin.frames().length, vm.frames().length);
    if (stops % 16 === 0) t.deepEqual(finish(twin), [1124n]);
    twin.dispose();
    left = vm.run({ steps: 1 });
  }
  t.true(stops > 200);
  t.deepEqual(finish(vm), [1124n]);
});

test('one that waits for the host is answered elsewhere', async (t) => {
  const vm = await waiting();
  const twin = await restored(vm.save().encode());
  t.is(twin.status, 'waiting');
  t.deepEqual(twin.save().encode(), vm.save().encode());
  const outcome = twin.run();
  t.like(outcome, { status: 'suspended', reason: { kind: 'host', id: 1, module: 'env', name: 'ask' } });
  t.throws(() => twin.deliver(2, [0n]), { instanceOf: UsageError });
  twin.deliver(1, [5n]);
  t.deepEqual(finish(twin), [129n]);
  t.deepEqual(finish(vm), [1124n]);
});

test('so is one that waits in a tail call, with no frame left or with one', async (t) => {
  for (const [name, depth] of [
    ['tail', 0],
    ['wait', 1],
  ] as const) {
    const vm = new VM({ limits });
    vm.start(vm.instantiate(await guest, imports).func(name), [7]);
    t.is(vm.run().status, 'suspended');
    const snapshot = vm.save();
    t.is(snapshot.summary().frames, depth);
    t.deepEqual(finish(await restored(snapshot.encode())), [1000n]);
  }
});

test('what is encoded is the same whichever way the state came about', async (t) => {
  const fromSteps = await suspended(150);
  const inSlices = await begun();
  for (let i = 0; i < 150; i += 10) inSlices.run({ steps: 10 });
  const hopped = await restored((await restored(fromSteps.save())).save().encode());
  t.deepEqual(inSlices.save().encode(), fromSteps.save().encode());
  t.deepEqual(hopped.save().encode(), fromSteps.save().encode());
  t.deepEqual(Snapshot.decode(hopped.save().encode()).encode(), hopped.save().encode());
});

test('dead locals and words without meaning are zero in the data, not in the VM', async (t) => {
  const module = await moduleOf(`
    (func (export "f") (param i32 i64) (result i32)
      (local.set 1 (i64.const 77))
      (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 9))))
      (local.get 0))`);
  const vm = new VM();
  vm.start(vm.instantiate(module).func('f'), [1, 5n]);
  vm.run({ fuel: 9 });
  const { words } = vm.store.stack;
  words[1] = 123;
  words[2] = 77;
  const { data } = vm.save();
  t.deepEqual([...data.slots.subarray(1, 4)], [0, 0, 0]);
  t.is(words[1], 123);
  t.is(words[2], 77);
});

test('a snapshot is a copy: the VM goes on, the snapshot stays', async (t) => {
  const vm = await suspended();
  const snapshot = vm.save();
  const before = snapshot.encode();
  finish(vm);
  t.deepEqual(snapshot.encode(), before);
  t.deepEqual(finish(await restored(snapshot)), [1124n]);
});

test('memories of many sizes and contents', async (t) => {
  const module = await moduleOf('(memory (export "m") 0 16) (memory (export "n") 1 1)');
  const vm = new VM();
  const instance = vm.instantiate(module);
  const { grow } = instance.memory('m');
  grow.call(instance.memory('m'), 3);
  const bytes = instance.memory('m').bytes;
  bytes[0] = 1;
  bytes[pageBytes * 2 - 1] = 2;
  bytes[bytes.length - 1] = 3;
  const noise = Uint8Array.from({ length: pageBytes }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
  for (let page = 10; page < 20; page++) bytes.set(noise, page * pageBytes);
  const snapshot = vm.save();
  const { pages, zeroPages, memories } = snapshot.summary();
  t.deepEqual(memories, [3, 1]);
  t.deepEqual([pages, zeroPages], [64, 64 - 13]);
  const twin = VM.restore(snapshot.encode(), { modules: [module] });
  t.deepEqual(twin.instance().memory('m').bytes, bytes);
  t.is(twin.instance().memory('n').pages, 1);
  t.true(snapshot.encode().length < 2 * pageBytes, 'equal pages are stored once');
});

test('where there is no Buffer the pages are found alike', async (t) => {
  const module = await moduleOf('(memory (export "m") 3)');
  const vm = new VM();
  const { bytes } = vm.instantiate(module).memory('m');
  for (const at of [0, 4095, 8192 + 4, 3 * 65536 - 1]) bytes[at] = 1;
  const expected = vm.save().encode();
  const { Buffer: node } = globalThis;
  let found: Uint8Array;
  try {
    Reflect.deleteProperty(globalThis, 'Buffer');
    found = vm.save().encode();
  } finally {
    Object.defineProperty(globalThis, 'Buffer', { value: node, configurable: true, writable: true });
  }
  t.deepEqual(found, expected);
});

test('all bits of numbers are kept', async (t) => {
  const module = await moduleOf(`
    (global (export "a") (mut f32) (f32.const nan:0x200001)) (global (export "b") f64 (f64.const -nan:0x4000000000001))
    (global (export "c") i64 (i64.const 0x8000000000000001)) (global (export "d") f64 (f64.const -0))`);
  const vm = new VM();
  vm.instantiate(module);
  const twin = VM.restore(vm.save().encode(), { modules: [module] });
  t.deepEqual([...twin.store.globalWords.subarray(0, 16)], [...vm.store.globalWords.subarray(0, 16)]);
  t.is(twin.store.globalWords[0], 0x7fa00001);
});

const gifts: Record<string, unknown> = {
  text: 'héllo \u0000 😀',
  numbers: [0, 1.5, -1, NaN, Infinity, -Infinity, 2 ** 53, 5e-324],
  bigints: [0n, -(2n ** 70n)],
  nothing: [undefined, null, true, false],
  object: { a: { b: [] }, constructor: 1 },
  map: new Map<unknown, unknown>([[{ k: 1 }, new Set(['x', NaN])]]),
  date: new Date(0),
  regexp: /a+b/gi,
  bytes: new Uint8Array([1, 2, 255]),
  floats: new Float64Array([NaN, -0, 1e300, -Infinity]),
  longs: new BigInt64Array([-1n, 2n ** 62n]),
  error: new Error('it failed'),
};

for (const [name, gift] of Object.entries(gifts))
  test(`values of the host are kept: ${name}`, async (t) => {
    const vm = await begun(gift);
    vm.run();
    const twin = await restored(vm.save().encode());
    t.deepEqual(twin.store.pending?.args[1], gift);
  });

test('what values of the host share, cycles too, stays shared', async (t) => {
  const inner: unknown[] = [1];
  inner.push(inner);
  const vm = await begun({ inner, same: inner });
  vm.run({ steps: 10 });
  const [value] = (await restored(vm.save().encode())).store.externs as [{ inner: unknown[]; same: unknown[] }];
  t.is(value.inner, value.same);
  t.is(value.inner[1], value.inner);
});

test('a value of the host that cannot be copied is told', async (t) => {
  const vm = await begun(() => 1);
  const error = t.throws(() => vm.save(), { instanceOf: SnapshotError });
  t.is(error?.where, 'extern 0');
  t.like(error?.cause, { name: 'DataCloneError' });
});

const unwritable: Record<string, unknown> = {
  'a negative zero': [-0],
  'an error of a special class': new TypeError('no'),
  'an error with a cause': new Error('no', { cause: 1 }),
  'a DataView': new DataView(new ArrayBuffer(4)),
  'an ArrayBuffer': { deep: [new ArrayBuffer(4)] },
  'a wrapped number': Object(1),
};

for (const [name, gift] of Object.entries(unwritable))
  test(`a value of the host that bytes would not keep is told: ${name}`, async (t) => {
    const vm = await begun(gift);
    const snapshot = vm.save();
    t.deepEqual(finish(await restored(snapshot)), [1124n]);
    t.is(t.throws(() => snapshot.encode(), { instanceOf: SnapshotError })?.where, 'extern 0');
  });

test('limits are kept, but no snapshot raises them', async (t) => {
  const modules = [await guest];
  const snapshot = (await suspended()).save();
  const own = VM.restore(snapshot, { modules, imports, limits });
  t.is(own.store.limits.frames, 100);
  const data = forged(snapshot);
  data.limits.memory = Number.MAX_SAFE_INTEGER;
  const greedy = VM.restore(new Snapshot(data), { modules, imports });
  t.true(greedy.store.limits.memory <= 4 * 1024 ** 3);
  t.throws(() => VM.restore(snapshot, { modules, imports, limits: { frames: 3 } }), {
    instanceOf: SnapshotError,
    message: /frames are over the limit of 3/,
  });
});

test('several instances share what they import', async (t) => {
  const a = await moduleOf(`(memory (export "m") 1) (table (export "t") 2 funcref) (tag (export "e") (param i32))
    (global (export "g") (mut i32) (i32.const 5)) (func (export "f") (result i32) (global.get 0))`);
  const b =
    await moduleOf(`(import "a" "m" (memory 1)) (import "a" "t" (table 1 funcref)) (import "a" "e" (tag (param i32)))
    (import "a" "g" (global $g (mut i32))) (import "a" "f" (func $f (result i32)))
    (elem (table 0) (i32.const 1) func $f)
    (func (export "run") (result i32) (global.set $g (i32.const 6)) (call_indirect (result i32) (i32.const 1)))`);
  const vm = new VM();
  vm.instantiate(b, { a: vm.instantiate(a) });
  const twin = VM.restore(vm.save().encode(), { modules: [b, a] });
  t.deepEqual(twin.invoke(twin.instance(1).func('run')), [6]);
  t.is(twin.instance(0).global('g').value, 6);
  t.throws(() => VM.restore(vm.save(), { modules: [a] }), {
    instanceOf: SnapshotError,
    message: new RegExp(`${b.hash} is needed`),
  });
});

test('a snapshot of the first format is still read', async (t) => {
  const fixture = (name: string) => readFileSync(new URL(`../fixtures/snapshot-v1.${name}`, import.meta.url));
  const module = Module.from(fixture('wasm'));
  const snapshot = Snapshot.decode(fixture('wbx'));
  t.like(snapshot.summary(), { modules: [module.hash], frames: 8, externs: 1, pending: { id: 1, name: 'ask' } });
  t.deepEqual(finish(VM.restore(snapshot, { modules: [module], imports, limits })), [1124n]);
});
