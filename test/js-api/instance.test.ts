import test from 'ava';
import { noOptions } from '../../src/js-api/builtins.ts';
import { compiled } from '../../src/js-api/compiled.ts';
import { CompileError } from '../../src/js-api/errors.ts';
import { bytesOf } from '../wat.ts';
import { type Api, both, type Exports, exportsOf, odd, ours } from './both.ts';

const moduleIn = async (api: Api, fields: string) => new api.Module(await bytesOf(fields));

const various = `
  (import "a" "f" (func $f (param i32)))
  (import "a" "g" (global i32))
  (memory (export "memory") 1)
  (table (export "table") 1 funcref)
  (global (export "global") i32 (i32.const 3))
  (func (export "run") (param i32 i64) (call $f (local.get 0)))
  (@custom "note" "one") (@custom "note" "two")`;

both('a module tells its imports, exports and custom sections', async (t, api) => {
  const module = await moduleIn(api, various);
  t.deepEqual(api.Module.imports(module), [
    { module: 'a', name: 'f', kind: 'function' },
    { module: 'a', name: 'g', kind: 'global' },
  ]);
  t.deepEqual(api.Module.exports(module), [
    { name: 'memory', kind: 'memory' },
    { name: 'table', kind: 'table' },
    { name: 'global', kind: 'global' },
    { name: 'run', kind: 'function' },
  ]);
  const sections = api.Module.customSections(module, 'note');
  t.deepEqual(
    sections.map((section) => new TextDecoder().decode(section)),
    ['one', 'two'],
  );
  t.deepEqual(api.Module.customSections(module, 'no'), []);
  t.throws(() => api.Module.customSections(module, odd(undefined)), { instanceOf: TypeError });
  t.throws(() => api.Module.exports(odd({})), { instanceOf: TypeError });
});

both('equal bytes make modules of their own', async (t, api) => {
  const bytes = await bytesOf('(global (export "g") (mut i32) (i32.const 1))');
  const modules = [new api.Module(bytes), new api.Module(bytes.slice())] as const;
  t.not(modules[0], modules[1]);
  const [first, second] = modules.map((module) => new api.Instance(module).exports as Exports);
  (first as Exports).g.value = 2;
  t.is((second as Exports).g.value, 1);
});

const decoded = (bytes: Uint8Array) => compiled(bytes, noOptions).module;

test('equal bytes are decoded once, and bytes that were changed again', async (t) => {
  const bytes = await bytesOf('(func (export "f") (result i32) (i32.const 1))');
  const module = decoded(bytes);
  t.is(decoded(bytes.slice()), module);
  const at = bytes.lastIndexOf(0x41) + 1;
  bytes[at] = 2;
  t.not(decoded(bytes), module);
  bytes[at] = 1;
  t.is(decoded(bytes), module);
  t.throws(() => decoded(bytes.subarray(0, at)), { instanceOf: CompileError });
});

both('modules are made from any buffer source', async (t, api) => {
  const bytes = await bytesOf('');
  const wider = new Uint8Array([...bytes, ...bytes]);
  t.true(new api.Module(bytes) instanceof api.Module);
  t.true(new api.Module(bytes.buffer) instanceof api.Module);
  t.true(new api.Module(wider.subarray(bytes.length)) instanceof api.Module);
  t.throws(() => new api.Module(wider.subarray(0, bytes.length + 1)), { instanceOf: api.CompileError });
  t.throws(() => new api.Module(new Uint8Array()), { instanceOf: api.CompileError });
  for (const value of [undefined, 'text', [...bytes], {}])
    t.throws(() => new api.Module(odd(value)), { instanceOf: TypeError });
});

ours('a DataView is a buffer source, too', async (t, api) => {
  const { buffer, byteOffset, byteLength } = await bytesOf('');
  t.true(new api.Module(new DataView(buffer, byteOffset, byteLength)) instanceof api.Module);
});

both('validate tells malformed and invalid modules', async (t, { validate }) => {
  t.true(validate(await bytesOf('')));
  t.false(validate(new Uint8Array([0, 97, 115, 109])));
  t.false(validate(await bytesOf('(func (result i32))')));
  t.throws(() => validate(odd('text')), { instanceOf: TypeError });
});

