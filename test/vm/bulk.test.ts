// Bulk instructions are left in their midst and gone on with, on either engine: they do the same, cost the same and stop at
// the same frames however a run is sliced, saved and moved.

import test from 'ava';
import { hostFunction, type Module, VM } from '../../src/index.ts';
import type { EngineName } from '../../src/vm/engines.ts';
import { moduleOf } from '../wat.ts';

const pages = 24;
const end = pages * 65_536;

const text = `
  (type $bytes (array (mut i8))) (type $refs (array (mut funcref)))
  (memory $m (export "memory") ${pages}) (memory $wide (export "wide") i64 ${pages}) (table $t (export "t") 3000 funcref)
  (table $u 3000 funcref)
  (data $d "${'0123456789abcdef'.repeat(12_000)}") (elem $e funcref ${'(ref.func $f) (ref.null func) '.repeat(900)})
  (func $f)
  (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "pattern") (local $i i32)
    (loop $l (i32.store8 (local.get $i) (i32.rem_u (local.get $i) (i32.const 251)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 300000)))))
  (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32) (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
  (func (export "deep") (param i32 i32 i32) (result i32) (local i64)
    (local.set 3 (i64.const 77))
    (i32.add (i32.const 1) (block (result i32) (i32.const 20)
      (loop (param i32) (result i32)
        (memory.fill (local.get 0) (local.get 1) (local.get 2))
        (i32.add (i32.wrap_i64 (local.get 3)))))))
  (func (export "tables") (param i32 i32 i32)
    (table.fill $t (i32.const 3) (ref.func $f) (local.get 2))
    (table.init $t $e (i32.const 7) (i32.const 1) (i32.const 1700))
    (table.copy $t $t (i32.const 100) (i32.const 99) (local.get 2))
    (table.copy $u $t (local.get 0) (local.get 1) (local.get 2))
    (drop (table.grow $u (ref.func $f) (i32.const 2000)))
    (table.copy $u $u (i32.const 0) (i32.const 1000) (local.get 2)))
  (func (export "nulls") (result i32) (local $i i32) (local $n i32)
    (loop $l
      (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 3)) (i32.add (ref.is_null (table.get $t (local.get $i))) (i32.shl (ref.is_null (table.get $u (local.get $i))) (i32.const 1)))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3000))))
    (local.get $n))
  (func (export "grow") (param i32) (result i32) (memory.grow $m (local.get 0)))`;

/** Without what native code does not have everywhere: more than one memory, and objects. */
const plainText = text.replace(/\(type \$bytes.*\n/, '').replace(/ \(memory \$wide [^)]*\)[^)]*\)/, '');

const objects = `
  (type $bytes (array (mut i8))) (type $refs (array (mut funcref))) (type $wide (array (mut v128)))
  (memory $m 1) (memory $wide i64 ${pages})
  (data $d "${'0123456789abcdef'.repeat(12_000)}") (elem $e funcref ${'(ref.func $f) (ref.null func) '.repeat(4_000)})
  (func $f)
  (func (export "wide") (result i64) (local $i i64) (local $sum i64)
    (memory.fill $wide (i64.const 5) (i32.const 9) (i64.const 1000000))
    (memory.init $wide $d (i64.const 3) (i32.const 1) (i32.const 190000))
    (memory.copy $wide $wide (i64.const 77) (i64.const 3) (i64.const 900000))
    (memory.copy $m $wide (i32.const 1) (i64.const 3) (i32.const 65000))
    (memory.copy $wide $m (i64.const 1000001) (i32.const 3) (i32.const 65000))
    (loop $l
      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.load8_u $wide (local.get $i))))
      (br_if $l (i64.lt_u (local.tee $i (i64.add (local.get $i) (i64.const 997))) (i64.const 1100000))))
    (local.get $sum))
  (func (export "arrays") (result i32) (local $a (ref null $bytes)) (local $i i32) (local $sum i32)
    (local.set $a (array.new $bytes (i32.const 3) (i32.const 200000)))
    (array.fill $bytes (local.get $a) (i32.const 9) (i32.const 200) (i32.const 60000))
    (array.init_data $bytes $d (local.get $a) (i32.const 5000) (i32.const 1) (i32.const 100000))
    (array.copy $bytes $bytes (local.get $a) (i32.const 10) (local.get $a) (i32.const 0) (i32.const 150000))
    (array.copy $bytes $bytes (local.get $a) (i32.const 0) (local.get $a) (i32.const 100) (i32.const 150000))
    (loop $l
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (array.get_u $bytes (local.get $a) (local.get $i))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 97))) (i32.const 200000))))
    (local.get $sum))
  (func (export "refs") (result i32) (local $a (ref null $refs)) (local $i i32) (local $sum i32)
    (local.set $a (array.new_default $refs (i32.const 9000)))
    (array.init_elem $refs $e (local.get $a) (i32.const 50) (i32.const 2) (i32.const 7000))
    (array.copy $refs $refs (local.get $a) (i32.const 1) (local.get $a) (i32.const 0) (i32.const 8000))
    (loop $l
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 3)) (ref.is_null (array.get $refs (local.get $a) (local.get $i)))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 7))) (i32.const 9000))))
    (local.get $sum))`;

