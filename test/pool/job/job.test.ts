// Jobs from submission to their end, and every way in which they end before it.

import test from 'ava';
import { ExhaustionError, LimitError, LinkError, SnapshotError, Trap, UsageError, VM } from '../../../src/index.ts';
import { CancelledError, type Job, JobLimitError, JobSnapshot, Pool, SuspendedError } from '../../../src/pool/index.ts';
import { arithmetic, moduleOf, sumBelow, summing } from '../guests.ts';

const pool = new Pool({ threads: 2 });
test.after.always(() => pool.terminate());

const spinning = (options = {}) => pool.submit({ module: arithmetic, export: 'spin', sliceFuel: 10_000, ...options });

/** Resolves once the job has run some slices. */
async function underWay(job: Job, slices = 3): Promise<void> {
  while (job.stats.slices < slices) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('results come back with their types', async (t) => {
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [2, 3] }).result, [5]);
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'pair', args: [-(2n ** 63n)] }).result, [
    -(2n ** 63n),
    Number.NaN,
  ]);
});

test('a job runs in slices, and its memory and locals survive each of them', async (t) => {
  const job = pool.submit({ module: summing, export: 'sum', args: [60_000], sliceFuel: 20_000 });
  t.deepEqual(await job.result, [sumBelow(60_000)]);
  t.true(job.stats.slices > 20);
  t.is(job.stats.suspensions, job.stats.slices - 1);
  t.is(job.status, 'done');
});

test('a spreading job changes threads with every slice', async (t) => {
  const job = pool.submit({
    ...{ module: summing, export: 'sum', args: [60_000], sliceFuel: 20_000 },
    affinity: 'spread',
  });
  t.deepEqual(await job.result, [sumBelow(60_000)]);
  t.is(job.stats.moves, job.stats.slices - 1);
  t.is(job.stats.threads.length, 2);
  t.is(job.stats.bytesMoved, job.stats.moves * 4 * 65536);
});

test('how a job is sliced does not change its fuel', async (t) => {
  const jobs = [1_000, 33_333, 1_000_000].map((sliceFuel) =>
    pool.submit({ module: arithmetic, export: 'count', args: [50_000], sliceFuel }),
  );
  await Promise.all(jobs.map((job) => job.result));
  t.is(new Set(jobs.map((job) => job.stats.fuelUsed)).size, 1);
  t.true((jobs[0] as Job).stats.slices > (jobs[2] as Job).stats.slices);
});

test('short jobs end while long ones run', async (t) => {
  const long = [spinning(), spinning(), spinning()];
  await Promise.all(long.map((job) => underWay(job)));
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [1, 1] }).result, [2]);
  for (const job of long) {
    t.false(['done', 'failed'].includes(job.status));
    job.cancel();
  }
});

test('a running job is suspended, encoded, and resumed to the same result', async (t) => {
  const job = pool.submit({ module: summing, export: 'sum', args: [60_000], sliceFuel: 20_000 });
  await underWay(job);
  const snapshot = await job.suspend();
  t.is(job.status, 'suspended');
  const error = await t.throwsAsync(job.result, { instanceOf: SuspendedError });
  t.is(error?.snapshot, snapshot);
  const bytes = snapshot.encode();
  const twins = [pool.resume(snapshot), pool.resume(bytes, { modules: [summing] })];
  for (const twin of twins) t.deepEqual(await twin.result, [sumBelow(60_000)]);
});

test('a job is saved by the slice that was stopped, and how it is sliced does not matter', async (t) => {
  const job = spinning({ sliceFuel: 2 ** 50 });
  while (job.status !== 'running') await new Promise((resolve) => setTimeout(resolve, 1));
  await job.suspend();
  t.like(job.stats, { slices: 1, suspensions: 1, moves: 0 });
  t.true(job.stats.fuelUsed > 0);
});

