// Tenants of a queue: what a runner gives each of them, and what becomes of jobs that its limits do not let in.

import { arithmetic } from '../pool/guests.ts';
import { withRedis } from '../servers/tests.ts';
import { answerTo, asking, expected } from './guests.ts';
import { inRedis, until } from './places.ts';

const { bytes: module } = arithmetic;
const { bytes: asks } = asking;
const enough = { interpreter: 60_000_000, native: 200_000_000 } as const;

for (const engine of ['interpreter', 'native'] as const) {
  withRedis(`${engine}: tenants have what their weights say of each runner`, (t) =>
    inRedis(t, async (place) => {
      const queue = place.queue();
      const order: string[] = [];
      const jobs = Array.from({ length: 6 }, (_, i) => {
        const tenant = i % 2 === 0 ? 'light' : 'heavy';
        return queue.submit({ module, export: 'count', args: [enough[engine] + i], engine, tenant, key: `${i}` });
      });
      await Promise.all(jobs.map(({ submitted }) => submitted));
      await place.runner({ tenants: { heavy: { weight: 20 } }, share: false });
      const ended = jobs.map((job, i) =>
        job.result.then(([count]) => {
          t.is(count, enough[engine] + i);
          order.push(i % 2 === 0 ? 'light' : 'heavy');
        }),
      );
      await Promise.all(ended);
      t.deepEqual(order, ['heavy', 'heavy', 'heavy', 'light', 'light', 'light']);
    }),
  );

  withRedis(`${engine}: jobs that a tenant may not have come later, and those of others meanwhile`, (t) =>
    inRedis(t, async (place) => {
      const calls: number[] = [];
      const [atOnce, most] = [new Set<number>(), { a: 0 }];
      let isOpen = false;
      const env = {
        async ask(who: number, round: number) {
          calls.push(who);
          atOnce.add(who);
          most.a = Math.max(most.a, [...atOnce].filter((each) => each < 100).length);
          if (who < 100) await until(() => isOpen);
          atOnce.delete(who);
          return answerTo(who, round);
        },
      };
      const runner = await place.runner({ services: { env }, tenants: { a: { jobs: 2 } }, share: false });
      const queue = place.queue();
      const submit = (who: number, tenant: string) =>
        queue.submit({ module: asks, export: 'run', args: [who, 2, 1000], engine, tenant, key: `${tenant} ${who}` });
      const jobs = Array.from({ length: 8 }, (_, who) => submit(who, 'a'));
      await Promise.all(jobs.map(({ submitted }) => submitted));
      await until(() => runner.stats.refused >= 6 && atOnce.size === 2);
      const others = Array.from({ length: 5 }, (_, i) => submit(100 + i, 'b'));
      for (const [i, job] of others.entries()) t.deepEqual(await job.result, [expected(100 + i, 2, 1000)]);
      // One that is refused is active for a moment, too.
      await until(async () => {
        let active = 0;
        for await (const { state, tenant } of queue.list('a ')) {
          t.is(tenant, 'a');
          if (state === 'active') active++;
        }
        return active === 2;
      });
      isOpen = true;
      for (const [who, job] of jobs.entries()) t.deepEqual(await job.result, [expected(who, 2, 1000)]);
      t.is(most.a, 2);
      // None of them was begun twice.
      t.is(calls.length, 26);
      for await (const { state, tenant, key } of queue.list()) t.deepEqual([state, tenant], ['done', key[0]]);
    }),
  );

  withRedis(`${engine}: what one runner may not have, another one takes`, (t) =>
    inRedis(t, async (place) => {
      const env = { ask: answerTo };
      const full = await place.runner({ services: { env }, limits: { jobs: 1 }, share: false });
      const queue = place.queue();
      const long = queue.submit({ module, export: 'spin', engine, key: 'long' });
      await until(() => full.stats.jobs === 1);
      const jobs = [1, 2, 3].map((who) => queue.submit({ module: asks, export: 'run', args: [who, 2, 1000], engine }));
      // What it may have in all, it does not ask for more.
      await Promise.all(jobs.map(({ submitted }) => submitted));
      await new Promise((resolve) => setTimeout(resolve, 200));
      t.like(full.stats, { jobs: 1, refused: 0 });
      const free = await place.runner({ services: { env }, share: false });
      for (const [i, job] of jobs.entries()) t.deepEqual(await job.result, [expected(i + 1, 2, 1000)]);
      t.is(free.stats.ended, 3);
      await long.cancel();
    }),
  );
}

withRedis('whose a job is, the queue knows again after all was lost', (t) =>
  inRedis(t, async (place) => {
    const queue = place.queue();
    const job = queue.submit({ module, export: 'add', args: [1, 2], key: 'a', tenant: 'ä' });
    await job.submitted;
    await queue.bull.obliterate({ force: true });
    await queue.recover();
    t.deepEqual(
      (await queue.bull.getJobs(['prioritized', 'waiting'])).map(({ data }) => data),
      [{ key: 'a', tenant: 'ä' }],
    );
    await job.suspend();
    await job.resume();
    t.deepEqual(
      (await queue.bull.getJobs(['prioritized', 'waiting'])).map(({ data }) => data),
      [{ key: 'a', tenant: 'ä' }],
    );
    await place.runner();
    t.deepEqual(await job.result, [3]);
  }),
);
