// Jobs whose guests wait at a cell of a shared memory.

import test from 'ava';
import { LimitError } from '../../../src/index.ts';
import { JobLimitError, Pool } from '../../../src/pool/index.ts';
import { arithmetic, moduleOf } from '../guests.ts';

const waiting = await moduleOf(`(module (memory 1 1 shared)
  (func (export "wait") (param i64) (result i32)
    (memory.atomic.wait32 (i32.const 0) (i32.const 0) (local.get 0))))`);
const untilWaiting = async (job: { readonly status: string }) => {
  while (job.status !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 1));
};

test('a job that waits needs no thread, and goes on when its time is over', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const job = pool.submit({ module: waiting, export: 'wait', args: [300_000_000n] });
  await untilWaiting(job);
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [1, 1] }).result, [2]);
  t.deepEqual(await job.result, [2]);
});

test('a job that waits can be suspended, and has its deadline', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const hour = 3_600_000_000_000n;
  const job = pool.submit({ module: waiting, export: 'wait', args: [hour] });
  job.result.catch(() => undefined);
  await untilWaiting(job);
  const snapshot = await job.suspend();
  t.is(job.status, 'suspended');
  const again = pool.resume(snapshot, { modules: [waiting], deadline: 50 });
  const error = await t.throwsAsync(again.result, { instanceOf: JobLimitError });
  t.is((error as JobLimitError | undefined)?.limit, 'deadline');
});

test('a wait that nobody can end is an error', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const job = pool.submit({ module: waiting, export: 'wait', args: [-1n] });
  await t.throwsAsync(job.result, { instanceOf: LimitError });
});
