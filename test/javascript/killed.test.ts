// A program whose process is killed at random moments makes each call once, and comes to the same end. WASBOX_KILLS tells
// how often; five times unless told.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const kills = Number(process.env.WASBOX_KILLS ?? 5);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs it to its end, or until its log has so many lines; then it is killed. Says whether it came to its end. */
function goOn(folder: string, lines: number): Promise<boolean> {
  const flags = ['--import=./test/tsx.mjs', 'test/javascript/killed.ts', folder];
  const child = spawn(process.execPath, flags, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const watch = setInterval(() => {
    if (logged(folder).length >= lines) child.kill('SIGKILL');
  }, 1);
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      clearInterval(watch);
      resolve(code === 0);
    });
  });
}

const logged = (folder: string): [string, number][] =>
  existsSync(join(folder, 'log'))
    ? readFileSync(join(folder, 'log'), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as [string, number])
    : [];

/** What the program computes, without any of us. */
function expected(): number {
  let sum = 0;
  for (let i = 0; i < 20; i++) sum = ((sum * 3) % 1009) + ((i * 7 + sum) % 100);
  return sum;
}

test('each call is made once, whenever the process is killed', async (t) => {
  t.timeout(600_000);
  const folder = await mkdtemp(join(tmpdir(), 'wasbox-killed-'));
  try {
    let killed = 0;
    for (let lines = 2; !(await goOn(folder, killed < kills ? lines : 99)); lines += 3) killed++;
    t.true(killed > 0 && killed <= kills, `${killed} times`);
    const ids = logged(folder).map(([id]) => id);
    t.deepEqual(
      ids,
      Array.from({ length: 20 }, (_, i) => `job-${i + 1}`),
    );
    const { status, value } = JSON.parse(readFileSync(join(folder, 'end'), 'utf8')) as {
      status: string;
      value: number;
    };
    t.deepEqual([status, value], ['done', expected()]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
