// A group as a value: saved at every turn, restored, forked; and what cannot be restored.

import test, { type ExecutionContext } from 'ava';
import { LimitError, LinkError, type Module, Snapshot, SnapshotError, UsageError, VM } from '../../src/index.ts';
import { callsTo, Group, GroupSnapshot } from '../../src/talk/index.ts';
import { moduleOf } from '../wat.ts';
import { busyGroup, imports, math, modules } from './busy.ts';
import { bytesOf, codes, script, talking, textOf } from './guests.ts';
import { engines, otherEngine, turns } from './world.ts';

const { done, closed } = codes;

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** How all members ended, and what they have used. */
async function endOf(group: Group): Promise<unknown> {
  const outcome = await group.run();
  if (outcome.status !== 'ended') throw new Error(outcome.status);
  const used = group.members.map(({ name, fuelUsed }) => [name, fuelUsed]);
  return { members: [...outcome.members], used };
}

test('a group that was saved at any turn, and restored on the other engine, ends as one that went on', async (t) => {
  const expected = (await endOf(busyGroup({ engine: 'native' }))) as { members: [string, unknown][] };
  t.deepEqual(new Map(expected.members).get('gives'), { status: 'returned', values: [done, done, 1, 2, 3] });
  let cuts = 0;
  for (const engine of engines) {
    const group = busyGroup({ engine });
    for (let ended = false; !ended; cuts++) {
      const bytes = group.save().encode();
      const copy = Group.restore(bytes, { modules, imports, engine: otherEngine(engine), sliceFuel: 300 });
      t.true(same(copy.save().encode(), bytes), `turn ${cuts}`);
      t.deepEqual(await endOf(copy), expected, `turn ${cuts}`);
      t.is(textOf((await copy.receiver('host').receive())?.bytes ?? bytesOf('')), 'kept');
      ended = (await group.run({ signal: turns(1) })).status === 'ended';
    }
    t.deepEqual(await endOf(group), expected, 'to be saved is no harm');
  }
  t.true(cuts > 60, `${cuts}`);
});

test('equal groups give equal bytes', async (t) => {
  for (const engine of engines) {
    const [one, two] = [busyGroup({ engine }), busyGroup({ engine })];
    for (let i = 0; i < 12; i++) {
      t.true(same(one.save().encode(), two.save().encode()), `turn ${i}`);
      for (const group of [one, two]) await group.run({ signal: turns(1) });
    }
  }
});

test('a fork goes on alike, and apart', async (t) => {
  for (const engine of engines) {
    const group = busyGroup({ engine });
    await group.run({ signal: turns(9) });
    const fork = group.fork();
    t.true(same(fork.save().encode(), group.save().encode()));
    const cancelled = group.fork();
    cancelled.cancel('math');
    const outcome = await cancelled.run();
    t.regex(String(outcome.status === 'ended' && JSON.stringify([...outcome.members])), /math/);
    t.deepEqual(await endOf(fork), await endOf(group));
    fork.sender('host').trySend(bytesOf('more'));
    t.deepEqual([fork.receiver('host').size, cancelled.receiver('host').size], [2, 1]);
  }
});

test('what the host had, it has by the names of the ports', async (t) => {
  const group = new Group();
  const [both, sends, none] = ['both', 'sends', 'none'].map((name) => group.port({ name, messages: 9 }));
  for (const text of ['1', '2']) both?.sender.trySend(bytesOf(text));
  const waits = await script(['receive 0 0 9', 'receive 0 0 9', 'receive 0 0 9']);
  const ports = { a: sends?.receiver, b: none?.receiver, c: none?.sender } as never;
  group.add('waits', { module: waits, export: 'main', ports });
  both?.sender.close('enough');
  const copy = Group.restore(group.save().encode(), { modules: [waits] });
  const receiver = copy.receiver('both');
  t.deepEqual(textOf((await receiver.receive())?.bytes as Uint8Array), '1');
  t.is(copy.receiver('both'), receiver);
  t.is(receiver.reason, 'enough');
  const usage = { instanceOf: UsageError };
  for (const act of [() => copy.sender('none'), () => copy.receiver('sends'), () => copy.sender('other')])
    t.throws(act, usage);
  t.throws(() => copy.sender('both'), usage, 'that was closed');
  copy.sender('sends').trySend(bytesOf('x'));
  copy.sender('sends').close();
  t.is((await copy.run()).status, 'ended');
  t.deepEqual(await copy.member('waits').result, [1, closed, closed]);
  // In the first group nobody has sent anything.
  t.is((await group.run({ timeout: 5 })).status, 'suspended');
});

test('ends that only messages have hold of are saved with them', async (t) => {
  const group = new Group();
  const [outer, inner, innermost] = ['outer', 'inner', 'innermost'].map((name) => group.port({ name }));
  innermost?.sender.trySend(bytesOf('deep'));
  inner?.sender.trySend(bytesOf('2'), { ports: [innermost?.receiver as never] });
  outer?.sender.trySend(bytesOf('1'), { ports: [inner?.receiver as never, innermost?.sender as never] });
  inner?.sender.close();
  const copy = Group.restore(Group.restore(group.save()).save().encode());
  const first = await copy.receiver('outer').receive();
  const [receiver, sender] = (first?.ports ?? []) as never as [
    ReturnType<Group['receiver']>,
    ReturnType<Group['sender']>,
  ];
  const second = await receiver.receive();
  const [last] = (second?.ports ?? []) as ReturnType<Group['receiver']>[];
  t.deepEqual([receiver.name, sender.name, last?.name], ['inner', 'innermost', 'innermost']);
  t.deepEqual((await last?.receive())?.bytes, bytesOf('deep'));
  sender.close();
  t.is(await last?.receive(), undefined);
  t.is(await receiver.receive(), undefined);
});

