// What a queue must bear: what others write into it, a store and a server that fail for a while, a network that is cut.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import test from 'ava';
import { arithmetic } from '../pool/guests.ts';
import { PostgresServer } from '../servers/postgres.ts';
import { RedisServer } from '../servers/redis.ts';
import { withPostgres, withRedis } from '../servers/tests.ts';
import { memoryStore, StoreError, StrandedError } from './built.ts';
import { answerTo, asking, expected } from './guests.ts';
import { Network } from './network.ts';
import { inRedis, lease, Place, until } from './places.ts';
import { Troubled } from './troubled.ts';

const module = arithmetic.bytes;
const { bytes: asks } = asking;
const env = { ask: answerTo };
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

withRedis('whatever is in the queue, a runner goes on', (t) =>
  inRedis(t, async (place) => {
    const queue = place.queue();
    const runner = await place.runner();
    const { bull } = queue;
    const odd: readonly unknown[] = [
      ...[null, 1, 'a', [], {}, { key: 5 }, { key: '' }, { key: 'x'.repeat(201) }, { key: { toString: 1 } }],
      ...[{ key: '\ud800' }, { key: '__proto__' }, { key: '../owner/a' }, { __proto__: null, key: 'none' }],
    ];
    for (const data of odd) await bull.add('odd', data as never);
    await until(async () => runner.stats.ended === odd.length && (await bull.getJobCounts('active')).active === 0);
    const { failed, completed } = await bull.getJobCounts('failed', 'completed');
    // What has a key that may be one is of a job that is not there.
    t.deepEqual([failed, completed], [10, 3]);
    const [one] = await bull.getJobs('failed');
    t.regex(one?.failedReason ?? '', /none of wasbox/);
    // Somebody delivers the key of a job that is there, by a ticket of his own.
    const job = queue.submit({ module, export: 'add', args: [1, 2], key: 'a', delay: 500 });
    await job.submitted;
    await bull.add('odd', { key: 'a' }, { jobId: 'mine' });
    await until(async () => (await bull.getJobState('mine')) === 'completed');
    t.is(await job.state(), 'delayed');
    t.deepEqual(await job.result, [3]);
    await until(() => runner.stats.jobs === 0);
  }),
);

withRedis('a job that is damaged in the store is given up, and says why', (t) =>
  inRedis(t, async (place) => {
    const queue = place.queue();
    const jobs = ['head', 'other'].map((key) => queue.submit({ module, export: 'add', args: [1, 2], key }));
    await Promise.all(jobs.map(({ submitted }) => submitted));
    const head = await place.store.head('job/head');
    const text = new TextDecoder().decode(head?.data);
    const data = new TextEncoder().encode(text.replace(/"fence":1/, '"fence":-1'));
    await place.store.commit({
      heads: [{ name: 'job/head', expected: head?.version ?? 0, state: { data, links: [] } }],
    });
    const other = await place.store.head('job/other');
    const blobs = [{ bytes: new Uint8Array([0, 1, 2, 3]) }];
    const entry = JSON.parse(new TextDecoder().decode(other?.data));
    const { blobName } = await import('../../src/store/index.ts');
    const name = blobName(blobs[0] as { bytes: Uint8Array });
    const state = {
      data: new TextEncoder().encode(JSON.stringify({ ...entry, checkpoint: name, saves: 1 })),
      links: [name, ...(other?.links ?? [])],
    };
    await place.store.commit({ blobs, heads: [{ name: 'job/other', expected: other?.version ?? 0, state }] });
    const runner = await place.runner();
    await t.throwsAsync(jobs[0]?.result ?? sleep(0), { code: 'store' });
    await t.throwsAsync(jobs[1]?.result ?? sleep(0), { instanceOf: StrandedError, message: /not a snapshot/ });
    await until(() => runner.stats.ended === 2);
    t.deepEqual(await queue.submit({ module, export: 'add', args: [2, 2] }).result, [4]);
  }),
);

withRedis('a job whose service no runner has is given up, and goes on once it is resumed', (t) =>
  inRedis(t, async (place) => {
    const one = await place.runner({ services: { env } });
    const queue = place.queue();
    const job = queue.submit({ module: asks, export: 'run', args: [3, 2000, 10_000], key: 'a' });
    await until(() => one.stats.jobs === 1);
    await sleep(300);
    await one.close();
    const two = await place.runner();
    await until(() => two.stats.ended === 1);
    const failed = job.result.then(
      () => 'done',
      (error: Error) => error,
    );
    const outcome = await failed;
    t.true(outcome instanceof StrandedError || (outcome as { code?: string }).code === 'link', String(outcome));
    await two.close();
  }),
);

