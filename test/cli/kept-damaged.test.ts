// What is kept of a job and cannot be as it is: told for that job, beside the others, and never a crash.

import test from 'ava';
import { headOf } from '../../src/pool/durable/entry.ts';
import { blobName, type NewBlob, openStore, type Store } from '../../src/store/disk/index.ts';
import { badEntries, badResults, piece, poolEntry, seriesOfNone } from '../pool/durable/hostile.ts';
import { Folder } from './wasbox.ts';

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
});
test.after.always(() => folder.remove());

async function kept(path: string, act: (store: Store) => Promise<unknown>): Promise<void> {
  const store = await openStore(folder.file(path));
  try {
    await act(store);
  } finally {
    await store.close();
  }
}

const put = (store: Store, key: string, entry: object, blobs: readonly NewBlob[] = []) =>
  store.commit({
    blobs,
    heads: [
      {
        name: headOf(key),
        expected: 0,
        state: { data: new TextEncoder().encode(JSON.stringify(entry)), links: blobs.map(blobName) },
      },
    ],
  });

const sum = (store: string) =>
  folder.wasbox('run', 'math.wasm', '--invoke', 'add', '1', '2', '--store', store, '--key', 'good');

test('entries that nobody has written are told beside the others, and may be removed', async (t) => {
  await sum('entries');
  await kept('entries', async (store) => {
    for (const [name, entry] of Object.entries(badEntries)) await put(store, `bad ${name}`, entry);
  });
  const list = await folder.wasbox('jobs', 'list', 'entries', '--json');
  t.is(list.code, 9, list.err);
  const { jobs } = JSON.parse(list.out) as { jobs: { key: string; damaged?: string; state?: string }[] };
  t.deepEqual(
    jobs.filter(({ damaged }) => typeof damaged === 'string').map(({ key }) => key),
    Object.keys(badEntries)
      .map((name) => `bad ${name}`)
      .sort(),
  );
  t.like(jobs.at(-1), { key: 'good', state: 'done' });
  const plain = await folder.wasbox('jobs', 'list', 'entries');
  t.is(plain.code, 9);
  t.regex(plain.out, /bad late +damaged .*changedAt/);
  t.regex(plain.out, /good +done/);
  const keys = ['bad late', 'bad no result', 'bad no spec'];
  for (const line of keys.flatMap((key) => [
    ['jobs', 'show', 'entries', key],
    ['jobs', 'resume', 'entries', key],
    ['run', 'big.wasm', '5', '--store', 'entries', '--key', key],
  ])) {
    const { code, out } = await folder.wasbox(...line, '--json');
    t.is(code, 9, line.join(' '));
    t.like(JSON.parse(out), { status: 'failed', code: 'store' });
  }
  const all = Object.keys(badEntries).map((name) => `bad ${name}`);
  t.is((await folder.wasbox('jobs', 'rm', 'entries', ...all)).code, 0);
  t.is((await folder.wasbox('jobs', 'list', 'entries')).code, 0);
});

test('so are results and checkpoints that are none', async (t) => {
  await kept('results', async (store) => {
    for (const [name, { by, state, value }] of Object.entries(badResults)) {
      const blob = piece(value);
      await put(store, name, { ...poolEntry, by, state, result: blobName(blob), digest: '' }, [blob]);
    }
    const [spec, checkpoint] = [piece(new Uint8Array()), seriesOfNone];
    for (const by of ['pool', 'run'])
      await put(
        store,
        `series ${by}`,
        {
          ...poolEntry,
          by,
          state: 'live',
          spec: blobName(spec),
          modules: [blobName(spec)],
          checkpoint: blobName(checkpoint),
        },
        [spec, checkpoint],
      );
  });
  const list = await folder.wasbox('jobs', 'list', 'results');
  t.is(list.code, 0, 'their heads are whole');
  for (const key of [...Object.keys(badResults), 'series pool', 'series run'])
    for (const act of ['show', 'resume']) {
      const { code, out, err } = await folder.wasbox('jobs', act, 'results', key, '--json');
      t.is(code, 9, `${act} ${key}: ${err}`);
      t.like(JSON.parse(out), { status: 'failed', code: 'store' });
    }
});
