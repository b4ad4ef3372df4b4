// Members of groups on the threads of a pool, and what the host pays to talk with them from its own; beside a worker of Node.

import { Worker } from 'node:worker_threads';
import { Pool, type PoolGroup, type PoolReceiver, type PoolSender } from 'wasbox/pool';
import { Group } from 'wasbox/talk';
import { caller, firstWord, math, relay, talkers, words } from './guests.ts';
import { checkSum, large, type Racer, type Racers, small, whats } from './racers.ts';

/** A group that is asked by one port, and tells by another. */
interface Asked {
  readonly group: PoolGroup;
  readonly orders: PoolSender;
  readonly sums: PoolReceiver;
}

const engine = 'native';
/** Messages that ports hold. */
const depths = [64, 1024];
const who = `members on a pool, ${engine}`;

export async function pooled(): Promise<Racers> {
  const pool = new Pool({ threads: 2 });
  const pingPong = await groupOf(pool, withPingPong);
  const calling = await groupOf(pool, async (group, orders, sums) => {
    await group.add('math', { module: math });
    await group.add('caller', { module: caller, export: 'run', calls: { math: 'math' }, ports: { orders, sums } });
  });
  const relaying = await groupOf(pool, async (group, orders, sums) => {
    await group.add('relay', { module: relay, export: 'run', ports: { in: orders, out: sums } });
  });
  const racers: Racer[] = [
    { what: whats.smallTrip, who, run: (count) => sum(pingPong, count, small, 1) },
    { what: whats.call, who, run: (count) => sum(calling, count, 0, 0) },
    { what: whats.hostTrip, who, run: (count) => trips(relaying, count) },
    { what: whats.hostStream, who, run: (count) => through(relaying, count) },
  ];
  return {
    racers,
    async end() {
      for (const { group } of [pingPong, calling, relaying]) group.dispose();
      await pool.close();
    },
  };
}

/** Two members at the same time, each on a thread. */
export async function apart(): Promise<Racers> {
  const pool = new Pool({ threads: 2 });
  const pingPong = await groupOf(pool, withPingPong, 2);
  const streams = await Promise.all(
    depths.map(async (depth) => ({ depth, asked: await groupOf(pool, withStream(depth), 2) })),
  );
  const who = `members on two threads, ${engine}`;
  const racers: Racer[] = [
    { what: whats.smallTrip, who, run: (count) => sum(pingPong, count, small, 1) },
    { what: whats.largeTrip, who, run: (count) => sum(pingPong, count, large, 1) },
    ...streams.map(({ depth, asked }) => ({
      ...{ what: whats.stream, who: `${who}, ports of ${depth}` },
      run: (count: number) => sum(asked, count, small, 0),
    })),
    ...streams.slice(0, 1).map(({ asked }) => ({
      ...{ what: whats.largeStream, who },
      run: (count: number) => sum(asked, count, large, 0),
    })),
  ];
  return {
    racers,
    async end() {
      for (const { group } of [pingPong, ...streams.map(({ asked }) => asked)]) group.dispose();
      await pool.close();
    },
  };
}

async function withPingPong(group: PoolGroup, orders: PoolReceiver, sums: PoolSender): Promise<void> {
  const [there, back] = [await group.port(), await group.port()];
  const module = talkers;
  await group.add('ping', { module, export: 'ping', ports: { orders, sums, out: there.sender, in: back.receiver } });
  await group.add('pong', { module, export: 'pong', ports: { in: there.receiver, out: back.sender } });
}

const withStream = (messages: number) => async (group: PoolGroup, orders: PoolReceiver, sums: PoolSender) => {
  const port = await group.port({ messages });
  await group.add('source', { module: talkers, export: 'source', ports: { orders, out: port.sender } });
  await group.add('sink', { module: talkers, export: 'sink', ports: { in: port.receiver, sums } });
};

async function groupOf(
  pool: Pool,
  fill: (group: PoolGroup, orders: PoolReceiver, sums: PoolSender) => Promise<void>,
  threads = 1,
): Promise<Asked> {
  const group = pool.group({ engine, threads });
  const [orders, sums] = [await group.port(), await group.port()];
  await fill(group, orders.receiver, sums.sender);
  group.run().catch(() => {});
  return { group, orders: orders.sender, sums: sums.receiver };
}

async function sum({ orders, sums }: Asked, count: number, size: number, more: number): Promise<void> {
  await orders.send(words(count, size));
  const told = await sums.receive();
  if (told === undefined) throw new Error('the members have ended');
  checkSum(firstWord(told.bytes), count, more);
}

/** What the host has of a group on its own thread, or of one on a pool. */
interface Ends {
  readonly orders: { send(bytes: Uint8Array): Promise<void> };
  readonly sums: { receive(): Promise<{ readonly bytes: Uint8Array } | undefined> };
}

/** One at a time. */
async function trips({ orders, sums }: Ends, count: number): Promise<void> {
  let all = 0;
  for (let n = count; n > 0; n--) {
    await orders.send(words(n, small));
    all = (all + firstWord((await sums.receive())?.bytes ?? new Uint8Array(4))) | 0;
  }
  checkSum(all, count, 1);
}

/** All at once, as far as ports have room. */
async function through({ orders, sums }: Ends, count: number): Promise<void> {
  let all = 0;
  const receiving = (async () => {
    for (let n = 0; n < count; n++) all = (all + firstWord((await sums.receive())?.bytes ?? new Uint8Array(4))) | 0;
  })();
  await Promise.all([receiving, ...Array.from({ length: count }, (_, i) => orders.send(words(i + 1, small)))]);
  checkSum(all, count, 1);
}

/** The same on the host's own thread. */
export function relayed(): Racers {
  const group = new Group({ engine });
  const [orders, sums] = [group.port(), group.port()];
  group.add('relay', { module: relay, export: 'run', ports: { in: orders.receiver, out: sums.sender } });
  const outcome = group.run();
  const ends = { orders: orders.sender, sums: sums.receiver };
  const racer = { who: `members, ${engine}` };
  return {
    racers: [
      { ...racer, what: whats.hostTrip, run: (count) => trips(ends, count) },
      { ...racer, what: whats.hostStream, run: (count) => through(ends, count) },
    ],
    async end() {
      orders.sender.close();
      await outcome;
      group.dispose();
    },
  };
}

/** A worker of Node that adds one to each message. */
export function worker(): Racers {
  const code = `const { parentPort } = require('node:worker_threads');
    parentPort.on('message', (bytes) => { new DataView(bytes.buffer).setInt32(0, new DataView(bytes.buffer).getInt32(0, true) + 1, true); parentPort.postMessage(bytes); });`;
  const thread = new Worker(code, { eval: true });
  const came: Uint8Array[] = [];
  let wake = () => {};
  thread.on('message', (bytes: Uint8Array) => {
    came.push(bytes);
    wake();
  });
  const receive = async () => {
    if (came.length === 0)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return { bytes: came.shift() as Uint8Array };
  };
  const ends = { orders: { send: async (bytes: Uint8Array) => thread.postMessage(bytes) }, sums: { receive } };
  const racer = { who: 'the host and a worker of Node' };
  return {
    racers: [
      { ...racer, what: whats.hostTrip, run: (count) => trips(ends, count) },
      { ...racer, what: whats.hostStream, run: (count) => through(ends, count) },
    ],
    async end() {
      await thread.terminate();
    },
  };
}