both('exports are a frozen object without a prototype', async (t, api) => {
  const instance = new api.Instance(await moduleIn(api, various), { a: { f: () => 0, g: 1 } });
  const { exports } = instance;
  t.true(instance instanceof api.Instance);
  t.is(instance.exports, exports);
  t.is(Object.getPrototypeOf(exports), null);
  t.true(Object.isFrozen(exports));
  t.deepEqual(Object.keys(exports), ['memory', 'table', 'global', 'run']);
  t.true(exports.memory instanceof api.Memory);
  t.true(exports.table instanceof api.Table);
});

both('an exported function is named by its index', async (t, api) => {
  const { run } = await exportsOf(api, various, { a: { f: () => 0, g: 1 } });
  t.is(run.name, '1');
  t.is(run.length, 2);
  t.throws(() => new run(), { instanceOf: TypeError });
});

both('a function is the same object wherever it comes from', async (t, api) => {
  const fields = `
    (func $f (export "f") (export "also"))
    (table (export "table") funcref (elem $f))
    (func (export "get") (result funcref) (ref.func $f))`;
  const { f, also, table, get } = await exportsOf(api, fields);
  t.is(also, f);
  t.is(table.get(0), f);
  t.is(get(), f);
  const { again } = await exportsOf(api, '(import "m" "f" (func)) (export "again" (func 0))', { m: { f } });
  t.is(again, f);
  const jsFunction = () => 0;
  const { wrapped } = await exportsOf(api, '(import "m" "f" (func)) (export "wrapped" (func 0))', {
    m: { f: jsFunction },
  });
  t.not(wrapped, jsFunction);
});

both('imports are read by property access, in their order, and never enumerated', async (t, api) => {
  const read: string[] = [];
  const refuse = () => t.fail('only properties are read') as never;
  const lazily = (make: (name: string) => unknown) =>
    new Proxy({}, { get: (_, name) => make(String(name)), has: refuse, ownKeys: refuse });
  const imports = lazily((module) =>
    lazily((name) => {
      read.push(`${module}.${name}`);
      return name === 'g' ? 1 : () => 0;
    }),
  );
  t.notThrows(await moduleIn(api, various).then((module) => () => new api.Instance(module, odd(imports))));
  t.deepEqual(read, ['a.f', 'a.g']);
});

const wrongImports: [string, string, object | undefined, 'TypeError' | 'LinkError'][] = [
  ['no imports', 'func', undefined, 'TypeError'],
  ['no module', 'func', {}, 'TypeError'],
  ['a module that is no object', 'func', { m: 1 }, 'TypeError'],
  ['no function', 'func', { m: {} }, 'LinkError'],
  ['an object for a function', 'func', { m: { x: {} } }, 'LinkError'],
  ['a bigint for an i32', 'global i32', { m: { x: 1n } }, 'LinkError'],
  ['a number for an i64', 'global i64', { m: { x: 1 } }, 'LinkError'],
  ['a number for a mutable global', 'global (mut i32)', { m: { x: 1 } }, 'LinkError'],
  ['a function for a funcref', 'global funcref', { m: { x: () => 1 } }, 'LinkError'],
  ['a number for a v128', 'global v128', { m: { x: 1 } }, 'LinkError'],
  ['an object for a memory', 'memory 1', { m: { x: {} } }, 'LinkError'],
  ['an object for a table', 'table 1 funcref', { m: { x: {} } }, 'LinkError'],
];
for (const [title, desc, imports, expected] of wrongImports)
  both(`${title} cannot be imported`, async (t, api) => {
    const module = await moduleIn(api, `(import "m" "x" (${desc}))`);
    const instanceOf = expected === 'TypeError' ? TypeError : api.LinkError;
    t.throws(() => new api.Instance(module, odd(imports)), { instanceOf });
  });

both('what is imported must match its type', async (t, api) => {
  const small = new api.Memory({ initial: 1 });
  const global = new api.Global({ value: 'i32' }, 1);
  const { f } = await exportsOf(api, '(func (export "f") (param i32))');
  const given: [string, unknown][] = [
    ['memory 2', small],
    ['memory 1 1', small],
    ['global i64', global],
    ['global (mut i32)', global],
    ['func (param i64)', f],
  ];
  for (const [desc, x] of given) {
    const module = await moduleIn(api, `(import "m" "x" (${desc}))`);
    t.throws(() => new api.Instance(module, odd({ m: { x } })), { instanceOf: api.LinkError }, desc);
  }
});

