// Host functions: what they get, what they give, and what happens when they misbehave.

import test from 'ava';
import {
  asyncHostFunction,
  ExhaustionError,
  HostError,
  hostFunction,
  type Imports,
  type Ref,
  Trap,
  type TypeName,
  UsageError,
  VM,
  type WasboxError,
} from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

async function vmOf(fields: string, env: Record<string, Imports[string][keyof Imports[string]]>) {
  const vm = new VM();
  return { vm, instance: vm.instantiate(await moduleOf(fields), { env } as Imports) };
}

const trapOf = (
  t: { fail: (message: string) => void },
  vm: VM,
): WasboxError & { frames?: readonly { name: string }[] } => {
  const outcome = vm.run();
  if (outcome.status !== 'trapped') t.fail(outcome.status);
  return (outcome as { trap: Trap | HostError }).trap;
};

test('arguments and results of all types', async (t) => {
  const seen: unknown[] = [];
  const types: TypeName[] = ['i32', 'i64', 'f32', 'f64', 'externref', 'funcref'];
  const echo = hostFunction(types, types, (...args) => {
    seen.push(...args.slice(0, 6));
    return args.slice(0, 6);
  });
  const list = types.join(' ');
  const { vm, instance } = await vmOf(
    `(import "env" "echo" (func $echo (param ${list}) (result ${list})))
     (func (export "f") (param ${list}) (result ${list}) ${types.map((_, i) => `(local.get ${i})`).join('')} (call $echo))`,
    { echo },
  );
  const args = [-1, -(2n ** 63n), 0.5, Math.PI, { x: 1 }, instance.func('f')];
  t.deepEqual(vm.invoke(instance.func('f'), args), args);
  t.deepEqual(seen, args);
});

test('no result: what is returned is not looked at', async (t) => {
  const seen: unknown[] = [];
  const { vm, instance } = await vmOf(
    '(import "env" "f" (func $f (param i32))) (func (export "g") (call $f (i32.const 4)))',
    {
      f: hostFunction(['i32'], [], (x) => seen.push(x)),
    },
  );
  t.deepEqual(vm.invoke(instance.func('g')), []);
  t.deepEqual(seen, [4]);
});

test('wrong results', async (t) => {
  const cases: [string, unknown, RegExp][] = [
    ['i32', 'x', /host function env\.f returned what it must not: .*i32/],
    ['i32', undefined, /i32/],
    ['i64', 1, /i64/],
    ['i32', [1], /i32/],
    ['i32 i32', 1, /2 results are given as an array/],
    ['i32 i32', [1], /2 values are expected/],
    ['funcref', {}, /funcref/],
    ['', Promise.resolve(), /asyncHostFunction/],
  ];
  for (const [types, value, message] of cases) {
    const { vm, instance } = await vmOf(
      `(import "env" "f" (func $f (result ${types}))) (func $g (export "g") (result ${types}) (call $f))`,
      { f: hostFunction([], types.split(' ').filter(Boolean) as TypeName[], () => value) },
    );
    const error = t.throws(() => vm.invoke(instance.func('g')), { instanceOf: HostError, message }, types);
    t.true(error?.cause instanceof UsageError);
    t.deepEqual(
      error?.frames.map(({ name }) => name),
      ['g'],
    );
    t.is(vm.status, 'idle');
  }
});

test('what a host function throws is the cause', async (t) => {
  const causes = [new Error('boom'), 'text', Object.create(null), Symbol('s'), undefined];
  let cause: unknown;
  const { vm, instance } = await vmOf(
    '(import "env" "f" (func $f)) (func $g (export "g") (call $f)) (func $h (export "h") (call $g))',
    {
      f: hostFunction([], [], () => {
        throw cause;
      }),
    },
  );
  for (cause of causes) {
    vm.start(instance.func('h'), []);
    const error = trapOf(t, vm);
    t.true(error instanceof HostError);
    t.is(error.cause, cause);
    t.regex(error.message, /^host function env\.f threw /);
    t.deepEqual(
      error.frames?.map(({ name }) => name),
      ['g', 'h'],
    );
    t.is(vm.store.hostDepth, 0);
  }
});

