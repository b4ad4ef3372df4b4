// Imports that the guest waits for, and exports that answer with a promise: on both engines, and on hosts that know them.

import test, { type ExecutionContext } from 'ava';
import { createWebAssembly } from '../../src/js-api/index.ts';
import { heat } from '../../src/vm/heat.ts';
import { type Api, exportsOf, interpreted, odd, ours, whereHostCan } from './both.ts';

const both = (title: string, body: (t: ExecutionContext, api: Api) => void | Promise<void>): void =>
  whereHostCan((api) => api.promising !== undefined, title, body);

type Func = (...args: never) => unknown;
const suspending = (api: Api, f: Func) => ({ m: { f: new api.Suspending(f) } });

/** Calls the import from under several frames with locals and operands; `guarded` catches whatever it throws. */
const calls = `
  (import "m" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 1 10)
  (func $inner (param i32) (result i32) (local i64 f64)
    (local.set 1 (i64.const 1000))
    (local.set 2 (f64.const 100))
    (i32.add
      (i32.add (i32.const 10) (call $f (local.get 0)))
      (i32.add (i32.wrap_i64 (local.get 1)) (i32.trunc_f64_s (local.get 2)))))
  (func (export "run") (param i32) (result i32) (i32.mul (i32.const 2) (call $inner (local.get 0))))
  (func (export "loop") (param i32) (result i32) (local i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (call $f (local.get 0))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "tail") (param i32) (result i32) (return_call $f (local.get 0)))
  (func (export "plain") (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (export "f" (func $f))`;

both('a promising function answers with a promise, whether the guest has to wait or not', async (t, api) => {
  const later = await exportsOf(
    api,
    calls,
    suspending(api, async (x: number) => x + 1),
  );
  const run = api.promising(later.run);
  const answer = run(5);
  t.is(Object.getPrototypeOf(answer), Promise.prototype);
  t.is(await answer, 2232);
  t.is(await api.promising(later.loop)(100), 5150);
  t.is(await api.promising(later.tail)(7), 8);
  t.is(await api.promising(later.f)(7), 8);
  t.is(await api.promising(later.plain)(7), 49);
  const none = await exportsOf(
    api,
    '(func (export "none")) (func (export "two") (result i32 i64) (i32.const 1) (i64.const 2))',
  );
  t.is(await api.promising(none.none)(), undefined);
  t.deepEqual(await api.promising(none.two)(), [1, 2n]);
});

both('what a Suspending import returns is awaited as the language does', async (t, api) => {
  class Derived extends Promise<number> {}
  // biome-ignore lint/suspicious/noThenProperty: awaiting takes any thenable
  const thenable = { then: (resolve: (value: number) => void) => resolve(4) };
  for (const value of [4, Promise.resolve(4), Derived.resolve(4), thenable]) {
    const { run } = await exportsOf(
      api,
      calls,
      suspending(api, () => value),
    );
    t.is(await api.promising(run)(0), 2228);
  }
  let self: unknown = 'not called';
  const { run } = await exportsOf(
    api,
    calls,
    suspending(api, function (this: unknown) {
      self = this;
      return 1;
    }),
  );
  await api.promising(run)(0);
  t.is(self, undefined);
});

both('the guest waits for any value, and takes two turns; a plain import takes none', async (t, api) => {
  const order: string[] = [];
  const note = (name: string) => () => order.push(name);
  const waits = await exportsOf(
    api,
    calls,
    suspending(api, (x: number) => x),
  );
  const plain = await exportsOf(api, calls, { m: { f: (x: number) => x } });
  const all = [
    api.promising(waits.run)(1).then(note('waits')),
    api.promising(plain.run)(1).then(note('plain')),
    Promise.resolve().then(note('first')).then(note('second')).then(note('third')),
  ];
  await Promise.all(all);
  t.deepEqual(order, ['plain', 'first', 'waits', 'second', 'third']);
});

both('thousands of calls of one instance wait at once, and end in any order', async (t, api) => {
  const count = 2000;
  const waiting: (() => void)[] = [];
  const { run, plain, grow, size } = await exportsOf(
    api,
    calls,
    suspending(api, (x: number) => new Promise<number>((resolve) => waiting.push(() => resolve(x)))),
  );
  const promising = api.promising(run);
  const answers = Array.from({ length: count }, (_, i) => promising(i));
  t.is(waiting.length, count);
  t.is(plain(9), 81);
  t.is(grow(), 1);
  for (let i = 0; i < count; i++) waiting[(i * 701) % count]?.();
  t.is(await api.promising(size)(), 2);
  t.deepEqual(
    await Promise.all(answers),
    Array.from({ length: count }, (_, i) => 2 * (i + 1110)),
  );
});

