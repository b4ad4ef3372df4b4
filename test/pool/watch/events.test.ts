// Following a job: what is told of it and in which order, to readers of all kinds, however it ends.

import test from 'ava';
import type { Job, JobStats } from '../../../src/pool/index.ts';
import { JobLimitError, memoryStore, Pool } from '../durable/built.ts';
import {
  asking,
  ends,
  engines,
  follow,
  moduleOf,
  napping,
  only,
  spin,
  sum,
  typesOf,
  underWay,
  until,
} from './follow.ts';

const pool = new Pool({ threads: 2 });
test.before(() => pool.ready());
test.after.always(() => pool.terminate());

const outcomeOf = (job: Job<unknown>) =>
  job.result.then(
    () => undefined,
    (error: unknown) => error,
  );

/** A service that answers when it is told to. */
function desk() {
  const asked: ((answer: number) => void)[] = [];
  const services = { env: { ask: () => new Promise<number>((resolve) => asked.push(resolve)) } };
  return { services, answer: (answer: number) => asked.shift()?.(answer) };
}

for (const engine of engines) {
  test.serial(`a job is followed slice by slice, and the sums are its stats (${engine})`, async (t) => {
    const job = pool.submit(sum({ engine, affinity: 'spread' }));
    const events = await follow(job);
    t.regex(typesOf(events), /^(queued )?(moved )?running slice( queued( moved)? running slice)+ ended$/);
    const slices = only(events, 'slice');
    t.is(slices.length, job.stats.slices);
    t.is(
      slices.reduce((fuel, slice) => fuel + slice.fuel, 0),
      job.stats.fuelUsed,
    );
    t.is(slices.at(-1)?.stats, job.stats);
    t.deepEqual(
      slices.map(({ stats }) => stats.slices),
      slices.map((_, i) => i + 1),
    );
    const threads = only(events, 'running').map(({ thread }) => thread);
    t.deepEqual(
      only(events, 'moved').map(({ from, to }) => [from, to]),
      threads.slice(1).map((thread, i) => [threads[i], thread]),
      'it spreads: it moves before each slice but the first',
    );
    t.is(only(events, 'moved').length, job.stats.moves);
    t.deepEqual(
      slices.map(({ thread }) => thread),
      threads,
    );
    for (const [i, { at, missed }] of events.entries()) {
      t.is(missed, 0);
      t.true(at >= (events[i - 1]?.at ?? 0));
    }
  });

  for (const [how, begin] of Object.entries(ends))
    test.serial(`the last event tells how the job has ended: ${how} (${engine})`, async (t) => {
      await using own = new Pool({ threads: 1 });
      const job = begin(own, engine);
      const [one, other] = await Promise.all([follow(job), follow(job)]);
      t.deepEqual(one.slice(1), other.slice(1));
      t.is(only(one, 'ended').length, 1);
      const last = one.at(-1);
      t.like(last, { type: 'ended', how, status: job.status });
      if (last?.type !== 'ended') return;
      t.is(last.error, await outcomeOf(job));
      t.is(last.stats, job.stats);
      t.deepEqual(
        (await follow(job)).map((event) => ({ ...event, at: last.at })),
        [last],
        'who comes after the end',
      );
    });

  test.serial(`a job that waits says for what (${engine})`, async (t) => {
    const { services, answer } = desk();
    await using own = new Pool({ threads: 1, services, sleepAfter: 20 });
    const job = own.submit({ module: asking, export: 'f', args: [1], engine });
    const events = follow(job);
    await until(t, 'sleep', () => own.stats.asleep === 1);
    answer(7);
    t.deepEqual(await job, [7]);
    const waits = only(await events, 'waiting');
    t.like(waits, {
      ...[
        { for: 'service', asleep: false },
        { for: 'service', asleep: true },
      ],
      length: 2,
    });
    // What waits at a cell is interpreted.
    const napper = own.submit({ module: napping, export: 'nap', args: [3_600_000_000_000n] });
    const nap = follow(napper);
    for await (const event of napper) if (event.type === 'waiting' && event.asleep) break;
    napper.cancel();
    t.like(only(await nap, 'waiting'), {
      ...[
        { for: 'time', asleep: false },
        { for: 'time', asleep: true },
      ],
      length: 2,
    });
    t.regex(typesOf(await nap), /running slice waiting queued running waiting ended$/);
  });

  test.serial(`a job with a key waits for the store, and tells what is saved there (${engine})`, async (t) => {
    const store = memoryStore();
    await using own = new Pool({ threads: 1, store });
    const job = own.submit({ ...spin({ engine }), key: 'a', saveEvery: { fuel: 30_000 } });
    const events = follow(job);
    await job.checkpoint();
    await underWay(job, 8);
    job.cancel();
    const told = await events;
    t.like(told[0], { type: 'waiting', for: 'store', asleep: false });
    t.like(only(told, 'checkpointed')[0], { in: 'store' });
    t.regex(typesOf(told), /slice waiting checkpointed queued/);
    t.like(told.at(-1), { type: 'ended', how: 'cancelled' });
  });

  test.serial(`a thread that dies is told, and so is what the job goes on from (${engine})`, async (t) => {
    await using own = new Pool({ threads: 1 });
    const module = await moduleOf(`(module
      (import "env" "dieOnce" (func $die (param i32)))
      (func (export "count") (param $flag i32) (param $n i32) (result i32) (local $i i32)
        (loop $again
          (if (i32.eq (local.get $i) (i32.const 5000)) (then (call $die (local.get $flag))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
        (local.get $i)))`);
    const flag = Math.floor(Math.random() * 2 ** 31);
    const host = new URL('../fixtures/die-once.ts', import.meta.url);
    const job = own.submit({
      ...{ module, export: 'count', args: [flag, 10_000], host, engine },
      ...{ sliceFuel: 10_000, onCrash: 'retry', checkpointEvery: 2 },
    });
    const events = await follow(job);
    t.deepEqual(await job, [10_000]);
    t.is(only(events, 'checkpointed').length, job.stats.checkpoints);
    t.true(only(events, 'checkpointed').every((event) => event.in === 'memory'));
    const [crashed] = only(events, 'crashed');
    t.is(crashed?.thread, only(events, 'running')[0]?.thread);
    t.regex(typesOf(events), /running crashed queued running slice/);
  });
}

