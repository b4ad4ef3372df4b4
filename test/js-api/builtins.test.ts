// Functions on strings and strings as constants, which a module is compiled to have: on both engines, and on hosts that
// know them. Node 24 takes function types of other shapes for the builtins' own, Node 26 and we do not.

import test, { type ExecutionContext } from 'ava';
import { createWebAssembly } from '../../src/js-api/index.ts';
import { bytesOf } from '../wat.ts';
import { type Api, type Exports, interpreted, odd, whereHostCan } from './both.ts';

type Options = { builtins?: unknown; importedStringConstants?: unknown };
type Modules = new (bytes: BufferSource, options?: unknown) => WebAssembly.Module;

const strings = { builtins: ['js-string'] };

const hasBuiltins = ({ Module }: Api): boolean => {
  // A module that imports `length` with another type: invalid just where the option means something.
  const wrong = Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, 25, 1, 14],
    ...new TextEncoder().encode('wasm:js-string'),
    ...[6, ...new TextEncoder().encode('length'), 0, 0],
  ]);
  try {
    new (Module as Modules)(wrong, strings);
    return false;
  } catch {
    return true;
  }
};
const both = (title: string, body: (t: ExecutionContext, api: Api) => void | Promise<void>): void =>
  whereHostCan(hasBuiltins, title, body);

const compiled = async ({ Module }: Api, fields: string, options: unknown = strings): Promise<WebAssembly.Module> =>
  new (Module as Modules)(await bytesOf(fields), options);

async function exportsOf(api: Api, fields: string, imports?: object, options?: Options): Promise<Exports> {
  return new api.Instance(await compiled(api, fields, options), imports as WebAssembly.Imports).exports;
}

const signatures = {
  cast: '(param externref) (result (ref extern))',
  test: '(param externref) (result i32)',
  fromCharCode: '(param i32) (result (ref extern))',
  fromCodePoint: '(param i32) (result (ref extern))',
  charCodeAt: '(param externref i32) (result i32)',
  codePointAt: '(param externref i32) (result i32)',
  length: '(param externref) (result i32)',
  concat: '(param externref externref) (result (ref extern))',
  substring: '(param externref i32 i32) (result (ref extern))',
  equals: '(param externref externref) (result i32)',
  compare: '(param externref externref) (result i32)',
} as const;
type Name = keyof typeof signatures;
const names = Object.keys(signatures) as Name[];

const imported = (name: string, signature: string = signatures[name as Name]): string =>
  `(import "wasm:js-string" "${name}" (func $${name} ${signature}))`;
/** Each function, exported as it is, and called by one of the guest's. */
const all = `
  ${names.map((name) => imported(name)).join('\n')}
  ${names.map((name) => `(export "${name}" (func $${name}))`).join('\n')}
  ${names.map((name) => `(func (export "call ${name}") ${wrapper(name)})`).join('\n')}`;

function wrapper(name: Name): string {
  const params = signatures[name].split(')')[0]?.split(' ').slice(1) ?? [];
  return `${signatures[name]} ${params.map((_, i) => `(local.get ${i})`).join(' ')} (call $${name})`;
}

