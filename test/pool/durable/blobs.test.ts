// Bytes as blobs of a store, and back: whatever was written is read, and what others have put there in its place is refused before
// anybody waits for it.

import { createHash } from 'node:crypto';
import { concatBytes } from '@noble/hashes/utils.js';
import test, { type ExecutionContext } from 'ava';
import { joined, joinedParts, seriesOf, split } from '../../../src/pool/durable/blobs.ts';
import { Snapshot } from '../../../src/snapshot/snapshot.ts';
import { blobName, memoryStore, type NewBlob, type Store } from '../../../src/store/index.ts';
import { VM } from '../../../src/vm.ts';
import { moduleOf } from '../../wat.ts';

const piece = 32 * 4096 - 64;
const fan = 4096;
/** Not to be packed. */
const noise = (length: number, seed = 1): Uint8Array =>
  new Uint8Array(createHash('shake256', { outputLength: length }).update(`${seed}`).digest());
const kinds = { piece: 0, list: 1, series: 2 };
const blob = (kind: number, bytes: Uint8Array, links: readonly string[] = []): NewBlob => ({
  bytes: concatBytes(Uint8Array.of(kind), bytes),
  links,
});
const none = new Uint8Array(0);
const times = (count: number, name: string): string[] => Array<string>(count).fill(name);

/** Counts what is asked of it. */
class Counting {
  gets = 0;
  readonly store: Store = memoryStore();

  constructor() {
    const get = this.store.get.bind(this.store);
    this.store.get = (name) => {
      this.gets++;
      return get(name);
    };
  }

  async put(...blobs: NewBlob[]): Promise<string> {
    await this.store.commit({ blobs });
    return blobName(blobs.at(-1) as NewBlob);
  }
}

const sizes = [0, 1, piece - 1, piece, piece + 1, 3 * piece, 5 * piece + 77];
for (const size of sizes)
  test(`${size} bytes come back`, async (t) => {
    const { store } = new Counting();
    const bytes = noise(size);
    const { root, blobs } = split(bytes);
    await store.commit({ blobs });
    t.is(Buffer.compare(await joined(store, root), bytes), 0);
    t.deepEqual(
      (await joinedParts(store, root)).map(({ length }) => length),
      [size],
    );
  });

test('a series comes back by its parts, in order', async (t) => {
  const { store } = new Counting();
  const parts = [noise(2 * piece, 5), noise(10, 6), noise(10, 6), none];
  const written = parts.map(split);
  const list = seriesOf(written.map(({ root }) => root));
  await store.commit({ blobs: [...written.flatMap(({ blobs }) => blobs), list] });
  t.deepEqual(
    (await joinedParts(store, blobName(list))).map((part) => Buffer.compare(part, noise(0))),
    [1, 1, 1, 0],
  );
  for (const [i, part] of (await joinedParts(store, blobName(list))).entries())
    t.is(Buffer.compare(part, parts[i] as Uint8Array), 0);
});

test('more pieces than a list has, most of them the same one', async (t) => {
  const counting = new Counting();
  const [full, last] = [blob(kinds.piece, new Uint8Array(piece)), blob(kinds.piece, Uint8Array.of(1, 2, 3))];
  const first = blob(kinds.list, none, times(fan, blobName(full)));
  const second = blob(kinds.list, none, [blobName(full), blobName(last)]);
  const root = await counting.put(full, last, first, second, blob(kinds.list, none, [first, second].map(blobName)));
  const bytes = await joined(counting.store, root);
  t.is(bytes.length, (fan + 1) * piece + 3);
  t.deepEqual([...bytes.subarray(-4)], [0, 1, 2, 3]);
  t.true(counting.gets < 20, `${counting.gets}`);
});

const megabyte = moduleOf('(memory (export "memory") 16)');
const others = { interpreter: 'native', native: 'interpreter' } as const;

/** Of a memory of a MiB: what all jobs have there, but for some pages of this one. */
async function state(job: number, changed: readonly number[], engine: 'interpreter' | 'native'): Promise<Uint8Array> {
  const vm = new VM({ engine });
  const memory = vm.instantiate(await megabyte).memory('memory');
  memory.bytes.set(noise(16 * 65_536));
  for (const page of changed) memory.bytes.set(noise(4096, 1 + job), page * 4096);
  return vm.save().encode();
}

