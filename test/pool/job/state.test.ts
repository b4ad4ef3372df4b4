// State of host modules in a pool: it goes with the job, from thread to thread, into its snapshot, past the death of a
// thread.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { CancelledError, Pool, SuspendedError } from '../../../src/pool/index.ts';
import { guest } from '../../host/counter.ts';
import { arithmetic, moduleOf } from '../guests.ts';

const host = new URL('../fixtures/counter.ts', import.meta.url);

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
  while (job.stats.slices < 3) await setTimeout(1);
  const snapshot = await job.suspend();
  await t.throwsAsync(job.result, { instanceOf: SuspendedError });
  t.deepEqual(snapshot.vm.summary().states, [{ name: 'counter', bytes: 0 }]);
  t.deepEqual(await pool.resume(snapshot).result, [20_000]);
  t.deepEqual(await pool.resume(snapshot).result, [20_000]);
  await pool.close();
});

test('a job that is cancelled while it is saved has the grace to end, and no more', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'wasbox-stuck-'));
  const begun = join(folder, 'begun');
  process.env.WASBOX_STUCK = begun;
  const pool = new Pool({ threads: 1, grace: 50 });
  const module = await moduleOf(`(module (import "stuck" "touch" (func $touch))
    (func (export "spin") (call $touch) (loop $again (br $again))))`);
  const job = pool.submit({ module, host: new URL('../fixtures/stuck.ts', import.meta.url), export: 'spin' });
  while (job.stats.slices < 2) await setTimeout(1);
  const snapshot = job.suspend();
  while (!existsSync(begun)) await setTimeout(1);
  job.cancel();
  await t.throwsAsync(snapshot, { instanceOf: CancelledError });
  await t.throwsAsync(job.result, { instanceOf: CancelledError });
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [1, 2] }).result, [3]);
  await pool.close();
  await rm(folder, { recursive: true });
});
