// Thousands of VMs on two threads: beside plain threads that do the same one after the other, and shared by tenants, one of whom is
// hostile. `WASBOX_MANY` says how many VMs.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Module } from 'wasbox';
import { type Job, Pool, type PoolMessages } from 'wasbox/pool';
import { figure, quantile, time } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';
import { answersOf, guestOf, guests, hostile } from './guests.ts';

const count = Number(process.env.WASBOX_MANY ?? 10_000);
const threads = 2;
const rounds = 3;
/** Equal tenants. */
const tenants = 10;
/** How long the service takes: so long that about all of those that ask wait at any time. */
const answerMs = Math.max(50, count / 10);

type Output = readonly [number];
const answers = answersOf(count);
const modules = new Map(guests.map(({ name, bytes }) => [name, Module.from(bytes)]));
const services = {
  env: {
    async ask(n: number): Promise<number> {
      await sleep(answerMs);
      return (n + 1) | 0;
    },
  },
};

export async function many(): Promise<Section> {
  const plain = await plainThreads();
  const [ours, theirs, waits]: [Took[], Took[], number[]] = [[], [], []];
  // The first round is not counted.
  for (let round = 0; round <= rounds; round++) {
    const theirTime = await took(() => plain.run());
    const line: number[] = [];
    const ourTime = await took(() => pooled(line));
    if (round === 0) continue;
    theirs.push(theirTime);
    ours.push(ourTime);
    waits.push(...line);
  }
  await plain.end();
  const fair = await shares(false);
  const besideHostile = await shares(true);
  const cells = (of: (took: Took) => number) => [
    ...[cell(figure(theirs.map(of))), cell(figure(ours.map(of)))],
    cell(figure(ours.map((each, i) => of(each) / of(theirs[i] as Took)))),
  ];
  return {
    title: 'Many VMs on two threads',
    text: `${count} jobs of three programs, of 64 KiB, 1 MiB and 256 KiB, submitted at once; one of ten asks a service that takes ${answerMs} ms, six times. Beside it two plain threads that make the same VMs, one after the other, and answer at once. Processor: the time of all threads of the process, those of the garbage collector included; in the pool's own time the last of those that ask wait while nothing else is left to do. Shares: of ${tenants} equal tenants, what the one with the most time in its guests has to the one with the least, once a third of all is done; hostile: with another one whose jobs hold threads without an end.`,
    head: [
      'what',
      'plain, ms',
      'pool, ms',
      'pool to plain',
      'plain, processor ms',
      'pool, processor ms',
      'pool to plain',
      'in line p50, ms',
      'p99',
      'shares',
      'shares beside hostile',
    ],
    rows: [
      [
        ...[`${count} VMs`, ...cells(({ ms }) => ms), ...cells(({ processorMs }) => processorMs)],
        ...[
          quantile(waits, 0.5).toFixed(1),
          quantile(waits, 0.99).toFixed(1),
          fair.toFixed(3),
          besideHostile.toFixed(3),
        ],
      ],
    ],
  };
}

interface Took {
  readonly ms: number;
  readonly processorMs: number;
}

async function took(act: () => Promise<unknown>): Promise<Took> {
  const before = process.cpuUsage();
  const ms = await time(act);
  const { user, system } = process.cpuUsage(before);
  return { ms, processorMs: (user + system) / 1000 };
}

// Plain threads

async function plainThreads() {
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL('./worker.ts', import.meta.url), { workerData: { engine: 'auto', count } }),
  );
  return {
    run: () =>
      Promise.all(
        workers.map(
          (worker, from) =>
            new Promise((resolve, reject) => {
              worker.once('message', resolve);
              worker.once('error', reject);
              worker.postMessage({ from, count: count / threads, step: threads });
            }),
        ),
      ),
    end: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}

// The pool

let pool: Pool | undefined;

function thePool(): Pool {
  pool ??= new Pool({ threads, services, maxLive: Math.min(10_000, count) });
  return pool;
}

const submit = (on: Pool, i: number, tenant?: string): Job<Output> => {
  const { name } = guestOf(i);
  return on.submit<Output>({
    ...{ module: modules.get(name) as Module, export: 'run', args: [i] },
    ...(tenant !== undefined && { tenant }),
  });
};

async function pooled(line: number[]): Promise<void> {
  const on = thePool();
  const heard = (message: unknown) => {
    const { lineMs } = message as PoolMessages['wasbox.job.slice'];
    if (lineMs !== undefined) line.push(lineMs);
  };
  subscribe('wasbox.job.slice', heard);
  const jobs = Array.from({ length: count }, (_, i) => submit(on, i));
  for (const [i, { result }] of jobs.entries()) {
    const [answer] = await result;
    if (answer !== answers[i]) throw new Error(`job ${i} came to ${answer}`);
  }
  unsubscribe('wasbox.job.slice', heard);
}

/** The largest of the tenants' shares over the smallest. */
async function shares(isHostile: boolean): Promise<number> {
  await using on = new Pool({ threads, services, maxLive: Math.min(10_000, count) });
  await on.ready();
  const bad = Module.from(hostile);
  const spinning = Array.from({ length: isHostile ? 100 : 0 }, () =>
    on.submit({ module: bad, export: 'run', args: [1], tenant: 'hostile' }),
  );
  const jobs = Array.from({ length: count }, (_, i) => ({
    tenant: i % tenants,
    job: submit(on, Math.floor(i / tenants), `t${i % tenants}`),
  }));
  let done = 0;
  for (const { job } of jobs) void job.result.then(() => done++);
  while (done < count / 3) await sleep(5);
  const used = new Array<number>(tenants).fill(0);
  for (const { tenant, job } of jobs) (used[tenant] as number) += job.stats.guestMs;
  for (const { job } of jobs) await job.result;
  for (const job of spinning) {
    job.cancel();
    await job.result.catch(() => undefined);
  }
  return Math.max(...used) / Math.min(...used);
}