test('the context: the memory and exports of the caller', async (t) => {
  const texts: string[] = [];
  const fields = (text: string) =>
    `(import "env" "log" (func $log (param i32 i32)))
     (memory (export "mem") 1) (data (i32.const 8) "${text}")
     (func (export "run") (call $log (i32.const 8) (i32.const ${text.length})))
     (func (export "twice") (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))
     (func (export "grow") (drop (memory.grow (i32.const 1))))`;
  const log = hostFunction(['i32', 'i32'], [], (at, length, context) => {
    context.call('grow');
    const bytes = context.memory('mem');
    texts.push(new TextDecoder().decode(bytes.slice(at, at + length)));
    t.is(context.memory().length, bytes.length);
    t.is(bytes.length, 2 * 65536);
    t.deepEqual(context.call('twice', 21), [42]);
    t.throws(() => context.memory('nix'), { message: 'unknown export "nix"' });
    t.throws(() => context.call('mem'), { instanceOf: UsageError });
  });
  const vm = new VM();
  const [a, b] = [
    vm.instantiate(await moduleOf(fields('first')), { env: { log } }),
    vm.instantiate(await moduleOf(fields('the second')), { env: { log } }),
  ];
  vm.invoke(a.func('run'));
  vm.invoke(b.func('run'));
  t.deepEqual(texts, ['first', 'the second']);
});

test('a host function that was not called by a module has no caller', async (t) => {
  const { vm, instance } = await vmOf('(import "env" "f" (func $f (result i32))) (export "f" (func $f)) (memory 1)', {
    f: hostFunction([], ['i32'], (context) => context.memory().length),
  });
  t.throws(() => vm.invoke(instance.func('f')), { instanceOf: HostError, message: /not called by a module/ });
});

test('host functions can be called and started like any other', async (t) => {
  const { vm, instance } = await vmOf(
    `(import "env" "add" (func $add (param i32 i32) (result i32))) (import "env" "late" (func $late (param i32) (result i32)))
     (export "add" (func $add)) (export "late" (func $late))`,
    {
      add: hostFunction(['i32', 'i32'], ['i32'], (a, b) => a + b),
      late: asyncHostFunction(['i32'], ['i32'], async (a) => -a),
    },
  );
  t.deepEqual(vm.invoke(instance.func('add'), [1, 2]), [3]);
  vm.start(instance.func('add'), [3, 4]);
  t.is(vm.status, 'suspended');
  t.throws(() => vm.save(), { instanceOf: UsageError });
  const added = vm.run();
  t.deepEqual(added.status === 'returned' && added.values, [7]);
  t.throws(() => vm.invoke(instance.func('late'), [1]), { instanceOf: UsageError, message: /runAsync/ });
  vm.start(instance.func('late'), [5]);
  t.deepEqual(vm.run(), {
    status: 'suspended',
    reason: { kind: 'host', id: 1, module: 'env', name: 'late', args: [5] },
  });
  t.is(vm.status, 'waiting');
  vm.deliver(1, [6]);
  t.is(vm.status, 'suspended');
  const late = vm.run();
  t.deepEqual(late.status === 'returned' && late.values, [6]);
  vm.start(instance.func('late'), [5]);
  const awaited = await vm.runAsync();
  t.deepEqual(awaited.status === 'returned' && awaited.values, [-5]);
  t.is(vm.status, 'idle');
});

const waiting = `
  (import "env" "ask" (func $ask (param i32) (result i64)))
  (func $g (export "g") (param i32) (result i64) (i64.add (i64.const 100) (call $ask (i32.add (local.get 0) (i32.const 1)))))
  (func (export "id") (param i32) (result i32) (local.get 0))`;
