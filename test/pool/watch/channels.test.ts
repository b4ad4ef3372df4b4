// What pools tell on channels of node:diagnostics_channel, to whom, and that nobody is harmed by who listens.

import { execFile } from 'node:child_process';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { Job, PoolMessages } from '../../../src/pool/index.ts';
import { memoryStore, Pool } from '../durable/built.ts';
import { asking, ends, engines, follow, only, spin, sum, underWay, until } from './follow.ts';

type Name = keyof PoolMessages;
type Heard = { readonly [N in Name]: PoolMessages[N][] };
const names = [
  'wasbox.job.submit',
  'wasbox.job.slice',
  'wasbox.job.end',
  'wasbox.thread.born',
  'wasbox.thread.died',
] as const satisfies Name[];

/** All that is told from now on of any pool, until the test ends. */
function listen(t: ExecutionContext, which: readonly Name[] = names) {
  const heard = Object.fromEntries(names.map((name) => [name, []])) as unknown as Heard;
  const order: Name[] = [];
  for (const name of which) {
    const take = (message: unknown) => {
      (heard[name] as unknown[]).push(message);
      order.push(name);
    };
    subscribe(name, take);
    t.teardown(() => unsubscribe(name, take));
  }
  return { heard, order };
}

test.serial('a pool tells of its threads, and why they are gone', async (t) => {
  const { heard } = listen(t);
  const pool = new Pool({ threads: 2 });
  await pool.ready();
  await setImmediate();
  const born = heard['wasbox.thread.born'];
  t.is(born.length, 2);
  t.true(born.every((message) => message.pool === pool && message.at > 0));
  const dead = ends.crashed?.(pool, 'interpreter') as Job<unknown>;
  await Promise.allSettled([dead]);
  await until(t, 'a new thread', () => born.length === 3);
  const died = heard['wasbox.thread.died'];
  t.like(died, { ...[{ thread: dead.stats.threads[0] ?? died[0]?.thread, isClosing: false }], length: 1 });
  await pool.close();
  await setImmediate();
  t.true(died.slice(1).every(({ isClosing }) => isClosing));
  t.deepEqual(
    died.map(({ thread }) => thread).sort((a, b) => a - b),
    born.map(({ thread }) => thread).sort((a, b) => a - b),
    'each that was born has died',
  );
});

for (const engine of engines) {
  test.serial(`a job is told from its submission to its end (${engine})`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    await pool.ready();
    const { heard, order } = listen(t);
    const job = pool.submit(sum({ engine, affinity: 'spread' }));
    const events = await follow(job);
    await setImmediate();
    t.is(order[0], 'wasbox.job.submit');
    t.is(order.at(-1), 'wasbox.job.end');
    const slices = heard['wasbox.job.slice'];
    for (const message of [...heard['wasbox.job.submit'], ...slices, ...heard['wasbox.job.end']])
      t.like(message, { pool, job: job.id, key: undefined });
    const told = only(events, 'slice');
    t.deepEqual(
      slices.map(({ thread, fuel, guestMs, movingMs, stats }) => ({ thread, fuel, guestMs, movingMs, stats })),
      told.map(({ thread, fuel, guestMs, movingMs, stats }) => ({ thread, fuel, guestMs, movingMs, stats })),
    );
    t.is(slices.filter(({ hasMoved }) => hasMoved).length, job.stats.moves);
    t.true(slices.every(({ lineMs }) => lineMs !== undefined && lineMs >= 0 && lineMs < 60_000));
    const [end] = heard['wasbox.job.end'];
    t.like(end, { how: 'done', status: 'done', error: undefined, suspendMs: undefined, stats: job.stats });
    t.true((end?.ageMs as number) >= job.stats.guestMs / 2);
  });

  test.serial(`each way to end is told (${engine})`, async (t) => {
    const { heard } = listen(t, ['wasbox.job.end']);
    for (const [how, begin] of Object.entries(ends)) {
      await using pool = new Pool({ threads: 1 });
      const job = begin(pool, engine);
      const [outcome] = await Promise.allSettled([job]);
      await setImmediate();
      const [end, ...more] = heard['wasbox.job.end'].splice(0);
      t.like(end, { how, status: job.status, job: job.id, stats: job.stats });
      t.is(end?.error, outcome.status === 'rejected' ? outcome.reason : undefined);
      t.is(typeof end?.suspendMs, how === 'suspended' ? 'number' : 'undefined', how);
      t.is(more.length, 0);
    }
  });
}