test.serial('one that another process has is lost', async (t) => {
  const store = memoryStore();
  const mute = { ...bound(store), commit: store.commit.bind(store) };
  const answers: (() => void)[] = [];
  const services = { env: { ask: () => new Promise<number>((resolve) => answers.push(() => resolve(1))) } };
  const first = new Pool({ threads: 1, store: mute, lease: 200, services });
  const job = first.submit({ module: asking, export: 'f', args: [1], key: 'a' });
  const events = follow(job);
  await until(t, 'the call', () => answers.length === 1);
  mute.commit = async (commit) =>
    commit.heads?.some(({ name }) => name.startsWith('owner/')) ? 0 : store.commit(commit);
  await using second = new Pool({ threads: 1, store, services: { env: { ask: () => 2 } } });
  t.deepEqual(await (await second.recover()).get('a'), [2]);
  answers[0]?.();
  t.like((await events).at(-1), { type: 'ended', how: 'lost', status: 'lost' });
  await first.close();
});

function bound(store: ReturnType<typeof memoryStore>) {
  const { head, list, get, has, collect, close } = store;
  const [to, all] = [{ head, list, get, has, collect, close }, {} as Record<string, unknown>];
  for (const [name, method] of Object.entries(to)) all[name] = (method as () => unknown).bind(store);
  return all as unknown as typeof to;
}

test.serial('who is slow misses the oldest events, is told how many, and gets the last', async (t) => {
  const job = pool.submit(sum({ sliceFuel: 2_000 }));
  const slow = job[Symbol.asyncIterator]();
  const events = await follow(job);
  t.true(events.length > 400, `${events.length}`);
  const held = await follow(slow);
  t.is(held.length, 64);
  t.is(held[0]?.missed, events.length - 64);
  t.true(held.slice(1).every(({ missed }) => missed === 0));
  t.deepEqual(
    held.map(({ at, type }) => [at, type]),
    events.slice(-64).map(({ at, type }) => [at, type]),
  );
});