const never = asyncHostFunction(['i32'], ['i64'], () => new Promise<bigint>(() => undefined));

test('an async host function suspends; deliver goes on', async (t) => {
  const { vm, instance } = await vmOf(waiting, { ask: never });
  vm.start(instance.func('g'), [1]);
  const outcome = vm.run();
  const reason = { kind: 'host', id: 1, module: 'env', name: 'ask', args: [2] };
  t.deepEqual(outcome, { status: 'suspended', reason });
  t.deepEqual(vm.run(), { status: 'suspended', reason });
  t.is(vm.status, 'waiting');
  t.deepEqual(
    vm.frames().map(({ name, operands }) => [name, operands.map(({ value }) => value)]),
    [['g', [100n]]],
  );
  t.throws(() => vm.deliver(2, [1n]), { instanceOf: UsageError, message: /host call 2 is not pending, 1 is/ });
  t.throws(() => vm.deliver(1, [1]), { instanceOf: UsageError });
  t.throws(() => vm.deliver(1, []), { instanceOf: UsageError });
  t.deepEqual(vm.invoke(instance.func('id'), [8]), [8]);
  vm.deliver(1, [-1n]);
  t.throws(() => vm.deliver(1, [1n]), { instanceOf: UsageError, message: /no host call is pending/ });
  const end = vm.run();
  t.deepEqual(end.status === 'returned' && end.values, [99n]);
  vm.start(instance.func('g'), [1]);
  const next = vm.run();
  t.is(next.status === 'suspended' && next.reason.kind === 'host' && next.reason.id, 2);
});

test('a pending call that fails', async (t) => {
  const { vm, instance } = await vmOf(waiting, { ask: never });
  vm.start(instance.func('g'), [1]);
  vm.run();
  const cause = new Error('no answer');
  t.throws(() => vm.fail(9, cause), { instanceOf: UsageError });
  vm.fail(1, cause);
  t.is(vm.status, 'suspended');
  t.throws(() => vm.save(), { instanceOf: UsageError });
  const error = trapOf(t, vm);
  t.true(error instanceof HostError);
  t.is(error.cause, cause);
  t.deepEqual(
    error.frames?.map(({ name }) => name),
    ['g'],
  );
  t.is(vm.status, 'idle');
});

test('invoke cannot wait, and says what can', async (t) => {
  const { vm, instance } = await vmOf(waiting, { ask: never });
  t.throws(() => vm.invoke(instance.func('g'), [1]), { instanceOf: UsageError, message: /env\.ask .*runAsync/ });
  t.is(vm.status, 'idle');
  t.is(vm.store.pending, null);
});

test('runAsync awaits answers, one after the other', async (t) => {
  const fields = `(import "env" "ask" (func $ask (param i32) (result i32)))
    (func (export "sum") (param $n i32) (result i32) (local $s i32)
      (loop $l
        (local.set $s (i32.add (local.get $s) (call $ask (local.get $n))))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $s))`;
  const square = asyncHostFunction(['i32'], ['i32'], async (x) => x ** 2);
  const { vm, instance } = await vmOf(fields, { ask: square });
  vm.start(instance.func('sum'), [4]);
  const outcome = await vm.runAsync();
  t.deepEqual(outcome.status === 'returned' && outcome.values, [30]);
  const used = vm.fuelUsed;
  vm.start(instance.func('sum'), [4]);
  const short = await vm.runAsync({ fuel: used - 1 });
  t.deepEqual(short, { status: 'suspended', reason: { kind: 'fuel' } });
  t.is((await vm.runAsync({ fuel: 1 })).status, 'returned');
  vm.start(instance.func('sum'), [4]);
  t.is((await vm.runAsync({ fuel: used })).status, 'returned');
  t.is(vm.fuelUsed, 3 * used);
  await t.throwsAsync(vm.runAsync(), { instanceOf: UsageError });
  await t.throwsAsync(vm.runAsync({ steps: 1 } as object), { instanceOf: UsageError });
});