const trap = Symbol('trap');
const face = '\u{1f600}';
const cases: readonly (readonly [name: Name, args: readonly unknown[], result: unknown])[] = [
  ['cast', ['a'], 'a'],
  ...[5, null, undefined, new String('a')].map((value) => ['cast', [value], trap] as const),
  ['test', ['a'], 1],
  ...[5, null, undefined, new String('a')].map((value) => ['test', [value], 0] as const),
  ['fromCharCode', [65], 'A'],
  ['fromCharCode', [0x10041], 'A'],
  ['fromCharCode', [-1], '\uffff'],
  ['fromCodePoint', [0x1f600], face],
  ['fromCodePoint', [0xd800], '\ud800'],
  ['fromCodePoint', [0x110000], trap],
  ['fromCodePoint', [-1], trap],
  ['charCodeAt', ['abc', 1], 98],
  ['charCodeAt', ['abc', 3], trap],
  ['charCodeAt', ['abc', -1], trap],
  ['charCodeAt', [null, 0], trap],
  ['codePointAt', [`a${face}`, 1], 0x1f600],
  ['codePointAt', [`a${face}`, 2], 0xde00],
  ['codePointAt', ['', 0], trap],
  ['codePointAt', [5, 0], trap],
  ['length', [face], 2],
  ['length', [null], trap],
  ['length', [{ length: 1 }], trap],
  ['concat', ['a', 'b'], 'ab'],
  ['concat', ['a', null], trap],
  ['concat', [1, 'b'], trap],
  ['substring', ['hello', 1, 3], 'el'],
  ['substring', ['hello', 3, 1], ''],
  ['substring', ['hello', 2, -1], 'llo'],
  ['substring', ['hello', -1, 2], ''],
  ['substring', ['hello', 6, 9], ''],
  ['substring', [null, 3, 1], trap],
  ['equals', ['a', 'a'], 1],
  ['equals', ['a', 'b'], 0],
  ['equals', [null, null], 1],
  ['equals', ['a', null], 0],
  ['equals', [5, 5], trap],
  ['equals', [null, 5], trap],
  ['compare', ['a', 'b'], -1],
  ['compare', ['b', 'a'], 1],
  ['compare', ['a', 'a'], 0],
  ['compare', [face, '\uffff'], -1],
  ['compare', [null, null], trap],
];

both('each function on strings', async (t, api) => {
  const functions = await exportsOf(api, all);
  for (const [name, args, result] of cases)
    for (const run of [functions[name], functions[`call ${name}`]]) {
      const what = `${name} ${args.map(String).join()}`;
      if (result === trap) t.throws(() => run(...args), { instanceOf: api.RuntimeError }, what);
      else t.is(run(...args), result, what);
    }
});

test('each trap tells which', async (t) => {
  const functions = await exportsOf(createWebAssembly(), all);
  t.throws(() => functions.length(5), { message: 'cast failure' });
  t.throws(() => functions.charCodeAt('a', 1), { message: 'out of bounds string access' });
  t.throws(() => functions.fromCodePoint(0x110000), { message: 'invalid code point: 1114112' });
});

both('a string that grows too long is a RangeError, which the guest can catch', async (t, api) => {
  const functions = await exportsOf(api, all);
  let long = 'x'.repeat(2 ** 20);
  t.throws(
    () => {
      for (;;) long = functions.concat(long, long);
    },
    { instanceOf: RangeError },
  );
});

const catching = `
  ${imported('length')} ${imported('concat')}
  (func (export "trap") (param externref) (result i32)
    (try (result i32) (do (call $length (local.get 0))) (catch_all (i32.const -1))))
  (func (export "long") (param externref) (result i32)
    (try (result i32) (do (drop (call $concat (local.get 0) (local.get 0))) (i32.const 1)) (catch_all (i32.const -1))))`;

both('catch_all catches no trap of theirs', async (t, api) => {
  const { trap, long } = await exportsOf(api, catching);
  t.is(trap('four'), 4);
  t.throws(() => trap(5), { instanceOf: api.RuntimeError });
  t.is(long('a'), 1);
  t.is(long('x'.repeat(2 ** 28 + 2 ** 27)), -1);
});

both('they are functions like others: named by index, in tables, imported elsewhere', async (t, api) => {
  const guest = await exportsOf(
    api,
    `${imported('cast')} ${imported('length')} ${imported('length').replace('$length', '$again')}
     (type $f (func (param externref) (result i32)))
     (table (export "table") 1 funcref)
     (elem (i32.const 0) $length)
     (func (export "indirect") (param externref) (result i32) (call_indirect (type $f) (local.get 0) (i32.const 0)))
     (export "length" (func $length)) (export "again" (func $again))`,
  );
  t.deepEqual([guest.length.name, guest.length.length, guest.again.name], ['1', 1, '2']);
  t.not(guest.length, guest.again);
  t.is(guest.indirect('abc'), 3);
  t.is(guest.table.get(0), guest.length);
  const other = await exportsOf(
    api,
    '(import "m" "length" (func $l (param externref) (result i32))) (func (export "run") (param externref) (result i32) (call $l (local.get 0)))',
    { m: { length: guest.length } },
  );
  t.is(other.run('hello'), 5);
});

