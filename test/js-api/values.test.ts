import { type Api, both, type Exports, exportsOf, interpreted, odd, ours } from './both.ts';

const identities = `
  (func (export "i32") (param i32) (result i32) local.get 0)
  (func (export "i64") (param i64) (result i64) local.get 0)
  (func (export "f32") (param f32) (result f32) local.get 0)
  (func (export "f64") (param f64) (result f64) local.get 0)
  (func (export "externref") (param externref) (result externref) local.get 0)
  (func (export "funcref") (param funcref) (result funcref) local.get 0)
  (func (export "two") (param i32 i64) (result i64 i32) local.get 1 local.get 0)
  (func (export "none"))
  (func (export "vector") (result v128) v128.const i64x2 0 0)`;

const identitiesOf = (api: Api): Promise<Exports> => exportsOf(api, identities);

both('i32 arguments are taken by ToInt32', async (t, api) => {
  const { i32 } = await identitiesOf(api);
  const inputs = [undefined, null, true, '12', 2 ** 32 + 5, -1.9, Number.NaN, 2 ** 31, { valueOf: () => 7 }];
  t.deepEqual(inputs.map(i32), [0, 0, 1, 12, 5, -1, 0, -(2 ** 31), 7]);
  t.throws(() => i32(1n), { instanceOf: TypeError });
  t.throws(() => i32(Symbol()), { instanceOf: TypeError });
});

both('i64 arguments are bigints, cut to 64 bits', async (t, api) => {
  const { i64 } = await identitiesOf(api);
  t.deepEqual([5n, '12', true, 2n ** 63n, 2n ** 64n + 1n].map(i64), [5n, 12n, 1n, -(2n ** 63n), 1n]);
  for (const value of [1, undefined, null, Symbol()]) t.throws(() => i64(value), { instanceOf: TypeError });
});

both('floats are taken by ToNumber, f32 is rounded', async (t, api) => {
  const { f32, f64 } = await identitiesOf(api);
  t.deepEqual([0.1, '1.5', -0, undefined].map(f32), [Math.fround(0.1), 1.5, -0, Number.NaN]);
  t.deepEqual([0.1, Number.POSITIVE_INFINITY, null].map(f64), [0.1, Number.POSITIVE_INFINITY, 0]);
  t.throws(() => f64(1n), { instanceOf: TypeError });
});

both('an externref is whatever JavaScript has', async (t, api) => {
  const { externref } = await identitiesOf(api);
  const values = [undefined, null, 0, -0, 2 ** 29, 2 ** 30, -(2 ** 31), 1.5, 'text', 5n, Symbol(), {}, externref];
  for (const value of values) t.is(externref(value), value);
});

both('a funcref is an exported function or null', async (t, api) => {
  const { funcref, i32 } = await identitiesOf(api);
  t.is(funcref(i32), i32);
  t.is(funcref(null), null);
  for (const value of [undefined, () => 1, {}, 3]) t.throws(() => funcref(value), { instanceOf: TypeError });
});

both('missing arguments are undefined, superfluous ones ignored, several results an array', async (t, api) => {
  const { two, none, i32 } = await identitiesOf(api);
  t.deepEqual(two(1, 2n, 3), [2n, 1]);
  t.is(none(1), undefined);
  t.is(i32(), 0);
  t.throws(() => two(1), { instanceOf: TypeError });
});

both('a v128 does not cross', async (t, api) => {
  const { vector } = await identitiesOf(api);
  t.throws(() => vector(), { instanceOf: TypeError });
});

both('arguments are converted from left to right, before anything runs', async (t, api) => {
  const { two } = await identitiesOf(api);
  const order: string[] = [];
  const noting = (name: string, value: unknown) => ({
    valueOf() {
      order.push(name);
      return value;
    },
  });
  t.deepEqual(two(noting('a', 1), noting('b', 2n)), [2n, 1]);
  t.deepEqual(order, ['a', 'b']);
});

both('converting an argument may call the guest', async (t, api) => {
  const { two, i32 } = await identitiesOf(api);
  t.deepEqual(two({ valueOf: () => i32(9) }, 2n), [2n, 9]);
});

