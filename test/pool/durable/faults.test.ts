// Half a minute of jobs whose process is killed; `npm run job-faults` is 500 jobs and 200 kills.

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { damages, numbers } from '../../store/faults.ts';
import { Pool } from './built.ts';
import { answerTo, asking, expected } from './guests.ts';
import { campaign } from './kills.ts';

const root = mkdtempSync(join(tmpdir(), 'wasbox-jobs-'));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

test.serial(
  'jobs whose process and threads are killed come to their results, each once, from what was saved',
  async (t) => {
    const outcome = await campaign(root, { jobs: 30, rounds: 40, kills: 12, random: numbers(7) });
    t.true(outcome.kills > 5);
    t.true(outcome.repeated > 0, 'calls that were under way were made again');
  },
);

test.serial('of jobs in a store where damage was done each comes to its result, or says that it cannot', async (t) => {
  const [whole, damaged] = [join(root, 'whole'), join(root, 'damaged')];
  let asked = 0;
  const never = { env: { ask: () => new Promise(() => asked++) } };
  const first = new Pool({ threads: 1, store: whole, services: never });
  const count = 12;
  for (let i = 0; i < count; i++)
    first.submit({ module: asking.bytes, export: 'run', args: [i, 3, 100 + i], key: `job ${i}` });
  while (asked < count) await sleep(5);
  await first.terminate();
  const random = numbers(99);
  const env = { ask: (who: number, round: number) => answerTo(who, round) };
  const ends = { right: 0, told: 0 };
  for (const damage of Object.values(damages)) {
    rmSync(damaged, { recursive: true, force: true });
    cpSync(whole, damaged, { recursive: true });
    const what = damage(join(damaged, 'data.mdb'), random);
    const pool = new Pool({ threads: 1, store: damaged, services: { env } });
    const asks = Array.from({ length: count }, async (_, i) => {
      const job = pool.submit({ module: asking.bytes, export: 'run', args: [i, 3, 100 + i], key: `job ${i}` });
      const [end] = await Promise.allSettled([job.result]);
      if (end?.status === 'fulfilled') t.deepEqual(end.value, [expected(i, 3, 100 + i)], what);
      else t.regex(String(end?.reason.code), /^(store|snapshot)$/, `${what}: ${end?.reason.stack}`);
      ends[end?.status === 'fulfilled' ? 'right' : 'told']++;
    });
    await Promise.all(asks);
    await pool.close();
  }
  t.is(ends.right + ends.told, count * Object.keys(damages).length);
  t.true(ends.told > 0);
});
