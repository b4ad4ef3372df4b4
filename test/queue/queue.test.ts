// Jobs of a queue with a real server: what comes of them, whoever asks, and what may be asked of them meanwhile.

import test from 'ava';
import { firstIdle, nextIdle } from '../../src/queue/runners.ts';
import { arithmetic } from '../pool/guests.ts';
import { PostgresServer } from '../servers/postgres.ts';
import { withPostgres, withRedis } from '../servers/tests.ts';
import { CancelledError, memoryStore, Pool, StrandedError, Trap, UsageError } from './built.ts';
import { answerTo, asking, expected, sleeper } from './guests.ts';
import { inRedis, Place, until } from './places.ts';

const engines = ['interpreter', 'native'] as const;
const module = arithmetic.bytes;
const { bytes: asks } = asking;

/** A service that takes down what it is asked, and by which ids; from so many calls on it does not answer until it is told to. */
function recorder(most = Infinity) {
  const calls: string[] = [];
  let isOpen = false;
  const waiting: (() => void)[] = [];
  return {
    calls,
    open: () => {
      isOpen = true;
      for (const go of waiting.splice(0)) go();
    },
    env: {
      async ask(who: number, round: number, { job, id }: { job: string; id: number }) {
        calls.push(`${job} ${id}`);
        if (!isOpen && calls.length >= most) await new Promise<void>((resolve) => waiting.push(resolve));
        return answerTo(who, round);
      },
    },
  };
}

for (const engine of engines) {
  withRedis(`${engine}: a job has its result once, for whoever asks by its key`, (t) =>
    inRedis(t, async (place) => {
      const runner = await place.runner();
      const first = place.queue();
      const spec = { module, export: 'add', args: [1, 2], key: 'a b:c/ä', engine };
      const job = first.submit(spec);
      t.deepEqual(await job, [3]);
      t.deepEqual(await first.submit(spec).result, [3]);
      t.deepEqual(await place.queue().submit(spec).result, [3]);
      t.deepEqual(await place.queue().get('a b:c/ä').result, [3]);
      t.is(await job.state(), 'done');
      t.is(runner.stats.taken, 1);
      await t.throwsAsync(first.submit({ ...spec, args: [1, 3] }).result, {
        instanceOf: UsageError,
        message: /that of another job/,
      });
      t.true(await first.forget('a b:c/ä'));
      t.false(await first.forget('a b:c/ä'));
      t.deepEqual(await first.submit({ ...spec, args: [1, 3] }).result, [4]);
    }),
  );

  withRedis(`${engine}: a job that is suspended goes on elsewhere, and asks nothing that it has asked`, (t) =>
    inRedis(t, async (place) => {
      const { env, calls, open } = recorder(4);
      const one = await place.runner({ services: { env } });
      const queue = place.queue();
      const job = queue.submit({ module: asks, export: 'run', args: [7, 6, 1000], key: 'k', engine });
      await until(() => calls.length === 4);
      await job.suspend();
      t.is(await job.state(), 'suspended');
      await until(() => one.stats.jobs === 0);
      await one.close();
      open();
      const made = calls.length;
      await place.runner({ services: { env } });
      await place.queue().resume('k');
      t.deepEqual(await job.result, [expected(7, 6, 1000)]);
      // The one that was under way is made again, by its id.
      t.is(calls[made], calls[made - 1]);
      t.deepEqual(
        [...new Set(calls)].map((call) => Number(call.split(' ')[1])),
        [1, 2, 3, 4, 5, 6],
      );
    }),
  );

  withRedis(`${engine}: a runner that is closed gives its jobs to others, where they stand`, (t) =>
    inRedis(t, async (place) => {
      const { env, calls } = recorder();
      const one = await place.runner({ services: { env } });
      const queue = place.queue();
      const jobs = [0, 1, 2, 3, 4].map((who) =>
        queue.submit({ module: asks, export: 'run', args: [who, 40, 300_000], engine, key: `${who}` }),
      );
      await until(() => calls.length > 20);
      t.is(await one.close(), 0);
      const two = await place.runner({ services: { env } });
      t.deepEqual(
        await Promise.all(jobs.map((job) => job.result)),
        [0, 1, 2, 3, 4].map((who) => [expected(who, 40, 300_000)]),
      );
      t.true(one.stats.given > 0);
      t.true(two.stats.ended > 0);
      // Each call of each job once, but for those that were under way as the runner was closed.
      t.is(new Set(calls).size, 200);
      t.true(calls.length <= 205);
    }),
  );
}

