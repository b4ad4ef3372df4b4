// What a registry of prom-client tells of pools, as it is scraped: values, and nothing that a guest or a job has named.

import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Counter, type OpenMetricsContentType, register as ofTheProcess, Registry } from 'prom-client';
import type { Job, WatchedPool } from '../../../src/pool/index.ts';
import type * as MetricsEntry from '../../../src/pool/watch/metrics.ts';
import { memoryStore, Pool, UsageError } from '../durable/built.ts';
import { asking, ends, engines, napping, spin, sum, underWay, until } from './follow.ts';

const built = new URL('../../../dist/src/pool/watch/metrics.js', import.meta.url).href;
const { collectPoolMetrics } = (await import(built)) as typeof MetricsEntry;

/** The samples of a scrape, by name and labels as they are written. */
async function scrape(registry: Registry): Promise<Map<string, number>> {
  await setImmediate();
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

/** A pool whose metrics a registry has. */
function collected(t: ExecutionContext, options = {}, name = 'main') {
  const registry = new Registry();
  const pool = new Pool({ threads: 2, ...options });
  const stop = collectPoolMetrics(pool, { register: registry, name });
  t.teardown(async () => {
    stop();
    await pool.terminate();
  });
  return { registry, pool, stop };
}

const of = (name: string, labels = '', pool = 'main') => `${name}{pool="${pool}"${labels}}`;
const how = (end: string, pool = 'main') => of('wasbox_jobs_ended_total', `,how="${end}"`, pool);
const state = (where: string, pool = 'main') => of('wasbox_jobs', `,state="${where}"`, pool);

test.serial('all series are there before anything has happened', async (t) => {
  const { registry, pool } = collected(t);
  await pool.ready();
  const samples = await scrape(registry);
  for (const end of ['done', 'trapped', 'limit', 'suspended', 'cancelled', 'crashed', 'lost', 'failed'])
    t.is(samples.get(how(end)), 0, end);
  for (const where of ['queued', 'running', 'waiting', 'asleep']) t.is(samples.get(state(where)), 0, where);
  for (const counter of ['jobs_submitted', 'fuel_charged', 'thread_deaths'])
    t.is(samples.get(of(`wasbox_${counter}_total`)), 0, counter);
  for (const histogram of ['queue', 'slice', 'move', 'suspend'])
    t.is(samples.get(of(`wasbox_job_${histogram}_seconds_count`)), 0, histogram);
  t.is(samples.get(of('wasbox_threads')), 2);
});

for (const engine of engines) {
  test.serial(`slices, fuel and times are what the jobs say of themselves (${engine})`, async (t) => {
    const { registry, pool } = collected(t);
    await pool.ready();
    const jobs = ['keep', 'spread'].map((affinity) => pool.submit(sum({ engine, affinity: affinity as 'keep' })));
    await Promise.all(jobs);
    const total = (of: (job: Job<unknown>) => number) => jobs.reduce((all, job) => all + of(job), 0);
    const samples = await scrape(registry);
    t.is(samples.get(of('wasbox_jobs_submitted_total')), 2);
    t.is(samples.get(how('done')), 2);
    t.is(
      samples.get(of('wasbox_fuel_charged_total')),
      total(({ stats }) => stats.fuelUsed),
    );
    const slices = total(({ stats }) => stats.slices);
    for (const each of ['slice', 'queue']) t.is(samples.get(of(`wasbox_job_${each}_seconds_count`)), slices);
    t.is(
      samples.get(of('wasbox_job_move_seconds_count')),
      total(({ stats }) => stats.moves),
    );
    const guestSeconds = total(({ stats }) => stats.guestMs) / 1000;
    const told = samples.get(of('wasbox_job_slice_seconds_sum')) as number;
    t.true(Math.abs(told - guestSeconds) < 1e-6, `${told} ${guestSeconds}`);
    t.true((samples.get(of('wasbox_job_move_seconds_sum')) as number) * 1000 <= total(({ stats }) => stats.movingMs));
    const buckets = [...samples].filter(([name]) => name.startsWith('wasbox_job_slice_seconds_bucket'));
    t.is(buckets.length, 19);
    t.is(buckets.at(-1)?.[1], slices, 'all are below infinity');
    t.true(buckets.every(([, count], i) => count >= (buckets[i - 1]?.[1] ?? 0)));
  });

  test.serial(`each way to end is counted (${engine})`, async (t) => {
    const { registry, pool } = collected(t, { threads: 1 });
    for (const begin of Object.values(ends)) await Promise.allSettled([begin(pool, engine)]);
    await until(t, 'a new thread', () => pool.stats.threads === 1);
    const samples = await scrape(registry);
    for (const end of Object.keys(ends)) t.is(samples.get(how(end)), 1, end);
    t.is(samples.get(how('lost')), 0);
    t.is(samples.get(of('wasbox_jobs_submitted_total')), Object.keys(ends).length);
    t.is(samples.get(of('wasbox_thread_deaths_total')), 1);
    t.is(samples.get(of('wasbox_job_suspend_seconds_count')), 1);
    await pool.terminate();
    t.is((await scrape(registry)).get(of('wasbox_thread_deaths_total')), 1, 'threads that the pool ends are no deaths');
    t.is((await scrape(registry)).get(of('wasbox_threads')), 0);
  });
}

test.serial('where jobs are is asked when it is scraped, and each is counted once', async (t) => {
  const services = { env: { ask: () => new Promise<number>(() => {}) } };
  const { registry, pool } = collected(t, { threads: 1, services, sleepAfter: 20 });
  const asleep = pool.submit({ module: asking, export: 'f', args: [1] });
  await until(t, 'sleep', () => pool.stats.asleep === 1);
  const store = collected(t, { threads: 1, services, store: memoryStore() }, 'kept');
  const waiting = store.pool.submit({ module: napping, export: 'nap', args: [3_600_000_000_000n] });
  await until(t, 'the nap', () => waiting.status === 'waiting' && waiting.stats.slices > 0);
  const running = pool.submit(spin({ sliceFuel: 2 ** 50 } as object));
  await until(t, 'the slice', () => running.status === 'running');
  const queued = [1, 2].map(() => pool.submit(sum({ priority: -20 })));
  const samples = await scrape(registry);
  t.deepEqual(
    ['queued', 'running', 'waiting', 'asleep'].map((where) => samples.get(state(where))),
    [2, 1, 0, 1],
  );
  t.is((await scrape(store.registry)).get(state('waiting', 'kept')), 1);
  for (const job of [asleep, waiting, running, ...queued]) job.cancel();
  t.is((await scrape(registry)).get(state('queued')), 0);
});

test.serial('no label has what a job, a key or a guest says', async (t) => {
  const store = memoryStore();
  const services = { secret: { call: () => 1 } };
  const { registry, pool } = collected(t, { store, services });
  await pool.submit({ ...sum(), key: 'secret-key', identity: 'secret-identity' });
  await Promise.allSettled([ends.failed?.(pool, 'interpreter'), ends.trapped?.(pool, 'interpreter')]);
  const before = (await registry.metrics()).split('\n').length;
  await Promise.all(Array.from({ length: 50 }, (_, i) => pool.submit({ ...sum(), args: [i], key: `secret-${i}` })));
  await setImmediate();
  const text = await registry.metrics();
  t.is(text.split('\n').length, before, 'as many series as before');
  t.is((await scrape(registry)).size, 100, 'as SECURITY.md says');
  t.notRegex(text, /secret|unreachable|the host fails/);
});

test.serial('pools of one registry stand side by side, and each can be taken out', async (t) => {
  const { registry, pool, stop } = collected(t, {}, 'one');
  const other = new Pool({ threads: 1 });
  const stopOther = collectPoolMetrics(other, { register: registry, name: 'other' });
  await pool.submit(sum());
  const [a, b] = [other.submit(sum()), other.submit(sum())];
  await Promise.all([a, b]);
  const samples = await scrape(registry);
  t.deepEqual(
    ['one', 'other'].map((name) => samples.get(how('done', name))),
    [1, 2],
  );
  t.is(samples.get(of('wasbox_fuel_charged_total', '', 'other')), a.stats.fuelUsed + b.stats.fuelUsed);
  stopOther();
  stopOther();
  await other.submit(sum());
  await other.close();
  t.false((await registry.metrics()).includes('pool="other"'));
  await pool.submit(sum());
  t.is((await scrape(registry)).get(how('done', 'one')), 2);
  stop();
  t.is((await registry.metrics()).trim(), '');
  t.is(registry.getMetricsAsArray().length, 0);
});

test.serial('a registry that was cleared takes a pool again, and one of OpenMetrics takes it, too', async (t) => {
  const { registry, pool } = collected(t);
  registry.clear();
  t.teardown(collectPoolMetrics(pool, { register: registry, name: 'again' }));
  await pool.submit(sum());
  t.is((await scrape(registry)).get(how('done', 'again')), 1);
  const open = new Registry<OpenMetricsContentType>();
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  t.teardown(collectPoolMetrics(pool, { register: open, name: 'open' }));
  await underWay(pool.submit(sum()), 1);
  await setImmediate();
  t.regex(await open.metrics(), /^wasbox_threads\{pool="open"\} 2$/m);
});

test.serial('the registry of the process and the name `default` are taken unless told', async (t) => {
  const pool = new Pool({ threads: 1 });
  const stop = collectPoolMetrics(pool);
  await pool.submit(sum());
  t.is((await scrape(ofTheProcess)).get(how('done', 'default')), 1);
  stop();
  await pool.close();
  t.is(ofTheProcess.getSingleMetric('wasbox_jobs'), undefined);
});

test.serial('what cannot be is refused, and leaves the registry as it was', async (t) => {
  const { registry, pool } = collected(t);
  const other = new Pool({ threads: 1 });
  const refused = (act: () => unknown, message: RegExp) => t.throws(act, { instanceOf: UsageError, message });
  refused(() => collectPoolMetrics(pool, { register: registry, name: 'twice' }), /has the metrics of that pool/);
  refused(() => collectPoolMetrics(other, { register: registry, name: 'main' }), /a name|pool of the name "main"/);
  refused(() => collectPoolMetrics({} as WatchedPool, {}), /the pool must be a Pool/);
  refused(() => collectPoolMetrics(other, { register: {} as Registry }), /register must be a Registry of prom-client/);
  refused(() => collectPoolMetrics(other, { name: '' }), /name must be a text that is not empty/);
  refused(() => collectPoolMetrics(other, { prefix: 'x' } as object), /no option "prefix"/);
  const taken = new Registry();
  new Counter({ name: 'wasbox_fuel_charged_total', help: 'mine', registers: [taken] });
  refused(
    () => collectPoolMetrics(other, { register: taken }),
    /another metric that is called "wasbox_fuel_charged_total"/,
  );
  t.is(taken.getMetricsAsArray().length, 1);
  await other.close();
});
