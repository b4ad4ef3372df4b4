// Short jobs that go to a thread in one message: each is as if it had gone alone.

import test from 'ava';
import { Module, Trap, UsageError, VM, type VmOptions } from '../../../src/index.ts';
import {
  CancelledError,
  type Job,
  JobLimitError,
  Pool,
  type PoolOptions,
  SuspendedError,
  WorkerError,
} from '../../../src/pool/index.ts';
import { arithmetic, moduleOf, sumBelow, summing } from '../guests.ts';
import { threadsOf } from './threads-of.ts';

type Engine = NonNullable<VmOptions['engine']>;
const engines: readonly Engine[] = ['auto', 'interpreter', 'native'];

/** A pool, and how many jobs went in each of its messages. */
function counted(options: PoolOptions) {
  const pool = new Pool(options);
  const threads = threadsOf(pool);
  const sizes: number[] = [];
  const run = threads.runBatch.bind(threads);
  threads.runBatch = (id, order) => {
    sizes.push(order.jobs.length);
    return run(id, order);
  };
  return { pool, sizes };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Lets the pool find out that the call is short. */
async function known(pool: Pool, call: { module: Module; export: string; args: number[]; engine?: Engine }) {
  for (let i = 0; i < 25; i++) await pool.submit(call).result;
}

for (const engine of engines) {
  test.serial(`all have their results and what they cost, ${engine}`, async (t) => {
    const { pool, sizes } = counted({ threads: 2 });
    const call = { module: arithmetic, export: 'count', args: [20], engine };
    const vm = new VM({ engine: 'interpreter' });
    vm.invoke(vm.instantiate(arithmetic).func('count'), [20]);
    await known(pool, call);
    sizes.length = 0;
    const jobs = Array.from({ length: 40 }, () => pool.submit(call));
    for (const job of jobs) {
      t.deepEqual(await job.result, [20]);
      t.is(job.stats.fuelUsed, vm.fuelUsed);
      t.like(job.stats, { slices: 1, suspensions: 0, moves: 0 });
      t.is(job.stats.threads.length, 1);
      t.is(job.status, 'done');
    }
    t.true(Math.max(...sizes) > 1, `${sizes}`);
    await pool.close();
  });

  test.serial(`one that is long comes back and goes on, and holds up no other for long, ${engine}`, async (t) => {
    const { pool, sizes } = counted({ threads: 1 });
    const call = { module: summing, export: 'sum', args: [20], engine };
    await known(pool, call);
    sizes.length = 0;
    const long = pool.submit({ ...call, args: [60_000], sliceFuel: 100_000 });
    const jobs = Array.from({ length: 10 }, (_, i) => pool.submit({ ...call, args: [i + 1] }));
    t.deepEqual(
      await Promise.all(jobs.map((job) => job.result)),
      jobs.map((_, i) => [sumBelow(i + 1)]),
    );
    t.true(Math.max(...sizes) > 1, `${sizes}`);
    t.deepEqual(await long.result, [sumBelow(60_000)]);
    t.true(long.stats.slices > 1);
    await pool.close();
  });
}

test("what goes wrong is the job's own", async (t) => {
  const { pool, sizes } = counted({ threads: 1 });
  const module = await moduleOf(`(module (memory 1)
    (func (export "f") (param i32) (result i32) (i32.div_u (i32.const 12) (local.get 0))))`);
  const call = { module, export: 'f', args: [3] };
  await known(pool, call);
  sizes.length = 0;
  const given: unknown[][] = [[3], [0], [3, 4], [6], [1n], [], [2]];
  const jobs = given.map((args) => pool.submit({ ...call, args: args as number[] }));
  const poor = pool.submit({ ...call, limits: { memory: 1000 } });
  const last = pool.submit({ ...call, args: [12] });
  t.deepEqual(await jobs[0]?.result, [4]);
  t.is(
    (await t.throwsAsync(jobs[1]?.result as Promise<unknown>, { instanceOf: Trap }))?.kind,
    'integer divide by zero',
  );
  for (const i of [2, 4, 5]) await t.throwsAsync(jobs[i]?.result as Promise<unknown>, { instanceOf: UsageError });
  t.deepEqual(await jobs[3]?.result, [2]);
  t.deepEqual(await jobs[6]?.result, [6]);
  t.like(await t.throwsAsync(poor.result), { code: 'limit', limit: 'memory' });
  t.deepEqual(await last.result, [1]);
  t.true(Math.max(...sizes) > 1, `${sizes}`);
  const frames = await pool.submit({ ...call, args: [0] }).result.catch((error: Trap) => error.frames);
  t.is((frames as Trap['frames']).length, 1);
  await pool.close();
});

test.serial('fuel is bounded for each, to the unit', async (t) => {
  const { pool } = counted({ threads: 1 });
  const call = { module: arithmetic, export: 'count', args: [50] };
  await known(pool, call);
  const job = pool.submit(call);
  await job.result;
  const { stats } = job;
  const jobs = [0, -1, 1, -20].map((more) => pool.submit({ ...call, limits: { fuel: stats.fuelUsed + more } }));
  t.deepEqual(await jobs[0]?.result, [50]);
  t.deepEqual(await jobs[2]?.result, [50]);
  for (const i of [1, 3]) {
    const error = await t.throwsAsync(jobs[i]?.result as Promise<unknown>, { instanceOf: JobLimitError });
    t.is(error?.limit, 'fuel');
    const more = pool.resume(error?.snapshot as NonNullable<JobLimitError['snapshot']>, { limits: { fuel: 1e6 } });
    t.deepEqual(await more.result, [50]);
  }
  await pool.close();
});

test.serial('values that are no numbers, bytes of modules, start functions: all come through', async (t) => {
  const { pool, sizes } = counted({ threads: 1 });
  const module = await moduleOf(`(module (global $g (mut i32) (i32.const 1)) (func $start (global.set $g (i32.const 5)))
    (start $start) (func (export "f") (param i64 f64) (result i64 f64 i32) (local.get 0) (local.get 1) (global.get $g))
    (func (export "same") (param externref) (result externref) (local.get 0)))`);
  for (const given of [module, module.bytes]) {
    sizes.length = 0;
    for (let i = 0; i < 20; i++)
      t.deepEqual(await pool.submit({ module: given, export: 'f', args: [2n ** 62n, NaN] }).result, [
        2n ** 62n,
        NaN,
        5,
      ]);
    t.true(sizes.length > 0, `${sizes}`);
    for (const value of [7, 'text', null, { a: [1] }, 3n])
      for (let i = 0; i < 5; i++)
        t.deepEqual(await pool.submit({ module: given, export: 'same', args: [value] }).result, [value]);
  }
  await pool.close();
});

test.serial('arguments are those of the moment', async (t) => {
  await using pool = new Pool({ threads: 1 });
  await known(pool, { module: arithmetic, export: 'add', args: [1, 2] });
  const args = [3, 4];
  const job = pool.submit({ module: arithmetic, export: 'add', args });
  args[0] = 100;
  t.deepEqual(await job.result, [7]);
});

test.serial('one that does not end has its memory with it, wherever it goes', async (t) => {
  await using pool = new Pool({ threads: 2 });
  for (const engine of engines) {
    const call = { module: summing, export: 'sum', args: [60_000], engine };
    for (let round = 0; round < 3; round++) {
      await known(pool, { ...call, args: [10] });
      const jobs = [1, 2].map(() => pool.submit({ ...call, sliceFuel: 100_000 }));
      for (const job of jobs) {
        t.deepEqual(await job.result, [sumBelow(60_000)]);
        t.true(job.stats.slices > 3);
      }
    }
    await known(pool, { ...call, args: [10] });
    const snapshot = await pool.submit({ ...call, sliceFuel: 20_000 }).suspend();
    const again = pool.resume(snapshot, { engine: engine === 'native' ? 'interpreter' : 'native', sliceFuel: 1e6 });
    t.deepEqual(await again.result, [sumBelow(60_000)]);
  }
});

test.serial('a service is asked once for each, and each goes on with its answer', async (t) => {
  const { pool, sizes } = counted({ threads: 1 });
  const module = await moduleOf(`(module (import "env" "ask" (func $ask (param i32) (result i32)))
    (func (export "f") (param i32) (result i32)
      (if (result i32) (local.get 0) (then (call $ask (local.get 0))) (else (i32.const 0)))))`);
  const asked: number[] = [];
  const ask = async (n: number) => {
    asked.push(n);
    await turn();
    return 2 * n;
  };
  const call = { module, export: 'f', args: [0], services: { env: { ask } } };
  for (let i = 0; i < 25; i++) await pool.submit(call).result;
  sizes.length = 0;
  const inputs = Array.from({ length: 8 }, (_, i) => i);
  const jobs = inputs.map((i) => pool.submit({ ...call, args: [i] }));
  t.deepEqual(
    await Promise.all(jobs.map((job) => job.result)),
    inputs.map((i) => [2 * i]),
  );
  t.true(Math.max(...sizes) > 1, `${sizes}`);
  t.deepEqual(
    asked.toSorted((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7],
  );
  await pool.close();
});

/** What became of a job that was to be stopped at any moment. */
async function ending(pool: Pool, job: Job): Promise<unknown> {
  try {
    return await job.result;
  } catch (error) {
    if (error instanceof SuspendedError) return pool.resume(error.snapshot).result;
    return (error as Error).constructor;
  }
}

test.serial('any of them can be suspended, forked, aborted or cancelled at any moment', async (t) => {
  for (const engine of engines) {
    const { pool, sizes } = counted({ threads: 2 });
    const call = { module: summing, export: 'sum', args: [50], engine };
    const expected = [sumBelow(50)];
    let stopped = 0;
    for (let round = 0; round < 6; round++) {
      await known(pool, call);
      const stop = new AbortController();
      const jobs = Array.from({ length: 24 }, (_, i) =>
        pool.submit({
          ...call,
          ...(i % 4 === 3 ? { signal: stop.signal } : {}),
          ...(i === 0 ? { args: [60_000] } : {}),
        }),
      );
      for (let i = 0; i < round % 4; i++) await turn();
      stop.abort();
      const forks = jobs.map((job, i) => (i % 4 === 2 ? job.fork().catch(() => []) : []));
      const snapshots = jobs.map((job, i) => (i % 4 === 1 ? job.suspend().catch(() => undefined) : undefined));
      for (const [i, job] of jobs.entries()) if (i % 4 === 0 && i > 0) job.cancel();
      for (const [i, job] of jobs.entries()) {
        const end = await ending(pool, job as Job);
        if (i % 4 === 0 && i > 0 && end === CancelledError) stopped++;
        else t.deepEqual(end, i === 0 ? [sumBelow(60_000)] : expected);
        for (const fork of (await forks[i]) ?? []) t.deepEqual(await fork.result, expected);
        const snapshot = await snapshots[i];
        if (snapshot !== undefined)
          t.deepEqual(await pool.resume(snapshot, { engine: 'interpreter' }).result, expected);
      }
    }
    t.true(stopped > 5, `${stopped}`);
    t.true(Math.max(...sizes) > 1, `${sizes}`);
    t.is(pool.stats.jobs, 0);
    await pool.close();
  }
});

test.serial('a thread that dies takes the job that it had begun, and no other', async (t) => {
  const { pool, sizes } = counted({ threads: 2 });
  const call = { module: summing, export: 'sum', args: [50] };
  await known(pool, call);
  let failed = 0;
  let kills = 0;
  for (let round = 0; round < 5; round++) {
    const jobs = Array.from({ length: 40 }, (_, i) => pool.submit({ ...call, args: [i % 8 === 3 ? 60_000 : i + 1] }));
    while (!jobs.some(({ status }) => status === 'running')) await turn();
    if (round % 2 === 1) await new Promise((resolve) => setTimeout(resolve, 1));
    const { ids } = threadsOf(pool);
    kills += ids.length;
    for (const id of ids) threadsOf(pool).kill(id);
    for (const [i, job] of jobs.entries()) {
      const end = await ending(pool, job as Job);
      if (end === WorkerError) failed++;
      else t.deepEqual(end, [sumBelow(i % 8 === 3 ? 60_000 : i + 1)]);
    }
  }
  t.true(failed <= kills, `${failed} of ${kills}`);
  t.true(Math.max(...sizes) > 1, `${sizes}`);
  await pool.close();
});

test.serial('others have their turn in between, and what is urgent at once', async (t) => {
  const { pool } = counted({ threads: 1 });
  const call = { module: arithmetic, export: 'count', args: [5] };
  await known(pool, call);
  const order: string[] = [];
  const note = (name: string, job: Job<unknown>) => job.result.then(() => order.push(name));
  const before = Array.from({ length: 20 }, () => note('short', pool.submit(call)));
  const other = note('other', pool.submit({ module: arithmetic, export: 'add', args: [1, 2] }));
  const after = Array.from({ length: 300 }, () => note('late', pool.submit(call)));
  await Promise.all([...before, other, ...after]);
  // Those of a message or two are ahead of it.
  const place = order.indexOf('other');
  t.true(place >= 20 && place < 20 + 2 * 64, `${place}`);
  await pool.close();
});

test.serial('progress is told of each', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const call = { module: arithmetic, export: 'count', args: [5] };
  await known(pool, call);
  const told: number[] = [];
  const jobs = Array.from({ length: 10 }, () =>
    pool.submit({ ...call, onProgress: ({ slices }) => told.push(slices) }),
  );
  await Promise.all(jobs.map((job) => job.result));
  await turn();
  t.deepEqual(told, new Array(10).fill(1));
});

test.serial('a map has more under way where its jobs are short, and as many as it is told in any case', async (t) => {
  await using pool = new Pool({ threads: 2 });
  const most = async (inFlight?: number) => {
    let [taken, given, ahead] = [0, 0, 0];
    function* inputs() {
      for (; taken < 300; ) yield ++taken;
    }
    for await (const [n] of pool.map(arithmetic, 'count', inputs(), inFlight === undefined ? {} : { inFlight })) {
      t.is(n, ++given);
      ahead = Math.max(ahead, taken - given);
    }
    return ahead;
  };
  await most();
  const short = await most();
  t.true(short > 8 && short <= 64, `${short}`);
  t.true((await most(3)) <= 3);
});

test.serial('a module whose native code one thread has made is native at once on the others', async (t) => {
  await using pool = new Pool({ threads: 2 });
  const module = Module.from(arithmetic.bytes);
  await pool.submit({ module, export: 'count', args: [400_000] }).result;
  const jobs = Array.from({ length: 8 }, () => pool.submit({ module, export: 'count', args: [400_000] }));
  for (const job of jobs) t.deepEqual(await job.result, [400_000]);
});