const arrays = `
  (type $a (array (mut i16)))
  (import "wasm:js-string" "fromCharCodeArray" (func $from (param (ref null $a) i32 i32) (result (ref extern))))
  (import "wasm:js-string" "intoCharCodeArray" (func $into (param externref (ref null $a) i32) (result i32)))
  (export "from" (func $from)) (export "into" (func $into))
  (func (export "make") (param i32) (result (ref $a)) (array.new $a (i32.const 65) (local.get 0)))
  (func (export "get") (param (ref $a) i32) (result i32) (array.get_u $a (local.get 0) (local.get 1)))
  (func (export "litter") (param i32)
    (loop (drop (array.new $a (i32.const 66) (i32.const 100)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))`;

async function arrayCases(t: ExecutionContext, api: Api): Promise<void> {
  const { from, into, make, get, litter } = await exportsOf(api, arrays);
  const array = make(3);
  litter(1000);
  t.is(from(array, 0, 3), 'AAA');
  t.is(from(array, 1, 2), 'A');
  t.is(from(array, 3, 3), '');
  t.is(into('h\ud800', array, 1), 2);
  t.deepEqual([get(array, 0), get(array, 1), get(array, 2)], [65, 104, 0xd800]);
  t.is(into('', array, 3), 0);
  for (const [start, end] of [[2, 1], [0, 4], [-1, 3]]) // biome-ignore format: short
    t.throws(() => from(array, start, end), { instanceOf: api.RuntimeError });
  for (const args of [['xy', array, 2], ['xy', array, -1], ['', array, 4], [5, array, 0], ['a', null, 0]]) // biome-ignore format: short
    t.throws(() => into(...args), { instanceOf: api.RuntimeError });
  t.throws(() => from(null, 0, 0), { instanceOf: api.RuntimeError });
  const long = make(100_000);
  t.is(from(long, 0, 100_000), 'A'.repeat(100_000));
}
interpreted('strings from arrays of code units, and into them', arrayCases);
if (hasBuiltins(odd(WebAssembly)))
  test('strings from arrays of code units, and into them (host)', (t) => arrayCases(t, odd(WebAssembly)));

both('builtin imports are not listed, and not read', async (t, api) => {
  const fields = `${imported('length')} (import "wasm:js-string" "nope" (func)) (import "m" "f" (func)) (import "q" "x" (global externref))`;
  const module = await compiled(api, fields, { ...strings, importedStringConstants: 'q' });
  t.deepEqual(
    api.Module.imports(module).map(({ module, name }) => `${module}.${name}`),
    ['wasm:js-string.nope', 'm.f'],
  );
  const read: string[] = [];
  const space = new Proxy({}, { get: (_, name) => read.push(String(name)) && (() => undefined) });
  new api.Instance(module, new Proxy({}, { get: (_, name) => read.push(String(name)) && space }));
  t.deepEqual(read, ['wasm:js-string', 'nope', 'm', 'f']);
  t.notThrows(async () => exportsOf(api, imported('length'), undefined));
});

both('a wrong signature is a CompileError, in a known set only', async (t, api) => {
  const wrong = [
    ['length', '(param externref) (result i64)'],
    ['length', '(param (ref extern)) (result i32)'],
    ['length', '(param externref)'],
    ['cast', '(param externref) (result externref)'],
  ] as const;
  for (const [name, signature] of wrong) {
    await t.throwsAsync(compiled(api, imported(name, signature)), {
      instanceOf: api.CompileError,
      message: /builtin function "wasm:js-string" "\w+" has incorrect signature/i,
    });
    await t.notThrowsAsync(compiled(api, imported(name, signature), {}));
    await t.notThrowsAsync(compiled(api, imported(name, signature), { builtins: ['unheard-of'] }));
  }
  await t.notThrowsAsync(compiled(api, '(import "wasm:js-string" "length" (global i32))'));
  const bytes = await bytesOf(imported('length', '(param i32)'));
  const validate = api.validate as (bytes: BufferSource, options?: unknown) => boolean;
  t.deepEqual([validate(bytes), validate(bytes, strings)], [true, false]);
});