both('what an import returns is converted, several results come from any iterable', async (t, api) => {
  const returned: unknown[] = ['7', new Set([1, 2])];
  const imports = { m: { one: () => returned[0], two: () => returned[1] } };
  const fields = `
    (import "m" "one" (func $one (result i32)))
    (import "m" "two" (func $two (result i32 i32)))
    (func (export "one") (result i32) call $one)
    (func (export "two") (result i32) call $two i32.sub)`;
  const { one, two } = await exportsOf(api, fields, imports);
  t.is(one(), 7);
  t.is(two(), -1);
  returned[0] = 1n;
  t.throws(one, { instanceOf: TypeError });
  for (const value of [5, [1], [1, 2, 3]]) {
    returned[1] = value;
    t.throws(two, { instanceOf: TypeError });
  }
});

both('an import sees undefined as `this`, and the guest’s values', async (t, api) => {
  const seen: unknown[] = [];
  const imports = {
    m: {
      f(this: unknown, ...args: unknown[]) {
        seen.push(this, ...args);
      },
    },
  };
  const fields = `
    (import "m" "f" (func $f (param i32 i64 f32 externref funcref)))
    (elem declare func $f)
    (func (export "g") (param externref)
      (call $f (i32.const -1) (i64.const -1) (f32.const 0.1) (local.get 0) (ref.func $f)))
    (export "f" (func $f))`;
  const { f, g } = await exportsOf(api, fields, imports);
  g(imports);
  t.deepEqual(seen, [undefined, -1, -1n, Math.fround(0.1), imports, f]);
});

interpreted('structures cross as opaque objects, and keep their identity', async (t, api) => {
  const fields = `
    (type $s (struct (field i32)))
    (func (export "make") (param i32) (result (ref $s)) (struct.new $s (local.get 0)))
    (func (export "get") (param (ref $s)) (result i32) (struct.get $s 0 (local.get 0)))
    (func (export "any") (param anyref) (result anyref) local.get 0)
    (func (export "extern") (param anyref) (result externref) (extern.convert_any (local.get 0)))
    (func (export "isI31") (param externref) (result i32) (ref.test i31ref (any.convert_extern (local.get 0))))`;
  const { make, get, any, extern, isI31 } = await exportsOf(api, fields);
  const made = make(42);
  t.is(get(made), 42);
  t.is(any(made), made);
  t.is(extern(made), made);
  t.not(make(42), made);
  t.is(Object.getPrototypeOf(made), null);
  t.true(Object.isFrozen(made));
  t.throws(() => get({}), { instanceOf: TypeError });
  t.throws(() => get(null), { instanceOf: TypeError });
  t.deepEqual([5, 2 ** 30 - 1, 2 ** 30, 'text', -0].map(isI31), [1, 1, 0, 0, 0]);
  t.is(any(5), 5);
});

both('globals hold what was given, converted', (t, { Global }) => {
  t.is(new Global({ value: 'i32' }).value, 0);
  t.is(new Global({ value: 'i64' }).value, 0n);
  t.is(new Global({ value: 'i64' }, 2n ** 63n).value, -(2n ** 63n));
  t.is(new Global({ value: 'f32' }, 0.1).value, Math.fround(0.1));
  t.is(new Global({ value: 'externref' }, null).value, null);
  t.is(new Global({ value: 'anyfunc' }).value as unknown, null);
  t.is(new Global({ value: odd({ toString: () => 'f64' }) }, odd(2)).valueOf(), odd(2));
  t.throws(() => new Global({ value: 'i64' }, odd(1)), { instanceOf: TypeError });
  t.throws(() => new Global({ value: odd('i16') }), { instanceOf: TypeError });
  t.throws(() => new Global(odd(undefined)), { instanceOf: TypeError });
  t.throws(() => new Global({ value: 'anyfunc' }, () => 1), { instanceOf: TypeError });
});

// Older hosts take null.
ours('the default of an externref is undefined', (t, { Global, Table }) => {
  t.is(new Global({ value: 'externref' }).value, undefined);
  t.is(new Table({ element: 'externref', initial: 1 }).get(0), undefined);
});

both('only mutable globals can be set', (t, { Global }) => {
  const constant = new Global({ value: 'i32' }, 1);
  t.throws(() => Object.assign(constant, { value: 2 }), { instanceOf: TypeError });
  const variable = new Global({ value: 'i32', mutable: true }, 1);
  variable.value = odd('7');
  t.is(variable.value, 7);
  const value = Object.getOwnPropertyDescriptor(Global.prototype, 'value');
  t.throws(() => value?.get?.call({}), { instanceOf: TypeError });
});
