// `npm run job-faults -- --jobs N --rounds N --kills N --seed N`: jobs whose process is killed, as many as you like.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { numbers } from '../../store/faults.ts';
import { campaign } from './kills.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '100' },
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'wasbox-jobs-'));
console.log(`seed ${values.seed}`);
const started = performance.now();
const outcome = await campaign(folder, {
  jobs: Number(values.jobs),
  rounds: Number(values.rounds),
  kills: Number(values.kills),
  random: numbers(Number(values.seed)),
  tell: (line) => console.log(line),
});
console.log(outcome, `${Math.round((performance.now() - started) / 1000)} s`);
rmSync(folder, { recursive: true, force: true });
