// Jobs with a key in stores that many machines share: two pools with a connection each are as far from each other here as two
// machines. What jobs rely on in any store is in jobs.test.ts; here is that it holds in these.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Store } from '../../../src/store/index.ts';
import { Network } from '../../servers/network.ts';
import { numbers } from '../../store/faults.ts';
import { endServers, kinds, postgres, redis } from '../../store/kinds.ts';
import { LostError, openStore, Pool } from './built.ts';
import { answerTo, asking, expected } from './guests.ts';
import { campaign } from './kills.ts';

test.after.always(endServers);

const run = (key: string, args = [7, 5, 200]) => ({ module: asking.bytes, export: 'run', args, key });
const service = (log: string[] = [], delay = 0) => ({
  ask: async (who: number, round: number, { job, id }: { job: string; id: number }) => {
    log.push(`${job} ${id}`);
    if (delay > 0) await sleep(delay);
    return answerTo(who, round);
  },
});
const until = async (is: () => boolean): Promise<void> => {
  while (!is()) await sleep(5);
};
async function opened(t: ExecutionContext, at: string): Promise<Store> {
  const store = await openStore(at);
  t.teardown(() => store.close());
  return store;
}

for (const { name, test: testOf, at } of [kinds.disk, kinds.postgres, kinds.redis]) {
  testOf(`${name}: the same key is the same job, on both engines, whichever machine asks`, async (t) => {
    const stores = [await opened(t, await at('same')), await opened(t, await at('same'))] as const;
    const log: string[] = [];
    for (const engine of ['interpreter', 'native'] as const) {
      const pools = stores.map((store) => new Pool({ threads: 1, store, services: { env: service(log) } }));
      const ends = await Promise.all(pools.map((pool) => pool.submit({ ...run(engine), engine }).result));
      t.deepEqual(ends, [[expected(7, 5, 200)], [expected(7, 5, 200)]]);
      for (const pool of pools) await pool.close();
    }
    t.is(log.length, 10);
    t.is(new Set(log).size, 10);
  });

  testOf(`${name}: what a pool has not finished goes on elsewhere, hopping from engine to engine`, async (t) => {
    const stores = [await opened(t, await at('hops')), await opened(t, await at('hops'))] as const;
    const log: string[] = [];
    const first = new Pool({ threads: 1, store: stores[0], lease: 300, services: { env: service(log, 20) } });
    const jobs = (['interpreter', 'native'] as const).map((engine, i) =>
      first.submit({ ...run(engine, [i, 8, 3000]), engine, saveEvery: { fuel: 10_000 } }),
    );
    await until(() => log.length >= 6);
    await first.terminate();
    for (const job of jobs) await t.throwsAsync(job.result);
    const env = service(log);
    const { pool, jobs: found } = await Pool.recover(stores[1], { threads: 1, lease: 300, services: { env } });
    t.deepEqual([...found.keys()].sort(), ['interpreter', 'native']);
    t.deepEqual(await found.get('interpreter')?.result, [expected(0, 8, 3000)]);
    t.deepEqual(await found.get('native')?.result, [expected(1, 8, 3000)]);
    t.is(new Set(log).size, 16, 'each call has its number');
    await pool.close();
    await stores[1].collect();
    t.is((await stores[1].list({ prefix: 'owner/' })).length, 0);
  });

  testOf(`${name}: processes that are killed come to all results, each once, from what was saved`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'wasbox-jobs-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const outcome = await campaign(folder, {
      ...{ jobs: 12, rounds: 20, kills: 5, random: numbers(5) },
      at: await at('campaign'),
    });
    t.true(outcome.kills > 2);
  });
}

const through = {
  postgres: async (port: number) => `postgres://wasbox@127.0.0.1:${port}/postgres?schema=s_lost`,
  redis: async (port: number) => `redis://127.0.0.1:${port}?prefix=lost`,
};
for (const [name, server] of [
  ['postgres', postgres],
  ['redis', redis],
] as const)
  kinds[name].test(
    `${name}: who was cut off and taken for dead finds its next commit refused, and its job is lost to it`,
    async (t) => {
      const network = await Network.start((await server()).port);
      t.teardown(() => network.end());
      const [cutOff, whole] = [
        await opened(t, await through[name](network.port)),
        await opened(t, await kinds[name].at('lost')),
      ];
      const answers: (() => void)[] = [];
      const held = {
        ask: (who: number, round: number) => new Promise((r) => answers.push(() => r(answerTo(who, round)))),
      };
      const first = new Pool({ threads: 1, store: cutOff, lease: 300, services: { env: held } });
      const job = first.submit(run('a', [4, 3, 100]));
      await until(() => answers.length === 1);
      network.fate = () => 'is lost';
      network.cut();
      const log: string[] = [];
      const second = new Pool({ threads: 1, store: whole, lease: 300, services: { env: service(log) } });
      const [again] = [...(await second.recover()).values()];
      t.deepEqual(await again?.result, [expected(4, 3, 100)], 'the other one has it');
      answers[0]?.();
      await sleep(100);
      network.fate = () => 'passes';
      await t.throwsAsync(job.result, { instanceOf: LostError, message: /"a"/ });
      t.is(answers.length, 1, 'nothing more was asked by the one who had lost it');
      await first.close();
      t.deepEqual(await second.submit(run('a', [4, 3, 100])).result, [expected(4, 3, 100)]);
      await second.close();
    },
  );