for (const engine of ['interpreter', 'native'] as const)
  test(`${engine}: pages that jobs have in common are there once, wherever the others are`, async (t) => {
    const all = new Map<string, number>();
    const { store } = new Counting();
    const alone = (await state(0, [], engine)).length;
    for (let job = 0; job < 8; job++) {
      const bytes = await state(job, job === 0 ? [] : [3, 20 * job], engine);
      const { root, blobs } = split(bytes);
      for (const each of blobs) all.set(blobName(each), each.bytes.length);
      await store.commit({ blobs });
      t.is(Buffer.compare(await joined(store, root), bytes), 0);
      const there = VM.restore(Snapshot.decode(bytes), { modules: [await megabyte], engine: others[engine] });
      t.deepEqual(there.instance(0).memory('memory').bytes.slice(0, 4096), noise(4096));
    }
    const sum = [...all.values()].reduce((a, b) => a + b);
    t.true(alone > 2 ** 20 && sum < 3 * alone, `${sum} bytes of 8 jobs, of which one has ${alone}`);
  });

test('what only begins as a container is pieces all the same', async (t) => {
  const { store } = new Counting();
  const whole = await state(1, [], 'interpreter');
  for (const bytes of [whole.subarray(0, 5), whole.subarray(0, 700_000), concatBytes(whole, Uint8Array.of(1))]) {
    const { root, blobs } = split(bytes);
    await store.commit({ blobs });
    t.is(Buffer.compare(await joined(store, root), bytes), 0);
  }
});

/** Levels of links, each `width` times to the one below. */
async function tower(counting: Counting, levels: number, width: number, bytes = none): Promise<string> {
  let name = await counting.put(blob(kinds.piece, bytes));
  for (let level = 0; level < levels; level++) name = await counting.put(blob(kinds.list, none, times(width, name)));
  return name;
}

const full = new Uint8Array(piece);
const hostile: Readonly<Record<string, (counting: Counting) => Promise<string>>> = {
  'five levels of 8000 links': (counting) => tower(counting, 5, 8000),
  'three levels that are full': (counting) => tower(counting, 3, fan, full),
  'two levels that are full': (counting) => tower(counting, 2, fan, full),
  'a list that is longer than any': (counting) => tower(counting, 1, fan + 1, full),
  'lists of one blob, one in the other': (counting) => tower(counting, 20_000, 1),
  'pieces of nothing': (counting) => tower(counting, 1, 5),
  'a piece that is too large': (counting) => counting.put(blob(kinds.piece, new Uint8Array(piece + 1))),
  'an empty list': (counting) => counting.put(blob(kinds.list, none)),
  'a list within a list of pieces': async (counting) => {
    const name = await counting.put(blob(kinds.piece, full));
    const list = await counting.put(blob(kinds.list, none, [name]));
    return counting.put(blob(kinds.list, none, [name, list, name]));
  },
  'a piece within a list of lists': async (counting) => {
    const name = await counting.put(blob(kinds.piece, full));
    const list = await counting.put(blob(kinds.list, none, times(fan, name)));
    return counting.put(blob(kinds.list, none, [list, name]));
  },
  'an empty series': (counting) => counting.put(seriesOf([])),
  'a series within a series': async (counting) =>
    counting.put(seriesOf([await counting.put(seriesOf([await tower(counting, 0, 1)]))])),
  'a series of 8000 parts': async (counting) => counting.put(seriesOf(times(8000, await tower(counting, 0, 1)))),
  'a series whose parts are all as large as can be': async (counting) =>
    counting.put(seriesOf(times(64, await largest(counting)))),
};

/** 2 GiB, as pieces that are all the same. */
async function largest(counting: Counting): Promise<string> {
  const list = await tower(counting, 1, fan, full);
  return counting.put(blob(kinds.list, none, times(4, list)));
}

/** Refused, and with few questions. */
async function refused(t: ExecutionContext, make: (counting: Counting) => Promise<string>): Promise<void> {
  const counting = new Counting();
  const root = await make(counting);
  counting.gets = 0;
  await t.throwsAsync(joinedParts(counting.store, root), { code: 'store', message: /damaged/ });
  t.true(counting.gets < 1000, `${counting.gets} blobs were read`);
  // Nobody goes on with it behind our back.
  const { gets } = counting;
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.true(counting.gets - gets < 1000);
}

for (const [what, make] of Object.entries(hostile)) test(`${what}: damaged`, (t) => refused(t, make));

test('what is no part of a job is of another version', async (t) => {
  const counting = new Counting();
  const root = await counting.put(blob(7, none));
  await t.throwsAsync(joined(counting.store, root), { code: 'store', message: /no part of a job/ });
});
