// How members end, what their peers see of it, and what comes of running a group.

import test from 'ava';
import { HostError, hostFunction, LimitError, LinkError, Trap, UsageError } from '../../src/index.ts';
import { ClosedError, DeadlockError, Group, PeerError } from '../../src/talk/index.ts';
import { wasi } from '../../src/wasi/index.ts';
import { moduleOf } from '../wat.ts';
import { bytesOf, codes, script, talking } from './guests.ts';
import { everyWay } from './ways.ts';
import { turns } from './world.ts';

const { done, closed } = codes;
const traps = await moduleOf(`${talking} (memory 1) (func (export "main")
  (drop (call $send (i32.const 0) (i32.const 0) (i32.const 1))) (unreachable))`);
const spins = await moduleOf(`${talking} (func (export "main") (loop $l (br $l)))`);
const waits = await script(['receive 0 0 9', 'receive 0 0 9']);
const short = await moduleOf('(func (export "main") (result i32) (i32.const 7))');

everyWay('where a member traps, its ports lose it and others go on', async (t, world) => {
  world.ports('p');
  world.add('traps', traps, ['> p']);
  world.add('waits', waits, ['< p']);
  const { traps: error, waits: results } = await world.ended();
  t.deepEqual(results, [1, closed]);
  t.regex(String((error as Error).message), /^unreachable/);
  // What a snapshot keeps of a failure is what it says.
  t.true(error instanceof (world.isHopping ? Error : Trap));
  const { status, outcome, result } = world.group.member('traps');
  t.is(status, 'failed');
  t.true(outcome?.status === 'failed' && outcome.error === error);
  t.is(await result.catch((thrown) => thrown), error);
});

everyWay('a member that has used up its fuel has failed', async (t, world) => {
  world.ports('p');
  world.add('spins', spins, ['> p'], { fuel: 5000 });
  world.add('waits', waits, ['< p']);
  const { spins: error, waits: results } = await world.ended();
  t.deepEqual(results, [closed, closed]);
  t.regex((error as Error).message, /fuel of 5000$/);
  t.true(world.isHopping || error instanceof LimitError);
  const used = world.group.member('spins').fuelUsed;
  t.true(used >= 5000 && used < 5000 + 200, `${used}`);
});

test('a member that has enough fuel does not fail', async (t) => {
  const group = new Group();
  group.add('a', { module: short, export: 'main', fuel: 1000 });
  t.is((await group.run()).status, 'ended');
  t.deepEqual(await group.member('a').result, [7]);
  t.true(group.member('a').fuelUsed < 1000);
});

everyWay('a member that is cancelled', async (t, world) => {
  world.ports('p', 'q');
  world.add('waits', waits, ['< p', '> q']);
  world.add('peer', await script(['receive 0 0 9', 'send 1 0 1']), ['< q', '>> p']);
  await world.settle();
  world.group.cancel('waits', 'not needed');
  world.group.cancel('waits', 'nor again');
  t.deepEqual(world.group.member('waits').frames(), []);
  t.true(world.group.member('waits').fuelUsed > 0);
  const { waits: error, peer } = await world.ended();
  t.deepEqual(peer, [closed, closed]);
  t.true(error instanceof PeerError && error.member === 'waits' && error.message === 'not needed');
});

everyWay(
  'where one that fails ends all',
  async (t, world) => {
    world.ports('p');
    world.add('before', spins);
    world.add('short', short);
    world.add('traps', traps, ['> p']);
    world.add('waits', await script(['receive 0 0 9', 'receive 1 0 9']), ['< p']);
    const ended = await world.ended();
    t.deepEqual(ended.short, [7]);
    t.regex((ended.traps as Error).message, /^unreachable/);
    for (const name of ['before', 'waits']) {
      t.true(ended[name] instanceof PeerError, name);
      t.is((ended[name] as PeerError).member, name);
      t.is((ended[name] as PeerError).message, 'another member of the group failed');
    }
    if (!world.isHopping) t.is((ended.before as Error).cause, ended.traps);
  },
  { onFailure: 'end' },
);

