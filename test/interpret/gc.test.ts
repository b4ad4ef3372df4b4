// Guests with structures, arrays and exceptions: within their limit however much garbage they make, saved and restored
// anywhere, and as the host sees them.

import test from 'ava';
import {
  hostFunction,
  type Imports,
  Snapshot,
  SnapshotError,
  UsageError,
  VM,
  type VmOptions,
} from '../../src/index.ts';
import { collect } from '../../src/runtime/collect.ts';
import type { Ref } from '../../src/runtime/heap/ref.ts';
import { ExhaustionError } from '../../src/spec/errors.ts';
import { moduleOf } from '../wat.ts';

const fields = `
  (import "host" "see" (func $see (param anyref) (result anyref)))
  (rec
    (type $node (sub (struct (field $value (mut i32)) (field $next (mut (ref null $node))))))
    (type $big (sub $node (struct (field $value (mut i32)) (field $next (mut (ref null $node)))
      (field $small (mut i8)) (field $long (mut i64)) (field $wide (mut v128)) (field $f (mut f32))))))
  (type $nodes (array (mut (ref null $node))))
  (type $bytes (array (mut i8)))
  (type $longs (array (mut i64)))
  (type $closure (struct (field (ref func)) (field (ref any)) (field (ref null extern))))
  (tag $oops (param i32 (ref $node)))
  (global $list (export "list") (mut (ref null $node)) (ref.null $node))
  (global $constant (ref $nodes)
    (array.new_fixed $nodes 2
      (struct.new $big (i32.const 1) (struct.new_default $node) (i32.const 511) (i64.const -2)
        (v128.const i32x4 1 2 3 4) (f32.const 1.5))
      (ref.null $node)))
  (global $filled (ref $bytes) (array.new $bytes (i32.const 7) (i32.const 30)))
  (global $any (mut anyref) (ref.i31 (i32.const -5)))
  (elem declare func $sum)
  (table $table 4 anyref)
  (elem $nodes_of (ref null $node) (item (struct.new $node (i32.const 77) (ref.null $node))) (item (ref.null $node)))

  (func $push (param i32)
    (global.set $list (struct.new $node (local.get 0) (global.get $list))))
  (func $sum (param $at (ref null $node)) (result i32) (local $sum i32)
    (block $done
      (loop $again
        (local.set $sum (i32.add (local.get $sum) (struct.get $node $value (br_on_null $done (local.get $at)))))
        (local.set $at (struct.get $node $next (local.get $at)))
        (br $again))
      unreachable)
    (local.get $sum))

  (func (export "churn") (param $rounds i32) (result i32) (local $i i32) (local $total i32)
    (loop $round
      (global.set $list (ref.null $node))
      (local.set $i (i32.const 0))
      (loop $item
        (call $push (local.get $i))
        (drop (array.new $longs (i64.const 5) (i32.const 20)))
        (br_if $item (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))
      (local.set $total (i32.add (local.get $total) (call $sum (global.get $list))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $total))

  (func (export "hoard") (loop $again (call $push (i32.const 1)) (br $again)))
  (func (export "large") (param i32) (result i32) (array.len (array.new_default $bytes (local.get 0))))
  (func (export "sum") (result i32) (call $sum (global.get $list)))

  (func (export "throws") (param $n i32) (result i32) (local $sum i32) (local $carried (ref null $node))
    (loop $again
      (block $caught (result i32 (ref $node))
        (try_table (catch $oops $caught)
          (throw $oops (local.get $n) (struct.new $node (local.get $n) (ref.null $node))))
        unreachable)
      (local.set $carried)
      (local.set $sum (i32.add (i32.mul (i32.const 31) (local.get $sum))))
      (local.set $sum (i32.add (local.get $sum) (struct.get $node $value (local.get $carried))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))

  (func (export "build") (local $big (ref null $big)) (local $all (ref $nodes))
    (local.set $big (struct.new $big (i32.const 10) (ref.null $node) (i32.const 300) (i64.const 0x123456789abcdef)
      (v128.const i32x4 -1 3 5 7) (f32.const -0)))
    (struct.set $big $next (local.get $big) (local.get $big))
    (local.set $all (array.new $nodes (local.get $big) (i32.const 3)))
    (array.set $nodes (local.get $all) (i32.const 1) (array.get $nodes (global.get $constant) (i32.const 0)))
    (global.set $any (struct.new $closure (ref.func $sum) (local.get $all) (extern.convert_any (local.get $all))))
    (table.set $table (i32.const 0) (local.get $all))
    (table.set $table (i32.const 1) (ref.i31 (i32.const 0x7fffffff)))
    (table.fill $table (i32.const 2) (global.get $any) (i32.const 2)))

  (func (export "check") (result i32) (local $c (ref $closure)) (local $all (ref $nodes)) (local $big (ref $big))
    (local.set $c (ref.cast (ref $closure) (global.get $any)))
    (local.set $all (ref.cast (ref $nodes) (struct.get $closure 1 (local.get $c))))
    (local.set $big (ref.cast (ref $big) (array.get $nodes (local.get $all) (i32.const 2))))
    (i32.and
      (i32.and
        (i32.and
          (ref.eq (local.get $all) (ref.cast (ref eq) (any.convert_extern (struct.get $closure 2 (local.get $c)))))
          (ref.eq (local.get $all) (ref.cast (ref eq) (table.get $table (i32.const 0)))))
        (i32.and
          (ref.eq (local.get $big) (struct.get $big $next (local.get $big)))
          (ref.eq (local.get $c) (ref.cast (ref eq) (table.get $table (i32.const 3))))))
      (i32.and
        (i32.and
          (i32.eq (struct.get_u $big $small (local.get $big)) (i32.const 44))
          (i64.eq (struct.get $big $long (local.get $big)) (i64.const 0x123456789abcdef)))
        (i32.and
          (i32.eq (i32.const -1) (i31.get_s (ref.cast (ref i31) (table.get $table (i32.const 1)))))
          (i32.eq (i32.const 7) (array.get_u $bytes (global.get $filled) (i32.const 29)))))))

  (func (export "segment") (result i32)
    (struct.get $node $value
      (array.get $nodes (array.new_elem $nodes $nodes_of (i32.const 0) (i32.const 2)) (i32.const 0))))
  (func (export "constant") (result i32)
    (struct.get_s $big $small (ref.cast (ref $big) (array.get $nodes (global.get $constant) (i32.const 0)))))
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
      (else (call $add (struct.new $node (local.get 0) (ref.null $node)) (i32.sub (local.get 0) (i32.const 1))))))
  (func $add (param $n (ref $node)) (param i32) (result i32)
    (drop (array.new_default $longs (i32.const 1000)))
    (i32.add (call $deep (local.get 1)) (struct.get $node $value (local.get $n))))

  (func (export "shown") (param i32) (result anyref)
    (call $see (struct.new $node (local.get 0) (ref.null $node))))
  (func (export "value") (param (ref null $node)) (result i32) (struct.get $node $value (local.get 0)))
  (func (export "node") (param i32) (result (ref $node)) (struct.new $node (local.get 0) (ref.null $node)))
  (func (export "bytes") (result (ref $bytes)) (array.new_default $bytes (i32.const 3)))
  (func (export "same") (param anyref) (result anyref) (local.get 0))
  (func (export "out") (param externref) (result externref) (local.get 0))
  (func (export "i31") (param i32) (result i31ref) (ref.i31 (local.get 0)))`;

