// Jobs that wait give up their VMs, and go on as if they had not: by time, by bytes, by number, kept in a store or not.

import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Job, PoolOptions } from '../../../src/pool/index.ts';
import type { Store } from '../../../src/store/index.ts';
import { held } from '../../soak/probe.ts';
import {
  bounds,
  CancelledError,
  JobLimitError,
  memoryStore,
  Pool,
  StoreError,
  SuspendedError,
} from '../durable/built.ts';
import { answerTo, asking as askingModule, expected } from '../durable/guests.ts';
import { moduleOf } from '../guests.ts';
import { threadsOf } from '../thread/threads-of.ts';

const asking = askingModule.bytes;
const napping = (
  await moduleOf(`(module (memory 1 1 shared)
  (func (export "nap") (param i64) (result i32)
    (memory.atomic.wait32 (i32.const 0) (i32.const 0) (local.get 0))))`)
).bytes;

const engines = ['interpreter', 'native'] as const;
const other = { interpreter: 'native', native: 'interpreter' } as const;
/** Nothing that waits may hold anything, and everything may. */
const [tired, awake] = [{ awakeBytes: 0 }, { awakeBytes: Infinity, sleepAfter: 3_600_000 }];

/** Answers when it is told to. */
class Desk {
  readonly calls: { readonly who: number; readonly job: string; readonly id: number; answer(): void }[] = [];
  readonly services = {
    env: {
      ask: (who: number, round: number, { job, id }: { job: string; id: number }) =>
        new Promise<number>((resolve) => {
          this.calls.push({ who, job, id, answer: () => resolve(answerTo(who, round)) });
        }),
    },
  };
  /** Answers all calls that there are and come. */
  async answerAll(t: ExecutionContext, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await until(t, `call ${i + 1}`, () => this.calls.length > i);
      this.calls[i]?.answer();
    }
  }
}

const run = (who: number, options: object = {}) => ({
  ...{ module: asking, export: 'run', args: [who, 3, 200] },
  ...options,
});
async function until(t: ExecutionContext, what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 8000; i++) {
    if (await is()) return;
    await sleep(5);
  }
  t.fail(`${what} never came`);
}
const some = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));
const results = (jobs: readonly Job[]) => Promise.all(jobs.map(({ result }) => result));
const vmOf = (job: Job<unknown>): string =>
  (job as unknown as { run: { place: { vm: { kind: string } } } }).run.place.vm.kind;