test.serial('what is told of a job with a key, also of one that cannot be brought back', async (t) => {
  const store = memoryStore();
  const { heard } = listen(t);
  const services = { env: { ask: () => new Promise(() => {}) } };
  const first = new Pool({ threads: 1, store, services });
  const job = first.submit({ module: asking, export: 'f', args: [1], key: 'a' });
  await until(t, 'the call', () => job.status === 'waiting' && job.stats.slices > 0);
  await job.checkpoint();
  await first.terminate();
  await using second = new Pool({ threads: 1, store });
  await second.recover();
  await setImmediate();
  const ended = heard['wasbox.job.end'];
  t.like(ended, {
    ...[
      { key: 'a', how: 'cancelled', pool: first },
      { key: 'a', how: 'failed', pool: second },
    ],
    length: 2,
  });
  t.is(heard['wasbox.job.submit'].length, 2);
});

test.serial('nothing is made where nobody listens', async (t) => {
  const pool = new Pool({ threads: 1 });
  const job = pool.submit(sum());
  await job;
  const run = Reflect.get(job, 'run') as { readers?: object; marks?: object };
  t.is(run.readers, undefined);
  t.is(run.marks, undefined);
  for (const name of names) t.false(channel(name).hasSubscribers);
  const { heard } = listen(t, ['wasbox.job.slice']);
  const other = pool.submit(sum());
  await other;
  t.is(heard['wasbox.job.slice'].length, other.stats.slices);
  await pool.close();
});

test.serial('who listens from the middle on hears of what is whole', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const job = pool.submit(spin());
  await underWay(job);
  const { heard } = listen(t);
  await underWay(job, job.stats.slices + 5);
  await job.suspend();
  await setImmediate();
  const slices = heard['wasbox.job.slice'];
  t.true(slices.length > 3);
  t.true(slices.slice(1).every(({ lineMs }) => lineMs !== undefined));
  const [end] = heard['wasbox.job.end'];
  t.is(end?.how, 'suspended');
  t.true((end?.suspendMs as number) >= 0);
});

test.serial('who listens may do with the pool what it likes', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const jobs: Job<unknown>[] = [];
  const cancel = (message: unknown) => {
    const { job } = message as PoolMessages['wasbox.job.slice'];
    jobs.find(({ id }) => id === job)?.cancel();
  };
  const submit = () => {
    if (jobs.length < 5) jobs.push(pool.submit(spin()));
  };
  subscribe('wasbox.job.slice', cancel);
  subscribe('wasbox.job.end', submit);
  t.teardown(() => unsubscribe('wasbox.job.slice', cancel) && unsubscribe('wasbox.job.end', submit));
  jobs.push(pool.submit(spin()));
  await until(t, 'the last', () => jobs.length === 5 && jobs.every(({ status }) => status === 'cancelled'));
  t.deepEqual(pool.stats, { threads: 1, jobs: 0, queued: 0, running: 0, waiting: 0, asleep: 0 });
});

test.serial(
  'what a subscriber throws is an uncaught exception of the process, and no matter of the pool',
  async (t) => {
    const script = fileURLToPath(new URL('fixtures/throwing.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script]);
    t.deepEqual(JSON.parse(stdout), { outputs: [[3], [7]], thrown: 4 });
  },
);