interface Call {
  readonly name: string;
  readonly args: readonly number[];
}
/** Calls one after the other: short and long, upward and downward, up to the end and beyond it. */
const calls: readonly Call[] = [
  { name: 'fill', args: [3, 77, 1_000_000] },
  { name: 'fill', args: [end, 1, 0] },
  { name: 'fill', args: [end - 10, 1, 11] },
  { name: 'fill', args: [65_536, 9, end - 65_535] },
  { name: 'fill', args: [-1, 9, 65_537] },
  { name: 'fill', args: [65_536, 9, -1] },
  { name: 'pattern', args: [] },
  { name: 'copy', args: [100, 50, 500_000] },
  { name: 'copy', args: [50, 100, 500_000] },
  { name: 'copy', args: [0, 200_000, 200_000] },
  { name: 'copy', args: [5, 5, 200_000] },
  { name: 'copy', args: [end - 5, 3, 6] },
  { name: 'copy', args: [end - 70_000, 3, 70_001] },
  { name: 'copy', args: [3, end - 70_000, 70_001] },
  { name: 'copy', args: [-70_000, 3, 70_001] },
  { name: 'copy', args: [0, 1, -1] },
  { name: 'init', args: [1, 2, 191_990] },
  { name: 'init', args: [1, 2, 191_999] },
  { name: 'init', args: [end - 100_000, 2, 100_001] },
  { name: 'deep', args: [3, 4, 700_000] },
  { name: 'tables', args: [5, 6, 2_800] },
  { name: 'nulls', args: [] },
  { name: 'tables', args: [0, 0, 3_001] },
  { name: 'grow', args: [3] },
];

interface Way {
  readonly engines: readonly EngineName[];
  readonly fuel: number;
  readonly saved: boolean;
}

interface Told {
  readonly outcomes: string[];
  readonly stops: number;
  readonly fuelUsed: number;
  readonly memory: string;
}

/** Makes all calls on one VM, in slices; each goes on in the next engine where it is saved in between. */
function told(module: Module, list: readonly Call[], { engines, fuel, saved }: Way): Told {
  let vm = new VM({ engine: engines[0] });
  vm.instantiate(module);
  const outcomes: string[] = [];
  let stops = 0;
  for (const { name, args } of list) {
    vm.start(vm.instance().func(name), args);
    for (;;) {
      const outcome = vm.run({ fuel });
      if (outcome.status === 'suspended') {
        stops++;
        if (saved && stops % 7 === 0) {
          const bytes = vm.save().encode();
          vm.dispose();
          vm = VM.restore(bytes, { modules: [module], engine: engines[stops % engines.length] });
        }
        continue;
      }
      if (outcome.status === 'exited') throw new Error(outcome.status);
      outcomes.push(outcome.status === 'returned' ? `${outcome.values}` : outcome.trap.message);
      break;
    }
  }
  const memory = 'memory' in vm.instance().exports ? hash(vm.instance().memory('memory').bytes) : '';
  const { fuelUsed } = vm;
  vm.dispose();
  return { outcomes, stops, fuelUsed, memory };
}

function hash(bytes: Uint8Array): string {
  let sum = 0;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
  return String(sum);
}

const both: readonly EngineName[] = ['interpreter', 'native'];

test('memories and tables: the same whatever the engine, the slices and the moves', async (t) => {
  const module = await moduleOf(plainText);
  const whole = both.map((engine) => told(module, calls, { engines: [engine], fuel: Infinity, saved: false }));
  t.deepEqual(whole[0]?.outcomes, whole[1]?.outcomes);
  t.is(whole[0]?.memory, whole[1]?.memory);
  t.not(whole[0]?.memory, '');
  t.true(whole[0]?.outcomes.filter((outcome) => outcome.includes('out of bounds')).length === 12);
  for (const fuel of [1_000, 4_096, 30_000]) {
    const sliced = both.map((engine) => told(module, calls, { engines: [engine], fuel, saved: false }));
    t.deepEqual(sliced[0]?.outcomes, whole[0]?.outcomes, `fuel ${fuel}`);
    t.is(sliced[0]?.fuelUsed, whole[0]?.fuelUsed, `fuel ${fuel}`);
    t.deepEqual(sliced[1]?.outcomes, whole[0]?.outcomes, `fuel ${fuel}`);
    t.is(sliced[1]?.memory, whole[0]?.memory, `fuel ${fuel}`);
  }
  const moved = told(module, calls, { engines: both, fuel: 20_000, saved: true });
  t.deepEqual(moved.outcomes, whole[0]?.outcomes ?? []);
  t.is(moved.memory, whole[0]?.memory ?? '');
});

test('what returns costs the same on both engines, and stops as often', async (t) => {
  const module = await moduleOf(plainText);
  const list = calls.filter((_, i) => [0, 1, 6, 7, 8, 9, 10, 16, 19, 20, 21, 23].includes(i));
  for (const fuel of [997, 5_003, 100_003]) {
    const [a, b] = both.map((engine) => told(module, list, { engines: [engine], fuel, saved: false })) as [Told, Told];
    t.deepEqual(b, a, `fuel ${fuel}`);
    t.true(a.stops > 1);
  }
});

