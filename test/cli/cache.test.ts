// The cache of rewritten modules on the command line: where it is, who is trusted, how much it holds, and that what is wrong there
// never shows in what a command does.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { bounds } from '../../src/pool/line/bounds.ts';
import { fileCache } from '../../src/pool/thread/cache.ts';
import { isSafe } from '../../src/store/disk/look.ts';
import { lodepng } from '../binary/modules.ts';
import { Folder, type Ran } from './wasbox.ts';

const folder = await Folder.make();
test.after.always(() => folder.remove());

async function emptyFolder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'wasbox-cache-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Through `env`, which has nothing but these variables and the path. */
const inEnvironment = (variables: Record<string, string>, ...args: string[]): Promise<Ran> =>
  folder.shell(
    `env -u WASBOX_CACHE -u XDG_CACHE_HOME ${Object.entries(variables)
      .map(([name, value]) => `${name}='${value}'`)
      .join(' ')} $wasbox ${args.join(' ')}`,
  );

/** Not what Node has compiled. */
const rewrittenIn = (path: string): string[] => readdirSync(path).filter((name) => name !== 'node');

const call = ['run', 'big.wasm', '20', '--engine', 'native'];
const expected = { code: 0, out: '6765\n21891\n21868\n', err: '' };

test('it is where the environment says, for this user alone', async (t) => {
  const home = await emptyFolder(t);
  const places: [Record<string, string>, string][] = [
    [{ WASBOX_CACHE: join(home, 'a/b') }, 'a/b'],
    [{ XDG_CACHE_HOME: join(home, 'c') }, 'c/wasbox'],
    [{ HOME: join(home, 'd') }, process.platform === 'darwin' ? 'd/Library/Caches/wasbox' : 'd/.cache/wasbox'],
    [
      { XDG_CACHE_HOME: 'relative', HOME: join(home, 'e') },
      process.platform === 'darwin' ? 'e/Library/Caches/wasbox' : 'e/.cache/wasbox',
    ],
  ];
  for (const [variables, place] of places) {
    const path = join(home, place);
    for (let i = 0; i < 2; i++) t.deepEqual(await inEnvironment(variables, ...call), expected);
    const files = rewrittenIn(path);
    t.is(files.length, 1, place);
    t.is(statSync(path).mode & 0o777, 0o700);
    t.is(statSync(join(path, files[0] as string)).mode & 0o777, 0o600);
  }
  t.false(existsSync(folder.file('relative')));
});

test('what is there is used the next time, by several at once, and made good where it is damaged', async (t) => {
  const path = await emptyFolder(t);
  const run = () => inEnvironment({ WASBOX_CACHE: path }, ...call);
  for (const ran of await Promise.all(Array.from({ length: 4 }, run))) t.deepEqual(ran, expected);
  const [name = '', ...others] = rewrittenIn(path);
  t.deepEqual(others, []);
  const file = join(path, name);
  const bytes = readFileSync(file);
  utimesSync(file, 1, 1);
  const { ino } = statSync(file);
  t.deepEqual(await run(), expected);
  t.is(statSync(file).ino, ino);
  t.true(statSync(file).mtimeMs > 1000);
  const damages = [bytes.subarray(0, 50), bytes.subarray(0, -1), bytes.with(bytes.length - 3, 1), new Uint8Array(0)];
  for (const damaged of damages) {
    writeFileSync(file, damaged);
    t.deepEqual(await run(), expected);
    t.deepEqual(readFileSync(file), bytes);
  }
});

test('there is none where none is wanted, and the command line goes first', async (t) => {
  const home = await emptyFolder(t);
  const named = join(home, 'named');
  const asked = join(home, 'asked');
  t.deepEqual(await inEnvironment({ HOME: home, WASBOX_CACHE: '' }, ...call), expected);
  t.deepEqual(await inEnvironment({ HOME: home }, ...call, '--no-cache'), expected);
  t.deepEqual(await inEnvironment({ HOME: home, WASBOX_CACHE: named }, ...call, '--no-cache'), expected);
  t.deepEqual(readdirSync(home), []);
  t.deepEqual(await inEnvironment({ HOME: home, WASBOX_CACHE: named }, ...call, '--cache', asked), expected);
  t.deepEqual(readdirSync(home), ['asked']);
  await folder.lines('cached.jsonl', [{ module: 'big.wasm', export: 'run', args: [22] }]);
  for (const more of [['--no-cache'], []]) {
    const ran = await inEnvironment({ HOME: home, WASBOX_CACHE: named }, 'batch', 'cached.jsonl', '--json', ...more);
    t.is(ran.code, 0, ran.err);
    t.regex(ran.out, /17711/);
    t.is(existsSync(named) && rewrittenIn(named).length > 0, more.length === 0);
  }
});

test('whoever names one that cannot be is told, and the command does its work', async (t) => {
  const home = await emptyFolder(t);
  const file = join(home, 'file');
  writeFileSync(file, '');
  for (const named of [file, join(file, 'below')]) {
    const { code, out, err } = await inEnvironment({ HOME: home }, ...call, '--cache', named);
    t.deepEqual({ code, out }, { code: 0, out: expected.out });
    t.is(err, `wasbox: the cache ${named} is not used, as ${file} is no folder\n`);
  }
});

