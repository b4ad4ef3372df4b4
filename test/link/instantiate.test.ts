// Allocation, constant expressions and active segments, with no code run.

import test from 'ava';
import { allocate, initialise } from '../../src/link/instantiate.ts';
import type { Value } from '../../src/runtime/heap/ref.ts';
import { type ExternVal, exported } from '../../src/runtime/instance.ts';
import { defaultLimits, globalWords, type InstanceInst, Store, type VmLimits } from '../../src/runtime/store.ts';
import { readValue } from '../../src/runtime/value.ts';
import { LimitError, Trap } from '../../src/spec/errors.ts';
import { moduleOf } from '../wat.ts';

const storeOf = (limits: Partial<VmLimits> = {}) => new Store({ ...defaultLimits, ...limits });

async function instanceOf(store: Store, fields: string, imports: ExternVal[] = []): Promise<InstanceInst> {
  const instance = allocate(store, await moduleOf(fields), imports, false);
  initialise(store, instance);
  return instance;
}

function globalOf(store: Store, instance: InstanceInst, name: string): Value {
  const addr = exported(instance, name)?.addr ?? -1;
  const type = store.globals[addr]?.type.type;
  if (type === undefined) throw new Error(`no global ${name}`);
  return readValue(store.globalWords, (addr * globalWords) / 2, type, store);
}

/** Addresses of the functions in a table, null for none. */
const elementsOf = (store: Store, addr = 0): (number | null)[] =>
  Array.from({ length: store.tables[addr]?.size ?? 0 }, (_, i) =>
    store.tables[addr]?.elements[i * 2 + 1] === 0 ? null : (store.tables[addr]?.elements[i * 2] as number),
  );

test('constant expressions', async (t) => {
  const store = storeOf();
  const instance = await instanceOf(
    store,
    `(global $a (export "a") i32 (i32.const -7))
     (global (export "sum") i32 (i32.add (global.get $a) (i32.const -2147483648)))
     (global (export "product") i32 (i32.mul (i32.sub (i32.const 3) (i32.const 5)) (i32.const 0x7fffffff)))
     (global (export "carry") i64 (i64.add (i64.const 0xffffffff) (i64.const 1)))
     (global (export "borrow") i64 (i64.sub (i64.const 0) (i64.const 1)))
     (global (export "long") i64 (i64.mul (i64.const 0x123456789abcdef) (i64.const -0x1000000001)))
     (global (export "f32") f32 (f32.const -0.5))
     (global (export "f64") f64 (f64.const 1e300))
     (global (export "null") externref (ref.null extern))
     (global (export "func") funcref (ref.func $f))
     (func $e) (func $f)`,
  );
  const value = (name: string) => globalOf(store, instance, name);
  t.is(value('a'), -7);
  t.is(value('sum'), 2147483641);
  t.is(value('product'), 2);
  t.is(value('carry'), 0x1_0000_0000n);
  t.is(value('borrow'), -1n);
  t.is(value('long'), BigInt.asIntN(64, 0x123456789abcdefn * -0x1000000001n));
  t.is(value('f32'), -0.5);
  t.is(value('f64'), 1e300);
  t.is(value('null'), null);
  t.is(value('func'), store.ref('func', 1));
});

test('a long chain of operands needs no recursion', async (t) => {
  const store = storeOf();
  const deep = 5000;
  const text = `(global (export "x") i32 ${'i32.const 1 '.repeat(deep)} ${'i32.add '.repeat(deep - 1)})`;
  t.is(globalOf(store, await instanceOf(store, text), 'x'), deep);
});

test('imports come first in each index space, own functions follow one another', async (t) => {
  const store = storeOf();
  const first = await instanceOf(store, '(func (export "f")) (func (export "g")) (memory (export "m") 1)');
  const given = ['g', 'm', 'f'].map((name) => exported(first, name) as ExternVal);
  const second = await instanceOf(
    store,
    '(import "" "g" (func)) (import "" "m" (memory 1)) (import "" "f" (func)) (func) (func) (func)',
    given,
  );
  t.deepEqual(second.funcs, [1, 0, 2, 3, 4]);
  t.deepEqual(second.memories, [0]);
  t.is(second.addr, 1);
  t.is(store.memories.length, 1);
});

test('tables are filled with their initializer, and segments are copied over it', async (t) => {
  const store = storeOf();
  const instance = await instanceOf(
    store,
    `(table 5 funcref (ref.func $a))
     (elem (i32.const 1) func $b $c)
     (elem (table 0) (offset (i32.const 2)) funcref (ref.null func))
     (elem $passive func $c)
     (elem declare func $b)
     (func $a) (func $b) (func $c)`,
  );
  t.deepEqual(elementsOf(store), [0, 1, null, 0, 0]);
  t.deepEqual(
    instance.elems.map((words) => [...words]),
    [[], [], [2, 1], []],
  );
});

