// Threads that die, and jobs that outlive them.

import { fileURLToPath } from 'node:url';
import test from 'ava';
import { CancelledError, JobLimitError, Pool, WorkerError } from '../../src/pool/index.ts';
import { arithmetic, moduleOf, sumBelow, summing } from './guests.ts';

const host = new URL('./fixtures/host.ts', import.meta.url);
const nothing = (name: string) =>
  moduleOf(`(module (import "env" "${name}" (func $host)) (func (export "f") (call $host)))`);

test('a thread that dies fails its job and no other', async (t) => {
  await using pool = new Pool({ threads: 2 });
  const inputs = [60_000, 50_000, 40_000];
  const others = inputs.map((n) => pool.submit({ module: summing, export: 'sum', args: [n], sliceFuel: 20_000 }));
  const job = pool.submit({ module: await nothing('die'), export: 'f', host });
  const error = await t.throwsAsync(job.result, { instanceOf: WorkerError });
  t.is(error?.code, 'worker');
  t.true(error?.cause instanceof Error);
  const sums = await Promise.all(others.map((other) => other.result));
  t.deepEqual(
    sums,
    inputs.map((n) => [sumBelow(n)]),
  );
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [1, 1] }).result, [2]);
});

test('a thread that dies after its slice harms no job', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const job = pool.submit({ module: summing, export: 'sum', args: [60_000], sliceFuel: 20_000 });
  const wreck = pool.submit({ module: await nothing('wreck'), export: 'f', host });
  await Promise.allSettled([wreck.result]);
  t.deepEqual(await job.result, [sumBelow(60_000)]);
});

test('a thread that is killed in the middle of a slice costs the work since the checkpoint and no more', async (t) => {
  await using pool = new Pool({ threads: 1, grace: 0 });
  // A sync host function kills the thread once: the flag for that is in memory which crashes do not touch.
  const once = new URL('./fixtures/die-once.ts', import.meta.url);
  const module = await moduleOf(`(module
    (import "env" "dieOnce" (func $die (param i32)))
    (memory (export "memory") 1)
    (func (export "count") (param $flag i32) (param $n i32) (result i32) (local $i i32)
      (loop $again
        (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
        (if (i32.eq (i32.shl (local.get $i) (i32.const 1)) (local.get $n)) (then (call $die (local.get $flag))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
      (i32.load (i32.const 8))))`);
  const options = { sliceFuel: 10_000, checkpointEvery: 2, host: once } as const;
  const flag = Math.floor(Math.random() * 2 ** 31);
  const retried = pool.submit({ module, export: 'count', args: [flag, 20_000], onCrash: 'retry', ...options });
  t.deepEqual(await retried.result, [20_000]);
  t.is(retried.stats.crashes, 1);
  t.true(retried.stats.checkpoints > 0);
  const failed = pool.submit({ module, export: 'count', args: [flag + 1, 20_000], ...options });
  await t.throwsAsync(failed.result, { instanceOf: WorkerError });
});

test('a job that kills every thread is given up', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const job = pool.submit({ module: await nothing('die'), export: 'f', host, onCrash: 'retry', retries: 2 });
  await t.throwsAsync(job.result, { instanceOf: WorkerError });
  t.is(job.stats.crashes, 3);
});

test('a host function that hangs does not keep its thread', async (t) => {
  await using pool = new Pool({ threads: 1, grace: 50 });
  const module = await nothing('hang');
  const late = pool.submit({ module, export: 'f', host, deadline: 50 });
  const error = await t.throwsAsync(late.result, { instanceOf: JobLimitError });
  t.is(error?.snapshot, undefined);
  const cancelled = pool.submit({ module, export: 'f', host });
  while (cancelled.status !== 'running') await new Promise((resolve) => setTimeout(resolve, 1));
  cancelled.cancel();
  await t.throwsAsync(cancelled.result, { instanceOf: CancelledError });
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [1, 1] }).result, [2]);
});

test('a pool whose threads cannot start says so', async (t) => {
  const bad = fileURLToPath(new URL('./fixtures/none.mjs', import.meta.url));
  const pool = new Pool({ threads: 2, execArgv: ['--import', bad] });
  const job = pool.submit({ module: arithmetic, export: 'add', args: [1, 1], onCrash: 'retry' });
  await t.throwsAsync(job.result, { instanceOf: WorkerError });
  t.throws(() => pool.submit({ module: arithmetic, export: 'add', args: [1, 1] }));
  await pool.terminate();
});
