// Programs for WASI on the command line.

import { mkdir, readFile } from 'node:fs/promises';
import test from 'ava';
import { program } from '../wasi/run.ts';
import { Folder } from './wasbox.ts';

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
  for (const name of ['hello', 'files', 'time', 'words']) await folder.write(`${name}.wasm`, program(name).bytes);
  await folder.write('exit.wasm', program('exit').bytes);
});
test.after.always(() => folder.remove());

test('arguments, standard streams, the exit code of the program', async (t) => {
  const ran = await folder.shell("printf 'Ann\\nBob\\n' | $wasbox run hello.wasm hi");
  t.deepEqual(ran, { code: 2, out: 'hi\nhello, Ann\nhello, Bob\n', err: '2 greeted\n' });
  t.deepEqual(await folder.shell('$wasbox run hello.wasm < /dev/null | head -n 1'), {
    ...{ code: 0, out: 'who is there?\n', err: '0 greeted\n' },
  });
  for (const [given, code] of [
    ['0', 0],
    ['300', 44],
    ['-1', 255],
  ] as const)
    t.is((await folder.wasbox('run', 'exit.wasm', '--', given)).code, code, given);
  const { out } = await folder.wasbox('run', 'exit.wasm', '--json', '--', '300');
  t.like(JSON.parse(out), { status: 'exited', code: 300 });
  const failed = await folder.wasbox('run', 'exit.wasm');
  t.is(failed.code, 1);
  t.regex(failed.err, /^wasbox: trap: unreachable/);
});

test('only folders that are named are there, read-only where that is said; variables likewise', async (t) => {
  await mkdir(folder.file('texts'));
  await folder.write('texts/a', 'one two two');
  const words = (...args: string[]) => folder.wasbox('run', 'words.wasm', ...args);
  t.like(await words('texts/a'), { code: 66 });
  t.like(await words('--dir', 'texts', 'texts/a'), { code: 0, out: '   2 two\n   1 one\n' });
  const report = ['--env', 'REPORT=/t/report', '--env', 'MOST=1', '/t/a'];
  t.like(await words('--dir', 'texts::/t', ...report), { code: 0, out: '   2 two\n' });
  t.is(await readFile(folder.file('texts/report'), 'utf8'), '   2 two\n');
  const readOnly = await words('--dir', 'texts::/t:ro', ...report);
  t.is(readOnly.code, 1);
  t.regex(readOnly.err, /Read-only file system/);
  for (const wrong of [
    ['--dir', '::x'],
    ['--dir', 'nowhere'],
    ['--env', '=x'],
    ['--dir', '.', '--dir', '.'],
  ])
    t.like(await words(...wrong), { code: 2, out: '' }, `${wrong}`);
});

test('interrupted in a read, it takes along what was read ahead, and goes on with other input', async (t) => {
  const child = folder.start('run', 'hello.wasm', '--save', 'hello.wbx');
  child.child.stdin?.write('Ann\nBo');
  await child.saw(/Ann/);
  child.kill('SIGINT');
  t.deepEqual(await child.end(), { code: 5, signal: null });
  const inspected = await folder.wasbox('inspect', 'hello.wbx');
  t.regex(inspected.out, /waiting for the host function wasi_snapshot_preview1\.fd_read/);
  const resumed = await folder.shell("printf 'b\\nCleo\\n' | $wasbox resume hello.wbx");
  t.deepEqual(resumed, { code: 3, out: 'hello, Bob\nhello, Cleo\n', err: '3 greeted\n' });
});

test('interrupted in a sleep, and with a folder open', async (t) => {
  const child = folder.start('run', 'time.wasm', '--save', 'time.wbx', '--', '2', '3000');
  await child.saw(/slept 1/);
  child.kill('SIGTERM');
  t.deepEqual(await child.end(), { code: 5, signal: null });
  t.deepEqual(await folder.wasbox('resume', 'time.wbx'), { code: 0, out: 'slept 2\n', err: '' });

  await mkdir(folder.file('base'));
  const started = ['run', 'files.wasm', '--dir', 'base::/base', '--fuel', '300000', '--save', 'files.wbx', '/base'];
  t.like(await folder.wasbox(...started), { code: 5 });
  const without = await folder.wasbox('resume', 'files.wbx');
  t.is(without.code, 6);
  t.regex(without.err, /preopened file systems/);
  const ended = await folder.wasbox('resume', 'files.wbx', '--dir', 'base::/base');
  t.is(ended.code, 0, ended.err);
  t.regex(ended.out, /41 entries\n$/);
});
