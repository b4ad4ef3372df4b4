// Packages that are built with promise integration and with functions on strings, and what real toolchains make of such
// programs: unchanged, with their own glue, on every Node. Hosts that know either do the same beside it.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { $init, generate } from '@bytecodealliance/jco-transpile/component';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import test, { type ExecutionContext } from 'ava';
import binaryen from 'binaryen';
import { createWebAssembly } from '../../src/js-api/index.ts';
import type { Api, Exports } from './both.ts';

const host = WebAssembly as unknown as Api;
const { resolve } = createRequire(import.meta.url);

type Body = (t: ExecutionContext, api: Api, name: string) => Promise<void>;

const every = ['auto', 'interpreter', 'native'] as const;

/** Packages take the global `WebAssembly`; so one runs after the other. */
function program(title: string, engines: readonly (typeof every)[number][], hostCan: boolean, body: Body): void {
  const apis = engines.map((engine): [name: string, api: Api] => [engine, createWebAssembly({ engine })]);
  if (hostCan) apis.push(['host', host]);
  for (const [name, api] of apis)
    test.serial(`${title} (${name})`, async (t) => {
      t.timeout(300_000);
      const global = globalThis as { WebAssembly: unknown };
      global.WebAssembly = api;
      try {
        await body(t, api, name);
      } finally {
        global.WebAssembly = host;
      }
    });
}
const hasPromises = host.promising !== undefined;

/** A module's own copy for each of those that import it. */
const copyOf = (path: string, name: string): Promise<Exports> => import(`${pathToFileURL(path).href}?${name}`);

program('SQLite over files that answer later', every, hasPromises, async (t, _, name) => {
  const dist = '@journeyapps/wa-sqlite/dist/wa-sqlite-jspi';
  const { default: factory } = await copyOf(resolve(`${dist}.mjs`), name);
  const SQLite = await import(pathToFileURL(resolve('@journeyapps/wa-sqlite/src/sqlite-api.js')).href);
  const { MemoryAsyncVFS } = await import(
    pathToFileURL(resolve('@journeyapps/wa-sqlite/src/examples/MemoryAsyncVFS.js')).href
  );
  const module = await factory({ wasmBinary: await readFile(resolve(`${dist}.wasm`)) });
  const sqlite = SQLite.Factory(module);
  const files = await MemoryAsyncVFS.create('later', module);
  let reads = 0;
  const read = files.jRead.bind(files);
  files.jRead = async (...args: unknown[]) => {
    reads++;
    await new Promise(setImmediate);
    return read(...args);
  };
  sqlite.vfs_register(files, true);
  const db = await sqlite.open_v2('numbers');
  await sqlite.exec(db, 'pragma cache_size = 1; create table t(n integer, text); begin');
  for (let i = 1; i <= 50; i++) await sqlite.exec(db, `insert into t values (${i}, 'row ${i} ${'x'.repeat(500)}')`);
  await sqlite.exec(db, 'commit');
  const rows: unknown[] = [];
  await sqlite.exec(db, 'select count(*), sum(n), substr(max(text), 1, 5) from t', (row: unknown) => rows.push(row));
  t.deepEqual(rows, [[50, 1275, 'row 9']]);
  t.true(reads > 0);
  await t.throwsAsync(sqlite.exec(db, 'select missing from t'), { message: 'no such column: missing' });
  await sqlite.close(db);
});

/** Adds up what a function of the host answers later. */
const component = `(component
  (import "local:app/host" (instance $h (export "fetch-number" (func (param "n" u32) (result u32)))))
  (core module $m
    (import "h" "f" (func $f (param i32) (result i32)))
    (func (export "sum") (param i32) (result i32) (local i32)
      (block $end
        (loop $again
          (br_if $end (i32.eqz (local.get 0)))
          (local.set 1 (i32.add (local.get 1) (call $f (local.get 0))))
          (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
          (br $again)))
      (local.get 1)))
  (core func $f (canon lower (func $h "fetch-number")))
  (core instance $host (export "f" (func $f)))
  (core instance $i (instantiate $m (with "h" (instance $host))))
  (func (export "sum") (param "n" u32) (result u32) (canon lift (core func $i "sum"))))`;