both('deep calls wait, and the guest recurses meanwhile', async (t, api) => {
  const fields = `
    (import "m" "f" (func $f (param i32) (result i32)))
    (func $deep (export "deep") (param i32) (result i32)
      (if (result i32) (local.get 0)
        (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
        (else (call $f (i32.const 5)))))`;
  const resolves: ((value: number) => void)[] = [];
  const { deep } = await exportsOf(
    api,
    fields,
    suspending(api, () => new Promise((resolve) => resolves.push(resolve))),
  );
  const answers = [1000, 10, 500].map((depth) => api.promising(deep)(depth));
  for (const resolve of resolves) resolve(7);
  t.deepEqual(await Promise.all(answers), [1007, 17, 507]);
});

const catching = `
  (import "m" "tag" (tag $js (param externref)))
  (import "m" "f" (func $f (param i32) (result i32)))
  (func $between (param i32) (result i32) (i32.add (i32.const 1) (call $f (local.get 0))))
  (func (export "run") (param i32) (result i32) (call $between (local.get 0)))
  (func (export "all") (param i32) (result i32)
    (block $h (return (try_table (result i32) (catch_all $h) (call $between (local.get 0)))))
    (i32.const -7))
  (func (export "near") (param i32) (result i32)
    (block $h (return (try_table (result i32) (catch_all $h) (call $f (local.get 0)))))
    (i32.const -8))
  (func (export "value") (param i32) (result externref)
    (block $h (result externref)
      (drop (try_table (result i32) (catch $js $h) (call $between (local.get 0))))
      (ref.null extern)))
  (func (export "tail") (param i32) (result i32) (return_call $f (local.get 0)))`;
const thrower = (api: Api, f: Func) => ({ m: { f: new api.Suspending(f), tag: api.JSTag } });
const hasTag = (api: Api): boolean => api.promising !== undefined && api.JSTag !== undefined;

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => {
      throw new Error(`${value} and no rejection`);
    },
    (reason) => reason,
  );

whereHostCan(
  hasTag,
  'what is thrown and what rejects are exceptions in the guest, and the same outside',
  async (t, api) => {
    for (const thrown of [new Error('mine'), 5, undefined, { any: 'object' }])
      for (const f of [
        () => {
          throw thrown;
        },
        () => Promise.reject(thrown),
        async () => {
          await undefined;
          throw thrown;
        },
      ]) {
        const guest = await exportsOf(api, catching, thrower(api, f));
        t.is(await rejection(api.promising(guest.run)(1)), thrown);
        t.is(await rejection(api.promising(guest.tail)(1)), thrown);
        t.is(await api.promising(guest.all)(1), -7);
        t.is(await api.promising(guest.near)(1), -8);
        t.is(await api.promising(guest.value)(1), thrown);
      }
  },
);

whereHostCan(hasTag, 'a result that cannot be converted rejects when the guest would go on', async (t, api) => {
  const own = new Error('mine');
  const unwilling = {
    valueOf() {
      throw own;
    },
  };
  for (const [value, expected] of [
    [1n, TypeError],
    [Symbol('s'), TypeError],
    [unwilling, own],
  ] as const) {
    const guest = await exportsOf(
      api,
      catching,
      thrower(api, async () => value),
    );
    const reason = await rejection(api.promising(guest.run)(1));
    t.true(expected === own ? reason === own : reason instanceof TypeError);
    t.is(await api.promising(guest.all)(1), -7);
  }
});

both('several results come as an iterable of their number', async (t, api) => {
  const fields = `(import "m" "f" (func $f (param i32) (result i32 i64))) (func (export "run") (param i32) (result i32 i64) (call $f (local.get 0)))`;
  const from = async (value: unknown) =>
    api.promising(
      (
        await exportsOf(
          api,
          fields,
          suspending(api, async () => value),
        )
      ).run,
    )(1);
  t.deepEqual(await from(new Set([1, 2n])), [1, 2n]);
  await t.throwsAsync(from([1, 2n, 3]), { instanceOf: TypeError, message: 'multi-return length mismatch' });
  await t.throwsAsync(from(5), { instanceOf: TypeError });
});

both('a trap after the wait rejects, and cannot be caught', async (t, api) => {
  const fields = `
    (import "m" "f" (func $f (param i32) (result i32)))
    (func $trap (export "trap") (drop (call $f (i32.const 1))) unreachable)
    (func (export "all") (result i32)
      (block $h (try_table (catch_all $h) (call $trap)) (return (i32.const 0))) (i32.const 1))`;
  let f: () => unknown = () => 1;
  const guest = await exportsOf(
    api,
    fields,
    suspending(api, () => f()),
  );
  await t.throwsAsync(api.promising(guest.trap)(), { instanceOf: api.RuntimeError });
  const trap = await rejection(api.promising(guest.trap)());
  f = () => Promise.reject(trap);
  t.is(await rejection(api.promising(guest.all)()), trap);
});

