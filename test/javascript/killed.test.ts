// A program whose process is killed at random moments makes each call once, and comes to the same end. WASBOX_KILLS tells
// how often in all; five times unless told.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const kills = Number(process.env.WASBOX_KILLS ?? 5);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs it to its end, or until its log has so many lines and some ms more; then it is killed. Says whether it came to its end. */
function goOn(folder: string, lines: number): Promise<boolean> {
  const later = Math.random() * 20;
  const flags = ['--import=./test/tsx.mjs', 'test/javascript/killed.ts', folder];
  const child = spawn(process.execPath, flags, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const watch = setInterval(() => {
    if (logged(folder).length < lines) return;
    clearInterval(watch);
    setTimeout(() => child.kill('SIGKILL'), later);
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
  t.timeout(1_800_000);
  for (let killed = 0; killed < kills; ) {
    const folder = await mkdtemp(join(tmpdir(), 'wasbox-killed-'));
    try {
      const before = killed;
      for (let lines = 1; !(await goOn(folder, killed < kills ? lines : 99)); killed++)
        lines = logged(folder).length + 1 + Math.floor(Math.random() * 4);
      t.true(killed > before, 'it came to its end before it was killed');
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
  }
  t.log(`${kills} kills`);
});