const guest = moduleOf(fields);
const imports: Imports = { host: { see: hostFunction(['anyref'], ['anyref'], (it) => it) } };
const MiB = 2 ** 20;

const engines = ['interpreter', 'native'] as const;

async function vmWith(heap = 64 * MiB, engine: VmOptions['engine'] = 'auto'): Promise<VM> {
  const vm = new VM({ engine, limits: { heap } });
  vm.instantiate(await guest, imports);
  return vm;
}

const call = (vm: VM, name: string, ...args: unknown[]): unknown => vm.invoke(vm.instance().func(name), args)[0];
const modules = guest.then((module) => [module]);
const restored = async (from: Snapshot | Uint8Array): Promise<VM> =>
  VM.restore(from, { modules: await modules, imports });
/** Places of objects that are not there yet take a little besides, and what native code makes until it leaves. */
const isWithin = (vm: VM, limit: number): boolean => vm.store.heap.words.byteLength <= (limit * 65) / 64 + 2 ** 17;
/** Sums 0 to 99. */
const churned = (rounds: number): number => (rounds * 4950) | 0;

for (const engine of engines)
  test(`garbage of many times the limit is collected in time: ${engine}`, async (t) => {
    const vm = await vmWith(2 * MiB, engine);
    t.is(call(vm, 'churn', 1500), churned(1500));
    t.true(isWithin(vm, 2 * MiB));
  });

