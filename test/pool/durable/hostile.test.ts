// Jobs of a store that nobody has written as they are: each is a StoreError of its own, and the others go on.

import test from 'ava';
import { entryOf, headOf } from '../../../src/pool/durable/entry.ts';
import type { Head, NewBlob, Store } from '../../../src/store/index.ts';
import { arithmetic } from '../guests.ts';
import { blobName, memoryStore, Pool, StoreError } from './built.ts';
import { badEntries, badResults, live, piece, poolEntry, seriesOfNone } from './hostile.ts';

const dataOf = (entry: object): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(entry));

const put = (store: Store, key: string, entry: object, blobs: readonly NewBlob[] = []) =>
  store.commit({
    blobs,
    heads: [{ name: headOf(key), expected: 0, state: { data: dataOf(entry), links: blobs.map(blobName) } }],
  });

test('each field of an entry is checked, and what goes with what', (t) => {
  const headWith = (entry: object): Head => ({ name: headOf('key'), version: 1, links: [], data: dataOf(entry) });
  t.like(entryOf(headWith(live)), live);
  for (const [name, entry] of Object.entries(badEntries))
    t.like(
      t.throws(() => entryOf(headWith(entry)), undefined, name),
      { code: 'store', reason: 'damaged' },
      name,
    );
  const later = t.throws(() => entryOf(headWith({ ...live, more: 1 })));
  t.like(later, { code: 'store', reason: 'version' });
});

test('a pool that recovers has a StoreError for each, and runs the others', async (t) => {
  const store = memoryStore();
  for (const [name, entry] of Object.entries(badEntries)) await put(store, name, entry);
  const [spec, checkpoint] = [piece({ options: 1 }), seriesOfNone];
  const broken = { ...live, spec: blobName(spec), modules: [blobName(spec)] };
  await put(store, 'spec of none', broken, [spec]);
  await using pool = new Pool({ threads: 1, store });
  const spin = { module: arithmetic.bytes, export: 'spin', key: 'spins', saveEvery: { fuel: 1e5 }, sliceFuel: 1e5 };
  const first = pool.submit(spin);
  await first.suspend();
  await t.throwsAsync(first.result);
  // A checkpoint that is a series of nothing, of a job that is whole but for that.
  const head = (await store.head(headOf('spins'))) as Head;
  const entry = JSON.parse(new TextDecoder().decode(head.data));
  await put(store, 'series of none', { ...entry, checkpoint: blobName(checkpoint), key: undefined }, [
    checkpoint,
    ...(await Promise.all([...new Set<string>([entry.spec, ...entry.modules])].map((name) => store.get(name)))),
  ]);
  const found = await pool.recover();
  t.deepEqual([...found.keys()].sort(), [...Object.keys(badEntries), 'spec of none', 'series of none', 'spins'].sort());
  for (const [key, job] of found) if (key !== 'spins') await t.throwsAsync(job.result, { instanceOf: StoreError }, key);
  found.get('spins')?.cancel();
  await t.throwsAsync(found.get('spins')?.result as Promise<unknown>);
});

test('a result that is none is a StoreError of whoever asks for it', async (t) => {
  const store = memoryStore();
  await using pool = new Pool({ threads: 1, store });
  const job = { module: arithmetic.bytes, export: 'add', args: [1, 2] };
  for (const [key, { by, state, value }] of Object.entries(badResults)) {
    if (by !== 'pool') continue;
    await pool.submit({ ...job, key }).result;
    const { data, version } = (await store.head(headOf(key))) as Head;
    const { digest } = JSON.parse(new TextDecoder().decode(data));
    await store.commit({ heads: [{ name: headOf(key), expected: version, state: undefined }] });
    const blob = piece(value);
    await put(store, key, { ...poolEntry, by, state, digest, result: blobName(blob) }, [blob]);
    await t.throwsAsync(pool.submit({ ...job, key }).result, { instanceOf: StoreError, message: /result/ }, key);
    t.true(await pool.forget(key));
  }
});
