// Jobs with a key: kept from submission to result, the same for the same key, brought back after their pool has gone.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { PoolOptions } from '../../../src/pool/index.ts';
import { pack, unpack } from '../../../src/pool/told/parcel.ts';
import type { Store } from '../../../src/store/index.ts';
import * as guests from '../guests.ts';
import { threadsOf } from '../thread/threads-of.ts';
import {
  CancelledError,
  JobLimitError,
  LinkError,
  LostError,
  memoryStore,
  Pool,
  StoreError,
  SuspendedError,
  Trap,
  UsageError,
  WorkerError,
} from './built.ts';
import { answerTo, asking as askingModule, expected } from './guests.ts';

const [arithmetic, asking] = [guests.arithmetic.bytes, askingModule.bytes];
const moduleOf = async (wat: string) => (await guests.moduleOf(wat)).bytes;

/** Answers, and takes down each call by its job and number. */
function service(log: string[] = [], delay = 0) {
  return {
    ask: async (who: number, round: number, { job, id }: { job: string; id: number }) => {
      log.push(`${job} ${id}`);
      if (delay > 0) await sleep(delay);
      return answerTo(who, round);
    },
  };
}

const poolOn = (store: Store, options: PoolOptions = {}) =>
  new Pool({ threads: 1, store, lease: 200, services: { env: service() }, ...options });
const run = (key: string, args = [7, 5, 200]) => ({ module: asking, export: 'run', args, key });
const keysOf = async (store: Store) => (await store.list({ prefix: 'job/' })).map(({ name }) => name);
async function until(t: ExecutionContext, what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 4000; i++) {
    if (await is()) return;
    await sleep(5);
  }
  t.fail(`${what} never came`);
}

test.serial('a job with a key is run once, and its result is given to whoever asks again', async (t) => {
  const store = memoryStore();
  const log: string[] = [];
  const services = { env: service(log) };
  await using pool = poolOn(store, { services });
  const first = pool.submit(run('a'));
  t.is(first.key, 'a');
  t.is(pool.submit(run('a')), first, 'the same job while it runs');
  t.deepEqual(await first.result, [expected(7, 5, 200)]);
  t.is(first.status, 'done');
  const again = pool.submit(run('a'));
  t.deepEqual(await again.result, [expected(7, 5, 200)]);
  t.is(log.length, 5, 'nothing was asked twice');
  await using other = poolOn(store, { services });
  t.deepEqual(await other.submit(run('a')).result, [expected(7, 5, 200)]);
  t.is(log.length, 5);
  t.is((await other.recover()).size, 0, 'it is over');
});

test.serial('an error is a result, too', async (t) => {
  const store = memoryStore();
  await using pool = poolOn(store);
  const trap = { module: arithmetic, export: 'trap', key: 'trap' };
  const first = await t.throwsAsync(pool.submit(trap).result, { instanceOf: Trap });
  const again = await t.throwsAsync(pool.submit(trap).result, { instanceOf: Trap });
  t.is(again?.message, first?.message);
  t.deepEqual((again as InstanceType<typeof Trap>).frames, (first as InstanceType<typeof Trap>).frames);
  const missing = { module: arithmetic, export: 'nothing', key: 'missing' };
  for (let i = 0; i < 2; i++) await t.throwsAsync(pool.submit(missing).result, { instanceOf: LinkError });
  t.deepEqual(await keysOf(store), ['job/missing', 'job/trap']);
});

test.serial('the key of another job is refused', async (t) => {
  const store = memoryStore();
  await using pool = poolOn(store);
  await pool.submit(run('a')).result;
  const others = [
    run('a', [8, 5, 200]),
    { ...run('a'), export: 'memory' },
    { module: arithmetic, export: 'add', args: [1, 2], key: 'a' },
  ];
  for (const other of others) {
    const error = await t.throwsAsync(pool.submit(other).result, { instanceOf: UsageError });
    t.regex(error?.message ?? '', /key "a"/);
  }
  const under = pool.submit(run('b', [1, 50, 1000]));
  t.throws(() => pool.submit(run('b', [2, 50, 1000])), { instanceOf: UsageError });
  await under.result;
});

