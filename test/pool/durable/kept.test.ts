// What threads keep of jobs with a key that were saved there is for the next time: gone with the job, also where that has
// ended on another thread.

import test, { type ExecutionContext } from 'ava';
import { Pool } from '../../../src/pool/index.ts';
import { memoryStore } from '../../../src/store/index.ts';
import { arithmetic, sumBelow, summing } from '../guests.ts';

interface Kept {
  readonly thread: number;
  readonly count: number;
}

async function keptBy(t: ExecutionContext, pool: Pool): Promise<number> {
  const program = new URL('./kept.ts', import.meta.url);
  const told = new Map<number, number>();
  for (let tries = 0; told.size < 2 && tries < 50; tries++) {
    const jobs = [0, 1].map(() => pool.submit<Kept>({ module: arithmetic, program }).result);
    for (const { thread, count } of await Promise.all(jobs)) told.set(thread, count);
  }
  t.is(told.size, 2);
  return [...told.values()].reduce((sum, count) => sum + count, 0);
}

test('nothing stays of jobs that have ended, wherever they were', async (t) => {
  const pool = new Pool({ threads: 2, store: memoryStore() });
  const jobs = Array.from({ length: 40 }, (_, i) =>
    pool.submit({
      ...{ module: summing, export: 'sum', args: [20_000], key: `job ${i}`, engine: 'interpreter' as const },
      ...{ saveEvery: { fuel: 20_000 }, sliceFuel: 20_000, affinity: 'spread' as const },
    }),
  );
  for (const { result } of jobs) t.deepEqual(await result, [sumBelow(20_000)]);
  t.true(jobs.every(({ stats }) => stats.checkpoints > 1));
  t.true(jobs.some(({ stats }) => stats.moves > 0));
  t.is(await keptBy(t, pool), 0);
  await pool.close();
});
