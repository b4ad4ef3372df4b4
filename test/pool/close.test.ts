// Nothing is left behind: each program of fixtures/ending.ts ends by itself, and closings.js does.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { UsageError } from '../../src/index.ts';
import { Pool } from '../../src/pool/index.ts';
import { arithmetic } from './guests.ts';

const run = promisify(execFile);
const register = new URL('../tsx.mjs', import.meta.url).href;
const program = fileURLToPath(new URL('./fixtures/ending.ts', import.meta.url));

const endings: Record<string, unknown> = {
  closed: [3],
  'closed with jobs under way': ['done', 'done'],
  'never closed': [3],
  'never used': 0,
  terminated: ['cancelled', 'cancelled'],
  suspended: true,
  'a failure that nobody looks at': 'closing',
  'a service behind a port': [8],
};

for (const [way, seen] of Object.entries(endings))
  test(`a process ends by itself: ${way}`, async (t) => {
    t.timeout(120_000);
    const { stdout, stderr } = await run(process.execPath, ['--import', register, program, way], { timeout: 100_000 });
    t.is(stderr, '');
    t.deepEqual(JSON.parse(stdout), seen);
  });

test('pools are closed while their threads load, and the process lives', async (t) => {
  t.timeout(120_000);
  const closings = fileURLToPath(new URL('./fixtures/closings.js', import.meta.url));
  const { stdout, stderr } = await run(process.execPath, [closings], { timeout: 100_000 });
  t.is(stderr, '');
  t.is(stdout, 'closed\n');
});

test('a closed pool takes no jobs, and can be closed again', async (t) => {
  const pool = new Pool({ threads: 1 });
  await pool.close();
  t.throws(() => pool.submit({ module: arithmetic, export: 'add', args: [1, 2] }), {
    instanceOf: UsageError,
    message: /closed/,
  });
  await pool.close();
  await pool.terminate();
  t.deepEqual(pool.stats, { threads: 0, jobs: 0, queued: 0, running: 0, waiting: 0, asleep: 0 });
});
