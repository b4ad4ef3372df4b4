// Calls from one member to another: what crosses, who waits, and what goes wrong.

import test from 'ava';
import { HostError, hostFunction, LinkError, type Module, UsageError } from '../../src/index.ts';
import { callsTo, DeadlockError, Group, PeerError } from '../../src/talk/index.ts';
import { moduleOf } from '../wat.ts';
import { bytesOf, codes, talking } from './guests.ts';
import { tellsBothStacks } from './stacks.ts';
import { everyWay } from './ways.ts';

const types = 'i32 i64 f32 f64 v128';
const echo = await moduleOf(`(func (export "all") (param ${types}) (result ${types})
    (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4))
  (func (export "none")) (func (export "one") (param f32) (result f32) (f32.neg (local.get 0)))`);
const asksAll = await moduleOf(`(import "echo" "all" (func $all (param ${types}) (result ${types})))
  (import "echo" "none" (func $none)) (import "echo" "one" (func $one (param f32) (result f32)))
  (func (export "main") (param ${types}) (result ${types} f32)
    (call $none)
    (call $all (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4))
    (call $one (local.get 2)))`);
const v128 = Uint8Array.from({ length: 16 }, (_, i) => 255 - i);
const rows: (readonly [number, bigint, number, number, Uint8Array])[] = [
  [-1, -(2n ** 63n), -0, -0, v128],
  [2 ** 31 - 1, 2n ** 63n - 1n, Number.NaN, Number.NaN, new Uint8Array(16)],
  [-(2 ** 31), -1n, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, v128],
  [0, 0n, 1.5, 5e-324, v128],
];

everyWay(
  'numbers of all types cross, there and back',
  async (t, world) => {
    world.add('echo', echo, [], { export: undefined });
    rows.forEach((args, i) => {
      world.add(`user ${i}`, asksAll, [], { args });
    });
    const ended = await world.ended();
    rows.forEach((args, i) => {
      t.deepEqual(ended[`user ${i}`], [...args, -args[2]], `${i}`);
    });
    t.is(world.group.member('echo').status, 'idle');
  },
  { imports: (name) => (name === 'echo' ? {} : { echo: callsTo('echo', echo) }) },
);

/** Tells its callers how many came before; its program waits first. */
const counter = await moduleOf(`${talking} (memory 1) (global $count (mut i32) (i32.const 0))
  (func (export "main") (drop (call $receive (i32.const 0) (i32.const 0) (i32.const 1))))
  (func (export "next") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))`);
const asksNext = await moduleOf(`${talking} (import "counter" "next" (func $next (result i32))) (memory 1)
  (func (export "main") (result i32)
    (drop (call $receive (i32.const 0) (i32.const 0) (i32.const 1))) (call $next))`);

everyWay(
  'calls of a member that is busy wait, in the order in which they were made',
  async (t, world) => {
    world.ports('go', 'a', 'b', 'c');
    world.add('counter', counter, ['< go']);
    for (const name of ['a', 'b', 'c']) world.add(name, asksNext, [`< ${name}`]);
    for (const name of ['c', 'a', 'b']) {
      world.send(name, '!');
      await world.settle();
    }
    t.deepEqual(
      world.group.members.map(({ status }) => status),
      ['waiting', 'waiting', 'waiting', 'waiting'],
    );
    world.send('go', '!');
    t.deepEqual(await world.ended(), { counter: [], c: [1], a: [2], b: [3] });
  },
  { imports: (name) => (name === 'counter' ? {} : { counter: callsTo('counter', counter) }) },
);

/** Sends what it is given, and returns what it is answered. */
const relay = await moduleOf(`${talking} (memory 1) (func (export "relay") (param i32) (result i32)
  (i32.store8 (i32.const 0) (local.get 0))
  (drop (call $send (i32.const 1) (i32.const 0) (i32.const 1)))
  (drop (call $receive (i32.const 0) (i32.const 0) (i32.const 1)))
  (i32.load8_u (i32.const 0)))`);
const asksRelay = await moduleOf(`(import "relay" "relay" (func $relay (param i32) (result i32)))
  (func (export "main") (param i32) (result i32 i32)
    (call $relay (local.get 0)) (call $relay (i32.add (local.get 0) (i32.const 1))))`);