test.serial('a key needs a store, and both are checked', async (t) => {
  await using none = new Pool({ threads: 1 });
  t.throws(() => none.submit(run('a')), { instanceOf: UsageError, message: /store/ });
  await t.throwsAsync(none.recover(), { instanceOf: UsageError });
  await t.throwsAsync(none.forget('a'), { instanceOf: UsageError });
  for (const store of ['', {}, { commit: () => {} }, 7])
    t.throws(() => new Pool({ threads: 1, store: store as never }), { instanceOf: UsageError });
  await using pool = poolOn(memoryStore());
  for (const key of ['', 'x'.repeat(201), 7])
    t.throws(() => pool.submit({ ...run('a'), key: key as string }), { instanceOf: UsageError });
  t.throws(() => pool.submit({ ...run('a'), saveEvery: { fuel: 0 } }), { instanceOf: UsageError });
  t.throws(() => pool.map(arithmetic, 'add', [[1, 2]], { key: 'a' } as never), { instanceOf: UsageError });
  const plain = pool.submit({ module: arithmetic, export: 'add', args: [1, 2] });
  await t.throwsAsync(plain.checkpoint(), { instanceOf: UsageError });
  t.is(plain.key, undefined);
});

test.serial(
  'what a pool has not finished another one goes on with, and asks again what was asked, by the same number',
  async (t) => {
    const store = memoryStore();
    const [before, after]: [string[], string[]] = [[], []];
    const first = poolOn(store, { services: { env: service(before, 20) } });
    const job = first.submit(run('a', [3, 8, 5000]));
    await until(t, 'the third call', () => before.length === 3);
    await first.terminate();
    await t.throwsAsync(job.result, { instanceOf: CancelledError });
    t.deepEqual(await keysOf(store), ['job/a'], 'its state is kept');
    const { pool, jobs } = await Pool.recover(store, { threads: 1, services: { env: service(after) } });
    t.deepEqual([...jobs.keys()], ['a']);
    t.deepEqual(await jobs.get('a')?.result, [expected(3, 8, 5000)]);
    t.is(jobs.get('a')?.identity, job.identity);
    t.deepEqual([before.length, after[0]], [3, before[2]], 'the call that was under way is made again');
    t.is(new Set([...before, ...after]).size, 8);
    await pool.close();
  },
);

test.serial('a job that has not asked for anything goes on from where it was last saved', async (t) => {
  const store = memoryStore();
  const first = poolOn(store);
  const count = {
    module: arithmetic,
    export: 'count',
    args: [3_000_000],
    engine: 'interpreter',
    sliceFuel: 200_000,
  } as const;
  const whole = first.submit(count);
  await whole.result;
  const job = first.submit({ ...count, key: 'count', saveEvery: { fuel: 1_000_000 } });
  await until(t, 'some fuel', () => job.stats.fuelUsed > 5_000_000);
  const before = job.stats.fuelUsed;
  await job.checkpoint();
  await first.terminate();
  await using second = poolOn(store);
  const [again] = [...(await second.recover()).values()];
  t.deepEqual(await again?.result, [3_000_000]);
  t.true((again?.stats.fuelUsed ?? 0) <= whole.stats.fuelUsed - before);
});

test.serial('fuel is counted over all that a job does, wherever', async (t) => {
  const store = memoryStore();
  const first = poolOn(store);
  const spin = {
    module: arithmetic,
    export: 'spin',
    key: 'spin',
    limits: { fuel: 20_000_000 },
    saveEvery: { fuel: 2_000_000 },
  };
  const job = first.submit(spin);
  await until(t, 'some fuel', () => job.stats.fuelUsed > 6_000_000);
  await job.checkpoint();
  await first.terminate();
  await using second = poolOn(store);
  const [again] = [...(await second.recover()).values()];
  const error = await t.throwsAsync(again?.result as Promise<unknown>, { instanceOf: JobLimitError });
  t.is((error as InstanceType<typeof JobLimitError>).limit, 'fuel');
  t.true((again?.stats.fuelUsed ?? 0) <= 16_000_000);
  const kept = await t.throwsAsync(second.submit(spin).result, { instanceOf: JobLimitError });
  t.is(kept?.message, error?.message);
});

