// What imports can be given, and how it is said that they cannot.

import test from 'ava';
import { asyncHostFunction, hostFunction, Instance, LinkError, UsageError, VM } from '../../src/index.ts';
import type { Imports } from '../../src/vm.ts';
import { moduleOf } from '../wat.ts';

const nothing = hostFunction([], [], () => undefined);

test('missing imports are named', async (t) => {
  const module = await moduleOf('(import "env" "a" (func)) (import "env" "b\\"" (func))');
  const b = String.raw`unknown import: "env"."b\""`;
  for (const [imports, message] of [
    [{}, 'unknown import: "env"."a"'],
    [{ env: {} }, 'unknown import: "env"."a"'],
    [{ env: null }, 'unknown import: "env"."a"'],
    [{ env: { a: nothing } }, b],
  ] as const)
    t.throws(() => new VM().instantiate(module, imports as unknown as Imports), { instanceOf: LinkError, message });
});

test('what is inherited from objects is nothing that can be imported', async (t) => {
  for (const [space, name] of [
    ['constructor', 'assign'],
    ['__proto__', 'toString'],
    ['toString', 'call'],
  ]) {
    const module = await moduleOf(`(import "${space}" "${name}" (func))`);
    t.throws(() => new VM().instantiate(module, {}), { instanceOf: LinkError, message: /^incompatible import type: / });
  }
});

test('imports of the wrong kind or type', async (t) => {
  const module = await moduleOf('(import "env" "f" (func (param i32) (result i64)))');
  const other = new VM().instantiate(await moduleOf('(func (export "f") (param i32) (result i64) (i64.const 0))'));
  const cases: [unknown, RegExp][] = [
    [
      hostFunction(['i32'], ['i32'], () => 0),
      /must be a function \[i32\] -> \[i64\], a host function \[i32\] -> \[i32\] was given$/,
    ],
    [hostFunction([], [], () => 0), /a host function \[\] -> \[\] was given$/],
    [() => 0n, /a plain function, which hostFunction makes a host function, was given$/],
    [42, /a number was given$/],
    [null, /null was given$/],
    [other.func('f'), /a func of another VM was given$/],
    [{ kind: 'sync' }, /a object was given$/],
  ];
  for (const [f, message] of cases)
    t.throws(() => new VM().instantiate(module, { env: { f } } as Imports), { instanceOf: LinkError, message });
  const global = await moduleOf('(import "env" "f" (global i32))');
  t.throws(() => new VM().instantiate(global, { env: { f: nothing } }), {
    message: /must be a constant global of i32, a host function \[\] -> \[\] was given$/,
  });
});

test('nothing is allocated where an import does not fit', async (t) => {
  const vm = new VM();
  const module = await moduleOf('(import "env" "a" (func)) (import "env" "b" (func (param i32)))');
  t.throws(() => vm.instantiate(module, { env: { a: nothing, b: nothing } }), { instanceOf: LinkError });
  t.is(vm.store.funcs.length, 0);
  t.is(vm.store.instances.length, 0);
});

test('host functions may take more and give less than asked for', async (t) => {
  const vm = new VM();
  const module = await moduleOf(
    '(import "env" "f" (func $f (param (ref func)) (result funcref))) (func $g) (elem declare func $g) (func (export "same") (result i32) (ref.is_null (call $f (ref.func $g))))',
  );
  const f = hostFunction(['funcref'], ['funcref'], (ref) => ref);
  t.deepEqual(vm.invoke(vm.instantiate(module, { env: { f } }).func('same')), [0]);
});

test('a host function is one function, however often it is imported', async (t) => {
  const vm = new VM();
  const module = await moduleOf('(import "env" "f" (func)) (export "f" (func 0))');
  const [a, b] = [vm.instantiate(module, { env: { f: nothing } }), vm.instantiate(module, { env: { f: nothing } })];
  t.is(a.func('f'), b.func('f'));
  const c = vm.instantiate(module, { env: { f: hostFunction([], [], () => undefined) } });
  t.not(a.func('f'), c.func('f'));
});

test('instances stand for their exports, handles for single ones', async (t) => {
  const vm = new VM();
  const a = vm.instantiate(
    await moduleOf(
      `(func (export "f") (result i32) (i32.const 7)) (memory (export "m") 1) (table (export "t") 1 funcref)
       (global (export "g") (mut i32) (i32.const 5)) (tag (export "e"))`,
    ),
  );
  const module = await moduleOf(
    `(import "a" "f" (func $f (result i32))) (import "a" "m" (memory 1)) (import "a" "t" (table 1 funcref))
     (import "a" "g" (global $g (mut i32))) (import "a" "e" (tag))
     (func (export "run") (result i32) (i32.store8 (i32.const 9) (call $f)) (global.set $g (i32.const 6)) (i32.load8_u (i32.const 9)))
     (export "f" (func $f)) (elem (i32.const 0) func $f)`,
  );
  const handles = { f: a.func('f'), m: a.memory('m'), t: a.table('t'), g: a.global('g'), e: a.tag('e') };
  for (const imports of [{ a }, { a: handles }]) {
    const b = vm.instantiate(module, imports);
    t.deepEqual(vm.invoke(b.func('run')), [7]);
    t.is(a.memory('m').bytes[9], 7);
    t.is(a.global('g').value, 6);
    t.is(a.table('t').get(0), a.func('f'));
    t.is(b.func('f'), a.func('f'));
    a.memory('m').bytes[9] = 0;
    a.global('g').value = 0;
  }
  t.throws(() => vm.instantiate(module, { a: new VM().instantiate(a.module) }), { message: /a func of another VM/ });
});

test('an instance that lacks an export is an unknown import', async (t) => {
  const vm = new VM();
  const a = vm.instantiate(await moduleOf(''));
  t.true(a instanceof Instance);
  const module = await moduleOf('(import "a" "f" (func))');
  t.throws(() => vm.instantiate(module, { a }), { instanceOf: LinkError, message: 'unknown import: "a"."f"' });
});

test('imports are read by property access', async (t) => {
  const read: string[] = [];
  const env = new Proxy(
    {},
    {
      get: (_, name) => {
        read.push(String(name));
        return nothing;
      },
    },
  );
  new VM().instantiate(await moduleOf('(import "env" "y" (func)) (import "env" "x" (func))'), { env });
  t.deepEqual(read, ['y', 'x']);
});

test('host functions are defined with types that exist', (t) => {
  t.throws(() => hostFunction(['i33' as 'i32'], [], () => 0), { instanceOf: UsageError, message: /"i33"/ });
  t.throws(() => asyncHostFunction([], [], 5 as never), { instanceOf: UsageError });
});
