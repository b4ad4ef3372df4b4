// Runners that are killed, stopped, cut off and ended at random, stores that fail, and a server that is restarted: a little of
// `npm run queue-faults`.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { PostgresServer } from '../servers/postgres.ts';
import type { RedisServer } from '../servers/redis.ts';
import { withPostgres, withRedis } from '../servers/tests.ts';
import { numbers } from '../store/faults.ts';
import { campaign, faults } from './faults.ts';
import { Namespace } from './namespace.ts';
import { postgres, redis } from './reachable.ts';

const namespaces = Namespace.isPossible();

async function suffered(
  t: ExecutionContext,
  start: (namespaces: boolean) => Promise<RedisServer | PostgresServer>,
  seed: number,
  count = faults.length,
) {
  t.timeout(300_000);
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-queue-'));
  const server = await start(namespaces);
  try {
    const told = await campaign({
      ...{ server, namespaces, folder, jobs: 20, rounds: 10, runners: 2, lease: 1500, faults: count },
      ...{ isSteady: true, askMs: 100, random: numbers(seed), tell: (line: string) => t.log(line) },
    });
    t.log(told);
    t.true(told.calls >= 200);
    t.deepEqual([...told.recoveries.keys()].sort(), faults.slice(0, count).sort());
    // Each of them has hit somebody, but that nobody need have anything as the server stands still.
    for (const [fault, { lasted }] of told.recoveries) t.is(lasted.length, 1, fault);
    t.true([...told.recoveries.values()].filter(({ jobs }) => jobs.length > 0).length >= count / 2);
  } finally {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

withRedis('no result is lost or there twice, and no call counts twice, whatever fails', (t) => suffered(t, redis, 4));
withPostgres('the same in PostgreSQL', (t) => suffered(t, postgres, 5, 5));
