// Half a minute of jobs whose process is killed; `npm run job-faults` is 500 jobs and 200 kills.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { numbers } from '../../store/faults.ts';
import { campaign } from './kills.ts';

const root = mkdtempSync(join(tmpdir(), 'wasbox-jobs-'));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

test('jobs whose process and threads are killed come to their results, each once, from what was saved', async (t) => {
  const outcome = await campaign(root, { jobs: 30, rounds: 40, kills: 12, random: numbers(7) });
  t.true(outcome.kills > 5);
  t.true(outcome.repeated > 0, 'calls that were under way were made again');
});