for (const reason of ['io', 'full', 'gone'] as const)
  withRedis(`a store that fails for a while (${reason}) ends no job`, (t) => {
    const store = new Troubled(memoryStore());
    return inRedis(
      t,
      async (place) => {
        const asked = new Set<number>();
        const ask = (who: number, round: number, { id }: { id: number }) => {
          asked.add(id);
          return answerTo(who, round);
        };
        const runner = await place.runner({ services: { env: { ask } } });
        const queue = place.queue();
        const job = queue.submit({ module: asks, export: 'run', args: [3, 200, 100_000], key: 'a' });
        for (const when of ['before', 'after'] as const) {
          const from = asked.size;
          await until(() => asked.size > from + 5);
          store.trouble = { when, reason };
          const { failed } = store;
          await until(() => store.failed > failed + 1);
          store.trouble = undefined;
        }
        t.deepEqual(await job.result, [expected(3, 200, 100_000)]);
        t.is(asked.size, 200);
        t.true(runner.stats.taken > 1);
      },
      store,
    );
  });

for (const reason of ['gone', 'full'] as const)
  withRedis(`a runner whose store fails (${reason}) leaves the jobs to others, until it does not`, (t) =>
    inRedis(t, async (place) => {
      const store = new Troubled(place.store);
      store.trouble = { when: 'before', reason };
      const bad = await place.runner({ store, services: { env }, jobs: 4, share: false });
      const queue = place.queue();
      const submit = (who: number) => queue.submit({ module: asks, export: 'run', args: [who, 10, 100_000] });
      const jobs = Array.from({ length: 40 }, (_, who) => submit(who));
      await until(() => store.failed > 4);
      const good = await place.runner({ services: { env }, jobs: 4, share: false });
      for (const [who, job] of jobs.entries()) t.deepEqual(await job.result, [expected(who, 10, 100_000)]);
      t.is(good.stats.ended, 40);
      // Four at once at first, and then one now and then.
      t.true(bad.stats.taken <= 20, `${bad.stats.taken}`);
      await good.close();
      store.trouble = undefined;
      t.deepEqual(await submit(1).result, [expected(1, 10, 100_000)]);
      t.is(bad.stats.ended, 1);
    }),
  );

withPostgres('a PostgreSQL that is away for a while is asked again, by whoever submits and by runners', async (t) => {
  t.timeout(120_000);
  const server = await PostgresServer.start();
  const place = new Place(server.url, memoryStore(), () => server.remove());
  try {
    await place.runner({ services: { env } });
    const queue = place.queue();
    const submit = (who: number, rounds: number) =>
      queue.submit({ module: asks, export: 'run', args: [who, rounds, 10_000], key: `${who}` });
    t.deepEqual(await submit(1, 1).result, [expected(1, 1, 10_000)]);
    const running = submit(2, 2000);
    await until(async () => (await running.state()) === 'active');
    await server.kill();
    const asked = [submit(3, 5), submit(4, 5)];
    const state = queue.state('2');
    await sleep(1000);
    await server.start();
    t.not(await state, 'lost');
    for (const [i, job] of asked.entries()) t.deepEqual(await job.result, [expected(3 + i, 5, 10_000)]);
    t.deepEqual(await running.result, [expected(2, 2000, 10_000)]);
  } finally {
    await place.close();
  }
});

withPostgres('a PostgreSQL that is not there yet is waited for, by whoever submits and by runners', async (t) => {
  t.timeout(120_000);
  const server = await PostgresServer.start();
  const place = new Place(server.url, memoryStore(), () => server.remove());
  try {
    await server.kill();
    const runner = place.runner();
    const job = place.queue().submit({ module, export: 'add', args: [1, 2] });
    await sleep(1500);
    await server.start();
    await runner;
    t.deepEqual(await job.result, [3]);
  } finally {
    await place.close();
  }
});

withRedis('a store that is slow makes jobs slow, and nothing else', (t) => {
  const store = new Troubled(memoryStore());
  store.delay = () => sleep(lease / 2);
  return inRedis(
    t,
    async (place) => {
      const runner = await place.runner({ services: { env } });
      const queue = place.queue();
      const job = queue.submit({ module: asks, export: 'run', args: [3, 5, 1000], key: 'a' });
      t.deepEqual(await job.result, [expected(3, 5, 1000)]);
      t.is(runner.stats.taken, 1);
    },
    store,
  );
});

withRedis('a store that is away is told to whoever submits', (t) => {
  const store = new Troubled(memoryStore());
  store.trouble = { when: 'before', reason: 'gone' };
  return inRedis(
    t,
    async (place) => {
      const queue = place.queue();
      const job = queue.submit({ module, export: 'add', args: [1, 2], key: 'a' });
      await t.throwsAsync(job.submitted, { instanceOf: StoreError });
      await t.throwsAsync(job.result, { instanceOf: StoreError });
      store.trouble = undefined;
      await place.runner();
      t.deepEqual(await queue.submit({ module, export: 'add', args: [1, 2], key: 'a' }).result, [3]);
    },
    store,
  );
});