both('where nobody can wait, a Suspending import throws SuspendError', async (t, api) => {
  const guest = await exportsOf(
    api,
    catching,
    thrower(api, async (x: number) => x),
  );
  t.throws(() => guest.run(1), { instanceOf: api.SuspendError, message: /without WebAssembly.promising/ });
  t.is(guest.all(1), -7);
  const { f } = await exportsOf(
    api,
    calls,
    suspending(api, async (x: number) => x),
  );
  t.throws(() => f(1), { instanceOf: api.SuspendError });
});

test('a Suspending import is not called where nobody can wait', async (t) => {
  const api = createWebAssembly();
  let called = 0;
  const { run } = await exportsOf(
    api,
    calls,
    suspending(api, () => ++called),
  );
  t.throws(() => run(1), { instanceOf: api.SuspendError });
  t.is(called, 0);
});

const across = `
  (import "m" "f" (func $f (param i32) (result i32)))
  (import "m" "g" (func $g (param i32) (result i32)))
  (func (export "outer") (param i32) (result i32) (i32.add (i32.const 100) (call $g (local.get 0))))
  (func (export "inner") (param i32) (result i32) (call $f (local.get 0)))`;

both('frames of JavaScript cannot be suspended, but may make promising calls of their own', async (t, api) => {
  const f = new api.Suspending(async (x: number) => 2 * x);
  let g: (x: number) => unknown = (x) => guest.inner(x);
  const guest = await exportsOf(api, across, { m: { f, g: (x: number) => g(x) } });
  const outer = api.promising(guest.outer);
  await t.throwsAsync(outer(1), { instanceOf: api.SuspendError, message: 'trying to suspend JS frames' });
  let inner: Promise<unknown> | undefined;
  g = (x) => {
    inner = api.promising(guest.inner)(x);
    return 3;
  };
  t.is(await outer(21), 103);
  t.is(await inner, 42);
  const nested = await exportsOf(api, across, {
    m: { f, g: new api.Suspending((x: number) => api.promising(guest.inner)(x)) },
  });
  t.is(await api.promising(nested.outer)(5), 110);
});

both('a start function cannot wait, unless it is the import', async (t, api) => {
  const module = async (fields: string) =>
    exportsOf(
      api,
      fields,
      suspending(api, () => void started++),
    );
  let started = 0;
  await module('(import "m" "f" (func $f)) (start $f)');
  t.is(started, 1);
  await t.throwsAsync(module('(import "m" "f" (func $f)) (func $s (call $f)) (start $s)'), {
    instanceOf: api.SuspendError,
  });
});

both('calls that cross instances, through imports and tables, wait', async (t, api) => {
  const inner = await exportsOf(
    api,
    calls,
    suspending(api, async (x: number) => x + 1),
  );
  const outer = await exportsOf(
    api,
    `(import "m" "f" (func $f (param i32) (result i32)))
     (type $t (func (param i32) (result i32)))
     (table (export "table") 2 funcref)
     (func (export "run") (param i32) (result i32) (i32.add (i32.const 1) (call $f (local.get 0))))
     (func (export "indirect") (param i32) (result i32) (call_indirect (type $t) (local.get 0) (i32.const 1)))`,
    { m: { f: inner.run } },
  );
  t.is(await api.promising(outer.run)(5), 2233);
  outer.table.set(1, inner.f);
  t.is(await api.promising(outer.indirect)(5), 6);
  // To the guest, a promising function is the plain one.
  outer.table.set(1, api.promising(inner.run));
  t.is(await api.promising(outer.indirect)(5), 2232);
  const imported = await exportsOf(api, calls, { m: { f: api.promising(inner.plain) } });
  t.is(imported.run(3), 2 * (1110 + 9));
});

both('a call may be made anew from what converts the answer', async (t, api) => {
  const answer = {
    valueOf(): number {
      return guest.plain(6);
    },
  };
  const guest = await exportsOf(
    api,
    calls,
    suspending(api, async () => answer),
  );
  t.is(await api.promising(guest.run)(0), 2 * (1110 + 36));
});

