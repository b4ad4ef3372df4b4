// VMs that threads keep between slices, slices that go on while nobody waits, and native code that threads share: none of
// it shows but in time.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { VM } from '../../../src/index.ts';
import { type Job, Pool } from '../../../src/pool/index.ts';
import { Threads } from '../../../src/pool/job/threads.ts';
import { Scheduler } from '../../../src/pool/line/scheduler.ts';
import { arithmetic, moduleOf, sumBelow, summing } from '../guests.ts';

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

test.serial('a job that leaves a thread and comes back finds what it has done elsewhere', async (t) => {
  const rules = Scheduler.prototype as unknown as { isHome(job: object): boolean };
  const { isHome } = rules;
  let asked = 0;
  rules.isHome = function (job) {
    return asked++ % 3 !== 2 && isHome.call(this, job);
  };
  t.teardown(() => {
    rules.isHome = isHome;
  });
  await using pool = new Pool({ threads: 2 });
  // Until both have begun to work, which takes a thread long where the machine is busy.
  for (const threads = new Set<number>(); threads.size < 2; ) {
    const jobs = [1, 2].map((i) => pool.submit({ module: arithmetic, export: 'add', args: [i, 1] }));
    for (const job of jobs) await job.result;
    for (const thread of jobs.flatMap(({ stats }) => stats.threads)) threads.add(thread);
  }
  const { values, fuel } = alone(6_000);
  for (const engine of engines) {
    const job = pool.submit({ module: changing, export: 'work', args: [6_000], engine, sliceFuel: 5_000 });
    t.deepEqual(await job.result, values);
    t.is(job.stats.fuelUsed, fuel);
    const { slices, moves } = job.stats;
    t.true(moves > 10 && moves < slices - 10, `${moves} moves, ${slices} slices`);
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

test.serial('what one thread has compiled, others are given', async (t) => {
  const { compiled } = Threads.prototype;
  const told: number[] = [];
  Threads.prototype.compiled = function (id, parcels, modules) {
    if (parcels.length > 0) told.push(id);
    compiled.call(this, id, parcels, modules);
  };
  t.teardown(() => {
    Threads.prototype.compiled = compiled;
  });
  const module = await moduleOf(`(module (func (export "f") (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (i32.const 3)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1)))`);
  await using pool = new Pool({ threads: 2 });
  const spread = { export: 'f', args: [20_000], engine: 'native', sliceFuel: 10_000, affinity: 'spread' } as const;
  for (let i = 0; i < 2; i++) {
    const job = pool.submit({ module, ...spread });
    t.deepEqual(await job.result, [60_000]);
    t.is(job.stats.threads.length, 2);
  }
  t.is(told.length, 1);
});

test('native code is kept in a folder, and damage there is made good', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-cache-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const run = async () => {
    await using pool = new Pool({ threads: 1, cache: folder });
    t.deepEqual(await pool.submit({ module: summing, export: 'sum', args: [500], engine: 'native' }).result, [
      124_750n,
    ]);
  };
  await run();
  const [file = ''] = readdirSync(folder);
  t.true(file.startsWith(summing.hash));
  const path = join(folder, file);
  const bytes = readFileSync(path);
  await run();
  writeFileSync(path, bytes.subarray(0, 100));
  await run();
  t.deepEqual(readFileSync(path), bytes);
});

test('where its folder cannot be made there is no cache, and jobs go on', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-cache-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file');
  writeFileSync(file, '');
  // Nobody can make a folder in /proc, which says that it is not there.
  for (const cache of [join(file, 'folder'), '/proc/none/folder']) {
    await using pool = new Pool({ threads: 1, cache });
    t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [1, 2], engine: 'native' }).result, [3]);
  }
});