everyWay(
  'a program that exits',
  async (t, world) => {
    world.ports('p');
    const exits = await moduleOf(`${talking} (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1) (func (export "main")
      (drop (call $receive (i32.const 0) (i32.const 0) (i32.const 1))) (call $exit (i32.const 3)))`);
    world.add('exits', exits, ['< p']);
    world.add('sends', await script(['send 0 0 1', 'send 0 0 1']), ['> p']);
    t.is((await world.ended()).exits, 3);
    t.deepEqual(await world.group.member('exits').result, []);
    t.is(world.group.member('exits').status, 'exited');
  },
  { imports: (name) => (name === 'exits' ? { ...wasi().imports } : {}) },
);

everyWay(
  'a host function that throws is a trap of the member',
  async (t, world) => {
    const module = await moduleOf('(import "env" "throw" (func $throw)) (func (export "main") (call $throw))');
    world.add('a', module);
    world.add('b', short);
    const { a, b } = await world.ended();
    t.deepEqual(b, [7]);
    t.regex((a as Error).message, /env.throw threw Error: oh/);
    t.true(world.isHopping || a instanceof HostError);
  },
  { imports: () => ({ env: { throw: hostFunction([], [], () => fail()) } }) },
);
const fail = () => {
  throw new Error('oh');
};

test('a member that cannot be made', async (t) => {
  const group = new Group({ limits: { members: 2 } });
  const { sender, receiver } = group.port({ name: 'p' });
  const other = group.port({ name: 'q' });
  group.add('a', { module: waits, export: 'main', ports: { p: receiver } });
  const usage = { instanceOf: UsageError };
  t.throws(() => group.add('a', { module: short }), { ...usage, message: /"a" already/ });
  t.throws(() => group.add('', { module: short }), usage);
  t.throws(() => group.add('b', { module: {} as never }), usage);
  t.throws(() => group.add('b', {} as never), usage);
  t.throws(() => group.add('b', { module: short, fuel: -1 }), usage);
  t.throws(() => group.add('b', { module: waits, ports: { p: receiver } }), { ...usage, message: /given away/ });
  t.throws(() => group.add('b', { module: waits, ports: { p: {} as never } }), usage);
  t.throws(() => group.add('b', { module: short, ports: { p: sender } }), { ...usage, message: /no use/ });
  t.throws(() => group.add('b', { module: waits, ports: { p: sender, q: sender } }), usage);
  t.true(sender.trySend(bytesOf('still mine')));
  t.throws(() => group.add('b', { module: waits, export: 'none', ports: { q: other.sender } }), {
    instanceOf: LinkError,
  });
  t.is(await other.receiver.receive(), undefined, 'what it was given is gone');
  t.throws(() => group.add('b', { module: short, export: 'main', args: [1] }), usage);
  group.add('b', { module: short, export: 'main' });
  t.throws(() => group.add('c', { module: short }), { instanceOf: LimitError, message: /2 members/ });
  t.throws(() => group.member('c'), usage);
  t.throws(() => group.cancel('c'), usage);
  t.throws(() => group.sender('p'), { ...usage, message: /when the group was saved/ });
  t.throws(() => group.receiver('p'), usage);
});

test('a group cannot be made, run, or restored with what is no option', async (t) => {
  const usage = { instanceOf: UsageError };
  for (const wrong of [
    { engine: 'fast' },
    { sliceFuel: 0 },
    { onFailure: 'stop' },
    { limits: { members: -1 } },
    { a: 1 },
  ])
    t.throws(() => new Group(wrong as never), usage);
  const group = new Group();
  for (const wrong of [{ timeout: -1 }, { signal: 1 }, { fuel: 1 }])
    await t.throwsAsync(group.run(wrong as never), usage);
  for (const wrong of [{ modules: [1] }, { imports: {} }, { memberLimits: { memory: -1 } }])
    t.throws(() => Group.restore(group.save(), wrong as never), usage);
});

