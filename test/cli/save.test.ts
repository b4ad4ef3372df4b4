// `--save`: what there was is there until what there is now is whole, and signals save wherever the program is.

import { execFile } from 'node:child_process';
import { chmod, link, lstat, mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { Module } from '../../src/index.ts';
import { JobLimitError, type JobSnapshot, Pool } from '../../src/pool/index.ts';
import { onSmallDisk, withSmallDisk } from '../small-disk.ts';
import { Folder, index, Started } from './wasbox.ts';

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
});
test.after.always(() => folder.remove());

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

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

test('a job of a program, as a pool has saved it, goes on step by step and may be saved again', async (t) => {
  await folder.write(
    'steps.mjs',
    `import { hostFunction } from '${index}';
     export const start = (_guest, n) => ({ call: 'run', args: [n], next: 'again', state: [n] });
     export const again = (_guest, [n], [fib]) => ({ call: 'run', args: [n + 1], next: 'sum', state: [n, fib] });
     export const sum = (_guest, [n, before], [fib]) => ({ done: { n, sum: before + fib } });
     export const imports = { env: { unused: hostFunction([], [], () => {}) } };`,
  );
  const pool = new Pool({ threads: 1 });
  t.teardown(() => pool.close());
  const module = Module.from(await readFile(folder.file('big.wasm')));
  const program = pathToFileURL(folder.file('steps.mjs'));
  const job = pool.submit({ module, program, input: 20, limits: { fuel: 100_000 } });
  const { snapshot } = (await t.throwsAsync(job.result, { instanceOf: JobLimitError })) as JobLimitError;
  await folder.write('job.wbx', (snapshot as JobSnapshot).encode());

  const refused = await folder.wasbox('resume', 'job.wbx', '--module', 'big.wasm');
  t.is(refused.code, 2);
  t.regex(refused.err, /job\.wbx: it is a job of a program, whose next step is "again": give it with --program FILE/);
  // Once in the first call, and once in the second.
  for (const [from, fuel] of [
    ['job.wbx', '1e5'],
    ['again.wbx', '8e5'],
  ] as const) {
    const args = [
      'resume',
      from,
      '--module',
      'big.wasm',
      '--program',
      'steps.mjs',
      '--fuel',
      fuel,
      '--save',
      'again.wbx',
    ];
    const { code, err } = await folder.wasbox(...args);
    t.is(code, 5, err);
  }
  t.regex((await folder.wasbox('inspect', 'again.wbx')).out, /^job [0-9a-f-]{36}: its next step is sum$/m);
  const last = await folder.wasbox('resume', 'again.wbx', '--program', 'steps.mjs', '--json');
  t.like(JSON.parse(last.out), { status: 'returned', output: { n: 20, sum: String(6765 + 10946) } });
  t.is((await folder.wasbox('resume', 'again.wbx', '--program', 'steps.mjs')).out, '{"n":20,"sum":"17711"}\n');
  const resumed = pool.resume(await readFile(folder.file('again.wbx')), { program });
  t.deepEqual(await resumed.result, { n: 20, sum: 17_711n });

  await folder.wasbox('run', 'big.wasm', '20', '--fuel', '1e4', '--save', 'plain.wbx');
  const plain = await folder.wasbox('resume', 'plain.wbx', '--program', 'steps.mjs');
  t.is(plain.code, 2);
  t.regex(plain.err, /no job of a program: --program is of no use to it/);
});

test('a second signal ends the process as it would without us', async (t) => {
  const listening = new URL('../../dist/src/cli/told/signals.js', import.meta.url).href;
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
  t.deepEqual(await folder.leftovers('where', 'file', '.'), []);
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
  t.deepEqual(await folder.leftovers('good.wbx'), []);
  t.is((await folder.wasbox('resume', 'good.wbx')).out.split('\n')[0], '6765');
});

test('a device that takes nothing is told', async (t) => {
  const device = await folder.wasbox('run', 'big.wasm', '20', '--fuel', '1e5', '--save', '/dev/full');
  t.is(device.code, 8);
  t.is(device.err, 'wasbox: cannot save to /dev/full: the disk is full\n');
});

withSmallDisk('a disk that has no room left is told, also where nothing was saved before', async (t) => {
  await folder.write('small.sh', 'head -c 60000 /dev/zero > small/fill; $wasbox "$@"; code=$?; ls small; exit $code');
  await mkdir(folder.file('small'));
  const { code, out, err } = await folder.command(
    ...onSmallDisk('small', ...'sh small.sh run noise.wasm --fuel 1e6 --save small/first.wbx'.split(' ')),
  );
  t.is(code, 8, err);
  t.is(err, 'wasbox: cannot save to small/first.wbx: the disk is full\n');
  t.is(out, 'fill\n');
});

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
  t.deepEqual(await folder.leftovers('step.wbx', 'alias.wbx'), []);
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