everyWay(
  'a member that serves a call talks with others meanwhile',
  async (t, world) => {
    world.ports('there', 'back');
    world.add('relay', relay, ['< back', '> there'], { export: undefined });
    world.add('a', asksRelay, [], { args: [65] });
    world.add('b', asksRelay, [], { args: [70] });
    const asked: string[] = [];
    while (asked.length < 4) {
      await world.settle();
      const [text = ''] = await world.taken('there');
      asked.push(text);
      world.send('back', text.toLowerCase());
    }
    t.deepEqual([...asked].sort(), ['A', 'B', 'F', 'G']);
    t.deepEqual(await world.ended(), { a: [97, 98], b: [102, 103] });
  },
  { imports: (name) => (name === 'relay' ? {} : { relay: callsTo('relay', relay) }) },
);

/** Adds 1, and asks the next. */
const step = await moduleOf(`(import "next" "sum" (func $next (param i32) (result i32)))
  (func (export "sum") (param i32) (result i32) (call $next (i32.add (local.get 0) (i32.const 1))))`);
const last = await moduleOf(`(func (export "sum") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 10)))`);
const depth = 30;

everyWay(
  'calls within calls, deeper than any are begun at once',
  async (t, world) => {
    world.add(`${depth}`, last, [], { export: undefined });
    for (let i = depth - 1; i > 0; i--) world.add(`${i}`, step, [], { export: undefined });
    world.add('0', step, [], { export: 'sum', args: [0] });
    t.deepEqual(await world.ended(), { '0': [depth * 10] });
  },
  {
    imports: (name) => {
      const next = Number(name) + 1;
      return next > depth ? {} : { next: callsTo(`${next}`, next === depth ? last : step) };
    },
  },
);

