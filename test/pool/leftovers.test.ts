// What a job leaves behind: nothing, on its threads and with the pool, while both go on.

import { MessageChannel } from 'node:worker_threads';
import test from 'ava';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { type Job, Pool, type Service } from '../../src/pool/index.ts';
import { Line } from '../../src/pool/line/line.ts';
import { Shelf } from '../../src/pool/line/shelf.ts';
import { addSlice, mostThreads, noStats } from '../../src/pool/told/stats.ts';
import { weightOf } from '../../src/runtime/memory/weight.ts';
import { type Sample, sample } from '../soak/measure.ts';
import { arithmetic, moduleOf } from './guests.ts';

const asking = await moduleOf(`(module (import "env" "twice" (func $twice (param i32) (result i32))) (memory 1)
  (func (export "ask") (param i32) (result i32) (call $twice (local.get 0))))`);
const napping = await moduleOf(`(module (memory 1 1 shared) (func (export "nap") (param $n i32)
  (loop $again
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000000)))
    (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))`);
const touching = await moduleOf(`(module (memory 128) (func (export "fill")
  (memory.fill (i32.const 0) (i32.const 1) (i32.const 8388608))))`);

const ask = (pool: Pool, env: Service, options = {}) =>
  pool.submit({ module: asking, export: 'ask', args: [1], services: { env }, ...options });
const untilWaiting = async (job: { readonly status: string }) => {
  while (job.status !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 1));
};
/** What the pool keeps of a job, and of services. */
const insideJob = (job: Job) =>
  (job as unknown as { run: { cleanups: unknown[]; giveUp: unknown; services: ReadonlyMap<string, unknown> } }).run;
const boundServices = (pool: Pool): number =>
  (pool as unknown as { life: { services: { bound: Map<unknown, unknown> } } }).life.services.bound.size;

test('a thread has none of the VMs of jobs that have ended, however they did', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const run = async (times: number): Promise<Sample> => {
    for (let i = 0; i < times; i++) {
      const jobs = ['add', 'trap', 'spin'].map((name) =>
        pool.submit({ module: arithmetic, export: name, args: name === 'add' ? [1, 2] : [] }),
      );
      jobs[2]?.cancel();
      await Promise.allSettled(jobs.map(({ result }) => result));
    }
    return sample(pool);
  };
  const { threads: before } = await run(2);
  const { threads, main } = await run(30);
  t.true(threads.stores <= before.stores + 1 && threads.stores <= 3, `${threads.stores} stores`);
  t.is(main.stores, 0);
});

test('an idle thread drops the VM that it kept for a job that was cancelled', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const { threads: before } = await sample(pool);
  const jobs = Array.from({ length: 8 }, () => ask(pool, { twice: () => new Promise(() => {}) }));
  await Promise.all(jobs.map(untilWaiting));
  t.is((await sample(pool)).threads.stores, before.stores + jobs.length);
  // All ends before the thread gets another order; then it gets none but to drop them.
  for (const job of jobs) job.cancel();
  t.is(pool.stats.jobs, 0);
  t.is((await sample(pool)).threads.stores, before.stores);
});

test.serial('large memories are collected, though V8 does not count shared ones', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const job = () => pool.submit({ module: touching, export: 'fill' }).result;
  for (let i = 0; i < 20; i++) await job();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 100; i++) await job();
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  t.true(grown < 400, `${grown.toFixed()} MiB of 800`);
});

test('a memory weighs as much as it is, and is not weighed for each page that it grows', (t) => {
  const MiB = 2 ** 20;
  t.is(weightOf(MiB - 1), undefined);
  const weight = weightOf(2 * MiB) as ArrayBuffer;
  t.is(weight.byteLength, 2 * MiB);
  t.is(weightOf(2 * MiB, weight), weight);
  t.is(weightOf(2 * MiB + 65_536, weight), weight);
  t.is(weightOf(4 * MiB, weight)?.byteLength, 4 * MiB);
  t.is(weightOf(2 ** 60, weight), weight);
});