test('a group without members has ended', async (t) => {
  t.deepEqual(await new Group().run(), { status: 'ended', members: new Map() });
});

test('a run is suspended by a signal and by time, and goes on afterwards', async (t) => {
  const group = new Group();
  const { sender, receiver } = group.port();
  group.add('spins', { module: spins, export: 'main' });
  group.add('waits', { module: waits, export: 'main', ports: { p: receiver } });
  t.is(group.member('waits').status, 'ready');
  await group.run({ signal: turns(2) });
  t.deepEqual(await group.run({ timeout: 5 }), { status: 'suspended', reason: { kind: 'timeout' } });
  t.deepEqual([group.member('spins').status, group.member('waits').status], ['ready', 'waiting']);
  const control = new AbortController();
  setTimeout(() => control.abort('enough'), 5);
  const stopped = await group.run({ signal: control.signal });
  t.deepEqual(stopped, { status: 'suspended', reason: { kind: 'signal', cause: 'enough' } });
  t.deepEqual(await group.run({ timeout: 0 }), { status: 'suspended', reason: { kind: 'timeout' } });
  group.cancel('spins');
  // Now all wait for the host.
  t.deepEqual(await group.run({ timeout: 5 }), { status: 'suspended', reason: { kind: 'timeout' } });
  const other = new AbortController();
  setTimeout(() => other.abort(), 5);
  t.is((await group.run({ signal: other.signal })).status, 'suspended');
  sender.trySend(bytesOf('1'));
  sender.trySend(bytesOf('2'));
  t.is((await group.run()).status, 'ended');
  t.deepEqual(group.member('waits').outcome, { status: 'returned', values: [1, 1] });
  t.is((await group.run()).status, 'ended', 'once more is no matter');
});

test('members are added, cancelled, and saved, while a group runs', async (t) => {
  const group = new Group();
  const { sender, receiver } = group.port();
  group.add('waits', { module: waits, export: 'main', ports: { p: receiver } });
  const running = group.run();
  await t.throwsAsync(group.run(), { instanceOf: UsageError, message: /running already/ });
  await new Promise((resolve) => setTimeout(resolve, 5));
  t.deepEqual(await group.add('short', { module: short, export: 'main' }).result, [7]);
  const saved = group.save();
  group.add('spins', { module: spins, export: 'main' });
  await new Promise((resolve) => setTimeout(resolve, 5));
  group.cancel('spins');
  sender.close('enough');
  const outcome = await running;
  t.deepEqual(outcome.status === 'ended' && [...outcome.members.keys()], ['waits', 'short', 'spins']);
  t.deepEqual(await group.member('waits').result, [closed, closed]);
  t.deepEqual(saved.members, ['waits', 'short']);
});

test('a host function of a member can neither save its group nor cancel anybody', async (t) => {
  const group = new Group();
  const thrown: unknown[] = [];
  const acts = [() => group.save(), () => group.fork(), () => group.cancel('a'), () => group.dispose()];
  const env = {
    act: hostFunction([], [], () => {
      for (const act of acts)
        try {
          act();
        } catch (error) {
          thrown.push(error);
        }
    }),
  };
  const module = await moduleOf('(import "env" "act" (func $act)) (func (export "main") (call $act))');
  group.add('a', { module, export: 'main', imports: { env } });
  t.is((await group.run()).status, 'ended');
  t.is(thrown.length, acts.length);
  for (const error of thrown) t.true(error instanceof UsageError);
});