/** A store that may refuse what it is asked. */
function watched(inner: Store, refuses: (name: string, ...args: unknown[]) => boolean): Store {
  const asked =
    <A extends unknown[], R>(name: string, act: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      refuses(name, ...args) ? Promise.reject(new StoreError('it is gone', 'missing', name)) : act.apply(inner, args);
  const { commit, head, list, get, has, collect, close } = inner;
  return {
    ...{ commit: asked('commit', commit), head: asked('head', head), list: asked('list', list) },
    ...{ get: asked('get', get), has: asked('has', has), collect: asked('collect', collect) },
    close: asked('close', close),
  };
}

for (const engine of engines)
  for (const kept of [false, true]) {
    const name = `on the ${engine}, ${kept ? 'with' : 'without'} a key`;
    const options = (i: number) => (kept ? { engine, key: `job ${i}` } : { engine });

    test.serial(`what waits has no VM, and goes on with the same fuel: ${name}`, async (t) => {
      const used: number[][] = [];
      for (const patience of [tired, awake]) {
        const desk = new Desk();
        const { services } = desk;
        await using pool = new Pool({ threads: 1, store: memoryStore(), services, ...patience });
        const jobs = some(4, (i) => pool.submit(run(i, options(i))));
        const asleep = patience === tired ? jobs.length : 0;
        await until(t, 'the calls', () => desk.calls.length === jobs.length && pool.stats.asleep === asleep);
        t.is(pool.stats.waiting, jobs.length);
        t.deepEqual(new Set(jobs.map(vmOf)), new Set([asleep === 0 ? 'moving' : kept ? 'stored' : 'saved']));
        await desk.answerAll(t, 3 * jobs.length);
        t.deepEqual(
          await results(jobs),
          some(4, (i) => [expected(i, 3, 200)]),
        );
        t.deepEqual(
          jobs.map(({ stats }) => stats.sleeps),
          jobs.map(() => (asleep === 0 ? 0 : 3)),
        );
        t.is(desk.calls.length, 3 * jobs.length, 'nobody was asked twice');
        used.push(jobs.map(({ stats }) => stats.fuelUsed));
      }
      t.deepEqual(used[0], used[1]);
    });

    test.serial(`one that sleeps is suspended, and goes on elsewhere: ${name}`, async (t) => {
      const desk = new Desk();
      await using pool = new Pool({ threads: 1, store: memoryStore(), services: desk.services, ...tired });
      const job = pool.submit(run(5, options(5)));
      await until(t, 'its sleep', () => pool.stats.asleep === 1);
      const snapshot = await job.suspend();
      await t.throwsAsync(job.result, { instanceOf: SuspendedError });
      const again = pool.resume(snapshot.encode(), { modules: [asking], engine: other[engine] });
      await desk.answerAll(t, 4);
      t.deepEqual(await again.result, [expected(5, 3, 200)]);
      const [first, second] = desk.calls;
      t.deepEqual([second?.job, second?.id], [first?.job, first?.id], 'the call is made again');
    });

    test.serial(`more of them wait than may have a VM: ${name}`, async (t) => {
      const desk = new Desk();
      await using pool = new Pool({
        ...{ threads: 2, maxLive: 2, store: memoryStore(), services: desk.services },
        ...awake,
      });
      const jobs = some(9, (i) => pool.submit(run(i, options(i))));
      await until(t, 'all of the calls', () => desk.calls.length === jobs.length);
      await until(t, 'their sleep', () => pool.stats.asleep >= jobs.length - 2);
      await desk.answerAll(t, 3 * jobs.length);
      t.deepEqual(
        await results(jobs),
        some(9, (i) => [expected(i, 3, 200)]),
      );
    });
  }

test.serial('it is a matter of time, too', async (t) => {
  const desk = new Desk();
  await using pool = new Pool({ threads: 1, services: desk.services, sleepAfter: 30 });
  const jobs = some(2, (i) => pool.submit(run(i)));
  await until(t, 'their sleep', () => pool.stats.asleep === 2);
  await desk.answerAll(t, 6);
  t.deepEqual(
    await results(jobs),
    some(2, (i) => [expected(i, 3, 200)]),
  );
});

test.serial('a guest that waits for its own time is woken by it, and runs no slice before', async (t) => {
  await using pool = new Pool({ threads: 1, store: memoryStore(), ...tired });
  for (const key of [undefined, 'nap']) {
    const job = pool.submit({ module: napping, export: 'nap', args: [2_500_000_000n], key });
    await until(t, 'its sleep', () => pool.stats.asleep === 1);
    t.deepEqual(await job.result, [2]);
    t.is(job.stats.sleeps, 1);
    t.is(job.stats.slices, 2);
  }
});

test.serial('nothing of their memories is left here', async (t) => {
  for (const key of [undefined, 'job'])
    for (const patience of [awake, tired]) {
      const desk = new Desk();
      await using pool = new Pool({ threads: 1, store: memoryStore(), services: desk.services, ...patience });
      const before = (await held()).memories;
      const jobs = some(6, (i) => pool.submit(run(i, { key: key && `${key} ${i}` })));
      const asleep = patience === tired ? jobs.length : 0;
      await until(t, 'the calls', () => desk.calls.length === jobs.length && pool.stats.asleep === asleep);
      const { memories } = await held();
      t.is(memories - before, jobs.length - asleep);
      for (const job of jobs) job.cancel();
      await Promise.all(jobs.map(({ result }) => t.throwsAsync(result, { instanceOf: CancelledError })));
    }
});

test.serial('one that sleeps is forked, saved, cancelled, and has its deadline', async (t) => {
  const store = memoryStore();
  const desk = new Desk();
  await using pool = new Pool({ threads: 1, store, services: desk.services, ...tired });
  const job = pool.submit(run(1, { key: 'a' }));
  await until(t, 'its sleep', () => pool.stats.asleep === 1);
  await job.checkpoint();
  t.is(vmOf(job), 'stored', 'it was saved before');
  const [fork] = await job.fork(1, { key: 'b' });
  await until(t, 'both of them', () => desk.calls.length === 2 && pool.stats.asleep === 2);
  t.deepEqual(
    [job, fork].map((each) => vmOf(each as Job)),
    ['stored', 'stored'],
  );
  const late = pool.submit(run(2, { deadline: 5000, overtime: 20_000 }));
  await until(t, 'all three', () => desk.calls.length === 3 && pool.stats.asleep === 3);
  const error = await t.throwsAsync(late.result, { instanceOf: JobLimitError });
  const { snapshot } = error as InstanceType<typeof JobLimitError>;
  fork?.cancel();
  await t.throwsAsync(fork?.result as Promise<unknown>, { instanceOf: CancelledError });
  await until(t, 'its end', async () => (await store.list({ prefix: 'job/' })).length === 1);
  const again = snapshot && pool.resume(snapshot);
  await desk.answerAll(t, 2 + 1 + 3 + 2);
  t.deepEqual(await job.result, [expected(1, 3, 200)]);
  t.deepEqual(await again?.result, [expected(2, 3, 200)]);
});

test.serial('whenever an answer comes, it was asked for once', async (t) => {
  for (const store of [undefined, memoryStore()]) {
    const calls: string[] = [];
    const ask = async (who: number, round: number, { job, id }: { job: string; id: number }) => {
      calls.push(`${job} ${id}`);
      if (who > 0) await sleep(who / 2);
      return answerTo(who, round);
    };
    await using pool = new Pool({ threads: 2, store, services: { env: { ask } }, ...tired });
    const jobs = some(12, (i) => pool.submit(run(i, store && { key: `job ${i}` })));
    t.deepEqual(
      await results(jobs),
      some(12, (i) => [expected(i, 3, 200)]),
    );
    t.is(calls.length, 3 * jobs.length);
    t.is(new Set(calls).size, calls.length);
  }
});

test.serial('its thread may die meanwhile', async (t) => {
  const desk = new Desk();
  await using pool = new Pool({ threads: 1, store: memoryStore(), services: desk.services, ...tired });
  const jobs = ['a', undefined].map((key, i) => pool.submit(run(i, { key })));
  await until(t, 'their sleep', () => pool.stats.asleep === 2);
  const { ids } = threadsOf(pool);
  for (const id of ids) threadsOf(pool).kill(id);
  await until(t, 'another thread', () => threadsOf(pool).ids.some((id) => !ids.includes(id)));
  await desk.answerAll(t, 6);
  t.deepEqual(
    await results(jobs),
    some(2, (i) => [expected(i, 3, 200)]),
  );
  t.deepEqual(
    jobs.map(({ stats }) => stats.crashes),
    [0, 0],
  );
});

test.serial('one that the store has lost says so, and the others go on', async (t) => {
  const inner = memoryStore();
  let lost = false;
  const store = watched(inner, (name) => lost && name === 'get');
  const desk = new Desk();
  await using pool = new Pool({ threads: 1, store, services: desk.services, ...tired });
  const jobs = some(2, (i) => pool.submit(run(i, { key: `job ${i}` })));
  await until(t, 'their sleep', () => pool.stats.asleep === 2);
  lost = true;
  desk.calls[0]?.answer();
  await t.throwsAsync(results(jobs), { instanceOf: StoreError });
  lost = false;
  for (let i = 1; i < 4; i++) {
    await until(t, 'the next call', () => desk.calls.length > i);
    desk.calls[i]?.answer();
  }
  const states = await Promise.allSettled(jobs.map(({ result }) => result));
  t.deepEqual(states.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test.serial(
  'one of many that are in the store is brought back by itself, and nothing is collected for it',
  async (t) => {
    const inner = memoryStore();
    const asked: string[] = [];
    // Owners are few, jobs are not.
    const store = watched(inner, (name, options) => {
      const { prefix } = Object(options) as { prefix?: string };
      return asked.push(prefix === undefined ? name : `${name} ${prefix}`) < 0;
    });
    const options: PoolOptions = { threads: 1, store, lease: 200 };
    const desk = new Desk();
    const first = new Pool({ ...options, services: desk.services, ...tired });
    const jobs = some(5, (i) => first.submit(run(i, { key: `job ${i}` })));
    await until(t, 'their sleep', () => first.stats.asleep === jobs.length);
    await first.terminate();
    asked.length = 0;
    const ask = (who: number, round: number) => answerTo(who, round);
    await using second = new Pool({ ...options, services: { env: { ask } } });
    for (const who of [3, 1]) {
      const found = await second.recover([`job ${who}`]);
      t.deepEqual([...found.keys()], [`job ${who}`]);
      t.deepEqual(await found.get(`job ${who}`)?.result, [expected(who, 3, 200)]);
    }
    t.false(asked.includes('collect'));
    t.deepEqual(
      asked.filter((what) => what.startsWith('list') && what !== 'list owner/'),
      [],
    );
  },
);

/** Asks once. */
const brief = (
  await moduleOf(`(module (import "env" "ask" (func $ask (param i32 i32) (result i32)))
  (func (export "run") (param i32 i32 i32) (result i32) (call $ask (local.get 0) (i32.const 0))))`)
).bytes;

test.serial('the modules of jobs that were brought back are kept up to a bound', async (t) => {
  const most = bounds.recoveredModules;
  t.teardown(() => {
    bounds.recoveredModules = most;
  });
  for (const [bound, again] of [
    [most, false],
    [0, true],
  ] as const) {
    bounds.recoveredModules = bound;
    const read: string[] = [];
    const inner = memoryStore();
    const get: Store['get'] = (name) => {
      read.push(name);
      return inner.get(name);
    };
    const store: Store = { ...watched(inner, () => false), get };
    const desk = new Desk();
    const first = new Pool({ threads: 1, store, services: desk.services });
    for (const [key, module] of Object.entries({ a: asking, b: brief, c: asking }))
      first.submit({ ...run(key.charCodeAt(0)), module, key }).result.catch(() => {});
    await until(t, 'their calls', () => desk.calls.length === 3);
    await first.terminate();
    const second = new Pool({ threads: 1, store, services: new Desk().services });
    const readFor = async (key: string) => {
      read.length = 0;
      for (const { result } of (await second.recover([key])).values()) result.catch(() => {});
      return new Set(read);
    };
    const [one, other, third] = [await readFor('a'), await readFor('b'), await readFor('c')];
    t.true(one.size > 0 && other.size > 0);
    t.is(
      [...third].some((name) => one.has(name)),
      again,
    );
    await second.terminate();
  }
});