test('an async host function that rejects, throws or gives the wrong thing', async (t) => {
  let body: () => unknown = () => 0;
  const { vm, instance } = await vmOf(waiting, { ask: asyncHostFunction(['i32'], ['i64'], () => body() as bigint) });
  const cause = new Error('away');
  const bodies: [() => unknown, (error: HostError) => void][] = [
    [async () => Promise.reject(cause), (error) => t.is(error.cause, cause)],
    [
      () => {
        throw cause;
      },
      (error) => t.is(error.cause, cause),
    ],
    [async () => 5, (error) => t.regex(error.message, /i64/)],
  ];
  for (const [next, check] of bodies) {
    body = next;
    vm.start(instance.func('g'), [1]);
    const outcome = await vm.runAsync();
    if (outcome.status !== 'trapped') return t.fail();
    t.true(outcome.trap instanceof HostError);
    check(outcome.trap as HostError);
    t.is(vm.status, 'idle');
  }
});

test('an async host function may call the guest while it is awaited', async (t) => {
  const { vm, instance } = await vmOf(waiting, {
    ask: asyncHostFunction(['i32'], ['i64'], async (x, context) => {
      await Promise.resolve();
      return BigInt(context.call('id', x)[0] as number);
    }),
  });
  vm.start(instance.func('g'), [41]);
  const outcome = await vm.runAsync();
  t.deepEqual(outcome.status === 'returned' && outcome.values, [142n]);
});

const mutual = `
  (import "env" "down" (func $down (param i32) (result i32)))
  (func $rec (export "rec") (param i32) (result i32) (local i32)
    (local.set 1 (i32.const 1000))
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func $boom (export "boom") (result i32) (unreachable))
  (func (export "calls") (result i32) (call $down (i32.const 0)))`;

test('guest and host may call each other, some levels deep', async (t) => {
  const down = hostFunction(['i32'], ['i32'], (x, context) => {
    t.is(vm.status, 'running');
    return context.call('rec', x)[0] as number;
  });
  const { vm, instance } = await vmOf(mutual, { down });
  t.deepEqual(vm.invoke(instance.func('rec'), [50]), [50]);
  vm.start(instance.func('rec'), [50]);
  const outcome = vm.run();
  t.deepEqual(outcome.status === 'returned' && outcome.values, [50]);
  let error: unknown = t.throws(() => vm.invoke(instance.func('rec'), [5000]), { instanceOf: HostError });
  while (error instanceof HostError) error = error.cause;
  t.true(error instanceof ExhaustionError);
  t.is(vm.store.hostDepth, 0);
  t.is(vm.status, 'idle');
});

test('a trap below a host function', async (t) => {
  let caught: unknown;
  const down = hostFunction(['i32'], ['i32'], (x, context) => {
    try {
      return context.call('boom')[0] as number;
    } catch (error) {
      caught = error;
      if (x === 0) return -1;
      throw error;
    }
  });
  const { vm, instance } = await vmOf(mutual, { down });
  t.deepEqual(vm.invoke(instance.func('calls')), [-1]);
  t.true(caught instanceof Trap);
  t.deepEqual(
    (caught as Trap).frames.map(({ name }) => name),
    ['boom'],
  );
  const error = t.throws(() => vm.invoke(instance.func('rec'), [5]), { instanceOf: HostError });
  t.is(error?.cause, caught);
  t.deepEqual(
    error?.frames.map(({ name }) => name),
    ['rec'],
  );
});