both('what is given is checked at once, and arguments are coerced at once', async (t, api) => {
  const guest = await exportsOf(
    api,
    calls,
    suspending(api, async (x: number) => x),
  );
  const run = api.promising(guest.run);
  t.throws(() => run(Symbol('s')), { instanceOf: TypeError });
  t.is(await run('5'), 2230);
  t.is(await api.promising(run as Func)(5), 2230);
  for (const wrong of [undefined, {}, () => 1, guest.run.bind(null), new Proxy(guest.run, {})])
    t.throws(() => api.promising(odd(wrong)), { instanceOf: TypeError });
  for (const wrong of [undefined, {}, guest.run, run])
    t.throws(() => new api.Suspending(odd(wrong)), { instanceOf: TypeError });
  t.throws(() => (api.Suspending as unknown as () => void)(), { instanceOf: TypeError });
  const v128 = await exportsOf(api, '(func (export "v") (param v128))');
  t.throws(() => api.promising(v128.v)(1), { instanceOf: TypeError });
});

both('names, lengths and properties are those of the host', async (t, api) => {
  const { run } = await exportsOf(
    api,
    calls,
    suspending(api, async (x: number) => x),
  );
  const made = api.promising(run);
  t.deepEqual([made.name, made.length, run.name], [run.name, 1, run.name]);
  t.false('prototype' in made);
  t.not(made, api.promising(run));
  const object = new api.Suspending(() => 1);
  t.deepEqual(Reflect.ownKeys(object), []);
  t.is(String(object), '[object WebAssembly.Suspending]');
  t.is(api.promising.length, 1);
  t.is(api.Suspending.length, 1);
  const { enumerable, writable, configurable } = Object.getOwnPropertyDescriptor(api, 'promising') ?? {};
  t.deepEqual([enumerable, writable, configurable], [true, true, true]);
  for (const name of ['Suspending', 'SuspendError'] as const) {
    const { enumerable, writable, configurable } = Object.getOwnPropertyDescriptor(api, name) ?? {};
    t.deepEqual([enumerable, writable, configurable], [false, true, true]);
  }
  t.is(String(new api.SuspendError('told')), 'SuspendError: told');
});

interpreted('what only a call that waits refers to is not collected', async (t, api) => {
  const fields = `
    (import "m" "f" (func $f (param i32) (result i32)))
    (type $s (struct (field i64 i32)))
    (func (export "hold") (param i32) (result i32) (local (ref null $s))
      (local.set 1 (struct.new $s (i64.const 1) (local.get 0)))
      (i32.add (call $f (i32.const 1)) (struct.get $s 1 (local.get 1))))
    (func (export "litter") (param i32)
      (loop (drop (struct.new_default $s))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))`;
  let resolve: (value: number) => void = () => undefined;
  const { hold, litter } = await exportsOf(
    api,
    fields,
    suspending(
      api,
      () =>
        new Promise<number>((r) => {
          resolve = r;
        }),
    ),
  );
  const held = api.promising(hold)(42);
  litter(200_000);
  resolve(100);
  t.is(await held, 142);
});

test.serial('a call that was interpreted when it came to wait goes on natively', async (t) => {
  const before = { ...heat };
  const api = createWebAssembly();
  let resolve: (value: number) => void = () => undefined;
  const guest = await exportsOf(
    api,
    calls,
    suspending(
      api,
      () =>
        new Promise<number>((r) => {
          resolve = r;
        }),
    ),
  );
  try {
    for (const end of ['fulfilled', 'rejected']) {
      Object.assign(heat, { least: Number.MAX_SAFE_INTEGER });
      const answer = api.promising(guest.run)(1);
      Object.assign(heat, { least: 0, perByte: 0, perKeptByte: 0 });
      t.is(guest.plain(3), 9);
      resolve(end === 'rejected' ? odd(1n) : 5);
      if (end === 'rejected') await t.throwsAsync(answer, { instanceOf: TypeError });
      else t.is(await answer, 2 * 1115);
    }
  } finally {
    Object.assign(heat, before);
  }
});

ours('values of JavaScript that only a call that waits refers to are not forgotten', async (t, api) => {
  const fields = `
    (import "m" "f" (func $f (param i32) (result i32)))
    (import "m" "see" (func $see (param externref)))
    (func (export "hold") (param externref) (result externref) (drop (call $f (i32.const 1))) (local.get 0))
    (func (export "show") (param externref) (call $see (local.get 0)))`;
  let resolve: (value: number) => void = () => undefined;
  const f = new api.Suspending(
    () =>
      new Promise<number>((r) => {
        resolve = r;
      }),
  );
  const { hold, show } = await exportsOf(api, fields, { m: { f, see() {} } });
  const object = { kept: true };
  const held = api.promising(hold)(object);
  for (let i = 0; i < 30_000; i++) show({ i });
  resolve(1);
  t.is(await held, object);
});