test('also when the VM hops from time to time', async (t) => {
  let vm = await vmWith(2 * MiB);
  vm.start(vm.instance().func('churn'), [400]);
  for (let slice = 1; ; slice++) {
    const outcome = vm.run(slice % 3 === 0 ? { steps: 997 } : { fuel: 12_345 });
    if (outcome.status === 'returned') {
      t.deepEqual(outcome.values, [churned(400)]);
      break;
    }
    t.is(outcome.status, 'suspended');
    const bytes = vm.save().encode();
    t.true(bytes.length < 20_000);
    vm = await restored(bytes);
    t.is(vm.store.limits.heap, 2 * MiB);
  }
});

for (const engine of engines) {
  test(`exceptions are garbage too: ${engine}`, async (t) => {
    const vm = await vmWith(MiB, engine);
    let sum = 0;
    for (let n = 100_000; n > 0; n--) sum = (Math.imul(sum, 31) + 2 * n) | 0;
    t.is(call(vm, 'throws', 100_000), sum);
    t.true(isWithin(vm, MiB));
  });

  test(`objects in frames below are kept: ${engine}`, async (t) => {
    const vm = await vmWith(MiB, engine);
    t.is(call(vm, 'deep', 1000), 500_500);
  });
}

for (const [name, args] of [
  ['hoard', []],
  ['large', [2 ** 26]],
  ['large', [-1]],
] as const)
  for (const engine of engines)
    test(`a guest out of memory traps, and the VM goes on: ${name} ${args}, ${engine}`, async (t) => {
      const vm = await vmWith(4 * MiB, engine);
      vm.start(vm.instance().func(name), args);
      const outcome = vm.run();
      t.is(outcome.status, 'trapped');
      const error = outcome.status === 'trapped' ? outcome.trap : undefined;
      t.true(error instanceof ExhaustionError);
      t.regex(error?.message ?? '', /^out of heap memory: \d+ bytes wanted/);
      // Native code is left first, at the next safe point.
      t.is(error?.frames[0]?.func, name === 'large' ? 5 : engine === 'native' ? 4 : 1);
      vm.instance().global('list').value = null;
      t.is(call(vm, 'churn', 100), churned(100));
    });

test('a module that needs more than the limit cannot be instantiated', async (t) => {
  const vm = await vmWith(MiB);
  const module = await moduleOf(`(type $a (array i64)) (global (ref $a) (array.new_default $a (i32.const 1000000)))`);
  t.throws(() => vm.instantiate(module), { instanceOf: ExhaustionError });
  t.is(vm.store.instances.length, 1);
  t.is(call(vm, 'churn', 10), churned(10));
});

