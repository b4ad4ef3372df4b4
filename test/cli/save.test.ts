// `--save`: what there was is there until what there is now is whole, and signals save wherever the program is.

import { execFile } from 'node:child_process';
import { chmod, link, lstat, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import test from 'ava';
import { Folder, Started } from './wasbox.ts';

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
});
test.after.always(() => folder.remove());

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const leftovers = async () => (await readdir(folder.path)).filter((name) => name.endsWith('.tmp'));

for (const signal of signals) {
  test(`${signal} saves a program that runs`, async (t) => {
    const file = `runs-${signal}.wbx`;
    const child = folder.start('run', 'ready.wasm', '--host', 'ready.mjs', '--save', file);
    await child.saw(/ready/);
    child.kill(signal);
    t.deepEqual(await child.end(), { code: 5, signal: null });
    t.regex(child.err, /^wasbox: suspended: interrupted; saved to /);
    const { out } = await folder.wasbox('inspect', file);
    t.regex(out, /suspended in a call/);
  });

  test(`${signal} saves a program that waits for a host function, which is then asked again`, async (t) => {
    const file = `waits-${signal}.wbx`;
    const child = folder.start('run', 'asks.wasm', '--host', 'ask.mjs', '--save', file);
    await child.saw(/ready/);
    child.kill(signal);
    t.deepEqual(await child.end(), { code: 5, signal: null });
    const { out } = await folder.wasbox('inspect', file);
    t.regex(out, /waiting for the host function env\.ask/);
    t.deepEqual(await folder.wasbox('resume', file, '--host', 'ask.mjs'), { code: 0, out: 'ready\n42\n', err: '' });
  });

  test(`${signal} ends a program that is not to be saved`, async (t) => {
    const child = folder.start('run', 'asks.wasm', '--host', 'ask.mjs');
    await child.saw(/ready/);
    child.kill(signal);
    t.deepEqual(await child.end(), { code: null, signal });
    t.is(child.err, '');
  });
}

test('a second signal ends the process as it would without us', async (t) => {
  const listening = new URL('../../dist/src/cli/signals.js', import.meta.url).href;
  await folder.write(
    'listen.mjs',
    `import { listen } from '${listening}';
     setInterval(() => {}, 1000);
     listen().signal.addEventListener('abort', ({ target }) => console.log('heard', target.reason));
     console.log('ready');`,
  );
  for (const [first, second] of [
    ['SIGINT', 'SIGINT'],
    ['SIGTERM', 'SIGINT'],
    ['SIGINT', 'SIGTERM'],
  ] as const) {
    const child = new Started(execFile(process.execPath, [folder.file('listen.mjs')]));
    await child.saw(/ready/);
    child.kill(first);
    await child.saw(/heard/);
    t.regex(child.out, new RegExp(`heard ${first}`));
    child.kill(second);
    t.deepEqual(await child.end(), { code: null, signal: second });
  }
});

test('a path that cannot be written is told before anything runs', async (t) => {
  const run = ['run', 'ready.wasm', '--host', 'ready.mjs', '--save'];
  for (const path of ['no/where', '.', 'ready.mjs/file']) {
    const { code, out, err } = await folder.wasbox(...run, path);
    t.deepEqual([code, out], [2, ''], err);
    t.regex(err, /^wasbox: cannot write [^\n]*\n$/);
  }
  t.deepEqual(await leftovers(), []);
});

test('a full disk leaves the last good snapshot whole, and nothing else', async (t) => {
  const first = await folder.wasbox('run', 'big.wasm', '20', '--fuel', '1e5', '--save', 'good.wbx');
  t.is(first.code, 5, first.err);
  const good = await readFile(folder.file('good.wbx'));
  // No file may have more than 512 or 1024 bytes, whichever the shell counts by.
  for (const json of ['', ' --json']) {
    const { code, out, err } = await folder.shell(
      `ulimit -f 1; $wasbox resume good.wbx --fuel 1e5 --save good.wbx${json}`,
    );
    t.is(code, 8, err);
    t.is(err, 'wasbox: cannot save to good.wbx: it would be larger than files may be; the file is as it was\n');
    if (json !== '') t.like(JSON.parse(out), { status: 'failed', code: 'output' });
    t.deepEqual(await readFile(folder.file('good.wbx')), good);
  }
  t.deepEqual(await leftovers(), []);
  t.is((await folder.wasbox('resume', 'good.wbx')).out.split('\n')[0], '6765');
});

test('a disk that has no room left is told, also where nothing was saved before', async (t) => {
  const device = await folder.wasbox('run', 'big.wasm', '20', '--fuel', '1e5', '--save', '/dev/full');
  t.is(device.code, 8);
  t.is(device.err, 'wasbox: cannot save to /dev/full: the disk is full\n');
  const small = await onSmallDisk(t.log);
  if (small === undefined) return;
  t.teardown(small.remove);
  const file = `${small.path}/first.wbx`;
  await writeFile(`${small.path}/fill`, new Uint8Array(60_000));
  const { code, err } = await folder.wasbox('run', 'noise.wasm', '--fuel', '1e6', '--save', file);
  t.is(code, 8, err);
  t.is(err, `wasbox: cannot save to ${file}: the disk is full\n`);
  t.deepEqual(await readdir(small.path), ['fill']);
});

/** A disk of 64 KiB, where this user may mount one. */
async function onSmallDisk(
  log: (text: string) => void,
): Promise<{ path: string; remove: () => Promise<void> } | undefined> {
  const path = folder.file('small');
  const run = promisify(execFile);
  try {
    await run('mkdir', ['-p', path]);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path]);
  } catch (error) {
    log(`SKIPPED: no small disk can be mounted here: ${(error as Error).message}`);
    return undefined;
  }
  return { path, remove: () => run('umount', [path]).then(() => undefined) };
}

test('the new file takes the place of the old one in one step', async (t) => {
  await folder.wasbox('run', 'big.wasm', '20', '--fuel', '1e5', '--save', 'step.wbx');
  const [file, old, alias] = ['step.wbx', 'old.wbx', 'alias.wbx'].map((name) => folder.file(name)) as [
    string,
    string,
    string,
  ];
  const good = await readFile(file);
  await link(file, old);
  await symlink('step.wbx', alias);
  await chmod(file, 0o640);
  const { code } = await folder.wasbox('resume', 'step.wbx', '--fuel', '1e5', '--save', 'alias.wbx');
  t.is(code, 5);
  t.deepEqual(await readFile(old), good);
  t.notDeepEqual(await readFile(file), good);
  t.true((await lstat(alias)).isSymbolicLink());
  t.is((await stat(file)).mode & 0o777, 0o640);
  t.deepEqual(await leftovers(), []);
});

test('a file that is damaged is told as such, and one may be read while it is replaced', async (t) => {
  await folder.wasbox('run', 'big.wasm', '22', '--fuel', '1e5', '--save', 'twice.wbx');
  for (let i = 0; i < 3; i++) {
    const [resumed, inspected] = await Promise.all([
      folder.wasbox('resume', 'twice.wbx', '--fuel', '1e4', '--save', 'twice.wbx'),
      folder.wasbox('inspect', 'twice.wbx', '--json'),
    ]);
    t.is(resumed.code, 5);
    t.is(inspected.code, 0, inspected.err);
  }
});