test('memories of 64 bits, several memories, arrays: in any slices, saved in between', async (t) => {
  const module = await moduleOf(objects);
  const list = ['wide', 'arrays', 'refs'].map((name) => ({ name, args: [] }));
  const whole = told(module, list, { engines: ['interpreter'], fuel: Infinity, saved: false });
  for (const fuel of [1_000, 9_999]) {
    const sliced = told(module, list, { engines: ['interpreter'], fuel, saved: true });
    t.deepEqual([sliced.outcomes, sliced.fuelUsed], [whole.outcomes, whole.fuelUsed], `fuel ${fuel}`);
    t.true(sliced.stops > 20);
  }
});

test('counted instruction by instruction, with little fuel, a bulk instruction goes on too', async (t) => {
  const module = await moduleOf(plainText);
  const run = (options: (i: number) => { fuel?: number; steps?: number }) => {
    const vm = new VM({ engine: 'interpreter' });
    vm.instantiate(module);
    vm.start(vm.instance().func('deep'), [3, 4, 700_000]);
    for (let i = 0; ; i++) {
      const outcome = vm.run(options(i));
      if (outcome.status === 'suspended') continue;
      const told = [
        outcome.status === 'trapped' ? outcome.trap : outcome,
        vm.fuelUsed,
        hash(vm.instance().memory('memory').bytes),
      ];
      vm.dispose();
      return told;
    }
  };
  const whole = run(() => ({}));
  t.deepEqual(
    run(() => ({ steps: 1 })),
    whole,
  );
  t.deepEqual(
    run((i) => (i % 2 === 0 ? { steps: 1, fuel: 500 } : { fuel: 5_000 })),
    whole,
  );
});

test('code that can be left anywhere leaves a bulk instruction too, where nobody counts', async (t) => {
  const module = await moduleOf(plainText);
  for (let steps = 0; steps < 4; steps++) {
    const vm = new VM({ engine: 'interpreter' });
    vm.instantiate(module);
    vm.start(vm.instance().func('fill'), [0, 1, end]);
    t.is(vm.run({ steps }).status, 'suspended');
    let stops = 0;
    while (vm.run({ fuel: 10_000 }).status === 'suspended') stops++;
    t.true(stops > 5);
    vm.dispose();
  }
});

test('one large instruction is left for a pause and for little fuel', async (t) => {
  const module = await moduleOf(plainText);
  for (const engine of both) {
    const vm = new VM({ engine });
    vm.instantiate(module);
    vm.start(vm.instance().func('fill'), [0, 1, end]);
    const outcome = vm.run({ fuel: 10_000 });
    t.is(outcome.status, 'suspended', engine);
    t.true(vm.fuelUsed < 20_000, `${engine} ${vm.fuelUsed}`);
    const { bytes } = vm.instance().memory('memory');
    t.is(bytes[0], 0);
    t.is(bytes[end - 1], 1);
    t.is(vm.run().status, 'returned');
    t.is(bytes[0], 1);
    vm.dispose();
  }
});

test('a segment that is dropped in the midst of its use has nothing left to give', async (t) => {
  const module = await moduleOf(`(memory (export "memory") ${pages}) (data $d "${'ab'.repeat(100_000)}")
    (func (export "init") (memory.init $d (i32.const 0) (i32.const 5) (i32.const 131072)))
    (func (export "drop") (data.drop $d))`);
  for (const engine of both)
    for (const [slices, ends] of [
      [1, 'trapped'],
      [2, 'returned'],
    ] as const) {
      const vm = new VM({ engine });
      const instance = vm.instantiate(module);
      vm.start(instance.func('init'));
      // Each chunk is more than there is; after the second nothing is left to do.
      vm.run({ fuel: 100 });
      for (let i = 1; i < slices; i++) vm.run({ fuel: 6_200 });
      t.is(vm.status, 'suspended');
      vm.invoke(instance.func('drop'));
      t.is(vm.run().status, ends, `${engine} after ${slices}`);
      vm.dispose();
    }
});

test('a host call is paid for, also where it throws', async (t) => {
  const module = await moduleOf(
    '(import "h" "f" (func $f (param i32))) (func (export "go") (param i32) (call $f (local.get 0)))',
  );
  for (const engine of both)
    for (const fails of [0, 1]) {
      const vm = new VM({ engine });
      const f = hostFunction(['i32'], [], (x) => {
        if (x === 1) throw new Error('as told');
      });
      const instance = vm.instantiate(module, { h: { f } });
      vm.start(instance.func('go'), [fails]);
      t.is(vm.run({ fuel: 20 }).status, fails === 1 ? 'trapped' : 'returned');
      t.is(vm.fuelUsed, 2 + 8 + 800, engine);
      vm.start(instance.func('go'), [0]);
      t.is(vm.run({ fuel: 50 }).status, 'suspended', 'the debt is paid first');
      vm.dispose();
    }
});
