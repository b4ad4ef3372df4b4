// What a store says of a job, and how much a ledger does for it.

import { setImmediate as soon } from 'node:timers/promises';
import test from 'ava';
import { type Entry, entryOf, headOf, stateOf } from '../../../src/pool/durable/entry.ts';
import { Ledger } from '../../../src/pool/durable/ledger.ts';
import { pack } from '../../../src/pool/told/parcel.ts';
import { StoreError } from '../../../src/spec/errors.ts';
import { type Head, memoryStore, type Store } from '../../../src/store/index.ts';

const digest = 'd'.repeat(64);
const entry: Entry = {
  ...{ state: 'live', by: 'pool', title: 'ü \ud83d\ude00', identity: 'who', digest, fence: 2, owner: 'me' },
  ...{ spec: 'a'.repeat(64), checkpoint: undefined, result: undefined, modules: ['b'.repeat(64)] },
  ...{ saves: 3, paid: 2 ** 40, spent: 1.5, submittedAt: 1, changedAt: 2.25, calling: undefined },
};
const headWith = (data: Uint8Array): Head => ({ name: headOf('key'), version: 1, links: [], data });

test('an entry is read as it was written, also as older ones wrote it', (t) => {
  const { data, links } = stateOf(entry);
  const read = entryOf(headWith(data as Uint8Array));
  t.deepEqual({ ...entry, ...read }, entry);
  t.deepEqual(entryOf(headWith(pack(entry, 'an entry'))), entry);
  t.deepEqual(links, ['a'.repeat(64), 'b'.repeat(64)]);
  for (const field of ['state', 'digest', 'fence', 'saves'] as const)
    t.throws(() => entryOf(headWith(new TextEncoder().encode(JSON.stringify({ ...entry, [field]: undefined })))), {
      instanceOf: StoreError,
      message: new RegExp(field),
    });
  for (const text of [
    '',
    '{',
    '{}',
    '[]',
    '"',
    JSON.stringify({ ...entry, more: 1 }),
    '{"__proto__":{"state":"live"}}',
  ])
    t.throws(() => entryOf(headWith(new TextEncoder().encode(text))), { instanceOf: StoreError });
});

/** A store that counts what it is asked. */
function counting(inner: Store): { readonly store: Store; readonly asked: Map<string, number> } {
  const asked = new Map<string, number>();
  const store = Object.create(inner) as Store;
  for (const name of ['collect', 'list'] as const)
    store[name] = (...args: []) => {
      asked.set(name, (asked.get(name) ?? 0) + 1);
      return inner[name](...args) as never;
    };
  return { store, asked };
}

const claimed = async (ledger: Ledger, key: string) => {
  const fresh = { by: 'pool', title: '', identity: key, digest, spec: new Uint8Array(100), modules: [] } as const;
  const claim = await ledger.claim(key, { digest, make: () => fresh });
  if (claim.kind !== 'held') throw new Error(claim.kind);
  return claim.held;
};
const about = { paid: 0, spent: 0, calling: 1 };
const mebibyte = 2 ** 20;

test('what is saved for the first time replaces nothing, and nothing is collected for it', async (t) => {
  const { store, asked } = counting(memoryStore());
  const ledger = new Ledger(store, 10_000);
  const state = (n: number) => new Uint8Array(16 * mebibyte).fill(n);
  const jobs = [];
  for (let i = 0; i < 5; i++) {
    const held = await claimed(ledger, `job ${i}`);
    jobs.push(held);
    await ledger.save(held, state(i), about);
    ledger.tidy();
    await soon();
  }
  t.is(asked.get('collect'), undefined, 'five of sixteen MiB each, and all of them are needed');
  for (const [i, held] of jobs.entries()) await ledger.save(held, state(100 + i), about);
  ledger.tidy();
  await soon();
  t.is(asked.get('collect'), 1);
  for (const held of jobs) await ledger.end(held, 'done', new Uint8Array(10));
  await ledger.close();
  t.is(asked.get('collect'), 2, 'at the end what the jobs had is collected');
  t.true((await store.collect()).blobs === 0);
});

test('all jobs are listed a page at a time, each once, in order', async (t) => {
  const inner = memoryStore();
  const heads = Array.from({ length: 2500 }, (_, i) => ({
    name: headOf(`${i}`.padStart(5, '0')),
    expected: 0,
    state: {
      data: (stateOf({ ...entry, by: 'run', spec: undefined, modules: [] }).data ?? new Uint8Array()) as Uint8Array,
    },
  }));
  await inner.commit({ heads });
  const { store, asked } = counting(inner);
  const keys: string[] = [];
  for await (const { key, entry: found } of new Ledger(store, 10_000).entries())
    if (!(found instanceof StoreError)) keys.push(key);
  t.deepEqual(
    keys,
    heads.map((_, i) => `${i}`.padStart(5, '0')),
  );
  t.is(asked.get('list'), 3);
});