test('constants outlive collections while they are made', async (t) => {
  const item = (i: number) => `(array.new $a (i64.const ${i}) (i32.const 10000))`;
  const module = await moduleOf(`
    (type $a (array i64)) (type $all (array (ref $a)))
    (elem $e (ref $a) (item ${item(0)}) (item ${item(1)}) (item ${item(2)}))
    (global $all (ref $all) (array.new_fixed $all 4 ${[3, 4, 5, 6].map(item).join(' ')}))
    (func (export "at") (param i32) (result i64)
      (array.get $a (array.get $all (global.get $all) (local.get 0)) (i32.const 9999)))
    (func (export "of") (param i32) (result i64)
      (array.get $a (array.get $all (array.new_elem $all $e (i32.const 0) (i32.const 3)) (local.get 0)) (i32.const 9999)))`);
  const vm = new VM({ limits: { heap: MiB } });
  for (let k = 0; k < 3; k++) {
    const instance = new VM({ limits: { heap: MiB } }).instantiate(module);
    t.deepEqual(instance.vm.invoke(instance.func('at'), [k]), [BigInt(3 + k)]);
    t.deepEqual(instance.vm.invoke(instance.func('of'), [k]), [BigInt(k)]);
  }
  const first = vm.instantiate(module);
  t.throws(() => vm.instantiate(module), { instanceOf: ExhaustionError });
  t.deepEqual(vm.invoke(first.func('at'), [3]), [6n]);
});

test('shared and circular objects are saved as such', async (t) => {
  const vm = await vmWith();
  call(vm, 'build');
  for (const twin of [vm, await restored(vm.save()), await restored(vm.save().encode()), vm.fork()]) {
    t.is(call(twin, 'check'), 1);
    t.is(call(twin, 'constant'), -1);
    t.is(call(twin, 'segment'), 77);
  }
});

test('sent to another thread, it has its objects', async (t) => {
  const vm = await vmWith();
  call(vm, 'build');
  const { message, transfer } = vm.send();
  const twin = VM.receive(structuredClone(message, { transfer: transfer as ArrayBuffer[] }), {
    modules: await modules,
    imports,
  });
  t.is(call(twin, 'check'), 1);
});

test('equal states give equal bytes, whatever garbage there was', async (t) => {
  const tidy = await vmWith();
  call(tidy, 'churn', 1);
  const untidy = await vmWith(2 * MiB);
  call(untidy, 'churn', 300);
  const bytesOf = (vm: VM) => {
    vm.store.fuelUsed = 0;
    return vm.save().data.heap;
  };
  t.deepEqual(bytesOf(untidy), bytesOf(tidy));
  t.deepEqual(bytesOf(await restored(untidy.save())), bytesOf(tidy));
  t.true(bytesOf(tidy).objects.length < untidy.store.heap.size);
});

const forgeries: readonly [name: string, forge: (heap: { types: Int32Array; objects: Int32Array }) => unknown][] = [
  ['an object cut short', ({ objects }) => ({ objects: objects.slice(0, -1) })],
  ['a type cut short', ({ types }) => ({ types: types.slice(0, -1) })],
  ['an unknown type', ({ objects }) => ({ objects: objects.map((w, i) => (i === 0 ? 99 : w)) })],
  ['a negative type', ({ objects }) => ({ objects: objects.map((w, i) => (i === 0 ? -1 : w)) })],
  ['types that are none', ({ types }) => ({ types: types.fill(1000) })],
  ['a type of functions', ({ types }) => ({ types: types.map((w, i) => (i % 2 === 0 ? w : 0)) })],
  ['no tag', ({ types }) => ({ types: types.map((w, i) => (i === 0 ? -1 : i === 1 ? 5 : w)) })],
  ['an array longer than its words', ({ objects }) => ({ objects: objects.map((w, i) => (i === 1 ? -1 : w)) })],
  ['no objects', () => ({ objects: new Int32Array(0) })],
];
for (const [name, forge] of forgeries)
  test(`a snapshot is refused with ${name}`, async (t) => {
    const vm = await vmWith();
    call(vm, 'build');
    const { data } = vm.save();
    const heap = { ...data.heap, ...(forge(structuredClone(data.heap) as typeof data.heap) as object) };
    await t.throwsAsync(restored(new Snapshot({ ...data, heap })), { instanceOf: SnapshotError });
  });

