// A group that was saved in pieces, as one: what each says of calls, topics and ports; and pieces that say what is not so.

import test from 'ava';
import { SnapshotError } from '../../src/index.ts';
import type { PieceOfGroup } from '../../src/pool/told/group.ts';
import { shareBytes } from '../../src/pool/told/parcel.ts';
import { snapshotOf } from '../../src/pool/told/pieces.ts';
import { callsTo, Group, GroupSnapshot } from '../../src/talk/index.ts';
import { joined } from '../../src/talk/saved/pieces.ts';
import { Bridge } from '../../src/talk/threads/bridge.ts';
import { BridgeMemory } from '../../src/talk/threads/memory.ts';
import { moduleOf } from '../wat.ts';

const module = await moduleOf('(func (export "f") (param i32) (result i32) (local.get 0))');

type Call = GroupSnapshot['data']['calls'][number];
const call = (more: Partial<Call>): Call => ({
  ...{ id: 5, caller: 'a', callee: 'b', name: 'f', args: [7], state: 'queued', answer: null },
  ...more,
});

/** A piece with one member, and what it says besides. */
function piece(
  member: string,
  outlets: readonly string[],
  more: (data: GroupSnapshot['data']) => Partial<GroupSnapshot['data']>,
): PieceOfGroup {
  const group = new Group();
  for (const name of ['x', 'y']) group.port({ name });
  group.add(member, { module });
  const { data } = group.save();
  const bytes = new GroupSnapshot({ ...data, ...more(data) }).encode();
  return { bytes: shareBytes(bytes), outlets, ends: [], topology: undefined };
}
const of = (...pieces: readonly PieceOfGroup[]) => snapshotOf({ pieces, members: ['a', 'b'] }).data;
const callsOf = (a: readonly Call[], b: readonly Call[]) =>
  of(
    piece('a', ['x', 'y'], () => ({ calls: a })),
    piece('b', [], () => ({ calls: b })),
  ).calls;

test('a call is how far its callee says that it is, unless its caller has the answer', (t) => {
  t.deepEqual(callsOf([call({})], []), [call({})]);
  t.deepEqual(callsOf([call({})], [call({ state: 'serving' })]), [call({ state: 'serving' })]);
  const late = call({ callee: '', name: '', args: [], state: 'answered', answer: { values: [-0] } });
  t.deepEqual(callsOf([call({})], [late]), [call({ state: 'answered', answer: { values: [-0] } })]);
  const answered = call({ state: 'answered', answer: { error: 'no' } });
  t.deepEqual(callsOf([answered], []), [answered]);
  // Nobody waits for these any more.
  t.deepEqual(callsOf([], [late]), []);
  t.deepEqual(callsOf([], [call({ state: 'serving' })]), [call({ state: 'serving' })]);
  // Others of the same number.
  t.is(callsOf([call({})], [call({ caller: 'b', callee: 'a' })]).length, 2);
});

test('a topic has the ports that any piece says it has, once', (t) => {
  const { topics, ports } = of(
    piece('a', ['x', 'y'], () => ({ topics: [{ name: 'news', ports: [0, 1] }] })),
    piece('b', [], () => ({
      topics: [
        { name: 'news', ports: [1] },
        { name: 'else', ports: [0] },
      ],
    })),
  );
  t.deepEqual(
    ports.map(({ name }) => name),
    ['x', 'y'],
  );
  t.deepEqual(topics, [
    { name: 'news', ports: [0, 1] },
    { name: 'else', ports: [0] },
  ]);
});

test('pieces that name what no piece has are refused', (t) => {
  const refused = { instanceOf: SnapshotError };
  t.throws(() => callsOf([call({ caller: 'nobody' })], []), { ...refused, message: /the call of "nobody"/ });
  t.throws(() => callsOf([call({ state: 'lost' as Call['state'] })], []), refused);
  const odd = (data: Partial<GroupSnapshot['data']>) => () =>
    of(
      piece('a', ['x', 'y'], () => data),
      piece('b', [], () => ({})),
    );
  t.throws(odd({ topics: [{ name: 'news', ports: [2] }] }), refused);
  t.throws(odd({ topics: [{ name: 'news', ports: [0, 0] }] }), refused);
  t.throws(odd({ nextCall: -1 }), refused);
  t.throws(odd({ order: { ready: ['b'], waiting: [] } }), refused);
  t.throws(
    () => GroupSnapshot.decode(piece('a', [], () => ({ calls: [call({ caller: 'b' })] })).bytes.slice()),
    refused,
  );
});

const failed = await moduleOf(`(func (export "f") (param i32) (result i32) (local.get 0))
  (func (export "main") unreachable)`);
const asks = await moduleOf(`(import "b" "f" (func $f (param i32) (result i32)))
  (func (export "main") (result i32) (call $f (i32.const 1)))`);

test('what a part answers while it is cut is saved with it, and told once it goes on', async (t) => {
  const options = { modules: [failed, asks], imports: () => ({ b: callsTo('b', failed) }) };
  const group = new Group();
  group.add('b', { module: failed, export: 'main' });
  await group.run();
  group.add('a', { module: asks, export: 'main', imports: options.imports() });
  const members = new Map([
    ['a', 0],
    ['b', 1],
  ]);
  const { words, rings } = new BridgeMemory(2, [], new Set([0, 1]), { ports: 0, bytes: 0 });
  const errors = { write: ({ message }: Error) => message, read: (told: string) => new Error(told) };
  const none = new Set<string>();
  const parts = [0, 1].map((part) => {
    const bridge = new Bridge(
      { part, parts: 2, words, rings, crossings: [], ports: none, members, topics: none },
      errors,
    );
    return { bridge, group: Group.restorePart(group.save(), options, bridge) };
  });
  const [caller, callee] = parts as [(typeof parts)[0], (typeof parts)[0]];
  t.like(await caller.group.runBusy({}, () => false), { status: 'idle' });
  // The caller's part reads its rings before the callee's has anything to say.
  const pieces = parts.map((part) => {
    part.bridge.begin(true);
    part.bridge.drain();
    const { data } = part.group.save();
    part.bridge.leave();
    return { data, outlets: none };
  });
  const data = joined(pieces, ['a', 'b']);
  t.like(data.calls, { 0: { caller: 'a', callee: 'b', state: 'answered' } });
  const copy = Group.restore(new GroupSnapshot(data), options);
  await copy.run();
  await t.throwsAsync(copy.member('a').result, { message: /"f" of "b" cannot be called: the member has failed/ });
  for (const { bridge } of [callee, caller]) bridge.begin(false);
  t.like(await caller.group.runBusy({}, () => false), { status: 'idle', isOver: true });
  await t.throwsAsync(caller.group.member('a').result, {
    message: /"f" of "b" cannot be called: the member has failed/,
  });
});
