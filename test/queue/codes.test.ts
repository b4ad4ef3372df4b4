// Native code of modules through the store: what one runner has made, another one finds.

import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Commit, Store } from '../../src/store/index.ts';
import { moduleOf } from '../pool/guests.ts';
import { withRedis } from '../servers/tests.ts';
import { memoryStore } from './built.ts';
import { inRedis, type Place, until } from './places.ts';

/** With a section that says nothing, since code of small modules is not kept. */
const padded = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.of(...bytes, 0, 0x85, 0x27, 3, 112, 97, 100, ...new Uint8Array(4993));
const binary = async (op: string) =>
  padded(
    (await moduleOf(`(module (func (export "f") (param i32 i32) (result i32) local.get 0 local.get 1 ${op}))`)).bytes,
  );
const [adds, subtracts] = [await binary('i32.add'), await binary('i32.sub')];

const sha256 = (...parts: (Uint8Array | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const hashOf = (module: Uint8Array) => sha256(module).toString('hex');

async function withFolders(
  t: ExecutionContext,
  act: (place: Place, folder: () => string) => Promise<unknown>,
  store?: Store,
) {
  const base = mkdtempSync(join(tmpdir(), 'wasbox-codes-'));
  try {
    await inRedis(t, async (place) => void (await act(place, () => mkdtempSync(join(base, 'a')))), store);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** What `f(5, 3)` comes to on a runner of its own with an empty folder, and what that runner says of code. */
async function ran(place: Place, cache: string | undefined, module: Uint8Array, engine: 'interpreter' | 'native') {
  const runner = await place.runner({ cache });
  const [value] = await place.queue().submit({ module, export: 'f', args: [5, 3], engine });
  await runner.close();
  const { codeFound, codeKept } = runner.stats;
  return { value, codeFound, codeKept };
}

withRedis('what one runner has made of a module, another one finds in the store', (t) =>
  withFolders(t, async (place, folder) => {
    const [a, b] = [folder(), folder()];
    const names = (kind: string) => readdirSync(kind).map((name) => name.replace(hashOf(adds), 'HASH'));
    t.deepEqual(await ran(place, a, adds, 'native'), { value: 8, codeFound: 0, codeKept: 2 });
    t.is(names(a).length, 2);
    t.true(
      names(a).every((name) => /^HASH-\d+-(plain|valid)$/.test(name)),
      names(a).join(),
    );
    t.deepEqual(await ran(place, b, adds, 'native'), { value: 8, codeFound: 2, codeKept: 0 });
    t.deepEqual(names(b), names(a));
    // The folder has it by now.
    t.deepEqual(await ran(place, b, adds, 'native'), { value: 8, codeFound: 0, codeKept: 0 });
    t.deepEqual(await ran(place, folder(), adds, 'interpreter'), { value: 8, codeFound: 2, codeKept: 0 });
    t.deepEqual(await ran(place, undefined, adds, 'native'), { value: 8, codeFound: 0, codeKept: 0 });
  }),
);

withRedis('code of the store is run as it is where it is whole, and made anew where it is not', (t) =>
  withFolders(t, async (place, folder) => {
    const cache = folder();
    t.is((await ran(place, cache, subtracts, 'native')).value, 2);
    const { fileCache } = await import('../../src/pool/thread/cache.ts');
    const { codeKeys } = await import('../../src/rewrite/module/code-cache.ts');
    const { blobName } = await import('../../src/store/index.ts');
    const { split } = await import('../../src/pool/durable/blobs.ts');
    const plain = (module: Uint8Array) => codeKeys(hashOf(module))[0] as string;
    const code = fileCache(cache).get(plain(subtracts))?.subarray(32) as Uint8Array;
    t.is(blobName({ bytes: code }).length, 64);
    const put = async (bytes: Uint8Array) => {
      const name = `code/${plain(adds)}`;
      const { root, blobs } = split(bytes);
      const expected = (await place.store.head(name))?.version ?? 0;
      const data = new TextEncoder().encode('{"bytes":1,"usedAt":1e15}');
      await place.store.commit({ blobs, heads: [{ name, expected, state: { data, links: [root] } }] });
    };
    await put(Uint8Array.of(...sha256(sha256(code), plain(adds)), ...code));
    t.is((await ran(place, folder(), adds, 'native')).value, 2);
    for (const bad of [new Uint8Array(3), Uint8Array.of(...sha256(sha256(code), plain(subtracts)), ...code)]) {
      await put(bad);
      t.is((await ran(place, folder(), adds, 'native')).value, 8);
    }
  }),
);

withRedis('heads that are no code of ours make room for what is', (t) =>
  withFolders(t, async (place, folder) => {
    const { store } = place;
    const heads = ['code/x', 'code/y'].map((name) => ({ name, expected: 0, state: { data: new Uint8Array([123]) } }));
    await store.commit({ heads });
    const runner = await place.runner({ cache: folder() });
    t.deepEqual(await place.queue().submit({ module: adds, export: 'f', args: [5, 3], engine: 'native' }).result, [8]);
    // It looks for what its threads have made while it goes on.
    await until(() => runner.stats.codeKept === 2);
    await until(async () => (await store.list({ prefix: 'code/' })).length === 2);
    const names = (await store.list({ prefix: 'code/' })).map(({ name }) => name.slice(5, 69));
    t.deepEqual(names, [hashOf(adds), hashOf(adds)]);
  }),
);

withRedis('a store that gives and takes no code costs no job', (t) => {
  const store = memoryStore();
  const refused = (name: string) => name.startsWith('code/');
  const failing: Store = Object.assign(Object.create(store) as Store, {
    head: (name: string) => (refused(name) ? Promise.reject(new Error('no')) : store.head(name)),
    commit: (commit: Commit) =>
      commit.heads?.some(({ name }) => refused(name)) ? Promise.reject(new Error('no')) : store.commit(commit),
  });
  return withFolders(
    t,
    async (place, folder) =>
      t.deepEqual(await ran(place, folder(), adds, 'native'), { value: 8, codeFound: 0, codeKept: 0 }),
    failing,
  );
});
