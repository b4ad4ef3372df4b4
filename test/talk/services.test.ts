// What members wait for besides each other: services of the host, the time, cells of their memory, their own input.

import test from 'ava';
import { asyncHostFunction, notYet, retryHostFunction } from '../../src/index.ts';
import { DeadlockError, Group } from '../../src/talk/index.ts';
import { wasi } from '../../src/wasi/index.ts';
import { program, text } from '../wasi/run.ts';
import { moduleOf } from '../wat.ts';
import { bytesOf, codes, script, talking } from './guests.ts';
import { everyWay } from './ways.ts';

const { done, closed } = codes;
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks a service for each byte that it receives, and sends the answer on, until nobody sends any more. */
const asks =
  await moduleOf(`${talking} (import "env" "ask" (func $ask (param i32) (result i32))) (memory (export "memory") 1)
  (func (export "main") (result i32) (local $count i32)
    (loop $more
      (if (i32.lt_s (call $receive (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 0)) (then (return (local.get $count))))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (i32.store8 (i32.const 8) (call $ask (i32.load8_u (i32.const 0))))
      (drop (call $send (i32.const 1) (i32.const 8) (i32.const 1)))
      (br $more))
    (unreachable))`);
const upper = (letter: number) => letter - 32;

everyWay(
  'a member asks a service, and others talk meanwhile',
  async (t, world) => {
    world.ports('in', 'between', 'out', 'p', 'q');
    world.add('one', asks, ['< in', '> between']);
    world.add('two', asks, ['< between', '> out']);
    world.add('three', await script(['send 1 0 1', 'receive 0 0 9', 'send 1 0 1', 'receive 0 0 9']), ['< p', '> q']);
    world.add('four', await script(['receive 0 0 9', 'send 1 0 1', 'receive 0 0 9', 'send 1 0 1']), ['< q', '> p']);
    world.send('in', 'a', 'b', 'c', 'd');
    world.sender('in').close();
    const others = { three: [done, 1, done, 1], four: [1, done, 1, done] };
    t.deepEqual(await world.ended(), { one: [4], two: [4], ...others });
    t.deepEqual(await world.taken('out'), ['a', 'b', 'c', 'd']);
  },
  {
    imports: (name) => ({
      env: { ask: asyncHostFunction(['i32'], ['i32'], (n) => later(2).then(() => n + (name === 'one' ? -32 : 32))) },
    }),
  },
);

test('others go on while a service is asked, and what it answers is taken while all wait', async (t) => {
  const group = new Group();
  const [into, out] = [group.port(), group.port()];
  let answer = (_: number) => {};
  const ask = asyncHostFunction(['i32'], ['i32'], () => new Promise<number>((resolve) => (answer = resolve)));
  const ports = { in: into.receiver, out: out.sender };
  group.add('asks', { module: asks, export: 'main', ports, imports: { env: { ask } } });
  into.sender.trySend(bytesOf('a'));
  const running = group.run();
  await later(5);
  const other = group.add('other', {
    module: await script(['make 1 1 0', 'send 1 0 1', 'receive 0 0 1']),
    export: 'main',
  });
  t.deepEqual(await other.result, [done, done, 1]);
  t.is(group.member('asks').status, 'waiting');
  answer(upper(97));
  t.deepEqual((await out.receiver.receive())?.bytes, bytesOf('A'));
  into.sender.close();
  t.is((await running).status, 'ended');
});

everyWay(
  'a service that fails is a trap of the member that asked',
  async (t, world) => {
    world.ports('in', 'out');
    world.add('asks', asks, ['< in', '> out']);
    world.add('peer', await script(['send 1 0 1', 'receive 0 0 1']), ['< out', '> in']);
    const { asks: error, peer } = await world.ended();
    t.deepEqual(peer, [done, closed]);
    t.regex((error as Error).message, /env.ask threw Error: not today/);
  },
  { imports: () => ({ env: { ask: asyncHostFunction(['i32'], ['i32'], () => later(2).then(() => fail())) } }) },
);
const fail = (): never => {
  throw new Error('not today');
};