test('each word of a saved heap is checked, or may be anything', async (t) => {
  const vm = await vmWith();
  call(vm, 'build');
  const { data } = vm.save();
  const { objects } = data.heap;
  let refused = 0;
  let taken = 0;
  for (let i = 0; i < objects.length; i++)
    for (const word of [-1, 0, 1, 2, 3, 4, 5, 2 ** 30]) {
      const forged = objects.slice();
      forged[i] = word;
      try {
        const twin = await restored(new Snapshot({ ...data, heap: { ...data.heap, objects: forged } }));
        for (const name of ['check', 'constant', 'segment']) {
          twin.start(twin.instance().func(name), []);
          const outcome = twin.run({ fuel: 10_000 });
          if (outcome.status === 'trapped') t.is(outcome.trap.code, 'trap');
        }
        twin.save();
        taken++;
      } catch (error) {
        if (!(error instanceof SnapshotError)) throw error;
        refused++;
      }
    }
  t.true(refused > 100 && taken > 100);
});

test('the limit is that of the restore, and applies to what is saved', async (t) => {
  const vm = await vmWith();
  call(vm, 'build');
  const options = { modules: await modules, imports };
  const heap = vm.save().data.heap.objects.length * 4;
  t.throws(() => VM.restore(vm.save(), { ...options, limits: { heap } }), { instanceOf: SnapshotError });
  t.is(VM.restore(vm.save(), { ...options, limits: { heap: 10_000 } }).store.limits.heap, 10_000);
});

test('the host holds objects, and they live as long as it does', async (t) => {
  const vm = await vmWith(MiB);
  const held = call(vm, 'node', 41) as Ref;
  call(vm, 'churn', 500);
  t.is(call(vm, 'value', held), 41);
  t.is(call(vm, 'same', held), held);
  t.is(call(vm, 'out', held), held);
  t.is(call(vm, 'value', call(vm, 'shown', 42)), 42);
});

test('objects of the host have types', async (t) => {
  const vm = await vmWith();
  const bytes = call(vm, 'bytes');
  t.throws(() => call(vm, 'value', bytes), { instanceOf: UsageError });
  t.throws(() => call(vm, 'value', 5), { instanceOf: UsageError });
  t.throws(() => call(vm, 'value', call(vm, 'i31', 5)), { instanceOf: UsageError });
  t.throws(() => call(new VM(), 'value', null));
  const other = await vmWith();
  t.throws(() => call(other, 'value', call(vm, 'node', 1)), { instanceOf: UsageError });
  t.is(call(vm, 'same', bytes), bytes);
  t.is(call(vm, 'same', 'a text'), 'a text');
});

test('an i31 is one number, whatever bits are lost', async (t) => {
  const vm = await vmWith();
  const [a, b] = [call(vm, 'i31', -1), call(vm, 'i31', 0x7fffffff)] as [Ref, Ref];
  t.is(a, b);
  t.is(a.payload, -1);
  t.is(call(vm, 'same', a), a);
});

for (const engine of engines)
  test(`a collection at every allocation changes nothing: ${engine}`, async (t) => {
    const vm = await vmWith(64 * MiB, engine);
    const { heap } = vm.store;
    let collections = 0;
    // Nor may code find room by itself.
    const inner = heap as unknown as { nextCollection: number; setRoom(): void };
    const sweep = heap.sweep.bind(heap);
    heap.sweep = (scanned) => {
      collections++;
      sweep(scanned);
      inner.nextCollection = 0;
      inner.setRoom();
    };
    collect(vm.store, 0);
    t.is(call(vm, 'churn', 3), churned(3));
    t.is(call(vm, 'deep', 100), 5050);
    t.is(call(vm, 'segment'), 77);
    t.is(call(vm, 'value', call(vm, 'shown', 42)), 42);
    call(vm, 'build');
    t.is(call(vm, 'check'), 1);
    t.true(collections > (engine === 'native' ? 400 : 800), `${collections}`);
  });