test('a job that waits for a thread is suspended though none gets free', async (t) => {
  await using busy = new Pool({ threads: 1 });
  const hog = busy.submit({ module: arithmetic, export: 'spin', sliceFuel: 2 ** 50, priority: 20 });
  while (hog.status !== 'running') await new Promise((resolve) => setTimeout(resolve, 1));
  const others = [1, 2, 3].map((n) => busy.submit({ module: arithmetic, export: 'add', args: [n, 1], priority: -20 }));
  const snapshots = await Promise.all(others.map((job) => job.suspend()));
  t.is(hog.status, 'running');
  t.true(hog.stats.suspensions > 0);
  hog.cancel();
  for (const [i, snapshot] of snapshots.entries()) t.deepEqual(await busy.resume(snapshot).result, [i + 2]);
});

test('a chain of suspensions ends where no suspension would have', async (t) => {
  let job: Job<unknown> = pool.submit({ module: summing, export: 'sum', args: [30_000], sliceFuel: 5_000 });
  for (let i = 0; i < 5; i++) {
    await underWay(job as Job, 2);
    job = pool.resume(await job.suspend());
  }
  t.deepEqual(await job.result, [sumBelow(30_000)]);
});

test('a job that has not begun can be suspended, too', async (t) => {
  const long = [spinning({ priority: 20 }), spinning({ priority: 20 }), spinning({ priority: 20 })];
  const job = pool.submit({ module: arithmetic, export: 'add', args: [3, 4], priority: -20 });
  const snapshot = await job.suspend();
  for (const each of long) each.cancel();
  t.is(job.stats.slices, 0);
  t.deepEqual(await pool.resume(JobSnapshot.decode(snapshot.encode()), { modules: [arithmetic] }).result, [7]);
});

test('a snapshot of the pool is a snapshot of the VM, and the reverse', async (t) => {
  const job = pool.submit({ module: summing, export: 'sum', args: [60_000], sliceFuel: 20_000 });
  await underWay(job);
  const vm = VM.restore((await job.suspend()).vm, { modules: [summing] });
  t.like(vm.run(), { status: 'returned', values: [sumBelow(60_000)] });

  const other = new VM();
  other.start(other.instantiate(summing).func('sum'), [5_000]);
  t.is(other.run({ fuel: 9_000 }).status, 'suspended');
  for (const from of [other.save(), other.save().encode()])
    t.deepEqual(await pool.resume(from, { modules: [summing] }).result, [sumBelow(5_000)]);
});

test('a VM saved at rest is a template for many calls', async (t) => {
  const vm = new VM();
  vm.invoke(vm.instantiate(summing).func('grow'), [3]);
  const image = vm.save();
  const grown = await pool.resume(image, { modules: [summing], export: 'grow', args: [0] }).result;
  t.deepEqual(grown, [7]);
  await t.throwsAsync(pool.resume(image, { modules: [summing] }).result, {
    instanceOf: UsageError,
    message: /say which/,
  });
});

test('a VM in the middle of a call begins no other', async (t) => {
  const vm = new VM();
  vm.start(vm.instantiate(summing).func('sum'), [5_000]);
  const resumed = pool.resume(vm.save(), { modules: [summing], export: 'grow', args: [0] });
  await t.throwsAsync(resumed.result, { instanceOf: UsageError, message: /middle of a call/ });
});

test('damaged snapshots are refused', async (t) => {
  const job = spinning();
  await underWay(job);
  const bytes = (await job.suspend()).encode();
  for (let i = 0; i < bytes.length; i += 37) {
    const damaged = bytes.slice();
    damaged[i] = ~(damaged[i] as number);
    const ending = (async () => pool.resume(damaged, { modules: [arithmetic], limits: { fuel: 1 } }).result)();
    await t.throwsAsync(ending, { instanceOf: SnapshotError }, `byte ${i}`);
  }
});

