// A job as a value of the language: it is awaited, and disposed of.

import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { Job } from '../../../src/pool/index.ts';
import { CancelledError, memoryStore, Pool, SuspendedError, Trap } from '../durable/built.ts';
import { ends, engines, spin, sum, underWay } from './follow.ts';

const pool = new Pool({ threads: 2 });
test.before(() => pool.ready());
test.after.always(() => pool.terminate());

for (const engine of engines) {
  test(`await gives what the result is, or rejects as it does (${engine})`, async (t) => {
    const job = pool.submit(sum({ engine }));
    t.is(await job, await job.result);
    const trapped = ends.trapped?.(pool, engine) as Job<unknown>;
    const [one, other] = await Promise.allSettled([trapped, trapped.result]);
    t.deepEqual(one, other);
    t.true(one.status === 'rejected' && one.reason instanceof Trap);
  });

  test(`a suspended job, when awaited, rejects with its snapshot (${engine})`, async (t) => {
    const job = pool.submit(spin({ engine }));
    const failed = Promise.resolve(job).catch((error: unknown) => error);
    const snapshot = await job.suspend();
    const error = await failed;
    t.true(error instanceof SuspendedError);
    t.is((error as { snapshot?: unknown }).snapshot, snapshot);
  });
}

test('jobs are what promises are taken for: all, race, then', async (t) => {
  const jobs = [1, 2].map((n) => pool.submit({ ...sum(), args: [n * 10] }));
  t.deepEqual(await Promise.all(jobs), [[45n], [190n]]);
  const endless = pool.submit(spin());
  t.is(await Promise.race([endless, sleep(1, 'first')]), 'first');
  endless.cancel();
  t.is(await endless.then(null, (error: unknown) => (error as { code?: unknown }).code), 'cancelled');
  t.is(await jobs[0]?.then(([total]) => Number(total) + 1), 46);
});

test('an async function that returns a job returns its output, and one that returns an object has the job', async (t) => {
  const outputs: readonly bigint[] = (await (async () => pool.submit(sum({})))()) as bigint[];
  t.deepEqual(outputs, [1799970000n]);
  const { job } = await (async () => ({ job: pool.submit(spin()) }))();
  t.is(job.stats.crashes, 0);
  job.cancel();
});

test('forks and what was brought back come without being waited for', async (t) => {
  const store = memoryStore();
  const first = new Pool({ threads: 1, store });
  const job = first.submit({ ...spin(), key: 'a' });
  const [fork] = await job.fork();
  t.false(['done', 'failed'].includes((fork as Job<unknown>).status));
  await job.checkpoint();
  await first.terminate();
  await using second = new Pool({ threads: 1, store });
  const found = await second.recover();
  const same = await second.recover(['a']);
  const again = found.get('a') as Job<unknown>;
  t.is(same.get('a'), again);
  t.false(['done', 'failed'].includes(again.status));
  again.cancel();
});

test('a job whose scope is left is cancelled', async (t) => {
  let left: Job<unknown> | undefined;
  const work = async () => {
    await using job = pool.submit(spin());
    left = job;
    await underWay(job);
    throw new RangeError('mine');
  };
  await t.throwsAsync(work(), { instanceOf: RangeError });
  t.is(left?.status, 'cancelled');
  await t.throwsAsync(async () => left, { instanceOf: CancelledError });
});

test('disposing of a job that has ended changes nothing, and never rejects', async (t) => {
  for (const how of ['done', 'trapped', 'suspended'] as const) {
    const job = ends[how]?.(pool, 'interpreter') as Job<unknown>;
    const [before] = await Promise.allSettled([job]);
    const { status } = job;
    t.is(await job[Symbol.asyncDispose](), undefined);
    t.is(job.status, status);
    t.deepEqual(await Promise.allSettled([job]), [before as never]);
  }
});

test('a job with a key whose scope is left is not in the store any more', async (t) => {
  const store = memoryStore();
  const own = new Pool({ threads: 1, store });
  {
    await using job = own.submit({ ...spin(), key: 'a' });
    await job.checkpoint();
  }
  await own.close();
  t.deepEqual(await store.list({ prefix: 'job/' }), []);
});
