// Jobs under way whose slices are short, and go on in one message: each is as if it had gone on alone.

import test from 'ava';
import type { VmOptions } from '../../../src/index.ts';
import { CancelledError, type Job, Pool, SuspendedError, WorkerError } from '../../../src/pool/index.ts';
import { moduleOf } from '../guests.ts';
import { threadsOf } from './threads-of.ts';

type Engine = NonNullable<VmOptions['engine']>;
const engines: readonly Engine[] = ['interpreter', 'native'];

const rounds = 8;
/** Asks for so many numbers, one after the other, keeps their sum in its memory, and returns it. */
const module = await moduleOf(`(module
  (import "env" "ask" (func $ask (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "run") (param $who i32) (result i32) (local $i i32)
    (loop $again
      (i32.store (i32.const 8)
        (i32.add (i32.load (i32.const 8)) (call $ask (local.get $who) (local.get $i))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${rounds}))))
    (i32.load (i32.const 8))))`);
const answerTo = (who: number, i: number): number => who * 10 + i * i;
const expected = (who: number): number =>
  Array.from({ length: rounds }, (_, i) => answerTo(who, i)).reduce((sum, n) => sum + n, 0);

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A pool whose service answers many at once; what it was asked, and how many went in each message. */
function counted(threads: number) {
  const asked: string[] = [];
  const sizes: number[] = [];
  let soon: Promise<void> | undefined;
  const ask = async (who: number, i: number, { id }: { id: number }) => {
    asked.push(`${who} ${i} ${id}`);
    soon ??= new Promise((resolve) => setTimeout(resolve, 5)).then(() => {
      soon = undefined;
    });
    await soon;
    return answerTo(who, i);
  };
  const pool = new Pool({ threads, services: { env: { ask } } });
  const inner = threadsOf(pool);
  const run = inner.runTogether.bind(inner);
  inner.runTogether = (id, order) => {
    sizes.push(order.orders.length);
    return run(id, order);
  };
  const begin = (count: number, engine: Engine) =>
    Array.from({ length: count }, (_, who) => pool.submit({ module, export: 'run', args: [who], engine }));
  return { pool, asked, sizes, begin };
}

for (const engine of engines) {
  test.serial(`all have their results, their costs and one answer to each call, ${engine}`, async (t) => {
    const { pool, asked, sizes, begin } = counted(2);
    const jobs = begin(40, engine);
    for (const [who, job] of jobs.entries()) t.deepEqual(await job.result, [expected(who)]);
    t.is(new Set(jobs.map(({ stats }) => stats.fuelUsed)).size, 1);
    for (const { stats } of jobs) t.is(stats.suspensions, rounds);
    t.is(asked.length, 40 * rounds);
    t.is(new Set(asked).size, asked.length);
    t.true(Math.max(...sizes) > 1, `${sizes}`);
    await pool.close();
  });

  test.serial(`any of them can be suspended, forked or cancelled at any moment, ${engine}`, async (t) => {
    const { pool, sizes, begin } = counted(1);
    const other = engine === 'native' ? 'interpreter' : 'native';
    for (let round = 0; round < 6; round++) {
      const jobs = begin(24, engine);
      while (!jobs.some(({ stats }) => stats.slices > 1 + round)) await turn();
      for (let i = 0; i < round; i++) await turn();
      const forks = jobs.map((job, i) => (i % 4 === 2 ? job.fork(1, { engine: other }) : []));
      const snapshots = jobs.map((job, i) => (i % 4 === 1 ? job.suspend() : undefined));
      for (const [i, job] of jobs.entries()) if (i % 4 === 0) job.cancel();
      for (const [who, job] of jobs.entries()) {
        const end = await job.result.catch((error: unknown) => (error as Error).constructor);
        if (who % 4 === 0) t.is(end, CancelledError);
        else if (who % 4 === 1) t.is(end, SuspendedError);
        else t.deepEqual(end, [expected(who)]);
        for (const fork of (await forks[who]) ?? []) t.deepEqual(await fork.result, [expected(who)]);
        const snapshot = await snapshots[who];
        if (snapshot !== undefined) t.deepEqual(await pool.resume(snapshot, { engine: other }).result, [expected(who)]);
      }
    }
    t.true(Math.max(...sizes) > 1, `${sizes}`);
    t.is(pool.stats.jobs, 0);
    await pool.close();
  });
}

test.serial('a thread that dies takes those of its message along, and all others go on', async (t) => {
  const { pool, sizes, begin } = counted(2);
  let [failed, most] = [0, 0];
  for (let round = 0; round < 6; round++) {
    const jobs: readonly Job[] = begin(24, 'native');
    while (!jobs.some(({ stats }) => stats.slices > 2)) await turn();
    while (!jobs.some(({ status }) => status === 'running')) await turn();
    most += jobs.filter(({ status }) => status === 'running').length;
    for (const id of threadsOf(pool).ids) threadsOf(pool).kill(id);
    for (const [who, job] of jobs.entries()) {
      const end = await job.result.catch((error: unknown) => (error as Error).constructor);
      if (end === WorkerError) failed++;
      else t.deepEqual(end, [expected(who)]);
    }
  }
  t.true(failed <= most, `${failed} of ${most}`);
  t.true(Math.max(...sizes) > 1, `${sizes}`);
  await pool.close();
});