test('a service that fails while its group is saved', async (t) => {
  const group = new Group();
  let failed = (_: Error) => {};
  const ask = asyncHostFunction(['i32'], ['i32'], () => new Promise<number>((_, reject) => (failed = reject)));
  const { sender, receiver } = group.port();
  const options = { module: asks, export: 'main', ports: { in: receiver }, imports: { env: { ask } } };
  group.add('asks', options);
  sender.trySend(bytesOf('a'));
  const running = group.run();
  await later(5);
  failed(new Error('not today'));
  // Between the failure and the member's turn there are a few moments.
  for (let i = 0; i < 20; i++) {
    const copy = Group.restore(group.save().encode(), { modules: [asks], imports: () => ({ env: { ask } }) });
    t.true(['waiting', 'ready', 'failed'].includes(copy.member('asks').status));
    await null;
  }
  t.is((await running).status, 'ended');
  await t.throwsAsync(group.member('asks').result, { message: /not today/ });
});

let asked = 0;
const waiting = retryHostFunction([], ['i32'], () => (++asked % 4 === 0 ? 7 : notYet({ until: Date.now() + 2 })));

everyWay(
  'a member waits until a function of the host has an answer',
  async (t, world) => {
    const module = await moduleOf(`(import "env" "wait" (func $wait (result i32)))
      (func (export "main") (result i32) (call $wait))`);
    world.add('a', module);
    world.add('b', module);
    t.deepEqual(await world.ended(), { a: [7], b: [7] });
  },
  { imports: () => ({ env: { wait: waiting } }) },
);

everyWay(
  'programs for WASI sleep and write, and others talk meanwhile',
  async (t, world) => {
    world.ports('p');
    world.add('sleeps', program('time'), [], { export: '_start' });
    world.add('also', program('time'), [], { export: '_start' });
    world.add('sends', await script(['send 0 0 1', 'send 0 0 1']), ['> p']);
    world.add('receives', await script(['receive 0 0 1', 'receive 0 0 1', 'receive 0 0 1']), ['< p']);
    const { sleeps, also, ...others } = await world.ended();
    t.deepEqual([sleeps, also], [[], []]);
    t.deepEqual(others, { sends: [done, done], receives: [1, 1, closed] });
    for (const name of ['sleeps', 'also']) t.is(text(systemOf(world.group.member(name))), 'slept 1\nslept 2\n', name);
  },
  { imports: () => ({ ...system.imports }) },
);
const system = wasi({ args: ['time', '2', '20'] });
const systemOf = ({ vm }: Group['members'][number]): Uint8Array =>
  vm === undefined ? new Uint8Array(0) : system.of(vm).stdout;

const waitsAt = (ms: number) =>
  moduleOf(`(memory 1 1 shared) (func (export "main") (result i32 i32)
    (memory.atomic.wait32 (i32.const 8) (i32.const 1) (i64.const -1))
    (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const ${ms * 1e6})))`);

// Native code does not wait at memories: `auto` interprets such a module.
for (const engine of ['interpreter', 'auto'] as const)
  test(`a member waits at a cell of its memory, also restored: ${engine}`, async (t) => {
    const [short, long] = [await waitsAt(10), await waitsAt(40)];
    const group = new Group({ engine });
    group.add('short', { module: short, export: 'main' });
    group.add('long', { module: long, export: 'main' });
    await group.add('other', { module: await script(['make 1 1 0', 'try_receive 0 0 1']), export: 'main' });
    t.is((await group.run({ timeout: 20 })).status, 'suspended');
    const copy = Group.restore(group.save().encode(), { modules: group.members.map(({ module }) => module) });
    for (const each of [group, copy]) {
      t.is((await each.run()).status, 'ended');
      for (const name of ['short', 'long']) t.deepEqual(await each.member(name).result, [1, 2]);
      t.deepEqual(await each.member('other').result, [done, codes.again]);
    }
  });

test('a member that waits at its memory without end is a deadlock, as nobody else has that', async (t) => {
  const group = new Group();
  group.add('waits', { module: await waitsAt(-1e-6), export: 'main' });
  group.add('for a time', { module: await waitsAt(20), export: 'main' });
  await t.throwsAsync(group.run(), { instanceOf: DeadlockError, message: /"waits"/ });
  t.is(group.member('for a time').status, 'returned');
});
