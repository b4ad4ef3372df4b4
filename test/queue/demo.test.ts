// `npm run queue-demo`, a small one: `wasbox work` as users have it, ended and killed.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { withRedis } from '../servers/tests.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

withRedis('jobs move between runners that end and are killed, and all answers are right', async (t) => {
  t.timeout(120_000);
  const flags = ['--import=./test/tsx.mjs', 'bench/queue/demo.ts', '--jobs', '8'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, flags, { cwd: root, timeout: 100_000 });
  t.regex(stdout, /A was told to end: .* code 0/);
  t.regex(stdout, /^8 of 8 answers are right; [1-8] jobs were moved/m);
  t.regex(stderr, /takes jobs of wasbox/);
  t.regex(stderr, /given back/);
});