test('what a group has is gone once it is disposed of', async (t) => {
  const group = new Group();
  const { sender, receiver } = group.port();
  const member = group.add('waits', { module: waits, export: 'main', ports: { p: receiver } });
  const running = group.run();
  await new Promise((resolve) => setTimeout(resolve, 5));
  group.dispose();
  t.deepEqual(await running, { status: 'ended', members: new Map() });
  await t.throwsAsync(member.result, { instanceOf: PeerError, message: /disposed of/ });
  await t.throwsAsync(sender.send(bytesOf('')), { code: 'closed' });
  t.deepEqual(group.members, []);
});

everyWay('members that wait for each other are a deadlock, which is told', async (t, world) => {
  world.ports('p', 'q');
  world.add('one', waits, ['< p', '> q']);
  world.add('two', waits, ['< q', '> p']);
  const error = await t.throwsAsync(world.ended(), { instanceOf: DeadlockError, code: 'deadlock' });
  t.deepEqual((error as DeadlockError).members, ['one', 'two']);
  t.regex((error as Error).message, /"one" for "p"; "two" for "q"/);
  // It can be ended.
  world.group.cancel('one');
  t.deepEqual((await world.ended()).two, [closed, closed]);
});

everyWay('a member that waits for itself is a deadlock', async (t, world) => {
  world.port('p', { messages: 1 });
  world.add('a', await script(['send 0 0 1', 'send 0 0 1']), ['> p', '< p']);
  await t.throwsAsync(world.ended(), { instanceOf: DeadlockError });
});

test('there is no deadlock while the host has the other end, or could have it', async (t) => {
  const group = new Group();
  const { sender, receiver } = group.port({ name: 'out' });
  const asks = await script(['make 4 100 0', 'store 8 @4', 'send_ports 0 0 0 8 1', 'receive @0 0 64']);
  for (const name of ['first', 'second']) {
    const end = sender.clone();
    group.add(name, { module: asks, export: 'main', ports: { out: end } });
  }
  t.is((await group.run({ timeout: 20 })).status, 'suspended', 'the answer comes by what is on its way to the host');
  const [answer] = (await receiver.receive())?.ports ?? [];
  t.is((await group.run({ timeout: 5 })).status, 'suspended');
  answer?.close();
  t.is((await group.run({ timeout: 5 })).status, 'suspended');
  receiver.close();
  t.is((await group.run()).status, 'ended');
  t.deepEqual(await group.member('first').result, [done, done, closed]);
  t.deepEqual(await group.member('second').result, [done, done, closed]);
});

test('each turn is of so much fuel, and all have theirs', async (t) => {
  const group = new Group({ sliceFuel: 1000 });
  for (const name of ['a', 'b', 'c']) group.add(name, { module: spins, export: 'main' });
  await group.run({ signal: turns(30) });
  for (const { fuelUsed } of group.members) t.true(fuelUsed >= 10_000 && fuelUsed < 10_000 + 200, `${fuelUsed}`);
  t.true((group.member('a').frames()[0]?.name ?? '').length > 0);
});

test('where one that fails ends all, they have ended before the group can be saved', async (t) => {
  const group = new Group({ onFailure: 'end' });
  const { receiver, sender } = group.port();
  const traps = await moduleOf('(func (export "main") unreachable)');
  const waits = await script(['receive 0 0 9']);
  group.add('traps', { module: traps, export: 'main' });
  group.add('waits', { module: waits, export: 'main', ports: { in: receiver } });
  // The first look is that at the options, the second one before the first turn.
  let looks = 0;
  const signal = {
    get aborted() {
      return looks++ > 1;
    },
    addEventListener() {},
    removeEventListener() {},
  };
  t.is((await group.run({ signal })).status, 'suspended');
  const restored = Group.restore(group.save().encode(), { modules: [traps, waits] });
  for (const each of [group, restored])
    t.deepEqual(
      each.members.map(({ status }) => status),
      ['failed', 'failed'],
    );
  await t.throwsAsync(sender.send(new Uint8Array(1)), { instanceOf: ClosedError });
});