test('an AbortSignal suspends and does not kill', async (t) => {
  const controller = new AbortController();
  const job = pool.submit({
    module: summing,
    export: 'sum',
    args: [60_000],
    sliceFuel: 20_000,
    signal: controller.signal,
  });
  await underWay(job);
  const reason = new Error('enough');
  controller.abort(reason);
  const error = await t.throwsAsync(job.result, { instanceOf: SuspendedError });
  t.is(error?.cause, reason);
  t.is(error?.code, 'suspended');
  t.deepEqual(await pool.resume((error as SuspendedError).snapshot).result, [sumBelow(60_000)]);
});

test('a signal that was aborted before suspends the job before its first slice', async (t) => {
  const job = spinning({ signal: AbortSignal.abort() });
  await t.throwsAsync(job.result, { instanceOf: SuspendedError });
  t.is(job.stats.fuelUsed, 0);
});

test('an endless loop ends at its deadline, and its thread is free again', async (t) => {
  const spin = (options = {}) => spinning({ deadline: 50, overtime: 600_000, ...options });
  const jobs = [spin(), spin(), spin({ sliceFuel: 2 ** 40 })];
  for (const job of jobs) {
    const error = await t.throwsAsync(job.result, { instanceOf: JobLimitError });
    t.true(error instanceof LimitError);
    t.is(error?.limit, 'deadline');
    t.true(error?.snapshot instanceof JobSnapshot);
  }
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [1, 2] }).result, [3]);
});

test('fuel is counted to the unit, whatever the slices', async (t) => {
  const fuel = 123_457;
  const used: number[] = [];
  for (const sliceFuel of [1_000, 50_000, 10_000_000]) {
    const job = spinning({ limits: { fuel }, sliceFuel });
    const error = await t.throwsAsync(job.result, { instanceOf: JobLimitError });
    t.is(error?.limit, 'fuel');
    used.push(job.stats.fuelUsed);
  }
  t.deepEqual(new Set(used).size, 1);
  t.true((used[0] as number) >= fuel && (used[0] as number) < fuel + 100);
});

test('a job that ran out of fuel goes on with more', async (t) => {
  const job = pool.submit({ module: summing, export: 'sum', args: [20_000], limits: { fuel: 50_000 } });
  const error = await t.throwsAsync(job.result, { instanceOf: JobLimitError });
  t.deepEqual(await pool.resume(error?.snapshot as JobSnapshot).result, [sumBelow(20_000)]);
});

test('saving a large memory takes as long as it takes, whatever the grace', async (t) => {
  const module = await moduleOf(`(module (memory 1024)
    (func (export "f") (local i32)
      (loop $fill
        (i32.store (local.get 0) (i32.or (local.get 0) (i32.const 1)))
        (local.set 0 (i32.add (local.get 0) (i32.const 64)))
        (br_if $fill (i32.lt_u (local.get 0) (i32.const 0x3ff0000))))
      (loop $forever (br $forever))))`);
  await using hasty = new Pool({ threads: 1, grace: 50 });
  const job = hasty.submit({ module, export: 'f', engine: 'native' });
  while (job.stats.fuelUsed < 10_000_000) await new Promise((resolve) => setTimeout(resolve, 1));
  const snapshot = await job.suspend();
  t.is(snapshot.vm.data.memories[0]?.size, 1024);
  t.is(job.stats.crashes, 0);
});

test('memory and frames are limited per job', async (t) => {
  const small = pool.submit({ module: summing, export: 'sum', args: [1], limits: { memory: 65536 } });
  await t.throwsAsync(small.result, { instanceOf: LimitError });
  const tight = pool.submit({ module: summing, export: 'grow', args: [1], limits: { memory: 4 * 65536 } });
  t.deepEqual(await tight.result, [-1]);
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'deep', args: [500] }).result, [500]);
  const deep = pool.submit({ module: arithmetic, export: 'deep', args: [500], limits: { frames: 100 } });
  await t.throwsAsync(deep.result, { instanceOf: ExhaustionError });
});

