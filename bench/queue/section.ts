// Jobs a second through a queue, beside BullMQ's own with the same work in its processor; handing a running job over; and what a job
// costs the server. All of it with a Redis on the loopback, whose store has the jobs, too.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Queue as BullQueue, QueueEvents, Worker } from 'bullmq';
import { Module } from 'wasbox';
import { Queue, Runner } from 'wasbox/queue';
import { openStore } from 'wasbox/store';
import { moduleOf } from '../../test/pool/guests.ts';
import { hasRedis, RedisServer } from '../../test/servers/redis.ts';
import { figure, quantile } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';

const rounds = 5;
const jobsOfRound = Number(process.env.WASBOX_QUEUE_JOBS ?? 300);
/** So long a job works, in ms. */
const workMs = 5;
const handOvers = 60;

/** Counts, for about as long as it is told. */
const guest = await moduleOf(`(module (func (export "work") (param i64) (result i64) (local i64)
  (loop $again
    (local.set 1 (i64.add (i64.mul (local.get 1) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
    (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
    (br_if $again (i64.gt_s (local.get 0) (i64.const 0))))
  (local.get 1)))`);

/** The same work by the host's own engine: how many turns `workMs` are. */
async function turnsOf(): Promise<{ readonly work: (n: bigint) => bigint; readonly turns: bigint }> {
  const { instance } = await WebAssembly.instantiate(guest.bytes as BufferSource);
  const work = instance.exports.work as (n: bigint) => bigint;
  work(5_000_000n);
  const begun = performance.now();
  work(20_000_000n);
  return { work, turns: BigInt(Math.round((20_000_000 * workMs) / (performance.now() - begun))) };
}

export async function queues(): Promise<Section> {
  if (!hasRedis) return { title: 'A queue', text: 'No redis-server is installed.', head: ['what'], rows: [] };
  const rows: string[][] = [];
  const server = await RedisServer.start({ appendfsync: 'everysec' });
  try {
    rows.push(...(await rates(server)));
    rows.push(...(await handingOver(server)));
    rows.push(...(await costs(server)));
  } finally {
    await server.remove();
  }
  return {
    title: 'A queue',
    text: `Jobs of ${workMs} ms by the host's own engine, ${jobsOfRound} at a time, submitted together, until all results are known to whoever has submitted them; the queue and the store in one Redis on the loopback (\`appendfsync everysec\`). *BullMQ*: a worker with the same work in its processor, by the host's WebAssembly, four jobs at once, and \`waitUntilFinished\`. Median of ${rounds} turns (least to most), in which all take turns. *Handing over*: a job that runs in one runner, with nothing else there, until it has been taken up by the other one.`,
    head: ['what', 'figure'],
    rows,
  };
}

// ---- rates

interface Lane {
  readonly name: string;
  /** Jobs a second. */
  turn(): Promise<number>;
  close(): Promise<void>;
}

async function rates(server: RedisServer): Promise<string[][]> {
  const { work, turns } = await turnsOf();
  const lanes = [await bullLane(server, 1, work, turns)];
  for (const runners of [1, 2, 4]) lanes.push(await ourLane(server, runners, turns));
  const found = lanes.map((): number[] => []);
  try {
    for (const lane of lanes) await lane.turn();
    for (let i = 0; i < rounds; i++) for (const [at, lane] of lanes.entries()) found[at]?.push(await lane.turn());
  } finally {
    for (const lane of lanes) await lane.close();
  }
  const beside = (at: number) => figure((found[at] as number[]).map((rate, i) => rate / (found[0]?.[i] as number)));
  return lanes.map(({ name }, at) => [
    `${name}, jobs a second`,
    `${cell(figure(found[at] as number[]))}${at === 0 ? '' : `; beside BullMQ ${cell(beside(at))}`}`,
  ]);
}

async function bullLane(
  server: RedisServer,
  workers: number,
  work: (n: bigint) => bigint,
  turns: bigint,
): Promise<Lane> {
  const connection = { host: '127.0.0.1', port: server.port, maxRetriesPerRequest: null };
  const name = 'plain';
  const queue = new BullQueue(name, { connection });
  queue.setMaxListeners(0);
  const events = new QueueEvents(name, { connection }).setMaxListeners(0);
  const process = async () => String(work(turns));
  const all = Array.from({ length: workers }, () => new Worker(name, process, { connection, concurrency: 4 }));
  await Promise.all([events.waitUntilReady(), ...all.map((worker) => worker.waitUntilReady())]);
  return {
    name: `BullMQ, ${workers} worker`,
    turn: () =>
      timed(async () => {
        const jobs = await Promise.all(Array.from({ length: jobsOfRound }, (_, i) => queue.add('work', { i })));
        await Promise.all(jobs.map((job) => job.waitUntilFinished(events)));
      }),
    close: async () => {
      await Promise.all(all.map((worker) => worker.close()));
      await Promise.all([queue.close(), events.close()]);
    },
  };
}

