// Forks of jobs: new jobs that go on from where one is, which goes on itself, wherever it was.

import test from 'ava';
import { Trap, UsageError } from '../../../src/index.ts';
import { CancelledError, type Job, JobLimitError, Pool, SuspendedError } from '../../../src/pool/index.ts';
import { stages } from '../../../src/pool/told/protocol.ts';
import { memoryStore } from '../../../src/store/index.ts';
import { arithmetic, moduleOf, noisy, sumBelow, summing } from '../guests.ts';
import { threadsOf } from '../thread/threads-of.ts';

const paying = await moduleOf(`(module
  (import "env" "pay" (func $pay (param i32) (result i32)))
  (func (export "f") (result i32)
    (i32.add (call $pay (i32.const 1)) (call $pay (i32.const 2)))))`);
const waiting = await moduleOf(`(module (memory 1 1 shared)
  (func (export "wait") (param i64) (result i32)
    (memory.atomic.wait32 (i32.const 0) (i32.const 0) (local.get 0))))`);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
const results = <T>(jobs: readonly Job<T>[]) => Promise.all(jobs.map(({ result }) => result));

for (const engine of ['interpreter', 'native'] as const)
  for (const affinity of ['keep', 'spread'] as const)
    test(`a job under way, on the ${engine}, ${affinity}: all come to the same, with memories of their own`, async (t) => {
      await using pool = new Pool({ threads: 2 });
      const options = { module: summing, export: 'sum', args: [60_000], sliceFuel: 10_000, engine, affinity };
      const whole = pool.submit(options);
      await whole.result;
      const job = pool.submit(options);
      await until(() => job.stats.slices >= 3);
      const forks = await job.fork(3);
      const other = await job.fork(1, { engine: engine === 'native' ? 'interpreter' : 'native' });
      t.is(new Set([job, ...forks, ...other].map(({ id }) => id)).size, 5);
      for (const list of await results([job, ...forks, ...other])) t.deepEqual(list, [sumBelow(60_000)]);
      t.is(job.stats.fuelUsed, whole.stats.fuelUsed, 'what the job itself uses is the same');
      for (const fork of forks) t.true(fork.stats.fuelUsed < whole.stats.fuelUsed, 'counted from there on');
    });

test('a job that is in line, and has not begun', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const before = pool.submit({ module: arithmetic, export: 'spin' });
  const job = pool.submit({ module: arithmetic, export: 'add', args: [2, 3], priority: -5 });
  const forks = await job.fork(2);
  before.cancel();
  await t.throwsAsync(before.result, { instanceOf: CancelledError });
  t.deepEqual(await results([job, ...forks]), [[5], [5], [5]]);
});

test('a job that awaits a service goes on with that call; each fork makes it for itself, as somebody else', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const calls: { who: string; id: number; answer: () => void }[] = [];
  const pay = (n: number, { job, id }: { job: string; id: number }) =>
    new Promise<number>((resolve) => calls.push({ who: job, id, answer: () => resolve(10 * n) }));
  const job = pool.submit({ module: paying, export: 'f', services: { env: { pay } } });
  await until(() => calls.length === 1);
  const forks = await job.fork(2);
  t.is(job.status, 'waiting');
  await until(() => calls.length === 3);
  t.deepEqual(
    calls.map(({ id }) => id),
    [1, 1, 1],
  );
  t.is(new Set(calls.map(({ who }) => who)).size, 3);
  for (let i = 0; i < 6; i++) {
    await until(() => calls.length > i);
    calls[i]?.answer();
  }
  t.deepEqual(await results([job, ...forks]), [[30], [30], [30]]);
  t.is(calls.length, 6, 'nobody was asked twice');
});

test('whenever the answer comes, the job has asked for it once', async (t) => {
  await using pool = new Pool({ threads: 2 });
  for (let delay = 0; delay < 12; delay++) {
    const calls: string[] = [];
    const pay = async (n: number, { job, id }: { job: string; id: number }) => {
      calls.push(`${job} ${id}`);
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay / 3));
      return 10 * n;
    };
    const job = pool.submit({ module: paying, export: 'f', services: { env: { pay } } });
    await until(() => calls.length > 0);
    const forks = await job.fork(1).catch((error: unknown) => {
      t.true(error instanceof UsageError, 'it has ended before');
      return [];
    });
    for (const list of await results([job, ...forks])) t.deepEqual(list, [30]);
    t.is(new Set(calls).size, calls.length);
  }
});

test('a job whose guest sleeps', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const job = pool.submit({ module: waiting, export: 'wait', args: [300_000_000n] });
  await until(() => job.status === 'waiting');
  const forks = await job.fork(2);
  t.deepEqual(await results([job, ...forks]), [[2], [2], [2]]);
});

