// What waiters.ts measures, in a process of its own, whose memory is then that of the members.

import { setTimeout as sleep } from 'node:timers/promises';
import { Group, type Receiver, type Sender } from 'wasbox/talk';
import { gc } from '../../test/gc.ts';
import { time } from '../measure/measure.ts';
import { firstWord, relay, words } from './guests.ts';
import type { Engine } from './racers.ts';

export interface Order {
  readonly engine: Engine;
  readonly count: number;
  /** How many of them have to answer. */
  readonly asked: number;
}

/** Times in ms; bytes, of each. */
export interface Found {
  readonly addMs: number;
  readonly startMs: number;
  readonly rss: number;
  readonly heap: number;
  readonly external: number;
  readonly answers: readonly number[];
  readonly endMs: number;
}

/** Bytes of the one page that each has. */
const pageBytes = 65_536;

async function memory(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 3; i++) {
    gc();
    await sleep(50);
  }
  return process.memoryUsage();
}

interface Crowd {
  readonly group: Group;
  readonly senders: Sender[];
  readonly answers: Receiver;
  readonly answering: Sender;
}

function crowdOf(engine: Engine, count: number): Crowd {
  // One more, which comes last.
  const group = new Group({ engine, limits: { members: count + 1, ports: count + 2 } });
  const { sender, receiver } = group.port({ name: 'answers' });
  return { group, senders: [], answers: receiver, answering: sender };
}

function add({ group, senders, answering }: Crowd): void {
  const { sender, receiver } = group.port({ messages: 4, bytes: 256 });
  const ports = { in: receiver, out: answering.clone() };
  group.add(`member ${senders.length}`, { module: relay, export: 'run', ports });
  senders.push(sender);
}

async function answered({ senders, answers }: Crowd, who: number): Promise<void> {
  const message = new Uint8Array(64);
  message.set(words(who));
  await (senders[who] as Sender).send(message);
  const answer = await answers.receive();
  if (answer === undefined || firstWord(answer.bytes) !== who + 1) throw new Error(`member ${who} did not answer`);
}

/** All wait, once one more has answered whose turn is after theirs. */
async function started(crowd: Crowd): Promise<void> {
  add(crowd);
  await answered(crowd, crowd.senders.length - 1);
}

async function end({ group, senders, answering }: Crowd, outcome: ReturnType<Group['run']>): Promise<void> {
  answering.close();
  for (const sender of senders) sender.close();
  const over = await outcome;
  const returned =
    over.status === 'ended' ? [...over.members.values()].filter(({ status }) => status === 'returned') : [];
  if (returned.length !== senders.length) throw new Error(`${returned.length} of ${senders.length} have returned`);
  group.dispose();
}

async function measured({ engine, count, asked }: Order): Promise<Found> {
  const few = crowdOf(engine, 100);
  for (let i = 0; i < 100; i++) add(few);
  const running = few.group.run();
  await started(few);
  const crowd = crowdOf(engine, count);
  const before = await memory();
  const addMs = await time(() => {
    for (let i = 0; i < count; i++) add(crowd);
  });
  let outcome: ReturnType<Group['run']> | undefined;
  const startMs = await time(async () => {
    outcome = crowd.group.run();
    await started(crowd);
  });
  const after = await memory();
  const each = (name: 'rss' | 'heapUsed' | 'external') => (after[name] - before[name]) / count;
  const answers: number[] = [];
  for (let i = 0; i < asked; i++) answers.push(await time(() => answered(crowd, Math.imul(i, 7919) % count)));
  const endMs = await time(() => end(crowd, outcome as ReturnType<Group['run']>));
  await end(few, running);
  return {
    addMs,
    startMs,
    rss: each('rss'),
    heap: each('heapUsed'),
    external: each('external') - pageBytes,
    answers,
    endMs,
  };
}

process.once('message', async (order: Order) => {
  process.send?.(await measured(order));
  process.disconnect();
});