/** A service that nobody answers until it is told to; who has asked it. */
function shut() {
  const asked: number[] = [];
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    asked,
    open,
    env: {
      async ask(who: number, round: number) {
        asked.push(who);
        await gate;
        return answerTo(who, round);
      },
    },
  };
}

for (const engine of engines) {
  withRedis(`${engine}: jobs that wait take no places of others, up to a bound, and all go on`, (t) =>
    inRedis(t, async (place) => {
      const { asked, open, env } = shut();
      const runner = await place.runner({ services: { env }, jobs: 2, waiting: 7 });
      const queue = place.queue();
      const submit = (who: number) =>
        queue.submit({ module: asks, export: 'run', args: [who, 3, 1000], engine, key: `${who}` });
      const jobs = Array.from({ length: 15 }, (_, who) => submit(who));
      await until(() => asked.length === 9 && runner.stats.waiting === 9);
      await Promise.all(jobs.map(({ submitted }) => submitted));
      // A while in which it could take more.
      await new Promise((resolve) => setTimeout(resolve, 500));
      t.is(asked.length, 9);
      t.like(runner.stats, { jobs: 9, waiting: 9 });
      open();
      t.deepEqual(
        await Promise.all(jobs.map((job) => job.result)),
        jobs.map((_, who) => [expected(who, 3, 1000)]),
      );
      t.is(asked.length, 45);
      await until(() => runner.stats.jobs === 0);
      t.is(runner.stats.waiting, 0);
      t.is(runner.stats.taken, 15);
    }),
  );

  withRedis(`${engine}: what waits is given back by a runner that is closed, and asked again elsewhere`, (t) =>
    inRedis(t, async (place) => {
      const { asked, open, env } = shut();
      const one = await place.runner({ services: { env }, jobs: 1 });
      const queue = place.queue();
      const jobs = Array.from({ length: 12 }, (_, who) =>
        queue.submit({ module: asks, export: 'run', args: [who, 2, 1000], engine, key: `${who}` }),
      );
      await until(() => asked.length === 12);
      t.is(await one.close(), 0);
      t.like(one.stats, { jobs: 0, waiting: 0, given: 12 });
      const { active, waiting, prioritized, delayed } = await queue.bull.getJobCounts();
      t.is(active, 0);
      t.is((waiting ?? 0) + (prioritized ?? 0) + (delayed ?? 0), 12);
      open();
      await place.runner({ services: { env }, jobs: 1 });
      t.deepEqual(
        await Promise.all(jobs.map((job) => job.result)),
        jobs.map((_, who) => [expected(who, 2, 1000)]),
      );
      // Each call that was under way once more.
      t.is(asked.length, 36);
    }),
  );
}

withRedis('a job that sleeps for less than it is given back for takes no place, either', (t) =>
  inRedis(t, async (place) => {
    const runner = await place.runner({ jobs: 1, giveBackAfter: 60_000 });
    const queue = place.queue();
    const { bytes } = await sleeper(3000, 1);
    const sleeping = Array.from({ length: 5 }, (_, i) => queue.submit({ module: bytes, wasi: {}, key: `${i}` }));
    await until(() => runner.stats.waiting === 5);
    // Another one is done while they sleep.
    t.deepEqual(await queue.submit({ module: arithmetic.bytes, export: 'add', args: [1, 2] }).result, [3]);
    for (const job of sleeping) t.like(await job.result, { exitCode: 1 });
    await until(() => runner.stats.jobs === 0);
    t.is(runner.stats.taken, 6);
  }),
);

