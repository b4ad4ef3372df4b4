// Snapshots of groups that are damaged or forged: each is refused with an error of ours, or is a group like any other, that
// runs to an end, or waits, and can be saved again.

import test from 'ava';
import { CrashError, SnapshotError, WasboxError } from '../../src/index.ts';
import { readMetadata, writeMetadata } from '../../src/snapshot/container/metadata.ts';
import { contentsOf, joinParts, type PartKind, partsOf, readParts } from '../../src/snapshot/container/parts.ts';
import { Snapshot } from '../../src/snapshot/snapshot.ts';
import { DeadlockError, Group, GroupSnapshot } from '../../src/talk/index.ts';
import { Random } from '../fuzz/random.ts';
import { moduleOf } from '../wat.ts';
import { busySnapshots, imports, modules } from './busy.ts';
import { talking } from './guests.ts';
import { engines, turns } from './world.ts';

const most = 2 ** 26;
/** Forgeries of each kind: a minute's work, in place of seconds', finds what is rare. */
const count = Number(process.env.WASBOX_FORGERIES ?? 200);

/** The same with other contents of one kind. */
function withPart(bytes: Uint8Array, kind: PartKind, change: (contents: Uint8Array) => Uint8Array): Uint8Array {
  const all = readParts(bytes);
  const contents = change(contentsOf(all, kind, most));
  const changed = partsOf(kind, contents.length, (start, end) => contents.subarray(start, end));
  return joinParts([...all.parts.filter((part) => part.kind !== kind), ...changed], 1);
}

// biome-ignore lint/suspicious/noExplicitAny: anything may stand in a forged text
type Tree = any;
const withText = (bytes: Uint8Array, change: (text: Tree) => void): Uint8Array =>
  withPart(bytes, 'group', (contents) => {
    const text = readMetadata(contents, most);
    change(text);
    return writeMetadata(text);
  });

const saved = await busySnapshots();

/** What comes of a snapshot: throws what should not be. */
async function judged(from: Uint8Array | GroupSnapshot, random: Random): Promise<string> {
  let group: Group;
  try {
    const limits = { portBytes: 2 ** 22, ports: 1000 };
    group = Group.restore(from, { modules, imports, engine: random.pick(engines), sliceFuel: 1000, limits });
  } catch (error) {
    if (error instanceof WasboxError && !(error instanceof CrashError)) return error.code;
    throw error;
  }
  const verdict = await ranOut(group);
  const again = GroupSnapshot.decode(group.save().encode());
  Group.restore(again, { modules, imports }).dispose();
  for (const { outcome } of group.members)
    if (outcome?.status === 'failed' && !(outcome.error instanceof WasboxError)) throw outcome.error;
  group.dispose();
  return verdict;
}

async function ranOut(group: Group): Promise<string> {
  try {
    for (let i = 0; i < 300; i++) {
      if ((await group.run({ signal: turns(10) })).status === 'ended') return 'ended';
      if (group.members.every(({ status }) => status !== 'ready')) return 'waiting';
    }
  } catch (error) {
    if (error instanceof DeadlockError) return 'deadlock';
    throw error;
  }
  throw new Error('it goes on for ever');
}

test('snapshots that were damaged on their way are refused', (t) => {
  const random = new Random(1);
  for (let i = 0; i < count; i++) {
    const bytes = random.pick(saved).slice();
    const at = random.below(bytes.length);
    if (random.chance(3))
      t.throws(() => Group.restore(bytes.subarray(0, at), { modules }), { instanceOf: SnapshotError });
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    t.throws(() => Group.restore(bytes, { modules, imports }), { instanceOf: SnapshotError }, `byte ${at}`);
  }
});

test('snapshots with changed bytes, and checksums that are right, are refused or run', async (t) => {
  const random = new Random(2);
  const verdicts = new Set<string>();
  for (let i = 0; i < count; i++) {
    const kind = random.pick(['group', 'members', 'messages'] as const);
    const forged = withPart(random.pick(saved), kind, (contents) => {
      if (contents.length === 0) return contents;
      const at = random.below(contents.length);
      contents[at] = random.chance(2) ? random.below(256) : (contents[at] as number) ^ (1 << random.below(8));
      return random.chance(20) ? contents.subarray(0, at) : contents;
    });
    verdicts.add(await judged(forged, random));
  }
  for (const verdict of ['snapshot', 'ended']) t.true(verdicts.has(verdict), verdict);
});

const odd = [
  ...[null, undefined, -1, 0, 1, 2, 7, 255, 2 ** 31, 2 ** 53, 1e300, Number.NaN, Number.POSITIVE_INFINITY, 0.5, 3n],
  ...['', 'math', 'caller 1', 'nobody', 'add', 'fail', 'host', 'send', 'receive', true, false],
  ...['queued', 'serving', 'answered', 'returned', 'failed', new Uint8Array(3), Float64Array.of(-0)],
];

/** All places of a tree: what holds them, and by which key. */
function placesOf(root: Tree): [holder: Tree, key: string][] {
  const places: [Tree, string][] = [];
  const left: Tree[] = [root];
  for (let at = left.pop(); at !== undefined; at = left.pop())
    for (const key of Object.keys(at)) {
      places.push([at, key]);
      if (typeof at[key] === 'object' && at[key] !== null && !ArrayBuffer.isView(at[key])) left.push(at[key]);
    }
  return places;
}