test('calls that wait, are under way, or have been answered, are saved', async (t) => {
  const slow = await moduleOf(`${talking} (memory 1) (global $n (mut i32) (i32.const 0))
    (func (export "ask") (result i32)
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (drop (call $receive (i32.const 0) (i32.const 0) (i32.const 1))) (global.get $n))`);
  const asks = await moduleOf(
    `(import "slow" "ask" (func $ask (result i32))) (func (export "main") (result i32) (call $ask))`,
  );
  for (const engine of engines) {
    const group = new Group({ engine });
    const { sender, receiver } = group.port({ name: 'go' });
    group.add('slow', { module: slow, ports: { go: receiver } });
    const besides = { slow: callsTo('slow', slow) };
    for (const name of ['a', 'b', 'c']) group.add(name, { module: asks, export: 'main', imports: besides });
    const states = (saved: GroupSnapshot) => saved.data.calls.map(({ caller, state }) => `${caller} ${state}`);
    await group.run({ signal: turns(3) });
    const waiting = group.save();
    t.deepEqual(states(waiting), ['a serving', 'b queued', 'c queued']);
    sender.trySend(bytesOf('x'));
    await group.run({ signal: turns(1) });
    const answered = group.save();
    t.deepEqual(states(answered), ['a answered', 'b serving', 'c queued']);
    for (const saved of [waiting, answered]) {
      const bytes = saved.encode();
      const copy = Group.restore(bytes, {
        modules: [slow, asks],
        imports: (name) => (name === 'slow' ? {} : besides),
        engine: otherEngine(engine),
      });
      t.true(same(copy.save().encode(), bytes));
      for (let i = 0; i < 3; i++) copy.sender('go').trySend(bytesOf('x'));
      t.is((await copy.run()).status, 'ended');
      const results = await Promise.all(['a', 'b', 'c'].map((name) => copy.member(name).result));
      t.deepEqual(results, [[1], [2], [3]]);
    }
  }
});

test('how members ended is saved', async (t) => {
  const ends = await moduleOf(`(func (export "returns") (result f64 i64) (f64.const -0) (i64.const -1))
    (func (export "traps") (unreachable)) (func (export "spins") (loop $l (br $l)))`);
  const group = new Group();
  for (const name of ['returns', 'traps', 'spins']) group.add(name, { module: ends, export: name, fuel: 1000 });
  group.add('cancelled', { module: ends, export: 'spins' });
  group.add('idle', { module: ends });
  group.cancel('cancelled', 'not needed');
  await group.run();
  const copy = Group.restore(group.save().encode(), { modules: [ends], onFailure: 'end' });
  t.is((await copy.run()).status, 'ended');
  for (const { name, status } of group.members) t.is(copy.member(name).status, status, name);
  t.deepEqual(copy.member('returns').outcome, { status: 'returned', values: [-0, -1n] });
  for (const name of ['traps', 'spins', 'cancelled']) {
    const error = await t.throwsAsync(group.member(name).result);
    await t.throwsAsync(copy.member(name).result, { code: 'peer', message: error?.message });
  }
  t.true(same(copy.save().encode(), group.save().encode()));
});

const refusals: Record<string, (t: ExecutionContext, bytes: Uint8Array, group: Group) => void> = {
  'a module is not given': (t, bytes) => {
    const given = modules.slice(1);
    t.throws(() => Group.restore(bytes, { modules: given, imports }), { instanceOf: UsageError, message: /"math"/ });
  },
  'an import is not given': (t, bytes) => {
    t.throws(() => Group.restore(bytes, { modules }), { instanceOf: LinkError });
  },
  'the group may have less': (t, bytes) => {
    for (const limits of [{ ports: 3 }, { portBytes: 100 }, { members: 7 }, { topics: 0 }])
      t.throws(() => Group.restore(bytes, { modules, imports, limits }), { instanceOf: LimitError });
  },
  'a member may have less': (t, bytes) => {
    const memberLimits = { memory: 65_535 };
    t.throws(() => Group.restore(bytes, { modules, imports, memberLimits }), { instanceOf: SnapshotError });
  },
  'its bytes take too much': (t, bytes) => {
    t.throws(() => GroupSnapshot.decode(bytes, { maxBytes: 1000 }), { instanceOf: SnapshotError });
    t.throws(() => GroupSnapshot.decode(bytes, { maxBytes: -1 }), { instanceOf: UsageError });
    t.throws(() => GroupSnapshot.decode('bytes' as never), { instanceOf: UsageError });
  },
  'it is of one VM': (t) => {
    const vm = new VM();
    vm.instantiate(math);
    const told = { instanceOf: SnapshotError, message: /of no group/ };
    t.throws(() => Group.restore(vm.save().encode(), { modules }), told);
    t.throws(() => Group.restore(vm.save() as never, { modules }), { instanceOf: UsageError });
  },
  'it is of a group, and restored as a VM': (t, bytes, group) => {
    const told = { instanceOf: SnapshotError, message: /of a group/ };
    t.throws(() => VM.restore(bytes, { modules }), told);
    t.throws(() => Snapshot.decode(bytes), told);
    t.throws(() => VM.restore(group.save() as never, { modules }), { instanceOf: UsageError });
  },
};
for (const [title, refused] of Object.entries(refusals))
  test(`a group is not restored where ${title}`, async (t) => {
    const group = busyGroup({});
    await group.run({ signal: turns(20) });
    const bytes = group.save().encode();
    refused(t, bytes, group);
    t.deepEqual(
      GroupSnapshot.decode(bytes).members,
      group.members.map(({ name }) => name),
    );
    const copy = Group.restore(bytes, { modules: modules as readonly Module[], imports });
    t.is((await copy.run()).status, 'ended');
  });