test('what a host function must not ask of its VM', async (t) => {
  const refused: string[] = [];
  const attempt = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      refused.push((error as WasboxError).code);
    }
  };
  const down = hostFunction(['i32'], ['i32'], () => {
    attempt(() => vm.run());
    attempt(() => vm.save());
    attempt(() => vm.fork());
    attempt(() => vm.send());
    attempt(() => vm.frames());
    attempt(() => vm.dispose());
    attempt(() => vm.start(instance.func('boom')));
    return 3;
  });
  const { vm, instance } = await vmOf(mutual, { down });
  t.deepEqual(vm.invoke(instance.func('calls')), [3]);
  t.deepEqual(refused, Array(7).fill('usage'));
});

test('an async host function below a sync one cannot wait', async (t) => {
  const { vm, instance } = await vmOf(
    `(import "env" "sync" (func $sync)) (import "env" "late" (func $late))
     (func $outer (export "outer") (call $sync)) (func (export "inner") (call $late))`,
    {
      sync: hostFunction([], [], (context) => {
        context.call('inner');
      }),
      late: asyncHostFunction([], [], async () => undefined),
    },
  );
  vm.start(instance.func('outer'), []);
  const error = trapOf(t, vm);
  t.true(error instanceof HostError);
  t.true(error.cause instanceof UsageError);
  t.is(vm.store.pending, null);
});

test('a start function that is a host function, or calls one', async (t) => {
  const log: number[] = [];
  const f = hostFunction([], [], () => log.push(log.length));
  const module = await moduleOf('(import "env" "f" (func $f)) (start $f)');
  const vm = new VM();
  vm.instantiate(module, { env: { f } });
  t.deepEqual(log, [0]);
  vm.instantiate(module, { env: { f } }, { start: 'defer' });
  t.deepEqual(log, [0]);
  t.is(vm.run().status, 'returned');
  t.deepEqual(log, [0, 1]);
  const late = { env: { f: asyncHostFunction([], [], async () => void log.push(9)) } };
  const calls = await moduleOf('(import "env" "f" (func $f)) (func $s (call $f)) (start $s)');
  t.throws(() => vm.instantiate(calls, late), { instanceOf: UsageError });
  vm.instantiate(calls, late, { start: 'defer' });
  t.is((await vm.runAsync()).status, 'returned');
  t.deepEqual(log, [0, 1, 9]);
});

test('references that a host function keeps', async (t) => {
  let kept: unknown;
  const { vm, instance } = await vmOf(
    `(import "env" "keep" (func $keep (param funcref))) (func $nine (export "nine") (result i32) (i32.const 9))
     (elem declare func $nine) (func (export "f") (call $keep (ref.func $nine)))`,
    {
      keep: hostFunction(['funcref'], [], (ref) => {
        kept = ref;
      }),
    },
  );
  vm.invoke(instance.func('f'));
  t.is(kept, instance.func('nine'));
  t.deepEqual(vm.invoke(kept as Ref), [9]);
});

test('a host function called last', async (t) => {
  const { vm, instance } = await vmOf(
    `(import "env" "add" (func $add (param i32) (result i32))) (import "env" "late" (func $late (param i32) (result i32)))
     (memory 1) (func $add2 (export "add") (param i32) (result i32) (local f64) (return_call $add (local.get 0)))
     (func $late2 (export "late") (param i32) (result i32) (return_call $late (local.get 0)))
     (func (export "both") (param i32) (result i32) (i32.add (call $add2 (local.get 0)) (call $late2 (local.get 0))))`,
    {
      add: hostFunction(['i32'], ['i32'], (x, context) => x + context.memory().length),
      late: asyncHostFunction(['i32'], ['i32'], async (x) => -x),
    },
  );
  t.deepEqual(vm.invoke(instance.func('add'), [1]), [65537]);
  vm.start(instance.func('late'), [2]);
  const late = await vm.runAsync();
  t.deepEqual(late.status === 'returned' && late.values, [-2]);
  vm.start(instance.func('both'), [3]);
  const both = await vm.runAsync();
  t.deepEqual(both.status === 'returned' && both.values, [65536]);
});