withRedis('what ends a job is told as what it was', (t) =>
  inRedis(t, async (place) => {
    await place.runner();
    const queue = place.queue();
    const trap = await t.throwsAsync(queue.submit({ module, export: 'trap', key: 't' }).result, { instanceOf: Trap });
    t.is(trap?.frames.length, 2);
    t.is(await queue.state('t'), 'failed');
    await t.throwsAsync(place.queue().submit({ module, export: 'trap', key: 't' }).result, { instanceOf: Trap });
    await t.throwsAsync(queue.submit({ module: new Uint8Array(8), export: 'a' }).result, { code: 'malformed' });
    await t.throwsAsync(queue.submit({ module, export: 'spin', limits: { fuel: 1000 } }).result, { code: 'limit' });
    t.is((await queue.bull.getJobCounts('failed')).failed, 3);
  }),
);

withRedis('a job that is cancelled is gone, whoever has it', (t) =>
  inRedis(t, async (place) => {
    const queue = place.queue();
    const before = queue.submit({ module, export: 'spin', key: 'before' });
    await before.cancel();
    await t.throwsAsync(before.result, { instanceOf: CancelledError });
    const runner = await place.runner();
    const running = queue.submit({ module, export: 'spin', key: 'running' });
    await until(() => runner.stats.jobs === 1);
    await place.queue().cancel('running');
    await t.throwsAsync(running.result, { instanceOf: CancelledError });
    await until(() => runner.stats.jobs === 0);
    t.is(await queue.state('running'), 'absent');
    await t.throwsAsync(queue.cancel('running'), { instanceOf: UsageError });
  }),
);

withRedis('what is urgent comes first, and what is delayed later', (t) =>
  inRedis(t, async (place) => {
    const order: number[] = [];
    const env = { ask: (who: number) => order.push(who) };
    const queue = place.queue();
    const submit = (who: number, more: object) =>
      queue.submit({ module: asks, export: 'run', args: [who, 1, 10], ...more });
    const jobs = [
      submit(0, { delay: 3000, priority: -10 }),
      submit(1, {}),
      submit(2, { priority: -3 }),
      submit(3, { priority: 5 }),
    ];
    await Promise.all(jobs.map(({ submitted }) => submitted));
    t.is(await jobs[0]?.state(), 'delayed');
    await place.runner({ services: { env }, jobs: 1 });
    await Promise.all(jobs.map((job) => job.result));
    t.deepEqual(order, [3, 1, 2, 0]);
  }),
);

withRedis('a job that sleeps is with no runner, and goes on in time', (t) =>
  inRedis(t, async (place) => {
    const runner = await place.runner({ giveBackAfter: 500 });
    const queue = place.queue();
    const job = queue.submit({ module: (await sleeper(1500, 2)).bytes, wasi: {}, key: 's' });
    await until(async () => (await job.state()) === 'delayed' && runner.stats.jobs === 0);
    t.like(await job.result, { exitCode: 2 });
    t.true(runner.stats.taken >= 3);
  }),
);

withRedis('no more jobs are taken than a rate allows', (t) =>
  inRedis(t, async (place) => {
    const limiter = { max: 2, duration: 3_600_000 };
    const runners = [await place.runner({ limiter }), await place.runner({ limiter })];
    const queue = place.queue();
    const jobs = [1, 2, 3, 4, 5].map((n) => queue.submit({ module, export: 'add', args: [n, n], key: `${n}` }));
    await Promise.all(jobs.map(({ submitted }) => submitted));
    await Promise.race(jobs.map((job) => job.result));
    await until(async () => (await queue.bull.getRateLimitTtl(2)) > 0);
    const states = async () => Promise.all(jobs.map((job) => job.state()));
    await until(async () => (await states()).filter((state) => state === 'done').length === 2);
    await new Promise((resolve) => setTimeout(resolve, 500));
    t.deepEqual((await states()).sort(), ['done', 'done', 'waiting', 'waiting', 'waiting']);
    // Those that wait for it are in nobody's way who ends.
    t.deepEqual(await Promise.all(runners.map((runner) => runner.close(5000))), [0, 0]);
    await place.runner();
    await queue.bull.removeRateLimitKey();
    t.deepEqual(await Promise.all(jobs.map((job) => job.result)), [[2], [4], [6], [8], [10]]);
  }),
);