program('a component, in the glue that jco writes', every, hasPromises, async (t, api, name) => {
  await $init;
  const { files } = generate(new Uint8Array(await parse(component)), {
    name: 'app',
    noTypescript: true,
    instantiation: { tag: 'async' },
    asyncMode: { tag: 'jspi', val: { imports: ['local:app/host#fetch-number'], exports: ['sum'] } },
  });
  const file = (path: string) => files.find(([name]) => name === path)?.[1] as Uint8Array<ArrayBuffer>;
  const source = new TextDecoder().decode(file('app.js'));
  t.true(source.includes('WebAssembly.Suspending'));
  const glue = await import(`data:text/javascript,${encodeURIComponent(`${source}\n// ${name}`)}`);
  const fetchNumber = async (n: number) => {
    await new Promise(setImmediate);
    if (n > 100) throw new Error('too large');
    return n * 10;
  };
  const app = await glue.instantiate((path: string) => api.compile(file(path)), { 'local:app/host': { fetchNumber } });
  t.is(await app.sum(10), 550);
  t.deepEqual(await Promise.all([3, 4, 5].map((n) => app.sum(n))), [60, 100, 150]);
});

/** Hosts that know functions on strings are as old as those. */
const hasStrings = hasPromises;
const dart = '@wasm-fmt/dart_fmt/web';

const code = 'void main(){var x=[1,2,3];for(var i in x){print("é $i \u{1f600}");}}';
const formatted = 'void main() {\n  var x = [1, 2, 3];\n  for (var i in x) {\n    print("é $i \u{1f600}");\n  }\n}\n';

program('a formatter written in Dart', every, hasStrings, async (t, api, name) => {
  const bytes = await readFile(resolve('@wasm-fmt/dart_fmt/dart_fmt.wasm').replace(/[^/]+$/, 'dart_fmt.wasm'));
  const { initSync, format } = await copyOf(resolve(dart), name);
  initSync(bytes);
  // The functions on strings are compiled in. Dart's answer to a version that is none is made and thrown with them.
  t.throws(() => format(code, 'a.dart', { language_version: '3.0' }), {
    message: 'FormatException: Could not parse "3.0".',
  });
  // Release 0.4.0 then asks for the length of what is no string, which only its own stand-in for `length` forgives.
  t.throws(() => format(code, 'a.dart'), { instanceOf: api.RuntimeError });
});

program('the same formatter, with its own stand-ins for the functions', every, hasStrings, async (t, _, name) => {
  const { format } = await copyOf(resolve('@wasm-fmt/dart_fmt/node'), name);
  t.is(format(code, 'a.dart'), formatted);
  t.throws(() => format('void main( {', 'a.dart'), { message: /Could not format/ });
});

/** Strings as Binaryen has them, which it lowers to functions and constants that are imported. */
const stringy = `(module
  (import "env" "log" (func $log (param stringref)))
  (global $name (mut stringref) (string.const "nobody"))
  (func (export "call me") (param stringref) (global.set $name (local.get 0)))
  (func (export "greet") (result i32) (local $s stringref)
    (local.set $s (string.concat (string.const "hello, ") (global.get $name)))
    (call $log (local.get $s))
    (string.measure_wtf16 (local.get $s)))
  (func (export "is nobody") (result i32) (string.eq (global.get $name) (string.const "nobody")))
  (func (export "at") (param i32) (result i32) (stringview_wtf16.get_codeunit (global.get $name) (local.get 0))))`;

program('strings of Binaryen, lowered', every, hasStrings, async (t, api) => {
  const module = binaryen.parseText(stringy);
  const { BulkMemory, GC, MutableGlobals, Multivalue, ReferenceTypes, Strings } = binaryen.Features;
  module.setFeatures(BulkMemory | GC | MutableGlobals | Multivalue | ReferenceTypes | Strings);
  module.runPasses(['string-gathering', 'string-lowering-magic-imports']);
  const bytes = module.emitBinary() as Uint8Array<ArrayBuffer>;
  module.dispose();
  const logged: string[] = [];
  const compile = api.compile as (bytes: BufferSource, options: object) => Promise<WebAssembly.Module>;
  const compiled = await compile(bytes, { builtins: ['js-string'], importedStringConstants: "'" });
  t.deepEqual(
    api.Module.imports(compiled).map(({ module, name }) => `${module}.${name}`),
    ['env.log'],
  );
  const guest = new api.Instance(compiled, { env: { log: (text: string) => logged.push(text) } }).exports as Exports;
  t.is(guest.greet(), 13);
  t.is(guest['is nobody'](), 1);
  guest['call me']('\u{1f600}!');
  t.is(guest.greet(), 10);
  t.is(guest['is nobody'](), 0);
  t.is(guest.at(2), 33);
  t.throws(() => guest.at(3), { instanceOf: api.RuntimeError });
  t.deepEqual(logged, ['hello, nobody', 'hello, \u{1f600}!']);
});