test('naps and answers leave nothing with a job that goes on', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const job = pool.submit({ module: napping, export: 'nap', args: [20] });
  await job.result;
  t.true(job.stats.slices >= 20);
  t.is(insideJob(job).cleanups.length, 0);
  t.is(insideJob(job).giveUp, undefined);
  const asked = ask(pool, { twice: (n: number) => 2 * n });
  t.deepEqual(await asked.result, [2]);
  t.is(insideJob(asked).giveUp, undefined);
  t.is(insideJob(asked).services.size, 0);
});

test('services of jobs are not remembered, those behind ports until the port is closed', async (t) => {
  await using pool = new Pool({ threads: 1 });
  for (let i = 0; i < 5; i++) await ask(pool, { twice: (n: number) => 2 * n }).result;
  t.is(boundServices(pool), 0);
  const { port1, port2 } = new MessageChannel();
  Comlink.expose({ twice: (n: number) => 2 * n }, nodeEndpoint(port2 as never));
  for (let i = 0; i < 5; i++) t.deepEqual(await ask(pool, port1).result, [2]);
  t.is(boundServices(pool), 1);
  const closed = new Promise((resolve) => port1.once('close', resolve));
  port2.close();
  await closed;
  t.is(boundServices(pool), 0);
  const error = await t.throwsAsync(ask(pool, port1).result);
  t.is(error?.message, 'the thread of the service has gone');
  t.is(boundServices(pool), 0);
});

for (const way of ['cancelled', 'late', 'suspended'] as const)
  test(`a call that nobody waits for keeps no port open: ${way}`, async (t) => {
    await using pool = new Pool({ threads: 1 });
    const { port1, port2 } = new MessageChannel();
    port2.unref();
    const job = ask(pool, port1, way === 'late' ? { serviceTimeout: 10 } : {});
    job.result.catch(() => undefined);
    if (way !== 'late') await untilWaiting(job);
    if (way === 'cancelled') job.cancel();
    if (way === 'suspended') await job.suspend();
    await job.result.catch(() => undefined);
    await new Promise(setImmediate);
    t.false((port1 as unknown as { hasRef(): boolean }).hasRef());
    port2.close();
  });

test('a call that was forgotten is over, and so is no other one', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => port1.close());
  const answers: (() => void)[] = [];
  const remote = { slow: (n: number) => new Promise((resolve) => answers.push(() => resolve(n))) };
  Comlink.expose(remote, nodeEndpoint(port2 as never));
  const line = new Line(port1);
  const proxy = Comlink.wrap<typeof remote>(line);
  const first = proxy.slow(1);
  const call = line.lastCall as string;
  const second = proxy.slow(2);
  t.not(line.lastCall, call);
  line.forget(call);
  t.is(await first, undefined);
  while (answers.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  for (const answer of answers) answer();
  t.is(await second, 2);
  line.forget(call);
});

test('a shelf sheds what was used least recently, down to its bounds', (t) => {
  const shelf = new Shelf<string>();
  for (const key of ['a', 'b', 'c', 'd']) shelf.put(key, 10);
  shelf.put('a', 20);
  t.is(shelf.cost, 50);
  t.deepEqual(shelf.shed(50), []);
  t.deepEqual(shelf.shed(35), ['b', 'c']);
  t.deepEqual(shelf.shed(0, { spared: 1 }), ['d']);
  t.deepEqual([shelf.size, shelf.cost, shelf.has('a')], [1, 20, true]);
  shelf.put('e', 1);
  t.deepEqual(shelf.shed(100, { mostCount: 1 }), ['a']);
  t.true(shelf.delete('e'));
  t.false(shelf.delete('e'));
  t.deepEqual([shelf.size, shelf.cost], [0, 0]);
});

test('statistics do not grow with the threads that a job outlives', (t) => {
  const report = { charged: 1, paid: 1, memory: 0, guestMs: 1, movingMs: 0, busyMs: 1, sentAt: 0 };
  const slice = { report, before: undefined, suspended: true, checkpoint: false, repliedAt: 0 };
  let stats = noStats;
  for (let thread = 0; thread < 3 * mostThreads; thread++) stats = addSlice(stats, { ...slice, thread });
  t.is(stats.threads.length, mostThreads);
  t.is(stats.slices, 3 * mostThreads);
});
