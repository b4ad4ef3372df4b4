// `npm run queue-demo [-- --jobs N]`: a Redis on the loopback, two processes of `wasbox work`, and jobs that call a service again and
// again. One runner is told to end, and gives its jobs to the other one; one is killed, and a third one goes on with its jobs. Exits
// with 1 where an answer is wrong, no job was moved, or a call was made that had been made before, but for those under way.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Queue } from 'wasbox/queue';
import { asking, expected } from '../../test/pool/durable/guests.ts';
import { hasRedis, RedisServer } from '../../test/servers/redis.ts';

const { values } = parseArgs({ options: { jobs: { type: 'string', default: '16' } } });
const count = Number(values.jobs);
const rounds = 60;
const work = 300_000;
const lease = 2000;

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const services = fileURLToPath(new URL('services.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'wasbox-demo-'));
const log = join(folder, 'log');
writeFileSync(log, '');

interface Call {
  readonly by: string;
  readonly who: number;
  readonly id: number;
}
const calls = (): Call[] =>
  readFileSync(log, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' '))
    .map(([by = '', who, , id]) => ({ by, who: Number(who), id: Number(id) }));
const made = async (by: string, least: number): Promise<void> => {
  while (calls().filter((call) => call.by === by).length < least) await sleep(20);
};

function runner(name: string, url: string): ChildProcess {
  const args = [main, 'work', '--queue', url, '--store', url, '--threads', '1', '--services', services];
  return spawn(process.execPath, [...args, '--lease', String(lease)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEMO_LOG: log, DEMO_NAME: name },
  });
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number> {
  const begun = performance.now();
  const over = once(child, 'exit');
  child.kill(signal);
  await over;
  return performance.now() - begun;
}

async function demo(url: string): Promise<boolean> {
  const queue = new Queue({ url, store: url });
  const runners: ChildProcess[] = [];
  const start = (name: string) => {
    const child = runner(name, url);
    runners.push(child);
    return child;
  };
  try {
    const jobs = Array.from({ length: count }, (_, who) =>
      queue.submit({ module: asking.bytes, export: 'run', args: [who, rounds, work], key: `job ${who}` }),
    );
    const [a, b] = [start('A'), start('B')];
    await Promise.all([made('A', 30), made('B', 30)]);
    const gave = await ended(a, 'SIGTERM');
    console.log(
      `A was told to end: it has saved its jobs and given them back, ${gave.toFixed(0)} ms, code ${a.exitCode}`,
    );
    start('C');
    await ended(b, 'SIGKILL');
    console.log('B was killed');
    const results = await Promise.all(jobs.map((job) => job.result));
    return told(results.map(([value]) => value as number));
  } finally {
    for (const child of runners)
      if (child.exitCode === null && child.signalCode === null) await ended(child, 'SIGTERM');
    await queue.close();
  }
}

function told(results: readonly number[]): boolean {
  const rows = results.map((value, who) => {
    const mine = calls().filter((call) => call.who === who);
    return {
      job: `job ${who}`,
      answer: value === expected(who, rounds, work) ? 'right' : 'WRONG',
      runners: [...new Set(mine.map(({ by }) => by))].join(' '),
      calls: new Set(mine.map(({ id }) => id)).size,
      'made again': mine.length - new Set(mine.map(({ id }) => id)).size,
    };
  });
  console.table(rows);
  const right = rows.filter(({ answer, calls }) => answer === 'right' && calls === rounds).length;
  const moved = rows.filter(({ runners }) => runners.includes(' ')).length;
  // A call that was under way as its runner ended.
  const again = Math.max(...rows.map((row) => row['made again']));
  console.log(
    `${right} of ${count} answers are right; ${moved} jobs were moved; calls made again, of a job: ${again} at the most`,
  );
  return right === count && moved > 0 && again <= 4;
}

if (hasRedis) {
  const server = await RedisServer.start();
  try {
    if (!(await demo(server.url))) process.exitCode = 1;
  } finally {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}