both('constant globals can be imported as values', async (t, api) => {
  const fields = `
    (import "m" "i" (global $i i64)) (import "m" "f" (global $f f32)) (import "m" "e" (global $e externref))
    (export "i" (global $i)) (export "f" (global $f)) (export "e" (global $e))`;
  const object = {};
  const { i, f, e } = await exportsOf(api, fields, { m: { i: 2n ** 64n + 3n, f: 0.1, e: object } });
  t.deepEqual([i.value, f.value], [3n, Math.fround(0.1)]);
  t.is(e.value, object);
});

both('a segment out of bounds and a start function that traps are RuntimeErrors', async (t, api) => {
  for (const fields of ['(memory 0) (data (i32.const 1) "x")', '(func $f unreachable) (start $f)']) {
    const module = await moduleIn(api, fields);
    t.throws(() => new api.Instance(module), { instanceOf: api.RuntimeError }, fields);
  }
});

both('what a start function’s import throws is thrown by the constructor', async (t, api) => {
  const thrown = { any: 'value' };
  const f = () => {
    throw thrown;
  };
  const module = await moduleIn(api, '(import "m" "f" (func $f)) (start $f)');
  try {
    new api.Instance(module, { m: { f } });
    t.fail();
  } catch (error) {
    t.is(error, thrown);
  }
});

both('instantiate answers with both for bytes, with the instance for a module', async (t, api) => {
  const bytes = await bytesOf('(func (export "f") (result i32) i32.const 4)');
  const both = await api.instantiate(bytes);
  t.true(both.module instanceof api.Module);
  t.is((both.instance.exports.f as () => number)(), 4);
  const instance = await api.instantiate(both.module);
  t.true(instance instanceof api.Instance);
  t.true((await api.compile(bytes)) instanceof api.Module);
});

both('failures of asynchronous functions reject', async (t, api) => {
  const wanting = await bytesOf('(import "m" "f" (func))');
  await t.throwsAsync(api.compile(new Uint8Array([1])), { instanceOf: api.CompileError });
  await t.throwsAsync(api.instantiate(new Uint8Array()), { instanceOf: api.CompileError });
  await t.throwsAsync(api.instantiate(odd(undefined)), { instanceOf: TypeError });
  await t.throwsAsync(api.instantiate(wanting), { instanceOf: TypeError });
  await t.throwsAsync(api.instantiate(wanting, odd({ m: {} })), { instanceOf: api.LinkError });
});

both('bytes may change once compilation was asked for, imports of a module are read at once', async (t, api) => {
  const bytes = await bytesOf('(import "m" "f" (func))');
  const module = new api.Module(bytes);
  const later = api.compile(bytes);
  bytes.fill(0);
  t.true((await later) instanceof api.Module);
  const read: string[] = [];
  const space = {
    get f() {
      read.push('f');
      return () => 0;
    },
  };
  const instance = api.instantiate(module, odd({ m: space }));
  t.deepEqual(read, ['f']);
  t.true((await instance) instanceof api.Instance);
});

ours('streams are compiled from a Response of the right type', async (t, api) => {
  const bytes = await bytesOf('(func (export "f"))');
  const response = (type: string, status = 200) => new Response(bytes, { status, headers: { 'content-type': type } });
  const { instance } = await api.instantiateStreaming(Promise.resolve(response('application/wasm')), {});
  t.is(typeof instance.exports.f, 'function');
  t.true((await api.compileStreaming(response('Application/WASM'))) instanceof api.Module);
  await t.throwsAsync(api.compileStreaming(response('text/plain')), { instanceOf: TypeError });
  await t.throwsAsync(api.compileStreaming(response('application/wasm', 404)), { instanceOf: TypeError });
  await t.throwsAsync(api.compileStreaming(odd({})), { instanceOf: TypeError });
});

both('a function of JavaScript that is exported again is called by its index', async (t, api) => {
  const fields = `
    (import "m" "g" (global i32)) (import "m" "x" (func)) (import "m" "f" (func $f (param i32 i32)))
    (func) (export "f" (func $f)) (export "again" (func $f))`;
  const f = function named(this: unknown) {};
  const first = await exportsOf(api, fields, { m: { f, x: f, g: 1 } });
  const second = await exportsOf(api, fields, { m: { f, x: f, g: 1 } });
  t.deepEqual([first.f.name, first.f.length], ['1', 2]);
  t.is(first.f, first.again);
  t.not(first.f, second.f);
});
