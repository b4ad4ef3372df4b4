// What goes wrong around a store, and is neither damage nor a full disk: a process that stands still, folders that nobody can
// make, files that may not grow, files that are something else.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { open } from 'lmdb';
import { childrenOf, openStore } from './faults.ts';

const root = mkdtempSync(join(tmpdir(), 'wasbox-store-'));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

/** What it rejects with, as far as it is looked at. */
async function refused(act: () => Promise<unknown>): Promise<{ reason: unknown; message: string }> {
  try {
    await act();
  } catch (error) {
    const { code, reason, message } = error as Record<string, string>;
    return code === 'store' ? { reason, message: message ?? '' } : { reason: code, message: `${error}` };
  }
  return { reason: 'nothing', message: '' };
}

// ---- processes that stand still

const isLinux = existsSync('/proc/self/limits');
const onLinux = isLinux ? test.serial : test.serial.skip;

/** A store, and the process that keeps its file. */
async function openedWith(path: string, timeout: number) {
  const before = new Set(childrenOf(process.pid));
  const store = await openStore(path, { timeout });
  const [keeper] = childrenOf(process.pid).filter((pid) => !before.has(pid));
  return { store, keeper: keeper as number };
}
const set = (name: string) => ({ heads: [{ name, expected: 0, state: { data: new TextEncoder().encode(name) } }] });

onLinux('a process that stands still is ended, and nothing that was acknowledged is lost', async (t) => {
  const { store, keeper } = await openedWith(join(root, 'still'), 1500);
  for (let i = 0; i < 30; i++) await store.commit(set(`before/${i}`));
  process.kill(keeper, 'SIGSTOP');
  const asked = [
    () => store.commit(set('meanwhile')),
    () => store.list(),
    () => store.collect(),
    () => store.head('a'),
  ];
  for (const { reason, message } of await Promise.all(asked.map(refused))) {
    t.is(reason, 'gone', message);
    t.regex(message, /has not answered for 1500 ms/);
  }
  await store.commit(set('after'));
  const names = (await store.list()).map(({ name }) => name).filter((name) => name !== 'meanwhile');
  t.deepEqual(names, ['after', ...Array.from({ length: 30 }, (_, i) => `before/${i}`)].sort());
  await store.close();
  t.throws(() => process.kill(keeper, 0), { code: 'ESRCH' });
});

onLinux('a store whose process stands still can be closed', async (t) => {
  const { store, keeper } = await openedWith(join(root, 'closed'), 500);
  await store.commit(set('a'));
  process.kill(keeper, 'SIGSTOP');
  await store.close();
  t.throws(() => process.kill(keeper, 0), { code: 'ESRCH' });
});

onLinux('time in which whoever asks stood still is not counted', async (t) => {
  const { store, keeper } = await openedWith(join(root, 'busy'), 500);
  const asked = store.commit(set('a'));
  for (let i = 0; i < 3; i++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await asked;
  await store.commit(set('b'));
  t.notThrows(() => process.kill(keeper, 0));
  await store.close();
});

test('the time that is waited must be one', async (t) => {
  for (const timeout of [0, -1, 1.5, Number.NaN, 2 ** 31, '5' as never])
    t.is((await refused(() => openStore(join(root, 'never'), { timeout }))).reason, 'usage');
  t.is((await refused(() => openStore(join(root, 'never'), { patience: 5 } as never))).reason, 'usage');
  t.false(existsSync(join(root, 'never')));
});

// ---- folders

const nowhere = ['/proc/nope', '/proc/nope/a/b', '/proc/self/nope', '/dev/null/a'];
for (const path of nowhere)
  (isLinux ? test : test.skip)(`no folder can be made at ${path}, and that is told at once`, async (t) => {
    const { reason, message } = await refused(() => openStore(path));
    t.is(reason, 'io', message);
    t.regex(message, /the folder cannot be made/);
  });

test('a file in the place of the folder', async (t) => {
  writeFileSync(join(root, 'file'), '');
  for (const path of ['file', 'file/a']) {
    const { reason, message } = await refused(() => openStore(join(root, path)));
    t.is(reason, 'io', message);
    t.regex(message, /the folder cannot be made/);
  }
});

test('folders above it are made, by several at a time', async (t) => {
  const stores = await Promise.all([1, 2, 3].map(() => openStore(join(root, 'some/where/deep'))));
  await stores[0]?.commit(set('a'));
  t.is((await stores[2]?.list())?.length, 1);
  await Promise.all(stores.map((store) => store.close()));
});

// ---- files that may not grow

const limited = fileURLToPath(new URL('limited.mjs', import.meta.url));
for (const [blocks, wanted] of [
  [20, 'nothing'],
  [64, 'nothing'],
  [1000, 'some'],
] as const)
  onLinux(`files of at most ${blocks} KiB: ${wanted} is done, and the limit told`, async (t) => {
    const path = join(root, `limit-${blocks}`);
    const script = `ulimit -f ${blocks}; exec "$0" "$@"`;
    // What it says goes through a pipe.
    const { stdout } = await promisify(execFile)('bash', ['-c', script, process.execPath, limited, path]);
    const { done, listed, refused: commit, failed } = JSON.parse(stdout);
    const { reason, message } = wanted === 'some' ? commit : failed;
    t.is(reason, 'full', message);
    t.regex(message, new RegExp(`the file may not grow: files are limited to ${blocks * 1024} bytes`));
    if (wanted === 'some') t.true(done > 0 && listed === done, stdout);
  });

// ---- files that are something else

const others: Readonly<Record<string, (folder: string) => void | Promise<void>>> = {
  text: (folder) => writeFileSync(join(folder, 'data.mdb'), 'this is no store\n'),
  'a long text': (folder) => writeFileSync(join(folder, 'data.mdb'), 'this is no store\n'.repeat(10_000)),
  zeros: (folder) => writeFileSync(join(folder, 'data.mdb'), new Uint8Array(100_000)),
  'another database of LMDB': async (folder) => {
    const db = open({ path: folder, noSubdir: false });
    await db.put('a', 'b');
    await db.close();
  },
  'a database of another version of LMDB': async (folder) => {
    await (await openStore(folder)).close();
    const bytes = readFileSync(join(folder, 'data.mdb'));
    for (const page of [0, 4096]) bytes[page + 28] = 77;
    writeFileSync(join(folder, 'data.mdb'), bytes);
  },
};
const made = (name: string): string => {
  const folder = join(root, name.replaceAll(' ', '-'));
  mkdirSync(folder);
  return folder;
};
const versionTold = async (t: ExecutionContext, folder: string) => {
  const { reason, message } = await refused(() => openStore(folder));
  t.is(reason, 'version', message);
};

for (const [what, make] of Object.entries(others))
  test.serial(`${what} is no store`, async (t) => {
    const folder = made(what);
    await make(folder);
    const before = readFileSync(join(folder, 'data.mdb'));
    await versionTold(t, folder);
    t.is(Buffer.compare(readFileSync(join(folder, 'data.mdb')), before), 0, 'it is left as it was');
  });

test.serial('a store that was cut short is damaged, and an empty file a new store', async (t) => {
  const folder = made('cut');
  await (await openStore(folder)).close();
  truncateSync(join(folder, 'data.mdb'), 5000);
  t.is((await refused(() => openStore(folder))).reason, 'damaged');
  truncateSync(join(folder, 'data.mdb'), 0);
  const store = await openStore(folder);
  t.deepEqual(await store.list(), []);
  await store.close();
});
