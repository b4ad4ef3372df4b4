// What a module says that it imports and exports, and what an instance exports, as things to be used.

import test from 'ava';
import {
  asyncHostFunction,
  GlobalRef,
  HostError,
  hostFunction,
  MemoryRef,
  Module,
  type Ref,
  TableRef,
  TagRef,
  Trap,
  typeName,
  UsageError,
  VM,
} from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

const functions = `
  (func $pair (export "pair") (param i32) (result i32 i32) (local.get 0) (i32.const 9))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "none"))
  (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))`;
const all = `
  (type $point (struct (field i32) (field (mut i8))))
  (import "env" "f" (func $f (param i32 f64) (result i64)))
  (import "env" "g" (global $g i32))
  (import "env" "m" (memory 1 3))
  (tag $tag (export "tag") (param i32 externref))
  (table $t (export "table") 2 5 funcref)
  (global (export "global") (mut i64) (i64.const 7))
  (memory (export "memory") 2)
  ${functions}
  (func (export "point") (result (ref $point)) (struct.new $point (i32.const 1) (i32.const 2)))
  (func (export "small") (result i31ref) (ref.i31 (i32.const 5)))
  (func (export "call") (param funcref) (result i32) (table.set $t (i32.const 0) (local.get 0))
    (call_indirect $t (param i32 i32) (result i32) (i32.const 3) (i32.const 4) (i32.const 0)))
  (export "f again" (func $f)) (export "__proto__" (func $pair)) (export "0" (func $pair))`;
const module = await moduleOf(all);

interface Guest {
  add(a: number, b: number): number;
  pair(n: number): [number, number];
  none(): undefined;
  divide(n: number): number;
  point(): Ref<'object'>;
  small(): Ref<'i31'>;
  call(f: unknown): number;
  memory: MemoryRef;
  global: GlobalRef;
  table: TableRef;
  tag: TagRef;
  __proto__: unknown;
}

async function made(engine: 'interpreter' | 'native' | 'auto' = 'auto') {
  const vm = new VM({ engine });
  const env = vm.instantiate(await moduleOf('(global (export "g") i32 (i32.const 4)) (memory (export "m") 1 2)'));
  const f = hostFunction(['i32', 'f64'], ['i64'], (a, b) => BigInt(a) + BigInt(b));
  const instance = vm.instantiate<Guest>(module, { env: { f, g: env.global('g'), m: env.memory('m') } });
  return { vm, instance };
}

test('a module tells its imports, with their types', (t) => {
  t.deepEqual(module.imports, [
    { module: 'env', name: 'f', kind: 'func', type: { kind: 'func', params: ['i32', 'f64'], results: ['i64'] } },
    { module: 'env', name: 'g', kind: 'global', type: { type: 'i32', mutable: false } },
    {
      ...{ module: 'env', name: 'm', kind: 'memory' },
      type: { addr: 'i32', limits: { min: 1n, max: 3n }, shared: false, pageLog2: 16 },
    },
  ]);
  t.is(module.imports, module.imports);
});

test('and its exports, those that it imports among them', (t) => {
  const types = Object.fromEntries(
    module.exports.map((each) => [each.name === '__proto__' ? 'proto' : each.name, each]),
  );
  t.deepEqual(
    module.exports.map(({ name, kind }) => `${kind} ${name}`),
    module.syntax.exports.map(({ name, kind }) => `${kind} ${name}`),
  );
  t.like(types.pair, { type: { params: ['i32'], results: ['i32', 'i32'] } });
  t.deepEqual(types['f again']?.type, module.imports[0]?.type);
  t.like(types.global, { type: { type: 'i64', mutable: true } });
  t.like(types.table, { type: { limits: { min: 2n, max: 5n } } });
  t.is(types.tag?.kind === 'tag' && types.tag.type.params.map(typeName).join(), 'i32,externref');
  const point = types.point;
  t.is(point?.kind === 'func' && typeof point.type.results[0], 'object');
});

test('a module without anything has empty lists', async (t) => {
  const empty = await moduleOf('');
  t.deepEqual([empty.imports, empty.exports], [[], []]);
});

for (const engine of ['interpreter', 'native', 'auto'] as const)
  test(`exports are called as functions (${engine})`, async (t) => {
    // Not all of the large module is for native code.
    const { exports } = new VM({ engine }).instantiate<Guest>(await moduleOf(functions));
    t.is(exports.add(2, 3), 5);
    t.deepEqual(exports.pair(1), [1, 9]);
    t.is(exports.none(), undefined);
    t.throws(() => exports.divide(0), { instanceOf: Trap });
    t.throws(() => exports.add(1, '2' as never), { instanceOf: UsageError });
    t.throws(() => (exports.add as (...args: number[]) => number)(1), {
      instanceOf: UsageError,
      message: /2 values are expected/,
    });
  });