test.serial('programs, programs for WASI and saved VMs are kept as calls are', async (t) => {
  const store = memoryStore();
  const program = new URL('./steps.ts', import.meta.url);
  await using pool = poolOn(store);
  const counting = { module: arithmetic, program, input: { to: 5 } };
  t.deepEqual(await pool.submit({ ...counting, key: 'program' }).result, { counted: 5 });
  const hello = await moduleOf(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") (call $exit (i32.const 3))))`);
  const wasi = await pool.submit({ module: hello, wasi: { files: { a: 'b' } }, key: 'wasi' }).result;
  t.is(wasi.exitCode, 3);
  const job = pool.submit({ module: arithmetic, export: 'count', args: [3_000_000] });
  const snapshot = await job.suspend();
  t.deepEqual(await pool.resume(snapshot, { key: 'vm' }).result, [3_000_000]);
  t.deepEqual(await keysOf(store), ['job/program', 'job/vm', 'job/wasi']);
});

test.serial('a suspended job is anybody’s, and the same key goes on with it', async (t) => {
  const store = memoryStore();
  await using pool = poolOn(store, { services: { env: service([], 5) } });
  const job = pool.submit(run('a', [1, 20, 2000]));
  await until(t, 'a call', () => job.stats.slices > 3);
  const snapshot = await job.suspend();
  await t.throwsAsync(job.result, { instanceOf: SuspendedError });
  t.true(snapshot.encode().length > 0);
  t.deepEqual(await keysOf(store), ['job/a']);
  t.deepEqual(await pool.submit(run('a', [1, 20, 2000])).result, [expected(1, 20, 2000)]);
});

test.serial('a job that is cancelled is removed, and its key is free', async (t) => {
  const store = memoryStore();
  await using pool = poolOn(store, { services: { env: service([], 10_000) } });
  const job = pool.submit(run('a'));
  await until(t, 'the call', () => job.status === 'waiting' && job.stats.slices > 0);
  job.cancel();
  await t.throwsAsync(job.result, { instanceOf: CancelledError });
  const again = pool.submit({ ...run('a'), services: { env: service() } });
  t.deepEqual(await again.result, [expected(7, 5, 200)]);
  again.cancel();
  t.is(again.status, 'done');
  t.true(await pool.forget('a'));
  const early = pool.submit(run('b'));
  early.cancel();
  await t.throwsAsync(early.result, { instanceOf: CancelledError });
  await until(t, 'its end', async () => (await keysOf(store)).length === 0);
  t.pass();
});

test.serial('results are removed by hand, or after a time', async (t) => {
  const store = memoryStore();
  const log: string[] = [];
  await using pool = poolOn(store, { services: { env: service(log) }, keepResults: 400 });
  await pool.submit(run('a')).result;
  t.true(await pool.forget('a'));
  t.false(await pool.forget('a'));
  await pool.submit(run('a')).result;
  t.is(log.length, 10, 'it was another job');
  t.is(new Set(log).size, 10);
  const waiting = pool.submit({ ...run('b'), services: { env: service([], 60_000) } });
  await until(t, 'the call', () => waiting.stats.slices > 0);
  await t.throwsAsync(pool.forget('b'), { instanceOf: UsageError });
  await until(t, 'the end of what is kept', async () => !(await keysOf(store)).includes('job/a'));
  t.deepEqual(await keysOf(store), ['job/b']);
  waiting.cancel();
  await t.throwsAsync(waiting.result);
});

test.serial('a job that lives elsewhere is waited for, and taken over once its owner says nothing', async (t) => {
  const store = memoryStore();
  const owner = poolOn(store, { services: { env: service([], 100) } });
  await using other = poolOn(store);
  const mine = owner.submit(run('a', [2, 6, 100]));
  await until(t, 'a call', () => mine.stats.slices > 0);
  const theirs = other.submit(run('a', [2, 6, 100]));
  const found = await other.recover();
  t.is(found.get('a'), theirs);
  t.deepEqual(await theirs.result, [expected(2, 6, 100)]);
  t.is(theirs.stats.slices, 0, 'it did not run there');
  t.deepEqual(await mine.result, [expected(2, 6, 100)]);
  await owner.close();
});

test.serial('who died without a job is forgotten by the next who comes, and others are not', async (t) => {
  const store = memoryStore();
  const pool = poolOn(store);
  t.deepEqual(await pool.submit(run('a')).result, [expected(7, 5, 200)]);
  const [owner] = await store.list({ prefix: 'owner/' });
  const { pid, ...data } = unpack(owner?.data as Uint8Array) as { pid: number };
  t.is(pid, process.pid);
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  const heads = [child.pid, process.ppid, pid].map((pid, i) => ({
    name: `owner/${i}`,
    expected: 0,
    state: { data: new Uint8Array(pack({ ...data, pid, lease: 3_600_000 }, 'an owner')) },
  }));
  await store.commit({ heads });
  await pool.close();
  const next = poolOn(store);
  t.deepEqual(await next.submit(run('b')).result, [expected(7, 5, 200)]);
  await next.close();
  t.deepEqual(
    (await store.list({ prefix: 'owner/' })).map(({ name }) => name),
    ['owner/1', 'owner/2'],
  );
});

/** A store whose heads of owners do not change any more, as if the process that has it stood still. */
function silent(store: Store): Store & { still: boolean } {
  const one: Store & { still: boolean } = {
    ...{ still: false, head: store.head.bind(store), list: store.list.bind(store), get: store.get.bind(store) },
    ...{ has: store.has.bind(store), collect: store.collect.bind(store), close: store.close.bind(store) },
    async commit(commit) {
      if (one.still && commit.heads?.some(({ name }) => name.startsWith('owner/'))) return 0;
      return store.commit(commit);
    },
  };
  return one;
}

test.serial('who was taken for dead finds its next commit refused, and the job is lost to it', async (t) => {
  const store = memoryStore();
  const still = silent(store);
  const log: string[] = [];
  const answers: (() => void)[] = [];
  const held = { ask: (who: number, round: number) => new Promise((r) => answers.push(() => r(answerTo(who, round)))) };
  const first = poolOn(still, { services: { env: held } });
  const job = first.submit(run('a', [4, 3, 100]));
  await until(t, 'the call', () => answers.length === 1);
  still.still = true;
  await using second = poolOn(store, { services: { env: service(log) } });
  const [again] = [...(await second.recover()).values()];
  t.deepEqual(await again?.result, [expected(4, 3, 100)], 'the other one has it');
  answers[0]?.();
  await t.throwsAsync(job.result, { instanceOf: LostError, message: /"a"/ });
  t.is(job.status, 'lost');
  t.is(answers.length, 1, 'nothing more was asked by the one who had lost it');
  await first.close();
  t.deepEqual(await second.submit(run('a', [4, 3, 100])).result, [expected(4, 3, 100)]);
});

test.serial('a clock that was set makes nobody dead, and nobody safe', async (t) => {
  const store = memoryStore();
  const { now } = Date;
  const first = poolOn(store, { services: { env: service([], 60) } });
  const job = first.submit(run('a', [5, 10, 100]));
  await until(t, 'a call', () => job.stats.slices > 0);
  try {
    Date.now = () => now() - 86_400_000;
    await using second = poolOn(store);
    const found = (await second.recover()).get('a');
    Date.now = () => now() + 86_400_000;
    t.deepEqual(await found?.result, [expected(5, 10, 100)]);
    t.is(found?.stats.slices, 0, 'its owner lived all the time');
    t.deepEqual(await job.result, [expected(5, 10, 100)]);
  } finally {
    Date.now = now;
  }
  await first.close();
});

test.serial('the thread of a job dies, and the job goes on from where it was saved', async (t) => {
  const store = memoryStore();
  const log: string[] = [];
  await using pool = poolOn(store, { threads: 2, services: { env: service(log, 5) } });
  const job = pool.submit({ ...run('a', [6, 12, 20_000]), saveEvery: { ms: 20 } });
  const threads = threadsOf(pool);
  for (let i = 0; i < 4; i++) {
    await until(t, 'another slice', () => job.status === 'running' || job.status === 'done');
    for (const id of threads.ids) threads.kill(id);
    await sleep(30);
  }
  t.deepEqual(await job.result, [expected(6, 12, 20_000)]);
  t.is(new Set(log).size, 12, 'each call has one number, however often it was made');
});

test.serial('a job that ends its thread each time has that as its result', async (t) => {
  const store = memoryStore();
  const host = new URL('../fixtures/host.ts', import.meta.url);
  const exiting = await moduleOf('(module (import "env" "die" (func $die)) (func (export "f") (call $die)))');
  const job = { module: exiting, export: 'f', host, key: 'dies', retries: 2 };
  await using pool = new Pool({ threads: 1, store });
  const error = await t.throwsAsync(pool.submit(job).result, { instanceOf: WorkerError });
  const again = await t.throwsAsync(pool.submit(job).result, { instanceOf: WorkerError });
  t.is(error?.message, again?.message);
});

test.serial('a job that lacks a service, or is damaged, is told, and others go on', async (t) => {
  const store = memoryStore();
  const first = poolOn(store, { services: { env: service([], 10_000) } });
  const jobs = ['a', 'b'].map((key) => first.submit(run(key)));
  await until(t, 'the calls', () => jobs.every((job) => job.status === 'waiting' && job.stats.slices > 0));
  await first.terminate();
  const head = await store.head('job/b');
  await store.commit({
    heads: [{ name: 'job/b', expected: head?.version ?? 0, state: { data: new Uint8Array([1, 2, 3]) } }],
  });
  await using bare = new Pool({ threads: 1, store });
  const found = await bare.recover();
  await t.throwsAsync(found.get('a')?.result as Promise<unknown>, { instanceOf: UsageError, message: /"env"/ });
  await t.throwsAsync(found.get('b')?.result as Promise<unknown>, { instanceOf: StoreError });
  bare.expose('env', service());
  t.deepEqual(await (await bare.recover()).get('a')?.result, [expected(7, 5, 200)]);
});

test.serial('a store that refuses ends the job with what it said, and the job goes on later', async (t) => {
  const store = memoryStore();
  let full = false;
  const filling = silent(store);
  const { commit } = filling;
  filling.commit = async (wanted) => {
    if (full) throw new StoreError('the disk is full', 'full', 'here');
    return commit(wanted);
  };
  const answers: (() => void)[] = [];
  const held = { ask: (who: number, round: number) => new Promise((r) => answers.push(() => r(answerTo(who, round)))) };
  await using pool = poolOn(filling, { services: { env: held } });
  const job = pool.submit(run('a', [1, 2, 100]));
  await until(t, 'the call', () => answers.length === 1);
  full = true;
  answers[0]?.();
  const error = await t.throwsAsync(job.result, { instanceOf: StoreError });
  t.is((error as InstanceType<typeof StoreError>).reason, 'full');
  await t.throwsAsync(pool.submit(run('c')).result, { instanceOf: StoreError });
  full = false;
  const again = pool.submit(run('a', [1, 2, 100]));
  for (let i = 1; i < 3; i++) {
    await until(t, 'the next call', () => answers.length === i + 1);
    answers[i]?.();
  }
  t.deepEqual(await again.result, [expected(1, 2, 100)]);
});

test.serial('many jobs are kept at once, no more under way than may be', async (t) => {
  const store = memoryStore();
  const first = poolOn(store, { services: { env: service([], 60_000) } });
  const jobs = Array.from({ length: 40 }, (_, i) => first.submit(run(`job ${i}`, [i, 3, 50])));
  await until(t, 'the calls', () => jobs.every((job) => job.status === 'waiting' && job.stats.slices > 0));
  await first.terminate();
  await using second = poolOn(store, { threads: 2, maxLive: 5 });
  const found = await second.recover();
  t.is(found.size, 40);
  const results = await Promise.all([...found].map(async ([key, job]) => [key, await job.result]));
  t.deepEqual(results.sort(), jobs.map((job, i) => [job.key, [expected(i, 3, 50)]]).sort());
});

test.serial(
  'what was replaced is collected when jobs are brought back, and the store stays as small as what it has',
  async (t) => {
    const store = memoryStore();
    const spin = { module: arithmetic, export: 'spin', key: 'spin', saveEvery: { fuel: 100_000 }, sliceFuel: 100_000 };
    for (let i = 0; i < 3; i++) {
      const pool = poolOn(store);
      const job = i === 0 ? pool.submit(spin) : (await pool.recover()).get('spin');
      await until(t, 'some checkpoints', () => (job?.stats.checkpoints ?? 0) > 20);
      await pool.terminate();
      await t.throwsAsync(job?.result as Promise<unknown>);
    }
    await using last = poolOn(store);
    const job = (await last.recover()).get('spin');
    job?.cancel();
    await t.throwsAsync(job?.result as Promise<unknown>);
    await until(t, 'the end', async () => (await keysOf(store)).length === 0);
    await last.close();
    const { blobs } = await store.collect();
    t.true(blobs < 60, `${blobs} blobs were left of more than 60 checkpoints`);
  },
);
