// A worker every 50 ms: threads of a pool on a store are killed all the time, whatever they do, and then no more. Every job comes to
// its result, and what its service is asked goes on from where the job was saved.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { threadsOf } from '../thread/threads-of.ts';
import { openStore, Pool } from './built.ts';
import { answerTo, asking, expected } from './guests.ts';

const root = mkdtempSync(join(tmpdir(), 'wasbox-jobs-'));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

const jobs = 12;
const rounds = 100;
const killing = { every: 50, for: 5000, least: 12 };
/** So much between two calls that threads are killed in its midst. */
const workOf = (who: number): number => 300_000 + who * 40_000;
/** Nobody is to blame for the deaths of threads here. */
const retries = 1000;

interface Asked {
  readonly who: number;
  readonly round: number;
  readonly job: string;
  readonly id: number;
}

/** Calls of a job are numbered one after the other, a number is asked again at most, and always the same is asked by it. */
function check(t: ExecutionContext, who: number, asked: readonly Asked[]): void {
  t.is(new Set(asked.map(({ job }) => job)).size, 1, `job ${who} was begun twice`);
  const roundOf = new Map<number, number>();
  let last = 0;
  for (const { id, round } of asked) {
    t.true(id === last || id === last + 1, `job ${who} made call ${id} after call ${last}`);
    t.is(roundOf.get(id) ?? round, round, `call ${id} of job ${who} asked for something else`);
    roundOf.set(id, round);
    last = id;
  }
  t.deepEqual(
    [...roundOf.values()].sort((a, b) => a - b),
    Array.from({ length: rounds }, (_, i) => i),
    `job ${who}`,
  );
}

test('a worker every 50 ms', async (t) => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  const path = join(root, 'store');
  const asked: Asked[] = [];
  const env = {
    ask: async (who: number, round: number, { job, id }: { job: string; id: number }) => {
      asked.push({ who, round, job, id });
      await sleep(Math.random() * 10);
      return answerTo(who, round);
    },
  };
  const pool = new Pool({ threads: 2, services: { env }, store: path });
  const results = Array.from({ length: jobs }, async (_, who) => {
    const options = {
      module: asking.bytes,
      export: 'run',
      args: [who, rounds, workOf(who)],
      key: String(who),
      retries,
    };
    return (await pool.submit({ ...options, saveEvery: { ms: 20 } }).result) as readonly unknown[];
  });
  let over = false;
  const ending = Promise.allSettled(results).then((ends) => {
    over = true;
    return ends;
  });
  let kills = 0;
  /** Threads, by how many calls there had been when they were first seen; and those that are about to die. */
  const born = new Map<number, number>();
  const killed = new Set<number>();
  const from = performance.now();
  // Longer where the machine is slow, and threads take their time to start.
  while (!over && (performance.now() - from < killing.for || kills < killing.least)) {
    // It is nobody's but the pool's: who uses a pool has no threads to kill.
    const threads = threadsOf(pool);
    for (const each of threads.ids) if (!born.has(each)) born.set(each, asked.length);
    // Mostly one that has had something to do, or nothing would ever be in the midst; now and then one that has just begun.
    const may = (each: number) => kills % 4 === 3 || asked.length - (born.get(each) as number) > 2;
    const ids = threads.ids.filter((each) => !killed.has(each) && may(each));
    const id = ids[Math.floor(Math.random() * ids.length)];
    if (id !== undefined) {
      threads.kill(id);
      killed.add(id);
      kills++;
    }
    await sleep(killing.every);
  }
  const ends = await ending;
  await pool.close();
  await sleep(50);
  process.off('unhandledRejection', note);

  t.true(kills >= killing.least, `${kills} kills`);
  t.deepEqual(unhandled, []);
  t.deepEqual(
    ends.map((end) => (end.status === 'fulfilled' ? end.value[0] : end.reason)),
    Array.from({ length: jobs }, (_, who) => expected(who, rounds, workOf(who))),
  );
  for (let who = 0; who < jobs; who++)
    check(
      t,
      who,
      asked.filter((each) => each.who === who),
    );
  t.is(new Set(asked.map(({ job }) => job)).size, jobs);
  t.true(asked.length > jobs * rounds, 'no job was killed in its midst');

  const store = await openStore(path);
  const heads = await store.list();
  t.deepEqual(heads.map(({ name }) => name).sort(), Array.from({ length: jobs }, (_, who) => `job/${who}`).sort());
  await store.close();
});