test('a folder of the user where others can write is not used, and that is told', async (t) => {
  const home = await emptyFolder(t);
  const path = join(home, 'wasbox');
  mkdirSync(path);
  chmodSync(path, 0o777);
  const ran = await inEnvironment({ XDG_CACHE_HOME: home }, ...call);
  t.deepEqual(ran, { ...expected, err: `wasbox: the cache ${path} is not used, as others can write there\n` });
  t.deepEqual(readdirSync(path), []);
});

test('where nothing can be kept, nothing is told', async (t) => {
  await folder.write('no-folder', '');
  t.deepEqual(await inEnvironment({ WASBOX_CACHE: folder.file('no-folder') }, ...call), expected);
  t.deepEqual(await inEnvironment({ HOME: '/dev/null' }, ...call), expected);
});

test('a module that was validated need not be again', async (t) => {
  const path = await emptyFolder(t);
  await folder.write('lodepng.wasm', lodepng.bytes);
  const run = () => inEnvironment({ WASBOX_CACHE: path }, 'run', 'lodepng.wasm', '--invoke', '_initialize');
  const first = await run();
  t.is(first.code, 0, first.err);
  const files = rewrittenIn(path);
  t.is(files.length, 1);
  t.true(files[0]?.endsWith('-valid'));
  const file = join(path, files[0] as string);
  const bytes = readFileSync(file);
  utimesSync(file, 1, 1);
  t.deepEqual(await run(), first);
  t.true(statSync(file).mtimeMs > 1000);
  writeFileSync(file, bytes.subarray(0, 40));
  t.deepEqual(await run(), first);
  t.deepEqual(readFileSync(file), bytes);
  const damaged = lodepng.bytes.slice();
  damaged[40_000] = 0xff;
  await folder.write('damaged.wasm', damaged);
  const told = await Promise.all([1, 2].map(() => inEnvironment({ WASBOX_CACHE: path }, 'run', 'damaged.wasm')));
  for (const { code } of told) t.is(code, 3);
  t.is(told[0]?.err, told[1]?.err);
  t.deepEqual(rewrittenIn(path), files);
});

// The folder by itself

const keyOf = (i: number): string => `${i.toString(16).padStart(64, '0')}-1-plain`;

test('files that others could have written are not read', async (t) => {
  const path = await emptyFolder(t);
  const cache = fileCache(path);
  const [key, other, pipe] = [keyOf(1), keyOf(2), keyOf(3)];
  cache.set(key, Uint8Array.of(1, 2, 3));
  const get = (key: string) => {
    const bytes = cache.get(key);
    return bytes && [...bytes];
  };
  t.deepEqual(get(key), [1, 2, 3]);
  for (const mode of [0o620, 0o602, 0o666]) {
    chmodSync(join(path, key), mode);
    t.is(get(key), undefined, mode.toString(8));
  }
  cache.set(key, Uint8Array.of(4));
  t.deepEqual(get(key), [4]);
  mkdirSync(join(path, other));
  t.is(get(other), undefined);
  t.is((await folder.shell(`mkfifo ${join(path, pipe)}`)).code, 0);
  t.is(get(pipe), undefined);
  const stats = statSync(join(path, key));
  t.true(isSafe(stats));
  t.true(isSafe(Object.assign(Object.create(stats), { uid: 0 })));
  t.is(isSafe(Object.assign(Object.create(stats), { uid: stats.uid + 1 })), process.getuid === undefined);
});

test.serial('what was not used for the longest goes, with drafts that nobody finishes', async (t) => {
  const path = await emptyFolder(t);
  const { cacheFolder, leastFile } = bounds;
  t.teardown(() => Object.assign(bounds, { cacheFolder, leastFile }));
  Object.assign(bounds, { cacheFolder: 10_000, leastFile: 1000 });
  const cache = fileCache(path);
  const here = () => readdirSync(path).sort();
  const used = (name: string, seconds: number) => utimesSync(join(path, name), seconds, seconds);
  writeFileSync(join(path, 'mine.txt'), new Uint8Array(20_000));
  for (const i of [1, 2, 3]) {
    cache.set(keyOf(i), new Uint8Array(3000));
    used(keyOf(i), i);
  }
  writeFileSync(join(path, `${keyOf(7)}.1.0`), 'old');
  used(`${keyOf(7)}.1.0`, 1);
  writeFileSync(join(path, `${keyOf(8)}.1.0`), 'new');
  t.is(cache.get(keyOf(1))?.length, 3000);
  cache.set(keyOf(4), new Uint8Array(1));
  t.deepEqual(here(), [keyOf(1), keyOf(2), keyOf(3), keyOf(4), `${keyOf(8)}.1.0`, 'mine.txt'].sort());
  cache.set(keyOf(5), new Uint8Array(1));
  t.deepEqual(here(), [keyOf(1), keyOf(3), keyOf(4), keyOf(5), `${keyOf(8)}.1.0`, 'mine.txt'].sort());
  cache.set(keyOf(6), new Uint8Array(10_001));
  t.false(here().includes(keyOf(6)));
  cache.set(keyOf(6), new Uint8Array(10_000));
  t.deepEqual(here(), [keyOf(6), `${keyOf(8)}.1.0`, 'mine.txt'].sort());
});
