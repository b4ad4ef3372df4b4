// Large blobs in a store of their own, beside the database that has all else.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  blobName,
  type Commit,
  memoryStore,
  type NewBlob,
  openStore,
  type Store,
  type StoreError,
} from '../../src/store/disk/index.ts';
import { conformance } from './conformance.ts';
import { endServers, kinds } from './kinds.ts';

test.after.always(endServers);

const set = (name: string, expected: number, ...blobs: NewBlob[]): Commit => ({
  blobs,
  heads: [{ name, expected, state: { links: blobs.map(blobName) } }],
});
const large = (i: number) => ({ bytes: new Uint8Array(5000).fill(i) });
const small = (i: number) => ({ bytes: new Uint8Array(50).fill(i) });
const places = async (store: Store) => (await store.list({ prefix: 'large/' })).length;

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'wasbox-large-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

for (const { name, test: testOf, open } of [kinds.postgres, kinds.redis]) {
  for (const { title, run } of conformance)
    testOf(`${name} and a folder: ${title}`, async (t) => {
      const store = await open(`split ${title}`, { large: { store: folder(t), from: 4 } });
      try {
        await t.notThrowsAsync(run(store));
      } finally {
        await store.close();
      }
    });

  testOf(`${name}: large blobs are in the other store, and go with the last head that reaches them`, async (t) => {
    const path = folder(t);
    const store = await open('apart', { large: { store: path, from: 1000 } });
    const first = await store.commit(set('a', 0, large(1), large(2), small(3)));
    const node = { bytes: new Uint8Array(9000), links: [blobName(large(1))] };
    await store.commit({ blobs: [node], heads: [{ name: 'b', expected: 0, state: { links: [blobName(node)] } }] });
    await store.close();
    const there = await openStore(path);
    t.deepEqual(await there.has([large(1), large(2), small(3), node].map(blobName)), [true, true, false, false]);
    t.is(await places(there), 2);
    await there.close();

    const again = await open('apart', { large: { store: path, from: 1000 } });
    t.deepEqual((await again.get(blobName(large(2)))).bytes[4999], 2);
    await again.commit({ heads: [{ name: 'a', expected: first, state: undefined }] });
    t.is((await again.collect()).blobs, 2);
    t.deepEqual(await again.has([large(1), large(2), small(3), node].map(blobName)), [true, false, false, true]);
    t.is((await again.get(blobName(large(1)))).bytes[7], 1);
    await again.close();
    const after = await openStore(path);
    t.is(await places(after), 1);
    t.deepEqual(await after.has([large(1), large(2)].map(blobName)), [true, false]);
    await after.close();
  });

  testOf(`${name}: bytes that were put and never named are cleared, once no commit can come for them`, async (t) => {
    const other = memoryStore();
    const store = await open('orphans', { large: { store: { ...bound(other), close: async () => {} }, from: 1000 } });
    const version = await store.commit(set('a', 0, large(1)));
    // The bytes are put first; then it is refused.
    const two = [set('a', version + 1, large(2)), set('a', version, large(3))];
    await t.throwsAsync(store.commit(two[0] as Commit), { message: /not what the change expects/ });
    await store.commit(two[1] as Commit);
    t.is(await places(other), 3);
    await store.collect();
    t.is(await places(other), 2, 'what no head reaches is gone, what nobody named may still be named');
    await store.collect();
    t.is(await places(other), 1);
    t.is((await store.get(blobName(large(3)))).bytes[0], 3);
    t.deepEqual(await other.has([large(1), large(2), large(3)].map(blobName)), [false, false, true]);
    await store.close();
  });

  testOf(`${name}: a commit whose bytes were cleared meanwhile puts them again`, async (t) => {
    const other = memoryStore();
    let between: () => Promise<unknown> = async () => {};
    const slow: Store = {
      ...bound(other),
      // What comes between the bytes and their name.
      commit: async (commit) => {
        const done = await other.commit(commit);
        const act = between;
        if (commit.blobs?.length) {
          between = async () => {};
          await act();
        }
        return done;
      },
    };
    const store = await open('late', { large: { store: slow, from: 1000 } });
    let collected = 0;
    between = async () => {
      for (; collected < 3; collected++) await store.collect();
    };
    await store.commit(set('a', 0, large(1)));
    t.is(collected, 3);
    t.is((await store.get(blobName(large(1)))).bytes[0], 1);
    await store.collect();
    t.is(await places(other), 1);
    await store.close();
  });

  testOf(
    `${name}: bytes that are gone or changed are told, and so is a store that was opened without them`,
    async (t) => {
      const other = memoryStore();
      const store = await open('lost', { large: { store: other, from: 1000 } });
      await store.commit(set('a', 0, large(1)));
      const without = await open('lost');
      const refused = { code: 'store', message: new RegExp(blobName(large(1))) };
      const reason = async (act: Promise<unknown>) => (await t.throwsAsync<StoreError>(act, refused))?.reason;
      t.is(await reason(without.get(blobName(large(1)))), 'io');
      for (const { name: head, version } of await other.list())
        await other.commit({ heads: [{ name: head, expected: version, state: undefined }] });
      await other.collect();
      t.is(await reason(store.get(blobName(large(1)))), 'damaged');
      await Promise.all([store.close(), without.close()]);
    },
  );
}

test('options of a large store are checked before anything is made', async (t) => {
  const path = join(tmpdir(), 'wasbox-never-made');
  const wrong = [{}, { store: '' }, { store: path, from: 0 }, { store: path, from: 2 ** 21 }, { store: path, of: 1 }];
  for (const large of wrong)
    await t.throwsAsync(openStore('redis://127.0.0.1:1', { large: large as never, timeout: 100 }), {
      code: 'usage',
    } as never);
  await t.throwsAsync(openStore(path, { large: { store: path } }), { message: /large.*disk/ });
  t.false(existsSync(path));
});

const bound = (store: Store): Store => ({
  ...{ commit: store.commit.bind(store), head: store.head.bind(store), list: store.list.bind(store) },
  ...{ get: store.get.bind(store), has: store.has.bind(store) },
  ...{ collect: store.collect.bind(store), close: store.close.bind(store) },
});