test('data segments are copied in order; active ones are dropped', async (t) => {
  const store = storeOf();
  const instance = await instanceOf(
    store,
    `(global $at i32 (i32.const 3)) (memory 1)
     (data (i32.const 1) "abcdef") (data "passive") (data (offset (i32.add (global.get $at) (i32.const 1))) "XY")`,
  );
  t.is(new TextDecoder().decode(store.memories[0]?.bytes.slice(0, 8)), '\0abcXYf\0');
  t.deepEqual([...instance.droppedDatas], [1, 0, 1]);
});

test('memories and tables with 64-bit addresses', async (t) => {
  const store = storeOf();
  await instanceOf(
    store,
    '(memory i64 1) (data (i64.const 65535) "z") (table i64 2 funcref) (elem (i64.const 1) func 0) (func)',
  );
  t.is(store.memories[0]?.bytes[65535], 0x7a);
  t.deepEqual(elementsOf(store), [null, 0]);
  const high = await moduleOf('(memory i64 1) (data (i64.const 0x100000000) "z")');
  const instance = allocate(store, high, [], false);
  t.throws(() => initialise(store, instance), { instanceOf: Trap, message: /^out of bounds memory access/ });
});

test('a segment that does not fit leaves no trace, those before it stay', async (t) => {
  const store = storeOf();
  const module = await moduleOf(
    `(table 3 funcref) (memory 1)
     (elem (i32.const 0) func 0) (elem (i32.const 2) func 0 0) (elem (i32.const 1) func 0)
     (data (i32.const 0) "never") (func)`,
  );
  const instance = allocate(store, module, [], false);
  const trap = t.throws(() => initialise(store, instance), { instanceOf: Trap });
  t.is(trap?.kind, 'out of bounds table access');
  t.deepEqual(elementsOf(store), [0, null, null]);
  t.is(store.memories[0]?.bytes[0], 0);
});

test('data that does not fit: addresses are unsigned', async (t) => {
  for (const [at, text] of [
    [65535, 'ab'],
    [-1, 'a'],
    [65537, ''],
  ] as const) {
    const store = storeOf();
    const instance = allocate(
      store,
      await moduleOf(`(memory 1) (data (i32.const 0) "k") (data (i32.const ${at}) "${text}")`),
      [],
      false,
    );
    const trap = t.throws(() => initialise(store, instance), { instanceOf: Trap });
    t.is(trap?.kind, 'out of bounds memory access');
    t.is(store.memories[0]?.bytes[0], 0x6b);
    t.is(store.memories[0]?.bytes[65535], 0);
  }
  await t.notThrowsAsync(instanceOf(storeOf(), '(memory 1) (data (i32.const 65536) "")'));
});

test('limits: the store is as before after what was too much', async (t) => {
  const store = storeOf({ memory: 3 * 65536, tables: 10, instances: 2 });
  await instanceOf(store, '(memory 1) (table 4 funcref) (global i32 (i32.const 1)) (func)');
  const before = JSON.stringify(sizes(store));
  const tooMuch = [
    '(memory 1) (memory 2) (func)',
    '(memory 1) (table 3 funcref) (table 4 externref) (func)',
    '(table 10000001 funcref)',
  ];
  for (const fields of tooMuch) {
    const module = await moduleOf(fields);
    t.throws(() => allocate(store, module, [], false), { instanceOf: LimitError }, fields);
    t.is(JSON.stringify(sizes(store)), before, fields);
  }
  await instanceOf(store, '(memory 2) (table 6 funcref)');
  const third = await moduleOf('');
  t.throws(() => allocate(store, third, [], false), { instanceOf: LimitError, message: /instances of 2/ });
});

const sizes = (store: Store) => [
  store.instances.length,
  store.funcs.length,
  store.tables.length,
  store.memories.length,
  store.globals.length,
  store.memoryBudget.used,
];

test('tables share one limit as they grow', async (t) => {
  const store = storeOf({ tables: 10 });
  await instanceOf(store, '(table 4 funcref) (table 4 funcref)');
  const [first, second] = store.tables;
  if (first === undefined || second === undefined) return t.fail();
  t.is(store.growTable(first, 3, 0, 0), -1);
  t.is(store.growTable(first, 2, 0, 0), 4);
  t.is(store.growTable(second, 1, 0, 0), -1);
  t.is(first.size, 6);
});
