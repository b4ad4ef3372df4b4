// Runners that are killed, stopped, cut off and ended at random, and a server that is restarted: a little of `npm run queue-faults`.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisServer } from '../servers/redis.ts';
import { withRedis } from '../servers/tests.ts';
import { numbers } from '../store/faults.ts';
import { campaign, faults } from './faults.ts';

withRedis('no result is lost or there twice, and no call counts twice, whatever fails', async (t) => {
  t.timeout(240_000);
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-queue-'));
  const server = await RedisServer.start({ appendfsync: 'always' });
  try {
    const told = await campaign({
      ...{
        server,
        folder,
        jobs: 20,
        rounds: 10,
        runners: 2,
        lease: 1500,
        faults: faults.length,
        isSteady: true,
        askMs: 100,
      },
      random: numbers(4),
      tell: (line) => t.log(line),
    });
    t.log(told);
    t.true(told.calls >= 200);
    t.deepEqual([...told.recoveries.keys()].sort(), [...faults].sort());
  } finally {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});