const rings: Record<string, readonly string[]> = {
  itself: ['a'],
  'one other': ['a', 'b'],
  'many others': [...'abcdefghijklm'],
};
for (const [title, names] of Object.entries(rings))
  everyWay(
    `a ring of calls through ${title} is an error that names it`,
    async (t, world) => {
      for (const name of names.slice(1)) world.add(name, step, [], { export: undefined });
      world.add('a', step, [], { export: 'sum', args: [0] });
      const { a: error } = await world.ended();
      t.true(error instanceof Error);
      if (world.isHopping) return;
      let cause = error as Error;
      while (cause.cause instanceof Error) cause = cause.cause;
      t.true(cause instanceof DeadlockError, cause.stack);
      const { members, message } = cause as DeadlockError;
      t.deepEqual([...members].sort(), [...names].sort());
      const at = members.indexOf('a');
      t.deepEqual([...members.slice(at), ...members.slice(0, at)], names);
      t.is(message.match(/ calls "/g)?.length, names.length);
    },
    {
      imports: (name) => ({
        next: callsTo(names[(names.indexOf(name) + 1) % names.length] as string, step),
      }),
    },
  );

const failing = await moduleOf(`${talking} (memory 1)
  (func $deep (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
  (func (export "divide") (param i32) (result i32) (call $deep (local.get 0)))`);
const asksFailing = (params: string) =>
  moduleOf(`(import "failing" "divide" (func $divide ${params})) (func $outer (call $divide (i32.const 0)) (drop))
    (func (export "main") (call $outer)) (func (export "fine") (result i32) (call $divide (i32.const 1)))`);
const asksToFail = await asksFailing('(param i32) (result i32)');

test('what a call fails with tells both stacks, and its callee can be called again', async (t) => {
  const group = new Group();
  group.add('failing', { module: failing });
  const imports = { failing: callsTo('failing', failing) };
  const asks = group.add('asks', { module: asksToFail, export: 'main', imports });
  const fine = group.add('fine', { module: asksToFail, export: 'fine', imports });
  t.is((await group.run()).status, 'ended');
  await tellsBothStacks(t, asks.result);
  t.deepEqual(await fine.result, [1]);
  t.is(group.member('failing').status, 'idle');
});

/** How a call comes out of which the group has been made like this. */
async function failureOf(make: (group: Group) => void, run?: (group: Group) => void): Promise<PeerError> {
  const group = new Group();
  make(group);
  const imports = { failing: callsTo('failing', failing) };
  const { result } = group.add('asks', { module: asksToFail, export: 'fine', imports });
  const running = group.run();
  run?.(group);
  await running;
  const error: HostError = await result.then(
    () => Promise.reject(new Error('it did not fail')),
    (thrown) => thrown,
  );
  return error.cause as PeerError;
}

test('who cannot be called', async (t) => {
  const nobody = await failureOf(() => {});
  t.true(nobody instanceof PeerError && nobody.member === 'failing' && /no such member/.test(nobody.message));
  const other = await failureOf((group) => group.add('failing', { module: last }));
  t.regex(other.message, /of another module/);
  const cancelled = await failureOf((group) => {
    group.add('failing', { module: failing });
    group.cancel('failing');
  });
  t.regex(cancelled.message, /has failed/);
  const traps = await moduleOf('(func (export "divide") (param i32) (result i32) (unreachable))');
  const group = new Group();
  group.add('failing', { module: traps, export: 'divide', args: [0] });
  await group.run();
  const imports = { failing: callsTo('failing', traps) };
  const { result } = group.add('asks', { module: asksToFail, export: 'fine', imports });
  await group.run();
  await t.throwsAsync(result, { message: /has failed/ });
});

everyWay(
  'who calls a member that is cancelled fails',
  async (t, world) => {
    world.ports('there', 'back');
    world.add('relay', relay, ['< back', '> there'], { export: undefined });
    world.add('a', asksRelay, [], { args: [65] });
    world.add('b', asksRelay, [], { args: [70] });
    await world.settle();
    world.group.cancel('relay', 'not needed');
    const { a, b } = await world.ended();
    for (const error of [a, b]) {
      t.true(error instanceof HostError);
      t.true((error as Error).cause instanceof PeerError);
      t.is(((error as Error).cause as Error).message, '"relay" of "relay" failed');
    }
  },
  { imports: (name) => (name === 'relay' ? {} : { relay: callsTo('relay', relay) }) },
);

everyWay(
  'where the caller is cancelled, a call that is under way goes on, and one that waits is dropped',
  async (t, world) => {
    world.ports('there', 'back');
    world.add('relay', relay, ['< back', '> there'], { export: undefined });
    world.add('a', asksRelay, [], { args: [65] });
    await world.settle();
    world.add('b', asksRelay, [], { args: [70] });
    world.add('c', asksRelay, [], { args: [75] });
    await world.settle();
    world.group.cancel('a');
    world.group.cancel('b');
    const asked: string[] = [];
    for (let i = 0; i < 3; i++) {
      await world.settle();
      asked.push(...(await world.taken('there')));
      world.send('back', 'x');
    }
    t.deepEqual(asked, ['A', 'K', 'L']);
    t.deepEqual((await world.ended()).c, [120, 120]);
  },
  { imports: (name) => (name === 'relay' ? {} : { relay: callsTo('relay', relay) }) },
);

test('what is called and does not fit is a matter of linking', async (t) => {
  const group = new Group();
  const refs = await moduleOf(
    '(func (export "take") (param externref)) (func (export "give") (result funcref) (ref.null func)) (func (export "fine"))',
  );
  group.add('refs', { module: refs });
  const uses = (fields: string) => moduleOf(`(import "refs" ${fields}) (func (export "main"))`);
  const imports = { refs: callsTo('refs', refs) };
  const add = (module: Module) => () => group.add('uses', { module, export: 'main', imports });
  const link = { instanceOf: LinkError };
  t.throws(add(await uses('"take" (func (param externref))')), { ...link, message: /"take" of "refs" .* references/ });
  t.throws(add(await uses('"give" (func (result funcref))')), link);
  t.throws(add(await uses('"fine" (func (param i32))')), link);
  t.throws(add(await uses('"none" (func)')), link);
  t.notThrows(add(await uses('"fine" (func)')));
  for (const args of [[1, refs], ['refs', {}], ['refs']])
    t.throws(() => callsTo(...(args as [string, Module])), { instanceOf: UsageError });
});

test('a start function calls who is free, and cannot wait for who is not', async (t) => {
  const group = new Group();
  const { sender, receiver } = group.port();
  group.add('counter', { module: counter, export: 'main', ports: { p: receiver } });
  const starts = await moduleOf(`(import "counter" "next" (func $next (result i32))) (global $g (mut i32) (i32.const 0))
    (func $s (global.set $g (call $next))) (start $s) (func (export "main") (result i32) (global.get $g))`);
  const options = { module: starts, export: 'main', imports: { counter: callsTo('counter', counter) } };
  t.throws(() => group.add('starts', options), { instanceOf: UsageError, message: /cannot wait/ });
  const copy = Group.restore(group.save().encode(), { modules: [counter] });
  t.deepEqual(copy.save().encode(), group.save().encode());
  sender.trySend(bytesOf('!'));
  await group.run();
  group.add('starts', options);
  await group.run();
  t.deepEqual(await group.member('starts').result, [1], 'the call that could not wait was not made');
});

test('a call that cannot wait is not under way afterwards', async (t) => {
  const group = new Group();
  const { receiver } = group.port();
  group.add('counter', { module: counter, export: 'main', ports: { p: receiver } });
  group.add('last', { module: last });
  const module = await moduleOf(`(import "counter" "next" (func $next (result i32))) (import "env" "back" (func $back))
    (import "last" "sum" (func $sum (param i32) (result i32)))
    (func (export "inner") (drop (call $next)))
    (func (export "main") (result i32) (call $back) (call $sum (i32.const 5)))`);
  const thrown: unknown[] = [];
  const back = hostFunction([], [], (context) => {
    try {
      context.call('inner');
    } catch (error) {
      thrown.push(error);
    }
  });
  const imports = { counter: callsTo('counter', counter), last: callsTo('last', last), env: { back } };
  const { result } = group.add('a', { module, export: 'main', imports });
  const running = group.run({ timeout: 50 });
  t.deepEqual(await result, [50]);
  t.true(thrown[0] instanceof UsageError);
  await running;
});

test('a turn has an end, however many calls are made within it', async (t) => {
  const group = new Group();
  const calls = await moduleOf(`(import "next" "sum" (func $next (param i32) (result i32)))
    (func (export "sum") (param i32) (result i32) (local $left i32) (local.set $left (i32.const 100))
      (loop $more (drop (call $next (i32.const 0)))
        (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (i32.const 0))`);
  group.add('5', { module: last });
  for (const i of [4, 3, 2, 1, 0]) {
    const next = callsTo(`${i + 1}`, i === 4 ? last : calls);
    group.add(`${i}`, { module: calls, imports: { next }, ...(i === 0 ? { export: 'sum', args: [0] } : {}) });
  }
  // All of it would be ten thousand million calls.
  const control = new AbortController();
  setTimeout(() => control.abort(), 20);
  t.is((await group.run({ signal: control.signal })).status, 'suspended');
  t.is((await group.run({ timeout: 20 })).status, 'suspended');
  t.true(group.member('5').fuelUsed > 0);
});

/** Makes a port when it is called, and sends to it. */
const keeps = await moduleOf(`${talking} (memory 1) (func (export "main"))
  (func (export "open") (result i32) (call $make (i32.const 4) (i32.const 9) (i32.const 0)))
  (func (export "put") (result i32) (call $try_send (i32.load (i32.const 4)) (i32.const 0) (i32.const 1)))`);

everyWay(
  'a member that has ended its program serves calls, and keeps what it gets by them',
  async (t, world) => {
    world.ports('go');
    world.add('keeps', keeps);
    const user = await moduleOf(`${talking} (import "keeps" "open" (func $open (result i32)))
      (import "keeps" "put" (func $put (result i32))) (memory 1)
      (func (export "main") (result i32 i32 i32) (call $open) (call $put)
        (drop (call $receive (i32.const 0) (i32.const 0) (i32.const 1))) (call $put))`);
    world.add('user', user, ['< go']);
    await world.settle();
    t.is(world.group.member('keeps').status, 'returned');
    world.send('go', '!');
    const { done } = codes;
    t.deepEqual(await world.ended(), { keeps: [], user: [done, done, done] });
  },
  { imports: (name) => (name === 'user' ? { keeps: callsTo('keeps', keeps) } : {}) },
);