withRedis('whoever looks at the queue as BullMQ has it sees jobs, counts and metrics, and can promote and retry', (t) =>
  inRedis(t, async (place) => {
    const queue = place.queue();
    const { bull } = queue;
    const later = queue.submit({ module, export: 'add', args: [1, 2], key: 'later', delay: 3_600_000, tenant: 'a' });
    await later.submitted;
    const [delayed] = await bull.getJobs('delayed');
    t.like(delayed, { name: 'add', data: { key: 'later', tenant: 'a' } });
    const runner = await place.runner({ metrics: { maxDataPoints: 60 } });
    await delayed?.promote();
    t.deepEqual(await later.result, [3]);
    await t.throwsAsync(queue.submit({ module: asks, export: 'run', args: [1, 1, 1], key: 'x' }).result);
    await until(async () => (await bull.getJobCounts('failed')).failed === 1 && runner.stats.jobs === 0);
    t.is((await bull.getMetrics('completed')).meta.count + (await bull.getMetrics('failed')).meta.count, 2);
    t.regex(await bull.exportPrometheusMetrics(), /bullmq_job_count\{queue="wasbox", state="failed"\} 1/);
    // What has a result keeps it, whoever has it tried again.
    const [failed] = await bull.getJobs('failed');
    await failed?.retry();
    await until(async () => (await bull.getJobCounts('completed')).completed === 2);
    await t.throwsAsync(queue.get('x').result, { code: 'link' });
  }),
);

withRedis('a job is followed by whoever likes', (t) =>
  inRedis(t, async (place) => {
    await place.runner();
    const job = place.queue().submit({ module, export: 'spin', key: 'a', saveEvery: { ms: 100 } });
    const seen = new Set<string>();
    const over = (async () => {
      for await (const event of place.queue().get('a')) {
        seen.add(event.type);
        if (event.type === 'progress') t.true(event.progress.saves > 0 && event.progress.fuel > 0);
      }
    })();
    await until(() => seen.has('progress'));
    await job.cancel();
    await over;
    t.true(seen.has('ended'));
  }),
);

withRedis('jobs go to runners that have none', (t) =>
  inRedis(t, async (place) => {
    const one = await place.runner({ jobs: 8 });
    const queue = place.queue();
    const jobs = Array.from({ length: 4 }, (_, i) =>
      queue.submit({ module, export: 'count', args: [400_000_000 + i], engine: 'interpreter' }),
    );
    await until(() => one.stats.jobs === 4);
    const two = await place.runner({ jobs: 8 });
    t.deepEqual(
      await Promise.all(jobs.map((job) => job.result)),
      jobs.map((_, i) => [400_000_000 + i]),
    );
    t.true(one.stats.shared > 0);
    t.true(two.stats.ended > 0);
  }),
);

withRedis('a job that no runner can run waits for one that can', (t) =>
  inRedis(t, async (place) => {
    const one = await place.runner();
    const queue = place.queue();
    const job = queue.submit({ module: asks, export: 'run', args: [1, 1, 10], key: 'a' });
    await t.throwsAsync(job.result, { code: 'link' });
    await one.close();
  }),
);

withRedis('a queue lists its jobs, and knows each that it is told of', (t) =>
  inRedis(t, async (place) => {
    const queue = place.queue();
    const jobs = ['a', 'b', 'c'].map((key) => queue.submit({ module, export: 'add', args: [1, 2], key }));
    await Promise.all(jobs.map(({ submitted }) => submitted));
    await jobs[1]?.suspend();
    const states: Record<string, string> = {};
    for await (const { key, state } of queue.list()) states[key] = state;
    t.deepEqual(states, { a: 'waiting', b: 'suspended', c: 'waiting' });
    // What the queue's server loses, the store has.
    await queue.bull.obliterate({ force: true });
    t.is(await jobs[0]?.state(), 'lost');
    t.is(await queue.recover(), 2);
    t.is(await queue.recover(), 2);
    const runner = await place.runner();
    t.deepEqual(await jobs[0]?.result, [3]);
    t.deepEqual(await jobs[2]?.result, [3]);
    t.is(runner.stats.taken, 2);
    await queue.resume('b');
    t.deepEqual(await jobs[1]?.result, [3]);
    for await (const { key, state } of queue.list('b')) t.deepEqual([key, state], ['b', 'done']);
  }),
);