withRedis('a server that is killed and comes back loses nothing; nor one that forgets all', (t) =>
  inRedis(t, async (place, server) => {
    const runner = await place.runner({ services: { env } });
    const queue = place.queue();
    const submit = (key: string) => queue.submit({ module: asks, export: 'run', args: [3, 300, 100_000], key });
    const one = submit('one');
    await until(() => runner.stats.jobs === 1);
    await server.kill();
    await sleep(lease * 2);
    await server.start();
    t.deepEqual(await one.result, [expected(3, 300, 100_000)]);
    const two = submit('two');
    await until(() => runner.stats.jobs === 1);
    await server.ask((client) => client.flushall());
    await queue.recover();
    t.deepEqual(await two.result, [expected(3, 300, 100_000)]);
  }),
);

const ends = `
  import { Runner } from 'wasbox/queue';
  import { memoryStore } from 'wasbox/store';
  const runner = new Runner({ url: process.argv[1], store: memoryStore(), threads: 1 });
  await runner.ready();
  process.once('message', () => void runner.close().then(() => process.disconnect()));
  process.send('ready');
`;

withRedis('a runner whose server is gone for good ends, and its process with it', async (t) => {
  t.timeout(60_000);
  const server = await RedisServer.start({});
  const runner = spawn(process.execPath, ['--input-type=module', '--eval', ends, server.url], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  t.teardown(() => runner.kill('SIGKILL'));
  const over = once(runner, 'exit');
  await once(runner, 'message');
  await server.remove();
  runner.send('end');
  const [code] = await over;
  t.is(code, 0);
});

const never = `
  import { Queue, Runner } from 'wasbox/queue';
  import { memoryStore } from 'wasbox/store';
  const place = { url: 'redis://127.0.0.1:1', store: memoryStore() };
  const ends = { Queue: () => new Queue(place), Runner: () => new Runner({ ...place, threads: 1 }) }[process.argv[1]]();
  const trying = process.argv[1] === 'Queue' ? ends.submit({ module: Uint8Array.of(), export: 'f', key: 'a' }).result : ends.ready();
  const tried = trying.catch(({ name }) => name);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await ends.close();
  console.log(typeof (await tried));
`;

for (const which of ['Queue', 'Runner'])
  test(`a ${which} whose server was never there is closed, and its process ends`, async (t) => {
    t.timeout(60_000);
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', never, which], {
      timeout: 50_000,
    });
    t.is((await run).stdout.trim(), 'string');
  });

for (const how of ['cut', 'silence'] as const)
  withRedis(
    `a network that is gone for a while (${how}): another runner goes on, and the first one comes to nothing`,
    (t) =>
      inRedis(t, async (place, server) => {
        const network = await Network.to(server.port);
        try {
          const asked: string[] = [];
          let isGone = false;
          const hasFront = () => asked.some((call) => call.startsWith('front'));
          const service = (runner: string) => ({
            env: {
              async ask(who: number, round: number, { id }: { id: number }) {
                asked.push(`${runner} ${id}`);
                await sleep(5);
                // Whoever can still write to the store would else be done before anybody misses it.
                if (runner === 'behind') await until(() => !isGone || hasFront());
                return answerTo(who, round);
              },
            },
          });
          const behind = await place.runner({
            url: `redis://127.0.0.1:${network.port}`,
            services: service('behind'),
            share: false,
          });
          const queue = place.queue();
          const job = queue.submit({ module: asks, export: 'run', args: [3, 300, 10_000], key: 'a' });
          await until(() => asked.length > 10);
          const front = await place.runner({ services: service('front'), share: false });
          isGone = true;
          network[how]();
          await until(hasFront);
          network.mend();
          t.deepEqual(await job.result, [expected(3, 300, 10_000)]);
          await until(() => front.stats.ended === 1);
          // Each call was asked, and never an earlier one after a later one but for the one that was under way.
          const ids = asked.map((call) => Number(call.split(' ')[1]));
          t.deepEqual(
            [...new Set(ids)].sort((a, b) => a - b),
            Array.from({ length: 300 }, (_, i) => i + 1),
          );
          t.true(asked.length - 300 <= front.stats.taken + behind.stats.taken, `${asked.length} calls`);
          await until(() => behind.stats.jobs === 0);
        } finally {
          await network.close();
        }
      }),
  );

test('a trouble of a test is one', async (t) => {
  const store = new Troubled(memoryStore());
  store.trouble = { when: 'after', reason: 'io' };
  await t.throwsAsync(store.list(), { code: 'store' });
});