test.serial('events are missed between those that are read, too', async (t) => {
  const job = pool.submit(sum({ sliceFuel: 2_000 }));
  const all = follow(job);
  let [read, missed] = [0, 0];
  for await (const event of job) {
    read++;
    missed += event.missed;
    if (event.type === 'slice') await underWay(job, Math.min(event.stats.slices + 40, 150));
  }
  t.true(missed > 0);
  t.is(read + missed, (await all).length);
});

/** What a job's record has for those who listen. */
const heard = (job: Job<unknown>) => {
  const { readers, marks } = Reflect.get(job, 'run') as { readers?: { all: Set<unknown> }; marks?: object };
  return { open: readers && Reflect.get(readers, 'all').size, marks };
};

test.serial('a loop that is left costs the job nothing any more, and the job goes on', async (t) => {
  const job = pool.submit(spin());
  t.deepEqual(heard(job), { open: undefined, marks: undefined }, 'nobody has listened');
  for (let i = 0; i < 20; i++) for await (const { type } of job) if (type === 'slice') break;
  const failed = async () => {
    for await (const _ of job) throw new Error('mine');
  };
  await t.throwsAsync(failed(), { message: 'mine' });
  t.is(heard(job).open, 0);
  t.is(job.status === 'queued' || job.status === 'running', true);
  job.cancel();
});

test.serial('who waits for the next event and leaves gets no more', async (t) => {
  const { services, answer } = desk();
  const job = pool.submit({ module: asking, export: 'f', args: [1], services });
  await until(t, 'the call', () => job.status === 'waiting');
  const reader = job[Symbol.asyncIterator]();
  t.like((await reader.next()).value, { type: 'waiting', for: 'service' });
  const [second, third] = [reader.next(), reader.next()];
  t.deepEqual(await reader.return?.(), { done: true, value: undefined });
  t.deepEqual(await Promise.all([second, third]), [
    { done: true, value: undefined },
    { done: true, value: undefined },
  ]);
  t.is(heard(job).open, 0);
  answer(3);
  t.deepEqual(await job, [3]);
  t.deepEqual(await reader.next(), { done: true, value: undefined });
});

test.serial('any number of readers may come at any time, and each gets all from then on', async (t) => {
  const job = pool.submit(sum());
  const early = Array.from({ length: 100 }, () => follow(job));
  await underWay(job);
  const late = Array.from({ length: 100 }, () => follow(job));
  const [first, ...others] = await Promise.all(early);
  for (const events of others) t.deepEqual(events.slice(1), first?.slice(1));
  for (const events of await Promise.all(late)) t.deepEqual(events.slice(1), first?.slice(1 - events.length));
  t.is(heard(job).open, 0);
});

test.serial('calls of next that come before their events get them in turn', async (t) => {
  const job = pool.submit(sum());
  const reader = job[Symbol.asyncIterator]();
  const calls = Array.from({ length: 600 }, () => reader.next());
  const events = (await Promise.all(calls)).flatMap(({ value }) => (value === undefined ? [] : [value]));
  t.is(only(events, 'slice').length, job.stats.slices);
  t.is(events.at(-1)?.type, 'ended');
});

test.serial('onProgress hears of the slices that readers hear of', async (t) => {
  const stats: JobStats[] = [];
  const job = pool.submit(sum({ onProgress: (each) => void stats.push(each) }));
  t.deepEqual(
    only(await follow(job), 'slice').map((slice) => slice.stats),
    stats,
  );
});

test.serial('a job that could not be brought back has ended', async (t) => {
  const store = memoryStore();
  const first = new Pool({ threads: 1, store, services: { env: { ask: () => new Promise(() => {}) } } });
  const job = first.submit({ module: asking, export: 'f', args: [1], key: 'a' });
  await until(t, 'the call', () => job.status === 'waiting');
  await job.checkpoint();
  await first.terminate();
  await using second = new Pool({ threads: 1, store });
  const refused = (await second.recover()).get('a');
  t.like(await follow(refused as Job<unknown>), { 0: { type: 'ended', how: 'failed' }, length: 1 });
});

test.serial('a job that is over its time is at its limit', async (t) => {
  const job = pool.submit(spin({ deadline: 30 }));
  const last = (await follow(job)).at(-1);
  t.like(last, { type: 'ended', how: 'limit' });
  t.true(last?.type === 'ended' && last.error instanceof JobLimitError);
});