test('traps tell their kind and their frames', async (t) => {
  const error = await t.throwsAsync(pool.submit({ module: arithmetic, export: 'trap' }).result, { instanceOf: Trap });
  t.is(error?.kind, 'unreachable');
  t.deepEqual(
    error?.frames.map((frame) => frame.name),
    ['inner', 'trap'],
  );
});

test('start functions are suspendable like all else', async (t) => {
  const module = await moduleOf(`(module
    (global $n (mut i32) (i32.const 0))
    (func $start (loop $again
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (global.get $n) (i32.const 50000)))))
    (start $start)
    (func (export "n") (result i32) (global.get $n)))`);
  const job = pool.submit({ module, export: 'n', sliceFuel: 10_000 });
  await underWay(job, 2);
  t.deepEqual(await pool.resume(await job.suspend()).result, [50_000]);
});

test('mistakes of the caller are told at once or by the result', async (t) => {
  const plain = { module: arithmetic, export: 'add' };
  t.throws(() => pool.submit({ ...plain, colour: 'red' } as never), { instanceOf: UsageError, message: /colour/ });
  t.throws(() => pool.submit({ ...plain, module: 'add.wasm' } as never), { instanceOf: UsageError, message: /module/ });
  t.throws(() => pool.submit({ ...plain, deadline: -1 }), { instanceOf: UsageError, message: /deadline/ });
  t.throws(() => pool.submit({ ...plain, affinity: 'near' } as never), { instanceOf: UsageError, message: /affinity/ });
  t.throws(() => pool.submit({ ...plain, limits: { memry: 1 } } as never), {
    instanceOf: UsageError,
    message: /memry/,
  });
  t.throws(() => pool.submit({ ...plain, args: [() => 1] }), { instanceOf: UsageError, message: /the input/ });
  t.throws(() => new Pool({ threads: 0 }), { instanceOf: UsageError, message: /threads/ });
  await t.throwsAsync(pool.submit({ ...plain, args: [1] }).result, { instanceOf: UsageError, message: /2 values/ });
  await t.throwsAsync(pool.submit({ ...plain, export: 'nope' }).result, { instanceOf: LinkError, message: /nope/ });
  await t.throwsAsync(pool.submit({ module: arithmetic, export: 'self' }).result, {
    instanceOf: UsageError,
    message: /reference into the VM/,
  });
});

test('a job that has ended is not suspended, and one that was cancelled is gone', async (t) => {
  const job = pool.submit({ module: arithmetic, export: 'add', args: [1, 1] });
  await job.result;
  await t.throwsAsync(job.suspend(), { instanceOf: UsageError, message: /has ended/ });
  const cancelled = spinning();
  await underWay(cancelled);
  const suspending = cancelled.suspend();
  cancelled.cancel();
  await t.throwsAsync(cancelled.result, { instanceOf: CancelledError });
  await t.throwsAsync(suspending, { instanceOf: CancelledError });
  t.is(cancelled.status, 'cancelled');
});

test('progress is told after each slice', async (t) => {
  const told: number[] = [];
  const job = pool.submit({
    ...{ module: arithmetic, export: 'count', args: [20_000], sliceFuel: 10_000 },
    onProgress: (stats) => told.push(stats.slices),
  });
  await job.result;
  t.deepEqual(
    told,
    Array.from({ length: job.stats.slices }, (_, i) => i + 1),
  );
});

test('only so many jobs are live at a time, and all get done', async (t) => {
  await using narrow = new Pool({ threads: 2, maxLive: 2 });
  const jobs = Array.from({ length: 20 }, (_, i) =>
    narrow.submit({ module: arithmetic, export: 'count', args: [i + 10_000], sliceFuel: 20_000 }),
  );
  t.deepEqual(
    await Promise.all(jobs.map(async (job) => (await job.result)[0])),
    jobs.map((_, i) => i + 10_000),
  );
});
