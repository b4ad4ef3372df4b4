// Jobs to be watched, one for each way to end, and what is heard of them.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import type { CallSpec, Job, JobEvent, JobOptions, Pool } from '../../../src/pool/index.ts';
import * as guests from '../guests.ts';

// As bytes, which pools of any build take.
const [arithmetic, summing] = [guests.arithmetic.bytes, guests.summing.bytes];
export const moduleOf = async (wat: string) => (await guests.moduleOf(wat)).bytes;

export const engines = ['interpreter', 'native'] as const;
export type Engine = (typeof engines)[number];

const host = new URL('../fixtures/host.ts', import.meta.url);
const calling = (name: string) =>
  moduleOf(`(module (import "env" "${name}" (func $host)) (func (export "f") (call $host)))`);
const [failing, dying] = [await calling('fail'), await calling('die')];

export const asking = await moduleOf(`(module
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (func (export "f") (param i32) (result i32) (call $ask (local.get 0))))`);

export const napping = await moduleOf(`(module (memory 1 1 shared)
  (func (export "nap") (param i64) (result i32)
    (memory.atomic.wait32 (i32.const 0) (i32.const 0) (local.get 0))))`);

/** A job of some slices. */
export const sum = (options: JobOptions = {}): CallSpec => ({
  ...{ module: summing, export: 'sum', args: [60_000], sliceFuel: 20_000 },
  ...options,
});
export const spin = (options: JobOptions = {}): CallSpec => ({
  ...{ module: arithmetic, export: 'spin', sliceFuel: 10_000 },
  ...options,
});

/** A job for each way in which it can end without a store, and what is done to it. */
export const ends: Record<string, (pool: Pool, engine: Engine) => Job<unknown>> = {
  done: (pool, engine) => pool.submit(sum({ engine })),
  trapped: (pool, engine) => pool.submit({ module: arithmetic, export: 'trap', engine }),
  failed: (pool, engine) => pool.submit({ module: failing, export: 'f', host, engine }),
  limit: (pool, engine) => pool.submit(spin({ engine, limits: { fuel: 100_000 } })),
  crashed: (pool, engine) => pool.submit({ module: dying, export: 'f', host, engine }),
  suspended: (pool, engine) => after(pool.submit(spin({ engine })), (job) => void job.suspend().catch(() => {})),
  cancelled: (pool, engine) => after(pool.submit(spin({ engine })), (job) => job.cancel()),
};

function after<T>(job: Job<T>, act: (job: Job<T>) => void): Job<T> {
  void underWay(job).then(() => act(job));
  return job;
}

/** Resolves once the job has run some slices. */
export async function underWay(job: Job<unknown>, slices = 3): Promise<void> {
  while (job.stats.slices < slices) await sleep(1);
}

export async function until(t: ExecutionContext, what: string, is: () => boolean): Promise<void> {
  for (let i = 0; i < 4000; i++) {
    if (is()) return;
    await sleep(5);
  }
  t.fail(`${what} never came`);
}

/** All events of a job. */
export async function follow(job: AsyncIterable<JobEvent>): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of job) events.push(event);
  return events;
}

export const typesOf = (events: readonly JobEvent[]): string => events.map(({ type }) => type).join(' ');

export const only = <N extends JobEvent['type']>(events: readonly JobEvent[], type: N) =>
  events.filter((event): event is JobEvent & { readonly type: N } => event.type === type);