withRedis('a pool on the same store leaves the jobs of a queue alone', (t) =>
  inRedis(t, async (place) => {
    const queue = place.queue();
    const spec = { module, export: 'add', args: [1, 2], key: 'a' };
    const job = queue.submit(spec);
    await job.submitted;
    const pool = new Pool({ threads: 1, store: place.store });
    t.is((await pool.recover()).size, 0);
    await t.throwsAsync((await pool.recover(['a'])).get('a')?.result ?? job.result, { message: /one of a queue/ });
    await t.throwsAsync(pool.submit(spec).result, { instanceOf: UsageError, message: /one of a queue/ });
    await place.runner();
    t.deepEqual(await job.result, [3]);
    t.deepEqual(await pool.submit(spec).result, [3]);
    const held = pool.submit({ ...spec, key: 'b', export: 'spin', args: [] });
    await held.checkpoint();
    await t.throwsAsync(queue.submit({ ...spec, key: 'b', export: 'spin', args: [] }).result, { message: /of a pool/ });
    held.cancel();
    await pool.close();
  }),
);

withRedis('mistakes are told at once', (t) =>
  inRedis(t, async (place) => {
    const queue = place.queue();
    const good = { module, export: 'add', args: [1, 2] };
    for (const wrong of [
      { ...good, delay: -1 },
      { ...good, services: {} },
      { ...good, onProgress: () => {} },
      { ...good, key: '' },
      { ...good, wrong: 1 },
      { export: 'add' },
    ])
      t.throws(() => queue.submit(wrong as never), { instanceOf: UsageError }, JSON.stringify(wrong));
    t.throws(() => place.queue({ url: 'http://a' }), { instanceOf: UsageError });
    t.throws(() => place.queue({ name: 'a:b' }), { instanceOf: UsageError });
    t.throws(() => place.queue({ store: '' }), { instanceOf: UsageError });
    await t.throwsAsync(place.runner({ threads: 0 }), { instanceOf: UsageError });
    await t.throwsAsync(place.runner({ lease: 5 }), { instanceOf: UsageError });
    await t.throwsAsync(place.runner({ waiting: -1 }), { instanceOf: UsageError });
    await t.throwsAsync(queue.suspend('none'), { instanceOf: UsageError });
    await t.throwsAsync(queue.resume('none'), { instanceOf: UsageError });
    await queue.close();
    t.throws(() => queue.submit(good), { instanceOf: UsageError, message: /closed/ });
  }),
);

withPostgres('the same in PostgreSQL', async (t) => {
  t.timeout(120_000);
  const server = await PostgresServer.start();
  const place = new Place(server.url, memoryStore(), () => server.remove());
  try {
    const { env, calls } = recorder();
    const one = await place.runner({ services: { env } });
    const queue = place.queue();
    const jobs = [0, 1, 2, 3].map((who) =>
      queue.submit({ module: asks, export: 'run', args: [who, 20, 300_000], key: `${who}` }),
    );
    await until(() => calls.length > 10);
    await jobs[0]?.suspend();
    t.is(await jobs[0]?.state(), 'suspended');
    await one.close();
    await place.runner({ services: { env } });
    await jobs[0]?.resume();
    t.deepEqual(
      await Promise.all(jobs.map((job) => job.result)),
      [0, 1, 2, 3].map((who) => [expected(who, 20, 300_000)]),
    );
    t.is(new Set(calls).size, 80);
  } finally {
    await place.close();
  }
});

test('idle runners all together say so about once a second, however many they are', (t) => {
  for (const n of [1, 5, 100, 1000]) {
    let waits = firstIdle;
    // All alike, so that each hears each other one once while it waits.
    for (let i = 0; i < 20; i++) waits = nextIdle(waits, n - 1);
    t.is(waits, Math.max(10_000, n * 1000));
    // As the others have something to do.
    t.is(nextIdle(waits, 0), 10_000);
  }
});

test('a job that was given up says so', (t) => {
  t.like(new StrandedError('k', 'why'), { key: 'k', reason: 'why', code: 'worker' });
});
