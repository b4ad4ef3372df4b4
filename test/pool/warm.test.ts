// VMs that threads keep between slices, slices that go on while nobody waits, and native code that threads share: none of
// it shows but in time.

import test from 'ava';
import { VM } from '../../src/index.ts';
import { type Job, Pool } from '../../src/pool/index.ts';
import { arithmetic, moduleOf, sumBelow, summing } from './guests.ts';

const engines = ['native', 'interpreter', 'auto'] as const;

/** Grows its memory and its table, changes a global, and recurses, on the way to its answer. */
const changing = await moduleOf(`(module
  (memory 1 64)
  (table 1 64 funcref)
  (global $sum (mut i64) (i64.const 0))
  (elem declare func $work)
  (func $work (export "work") (param $n i32) (result i64) (local $i i32)
    (loop $again
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 500)))
        (then
          (drop (memory.grow (i32.const 1)))
          (drop (table.grow (ref.func $work) (i32.const 1)))))
      (i32.store (i32.shl (i32.rem_u (local.get $i) (i32.const 9000)) (i32.const 2)) (local.get $i))
      (global.set $sum (i64.add (global.get $sum)
        (i64.load32_u (i32.shl (i32.rem_u (i32.mul (local.get $i) (i32.const 7)) (i32.const 9000)) (i32.const 2)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (if (i32.gt_u (local.get $n) (i32.const 100)) (then (drop (call $work (i32.div_u (local.get $n) (i32.const 2))))))
    (i64.add (global.get $sum) (i64.extend_i32_u (i32.add (memory.size) (table.size))))))`);

function alone(n: number): { values: unknown[]; fuel: number } {
  const vm = new VM({ engine: 'interpreter' });
  const values = vm.invoke(vm.instantiate(changing).func('work'), [n]);
  return { values, fuel: vm.fuelUsed };
}

test('more jobs than a thread keeps take turns, and each goes on where it was', async (t) => {
  await using pool = new Pool({ threads: 1 });
  for (const engine of engines) {
    const sizes = Array.from({ length: 20 }, (_, i) => 2_000 + 37 * i);
    const jobs = sizes.map((n) =>
      pool.submit({ module: changing, export: 'work', args: [n], engine, sliceFuel: 10_000 }),
    );
    for (const [i, job] of jobs.entries()) {
      const { values, fuel } = alone(sizes[i] as number);
      t.deepEqual(await job.result, values);
      t.true(job.stats.slices > 3);
      t.is(job.stats.fuelUsed, fuel);
    }
  }
});

test('a job that leaves a thread and comes back finds what it has done elsewhere', async (t) => {
  await using pool = new Pool({ threads: 2 });
  for (const engine of engines) {
    const jobs = [6_000, 5_000, 4_000].map((n) =>
      pool.submit({ module: changing, export: 'work', args: [n], engine, sliceFuel: 5_000 }),
    );
    const { values } = alone(6_000);
    t.deepEqual(await jobs[0]?.result, values);
    t.deepEqual(await jobs[1]?.result, alone(5_000).values);
    t.deepEqual(await jobs[2]?.result, alone(4_000).values);
    t.true(jobs.some((job) => job.stats.moves > 0));
  }
});

test('a slice goes on while nobody waits for its thread', async (t) => {
  await using pool = new Pool({ threads: 1, sliceMs: 0.1 });
  const job = pool.submit({ module: summing, export: 'sum', args: [60_000], engine: 'interpreter' });
  t.deepEqual(await job.result, [sumBelow(60_000)]);
  t.true(job.stats.slices <= job.stats.guestMs / 100 + 2, `${job.stats.slices} slices`);
});

test('and no longer', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const endless = pool.submit({ module: arithmetic, export: 'spin' });
  while (endless.status !== 'running') await new Promise((resolve) => setTimeout(resolve, 1));
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [2, 3] }).result, [5]);
  endless.cancel();
});

test('a slice that goes on uses no more fuel than the job has', async (t) => {
  await using pool = new Pool({ threads: 1, sliceMs: 0.1 });
  const job: Job = pool.submit({ module: arithmetic, export: 'spin', limits: { fuel: 3_000_000 } });
  await t.throwsAsync(job.result, { message: /3000000 units of fuel/ });
  t.true(job.stats.fuelUsed >= 3_000_000 && job.stats.fuelUsed < 3_000_100);
});
