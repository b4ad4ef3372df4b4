// State of host modules in a pool: it goes with the job, from thread to thread, into its snapshot, past the death of a
// thread.

import test from 'ava';
import { Pool, SuspendedError } from '../../src/pool/index.ts';
import { guest } from '../host/counter.ts';

const host = new URL('./fixtures/counter.ts', import.meta.url);

test('it moves with the job at each slice, on both engines', async (t) => {
  const pool = new Pool({ threads: 2 });
  for (const engine of ['interpreter', 'native'] as const) {
    const job = pool.submit({
      ...{ module: await guest, host, export: 'count', args: [300], engine },
      ...{ affinity: 'spread', sliceFuel: 20_000 },
    });
    t.deepEqual(await job.result, [300]);
    t.true(job.stats.moves > 5, `${job.stats.moves}`);
  }
  await pool.close();
});

test('it is in the snapshot of a job, as often as that is resumed', async (t) => {
  const pool = new Pool({ threads: 2 });
  const job = pool.submit({ module: await guest, host, export: 'count', args: [20_000], sliceFuel: 100_000 });
  while (job.stats.slices < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  const snapshot = await job.suspend();
  await t.throwsAsync(job.result, { instanceOf: SuspendedError });
  t.deepEqual(snapshot.vm.summary().states, [{ name: 'counter', bytes: 0 }]);
  t.deepEqual(await pool.resume(snapshot).result, [20_000]);
  t.deepEqual(await pool.resume(snapshot).result, [20_000]);
  await pool.close();
});