test('a type that is no type of its own is a wrong signature, too', async (t) => {
  const api = createWebAssembly();
  for (const type of [
    '(type $f (sub (func (param externref) (result i32))))',
    '(rec (type $f (func (param externref) (result i32))) (type (func)))',
  ])
    await t.throwsAsync(compiled(api, `${type} (import "wasm:js-string" "length" (func (type $f)))`), {
      instanceOf: api.CompileError,
    });
});

both('options are read as the host reads them', async (t, api) => {
  const fields = `${imported('length')} (import "q" "hello" (global externref))`;
  const left = async (options: unknown) => {
    const imports = api.Module.imports(await compiled(api, fields, options));
    return imports.map(({ name }) => name).join();
  };
  const noneOf: unknown[] = [null, 5, 'js-string', () => 1, {}, { builtins: null }, { builtins: 5 }, { builtins: [] }];
  const nor: unknown[] = ['js-string', ['wasm:js-string'], [{ toString: () => 'js-string' }], new Set(['js-string'])];
  for (const options of [...noneOf, ...nor.map((builtins) => ({ builtins })), { importedStringConstants: 5 }])
    t.is(await left(options), 'length,hello');
  for (const builtins of [['js-string', 'js-string'], ['nope', 'js-string'], { length: 1, 0: 'js-string' }])
    t.is(await left({ builtins }), 'hello');
  t.is(await left({ importedStringConstants: 'q' }), 'length');
  const own = new Error('mine');
  const getter = {
    get builtins() {
      throw own;
    },
  };
  t.is(await t.throwsAsync(left(getter)), own);
});

both('imports of one module are strings, by their names', async (t, api) => {
  const options = { importedStringConstants: '' };
  const { g, h } = await exportsOf(
    api,
    `(import "" "h\\c3\\a9 ${face}" (global $g externref)) (import "" "" (global $h (ref extern)))
     (export "g" (global $g)) (func (export "h") (result externref) (global.get $h))`,
    undefined,
    options,
  );
  t.is(g.value, `hé ${face}`);
  t.is(h(), '');
  for (const kind of ['(global (mut externref))', '(global i32)', '(func)', '(global anyref)'])
    await t.throwsAsync(compiled(api, `(import "" "x" ${kind})`, options), {
      instanceOf: api.CompileError,
      message: /string constant/i,
    });
  await t.throwsAsync(compiled(api, imported('length'), { ...strings, importedStringConstants: 'wasm:js-string' }), {
    instanceOf: api.CompileError,
  });
});

both('all functions that compile take options', async (t, api) => {
  type Compile = (source: unknown, ...rest: unknown[]) => Promise<unknown>;
  type Functions = Record<'compile' | 'compileStreaming' | 'instantiate' | 'instantiateStreaming', Compile>;
  const { compile, compileStreaming, instantiate, instantiateStreaming } = api as unknown as Functions;
  const bytes = await bytesOf(`${imported('length')} (export "length" (func $length))`);
  const response = () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } });
  const module = (await compile(bytes, strings)) as WebAssembly.Module;
  t.deepEqual(api.Module.imports(module), []);
  t.deepEqual(api.Module.imports((await compileStreaming(response(), strings)) as WebAssembly.Module), []);
  for (const made of [
    await instantiate(bytes, undefined, strings),
    await instantiateStreaming(response(), {}, strings),
  ])
    t.is(((made as WebAssembly.WebAssemblyInstantiatedSource).instance.exports as Exports).length('abc'), 3);
  t.is((((await instantiate(module)) as WebAssembly.Instance).exports as Exports).length('abc'), 3);
  await t.throwsAsync(instantiate(bytes), { instanceOf: TypeError });
});