test('the other exports are handles', async (t) => {
  const { instance } = await made();
  const { exports } = instance;
  t.true(exports.memory instanceof MemoryRef);
  t.is(exports.memory, instance.memory('memory'));
  t.true(exports.table instanceof TableRef);
  t.true(exports.tag instanceof TagRef);
  t.deepEqual(exports.tag.type.params.map(typeName), ['i32', 'externref']);
  t.is(exports.global instanceof GlobalRef && exports.global.value, 7n);
  t.deepEqual(Object.keys(exports).sort(), module.exports.map(({ name }) => name).sort());
  t.is(Object.getPrototypeOf(exports), null);
  t.is(exports, instance.exports);
  t.throws(() => Object.assign(exports, { add: 1 }), { instanceOf: TypeError });
});

test('an exported function is a function of the VM wherever one is wanted', async (t) => {
  const { vm, instance } = await made();
  const { add, call, table } = { ...instance.exports };
  t.is(add.ref, instance.func('add'));
  t.is(add.name, 'add');
  t.is(add.length, 2);
  t.deepEqual(add.type, { kind: 'func', params: ['i32', 'i32'], results: ['i32'] });
  vm.start(add, [1, 2]);
  t.deepEqual(vm.run().values, [3]);
  t.deepEqual(vm.invoke(add, [3, 4]), [7]);
  t.is(call(add), 7);
  table.set(1, add);
  t.is(table.get(1), add.ref);
  const user = await moduleOf(
    '(import "env" "add" (func $add (param i32 i32) (result i32))) (func (export "g") (result i32) (call $add (i32.const 1) (i32.const 2)))',
  );
  t.is(vm.instantiate<{ g(): number }>(user, { env: { add } }).exports.g(), 3);
  const other = new VM();
  t.throws(() => other.start(add, [1, 2]), { instanceOf: UsageError, message: /another VM/ });
  t.throws(() => vm.start((() => 5) as never), { instanceOf: UsageError, message: /only a function/ });
  t.throws(() => call(() => 5), { instanceOf: UsageError });
});

test('references tell their types', async (t) => {
  const { instance } = await made();
  t.deepEqual(instance.func('none').type, { kind: 'func', params: [], results: [] });
  const { type } = instance.exports.point();
  t.deepEqual(type, {
    kind: 'struct',
    fields: [
      { storage: 'i32', mutable: false },
      { storage: 'i8', mutable: true },
    ],
  });
  t.is(instance.exports.small().type, 'i31');
});

test('a function that would have to wait says what can', async (t) => {
  const vm = new VM();
  const waits = await moduleOf(
    '(import "env" "later" (func $l (result i32))) (func (export "go") (result i32) (call $l))',
  );
  const later = asyncHostFunction([], ['i32'], async () => 5);
  const { exports } = vm.instantiate<{ go(): number }>(waits, { env: { later } });
  t.throws(() => exports.go(), { instanceOf: UsageError, message: /VM\.start and VM\.runAsync/ });
  vm.start(exports.go);
  t.deepEqual((await vm.runAsync()).values, [5]);
});

test('exports of a VM that is suspended are called on top of it', async (t) => {
  const { vm, instance } = await made();
  vm.start(instance.exports.add, [20, 30]);
  vm.run({ steps: 1 });
  t.is(instance.exports.add(2, 3), 5);
  t.deepEqual(vm.run().values, [50]);
});

test('a VM is disposed of where its block ends', async (t) => {
  const { vm, instance } = await made();
  vm[Symbol.dispose]();
  t.throws(() => instance.exports.add(1, 2), { instanceOf: UsageError, message: /disposed of/ });
  vm[Symbol.dispose]();
});

test('what a host function throws comes through an exported function', async (t) => {
  const thrower = await moduleOf('(import "env" "f" (func $f)) (export "f" (func $f))');
  const f = hostFunction([], [], () => {
    throw new RangeError('no');
  });
  const { exports } = new VM().instantiate<{ f(): void }>(thrower, { env: { f } });
  t.throws(() => exports.f(), { instanceOf: HostError, message: /RangeError: no/ });
});

test('Module.from copies, so the lists stay what they are', (t) => {
  const bytes = module.bytes.slice();
  const again = Module.from(bytes);
  bytes.fill(0);
  t.deepEqual(again.imports, module.imports);
  t.deepEqual(again.exports, module.exports);
});

for (const engine of ['interpreter', 'native'] as const)
  test(`${engine}: a vector may be a Buffer of Node, whose bytes are a piece of a larger buffer`, async (t) => {
    const same = await moduleOf(
      '(global (export "g") (mut v128) (v128.const i64x2 0 0)) (func (export "f") (param v128) (result v128) (local.get 0))',
    );
    const bytes = Uint8Array.from({ length: 16 }, (_, i) => i);
    const piece = Buffer.alloc(64, 0xff).subarray(7, 23);
    piece.set(bytes);
    const instance = new VM({ engine }).instantiate<{ f(vector: Uint8Array): Uint8Array }>(same);
    t.deepEqual(instance.exports.f(piece), bytes);
    const global = instance.global('g');
    global.value = piece;
    t.deepEqual(global.value, bytes);
  });
