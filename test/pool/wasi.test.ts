// Programs for WASI in a pool.

import test from 'ava';
import { LimitError, UsageError, VM } from '../../src/index.ts';
import { JobSnapshot, Pool, SuspendedError, type WasiOutput } from '../../src/pool/index.ts';
import { wasi } from '../../src/wasi/index.ts';
import { program, text } from '../wasi/run.ts';

const hello = program('hello');
const files = program('files');
const time = program('time');
const words = program('words');

const shown = ({ exitCode, stdout, stderr }: WasiOutput) => [exitCode, text(stdout), text(stderr)];

test('arguments, input and files in; exit code, output and files out', async (t) => {
  const pool = new Pool({ threads: 2 });
  for (const engine of ['interpreter', 'native', 'auto'] as const) {
    const greeted = pool.submit({ module: hello, wasi: { args: ['', 'hi'], stdin: 'Ann\nBob\n' }, engine });
    t.deepEqual(shown(await greeted.result), [2, 'hi\nhello, Ann\nhello, Bob\n', '2 greeted\n']);
    const given = { args: ['words', '/texts'], env: { REPORT: 'report' }, files: { 'texts/a': 'b a b' } };
    const counted = await pool.submit({ module: words, wasi: given, engine }).result;
    t.deepEqual(shown(counted), [0, '   2 b\n   1 a\n', '']);
    t.deepEqual(Object.keys(counted.files).sort(), ['report', 'texts/a']);
    t.is(text(counted.files.report as Uint8Array), '   2 b\n   1 a\n');
  }
  await pool.close();
});

test('its files move with a job from thread to thread, and into its snapshot', async (t) => {
  const pool = new Pool({ threads: 2 });
  const wasi = { args: ['', '/'], files: { 'some/file': new Uint8Array(100_000).fill(7) } };
  const spread = pool.submit({ module: files, wasi, affinity: 'spread', sliceFuel: 30_000 });
  const ended = await spread.result;
  t.is(ended.exitCode, 0, text(ended.stderr));
  t.true(spread.stats.moves > 5, `${spread.stats.moves}`);
  t.is(Object.keys(ended.files).length, 41);
  t.deepEqual(ended.files['some/file'], wasi.files['some/file']);

  const stopped = pool.submit({ module: files, wasi, sliceFuel: 30_000 });
  while (stopped.stats.slices < 10) await new Promise((resolve) => setTimeout(resolve, 1));
  const snapshot = await stopped.suspend();
  await t.throwsAsync(stopped.result, { instanceOf: SuspendedError });
  t.deepEqual(shown(await pool.resume<WasiOutput>(snapshot).result), shown(ended));
  const decoded = JobSnapshot.decode(snapshot.encode());
  t.deepEqual(shown(await pool.resume<WasiOutput>(decoded, { modules: [files], wasi: {} }).result), shown(ended));
  await pool.close();
});

test('many sleep on one thread, and others run meanwhile', async (t) => {
  const pool = new Pool({ threads: 1 });
  const sleepers = Array.from({ length: 100 }, () =>
    pool.submit({ module: time, wasi: { args: ['time', '1', '3600000'] } }),
  );
  const busy = await pool.submit({ module: hello, wasi: { stdin: 'Ann' } }).result;
  t.is(busy.exitCode, 1);
  while (sleepers.some(({ status }) => status !== 'waiting')) await new Promise((resolve) => setTimeout(resolve, 1));
  for (const sleeper of sleepers) sleeper.cancel();
  for (const { result } of sleepers) await t.throwsAsync(result, { code: 'cancelled' });
  await pool.close();
});

test('a job that sleeps is suspended at once, and goes on elsewhere', async (t) => {
  const pool = new Pool({ threads: 2 });
  const job = pool.submit({ module: time, wasi: { args: ['time', '1', '3600000'] } });
  while (job.status !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 1));
  const snapshot = await job.suspend();
  await t.throwsAsync(job.result, { instanceOf: SuspendedError });
  t.is(snapshot.vm.summary().pending?.name, 'poll_oneoff');
  const again = pool.resume(snapshot);
  while (again.status !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 1));
  again.cancel();
  await t.throwsAsync(again.result, { code: 'cancelled' });
  await pool.close();
});

test('map: inputs are standard inputs, or what else a program is given', async (t) => {
  const pool = new Pool({ threads: 2 });
  const seen: unknown[] = [];
  const inputs = ['Ann', new TextEncoder().encode('Bob\nCleo'), { args: ['', 'hey'], stdin: '' }];
  for await (const output of pool.map(hello, { wasi: { args: ['', 'hi'] } }, inputs)) seen.push(shown(output));
  t.deepEqual(seen, [
    [1, 'hi\nhello, Ann\n', '1 greeted\n'],
    [2, 'hi\nhello, Bob\nhello, Cleo\n', '2 greeted\n'],
    [0, 'hey\n', '0 greeted\n'],
  ]);
  await t.throwsAsync(pool.map(hello, { wasi: {} }, [5]).next(), { instanceOf: UsageError });
  await pool.close();
});

test('limits, and what is not right at once', async (t) => {
  const pool = new Pool({ threads: 1 });
  const many = pool.submit({ module: hello, wasi: { stdin: 'x\n'.repeat(1000), limits: { output: 100 } } });
  await t.throwsAsync(many.result, { instanceOf: LimitError, message: /limit output of 100/ });
  const few = await pool.submit({ module: files, wasi: { args: ['', '/'], limits: { descriptors: 4 } } }).result.then(
    () => 'ended',
    (error: Error) => error.message,
  );
  t.is(few, 'unreachable', 'what it asserts fails');
  const full = pool.submit({ module: words, wasi: { env: { REPORT: 'r' }, stdin: 'a', limits: { fileBytes: 5_000 } } });
  t.regex(text((await full.result).stderr), /No space left/);
  for (const wrong of [
    { args: [5] },
    { stdin: 5 },
    { files: 5 },
    { env: { 'a=b': '' } },
    { more: 1 },
    { limits: { x: 1 } },
  ])
    t.throws(
      () => pool.submit({ module: hello, wasi: wrong as never }),
      { instanceOf: UsageError },
      JSON.stringify(wrong),
    );
  const unmade = pool.submit({ module: hello, wasi: { files: { '../a': '' } } });
  await t.throwsAsync(unmade.result, { instanceOf: UsageError, message: /cannot be made/ });
  await pool.close();
});

test('a program that was saved by hand goes on in a pool', async (t) => {
  const system = wasi({ stdin: 'Ann\nBob\n', files: {} });
  const vm = new VM();
  vm.start(vm.instantiate(hello, system.imports).func('_start'));
  vm.run({ fuel: 5_000 });
  const pool = new Pool({ threads: 1 });
  const job = pool.resume<WasiOutput>(vm.save(), { modules: [hello], wasi: {} });
  t.deepEqual(shown(await job.result), [2, 'who is there?\nhello, Ann\nhello, Bob\n', '2 greeted\n']);
  await pool.close();
});