function forge(root: Tree, random: Random): void {
  const places = placesOf(root);
  if (places.length === 0) return;
  const [holder, key] = random.pick(places) as [Tree, string];
  const [from, other] = random.pick(places) as [Tree, string];
  const before = holder[key];
  switch (random.below(6)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      return;
    case 1:
      if (Array.isArray(holder)) holder.push(structuredClone(before));
      return;
    case 2:
      holder[key] = structuredClone(from[other]);
      return;
    case 3:
      if (typeof before === 'number') holder[key] = before + random.pick([-1, 1]);
      return;
    case 4:
      // Of the same kind: what is more likely to be believed.
      holder[key] = structuredClone(
        (places.find(([h, k]) => k === key && h !== holder && random.chance(3)) ?? [holder])[0][key],
      );
      return;
    default:
      holder[key] = random.pick(odd);
  }
}

test('forged texts are refused, or groups that come to an end', async (t) => {
  const verdicts = new Set<string>();
  for (let seed = 0; seed < count * 4; seed++) {
    const random = new Random(seed);
    const forged = withText(random.pick(saved), (text) => {
      for (let n = 1 + random.below(3); n > 0; n--) forge(text, random);
    });
    try {
      verdicts.add(await judged(forged, random));
    } catch (error) {
      t.log(`seed ${seed}`);
      throw error;
    }
  }
  for (const verdict of ['snapshot', 'ended', 'deadlock']) t.true(verdicts.has(verdict), verdict);
});

test('forged handles are refused, or groups that come to an end', async (t) => {
  const verdicts = new Set<string>();
  for (let seed = 0; seed < count; seed++) {
    const random = new Random(seed);
    const { data } = GroupSnapshot.decode(random.pick(saved));
    const chosen = random.below(data.members.length);
    const members = data.members.map((member, i) => {
      if (i !== chosen || member.vm === null) return member;
      const told = { all: structuredClone(member.vm.data.states?.map((state) => state.data)) ?? [] };
      for (let n = 1 + random.below(3); n > 0; n--) forge(told, random);
      const states = member.vm.data.states?.map((state, at) => ({ ...state, data: Object(told.all)[at] }));
      return { ...member, vm: new Snapshot({ ...member.vm.data, states }) };
    });
    try {
      verdicts.add(await judged(new GroupSnapshot({ ...data, members }), random));
    } catch (error) {
      t.log(`seed ${seed}`);
      throw error;
    }
  }
  for (const verdict of ['snapshot', 'ended']) t.true(verdicts.has(verdict), verdict);
});

const wrong: Record<string, (text: Tree) => void> = {
  'no ports': (text) => delete text.ports,
  'more bytes than a port holds': (text) => {
    text.ports.find(({ name }: Tree) => name === 'host').bytes = 3;
  },
  'a message of more bytes than there are': (text) => {
    text.ports.find(({ bytes }: Tree) => bytes > 1000).queue.push({ bytes: 1000, ends: [] });
  },
  'more messages than a port holds': (text) => {
    text.ports.find(({ name }: Tree) => name === 'host').messages = 0;
  },
  'a message with the end of a port that is not there': (text) => {
    text.ports.find(({ queue }: Tree) => queue.length > 0).queue[0].ends = [[99, 'send']];
  },
  'an end of no side': (text) => {
    text.ports.find(({ queue }: Tree) => queue.length > 0).queue[0].ends = [[0, 'both']];
  },
  'too many ends': (text) => {
    text.ports.find(({ queue }: Tree) => queue.length > 0).queue[0].ends = Array(17).fill([0, 'send']);
  },
  'two members of one name': (text) => {
    text.members[1].name = 'math';
  },
  'two ports of one name': (text) => {
    text.ports[1].name = text.ports[0].name;
  },
  'a call of nobody': (text) => {
    text.calls.push({ id: 99, caller: 'nobody', callee: 'math', name: 'add', args: [], state: 'queued', answer: null });
  },
  'a call of no state': (text) => {
    text.calls.push({ id: 99, caller: 'says', callee: 'math', name: 'add', args: [], state: 'lost', answer: null });
  },
  'a topic with a port that is not there': (text) => text.topics.push({ name: 'x', ports: [99] }),
  'a turn of nobody': (text) => text.order.ready.push('nobody'),
  'a member of fewer bytes': (text) => {
    text.members[0].vm--;
  },
  'a member of more bytes': (text) => {
    text.members.at(-1).vm++;
  },
};
for (const [title, change] of Object.entries(wrong))
  test(`a snapshot with ${title} is refused`, (t) => {
    const forged = withText(saved[9] as Uint8Array, change);
    t.throws(() => Group.restore(forged, { modules, imports }), { instanceOf: SnapshotError });
  });

/** Makes so many ports, each of which is in a message of the next. */
const chains = await moduleOf(`${talking} (memory 1) (func (export "main") (param $left i32) (result i32)
  (drop (call $make (i32.const 1) (i32.const 0) (i32.const 0)))
  (drop (call $close (i32.load (i32.const 4))))
  (loop $more
    (i32.store (i32.const 8) (i32.load (i32.const 0)))
    (if (call $make (i32.const 1) (i32.const 0) (i32.const 0)) (then (return (i32.const -1))))
    (if (call $send_ports (i32.load (i32.const 4)) (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 1))
      (then (return (i32.const -2))))
    (drop (call $close (i32.load (i32.const 4))))
    (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (local.get $left))`);

test('ports in messages of ports in messages, and so on, are let go of one after the other', async (t) => {
  const group = new Group();
  group.add('chains', { module: chains, export: 'main', args: [20_000] });
  let copy: Group | undefined;
  while ((await group.run({ signal: turns(5) })).status !== 'ended') {
    if (copy === undefined && group.save().data.ports.length > 10_000)
      copy = Group.restore(group.save().encode(), { modules: [chains] });
  }
  t.deepEqual(await group.member('chains').result, [0]);
  t.is(group.save().data.ports.length, 0);
  copy?.cancel('chains');
  t.is(copy?.save().data.ports.length, 0);
});