test('a job that is suspended, or runs out of fuel, gives both its state', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const options = { module: summing, export: 'sum', args: [60_000], sliceFuel: 10_000 };
  const job = pool.submit(options);
  await until(() => job.stats.slices >= 3);
  const [forks, snapshot] = await Promise.all([job.fork(1), job.suspend()]);
  await t.throwsAsync(job.result, { instanceOf: SuspendedError });
  for (const list of await results([...forks, pool.resume(snapshot)])) t.deepEqual(list, [sumBelow(60_000)]);

  const short = pool.submit({ ...options, limits: { fuel: 25_000 } });
  await until(() => short.stats.slices >= 1);
  const [more] = (await short.fork(1, { limits: { fuel: 1e9 } }).catch(() => [])) as Job[];
  await t.throwsAsync(short.result, { instanceOf: JobLimitError });
  if (more !== undefined) t.deepEqual(await more.result, [sumBelow(60_000)]);
});

test('a job that has ended, or ends before, has none', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const job = pool.submit({ module: arithmetic, export: 'add', args: [1, 1] });
  await job.result;
  await t.throwsAsync(job.fork(), { instanceOf: UsageError, message: 'the job has ended: it is done' });
  const spinning = pool.submit({ module: arithmetic, export: 'spin' });
  await until(() => spinning.status === 'running');
  const forks = spinning.fork();
  spinning.cancel();
  await t.throwsAsync(forks, { instanceOf: CancelledError });
  const trapping = pool.submit({ module: arithmetic, export: 'trap' });
  const none = trapping.fork().then(([fork]) => fork?.result);
  await t.throwsAsync(trapping.result, { instanceOf: Trap });
  await t.throwsAsync(none);
});

test('options are checked, and forks have names of their own', async (t) => {
  await using pool = new Pool({ threads: 1, store: memoryStore() });
  const job = pool.submit({ module: summing, export: 'sum', args: [60_000], sliceFuel: 10_000, key: 'one' });
  await until(() => job.stats.slices >= 1);
  for (const count of [0, -1, 1.5, '2'])
    await t.throwsAsync(async () => job.fork(count as number), { instanceOf: UsageError });
  await t.throwsAsync(async () => job.fork(2, { key: 'two' }), { instanceOf: UsageError });
  await t.throwsAsync(async () => job.fork(2, { identity: 'two' }), { instanceOf: UsageError });
  await t.throwsAsync(async () => job.fork(1, { fuel: 5 } as object), { instanceOf: UsageError });
  const forks = [...(await job.fork(1)), ...(await job.fork(1, { key: 'two' }))];
  t.deepEqual(
    forks.map(({ key }) => key),
    [undefined, 'two'],
  );
  for (const list of await results([job, ...forks])) t.deepEqual(list, [sumBelow(60_000)]);
  t.deepEqual(await pool.submit({ module: summing, export: 'sum', args: [60_000], key: 'one' }).result, [
    sumBelow(60_000),
  ]);
});

for (const kept of [false, true])
  test(`the thread dies that saves a job which awaits a service, ${kept ? 'with' : 'without'} a key`, async (t) => {
    await using pool = new Pool({ threads: 2, store: memoryStore() });
    const ask = (_: number, round: number) => new Promise<number>((resolve) => setTimeout(resolve, 400, round));
    const options = { module: noisy, export: 'run', args: [0, 12], services: { env: { ask } }, retries: 1000 };
    const expected = await pool.submit(options).result;
    const job = pool.submit({ ...options, ...(kept ? { key: 'a' } : { onCrash: 'retry', checkpointEvery: 1e6 }) });
    const threads = threadsOf(pool);
    const forks: Promise<Job[]>[] = [];
    const { run } = job as unknown as { run: { lastThread: number; keeping: boolean } };
    for (let i = 0; i < 10 && job.stats.crashes < 2; i++) {
      await until(() => (job.status === 'waiting' && !run.keeping) || job.status === 'done');
      forks.push(job.fork(1, { onCrash: 'retry', retries: 1000 }));
      // Some die before the order has come, some in its midst.
      const end = Date.now() + 500;
      while (i % 2 === 1 && threads.stageOf(run.lastThread) === stages.sent && Date.now() < end);
      for (const id of threads.ids) threads.kill(id);
    }
    t.deepEqual(await job.result, expected);
    t.true(job.stats.crashes > 0);
    const all = (await Promise.allSettled(forks)).flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
    for (const list of await results(all)) t.deepEqual(list, expected);
    t.true(all.length > 0);
  });

test('its thread dies: it goes on from its last checkpoint, which a fork is, too', async (t) => {
  await using pool = new Pool({ threads: 2 });
  const options = { module: summing, export: 'sum', args: [65_000], sliceFuel: 10_000 };
  const job = pool.submit({ ...options, onCrash: 'retry', retries: 1000, checkpointEvery: 1_000_000 });
  const threads = threadsOf(pool);
  const forks: Job[] = [];
  for (let i = 0; i < 4; i++) {
    await until(() => job.status === 'running' || job.status === 'done');
    const asked = job.fork(1, { onCrash: 'retry', retries: 1000 });
    if (i % 2 === 0) for (const id of threads.ids) threads.kill(id);
    forks.push(...((await asked.catch(() => [])) as Job[]));
  }
  for (const list of await results([job, ...forks])) t.deepEqual(list, [sumBelow(65_000)]);
  t.true(forks.length > 0);
});