async function ourLane(server: RedisServer, runners: number, turns: bigint): Promise<Lane> {
  const place = { url: server.url, store: server.url, name: `lane-${runners}` };
  const children = await Promise.all(Array.from({ length: runners }, () => started(place)));
  const queue = new Queue(place);
  const module = Module.from(guest.bytes);
  return {
    name: `wasbox, ${runners === 1 ? '1 runner' : `${runners} runners`} of one thread, each a process`,
    turn: () =>
      timed(async () => {
        const jobs = Array.from({ length: jobsOfRound }, () =>
          queue.submit({ module, export: 'work', args: [turns], engine: 'native' }),
        );
        await Promise.all(jobs.map((job) => job.result));
      }),
    close: async () => {
      await queue.close();
      for (const child of children) child.kill();
      await Promise.all(children.map((child) => once(child, 'exit')));
    },
  };
}

async function timed(act: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await act();
  return (jobsOfRound * 1000) / (performance.now() - begun);
}

async function started(place: object): Promise<ChildProcess> {
  const child = fork(new URL('./runner-process.ts', import.meta.url), [JSON.stringify(place)]);
  await once(child, 'message');
  return child;
}

// ---- handing over

async function handingOver(server: RedisServer): Promise<string[][]> {
  const store = await openStore(server.url);
  const place = { url: server.url, store, name: 'handing' };
  const two = [new Runner({ ...place, threads: 1, share: false }), new Runner({ ...place, threads: 1, share: false })];
  const queue = new Queue(place);
  const took: number[] = [];
  try {
    await Promise.all(two.map((runner) => runner.ready()));
    const job = queue.submit({ module: guest.bytes, export: 'work', args: [2n ** 60n], engine: 'native', key: 'long' });
    await job.submitted;
    // A delivery may come to nothing, so that it is not enough that one has come.
    const isTaken = () => two.some(({ stats }) => stats.jobs > 0);
    const deliveries = () => two.reduce((sum, { stats }) => sum + stats.taken, 0);
    for (let i = 0; i < handOvers; i++) {
      while (!isTaken()) await pause(1);
      await pause(50);
      const [begun, before] = [performance.now(), deliveries()];
      await job.suspend();
      await job.resume();
      while (!isTaken() || deliveries() === before) await pause(1);
      took.push(performance.now() - begun);
    }
    await job.cancel();
  } finally {
    await queue.close();
    await Promise.all(two.map((runner) => runner.close()));
    await store.close();
  }
  const at = (part: number) => `${quantile(took, part).toFixed(1)} ms`;
  return [
    ['suspending a running job, and its being taken up again', `p50 ${at(0.5)}, p99 ${at(0.99)} (of ${took.length})`],
  ];
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- what a job costs the server

async function costs(server: RedisServer): Promise<string[][]> {
  const info = async () => {
    const text = await server.ask((client) => client.info());
    const keys = await server.ask((client) => client.dbsize());
    const of = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1]);
    return { keys, bytes: of('used_memory'), calls: of('total_commands_processed'), sent: of('total_net_input_bytes') };
  };
  const jobs = 200;
  const place = { url: server.url, store: server.url, name: 'costs' };
  const queue = new Queue(place);
  const module = Module.from(guest.bytes);
  const submit = (i: number, most: string) => queue.submit({ module, export: 'work', args: [1n], key: `${most} ${i}` });
  try {
    await submit(0, 'first').submitted;
    const before = await info();
    const all = Array.from({ length: jobs }, (_, i) => submit(i, 'job'));
    await Promise.all(all.map(({ submitted }) => submitted));
    const waiting = await info();
    const child = await started(place);
    await Promise.all(all.map((job) => job.result));
    const over = await info();
    child.kill();
    await once(child, 'exit');
    const each = (name: keyof typeof before, from: typeof before, to: typeof before) =>
      ((to[name] - from[name]) / jobs).toFixed(name === 'keys' || name === 'calls' ? 1 : 0);
    return [
      [
        'a job that waits, in the server',
        `${each('keys', before, waiting)} keys, ${each('bytes', before, waiting)} bytes`,
      ],
      ['a job that has its result', `${each('keys', before, over)} keys, ${each('bytes', before, over)} bytes`],
      [
        'submitting one',
        `${each('calls', before, waiting)} commands, those in scripts included; ${each('sent', before, waiting)} bytes`,
      ],
      [
        'running one, and hearing of it',
        `${each('calls', waiting, over)} commands; ${each('sent', waiting, over)} bytes`,
      ],
    ];
  } finally {
    await queue.close();
  }
}
