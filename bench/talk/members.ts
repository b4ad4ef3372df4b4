// Members of groups that talk, on an engine. They run all the time, and wait until they are asked for so many messages or calls.

import { callsTo, Group, type GroupOutcome, type Receiver, type Sender } from 'wasbox/talk';
import { caller, firstWord, math, talkers, words } from './guests.ts';
import { checkSum, type Engine, large, type Racer, type Racers, small, whats } from './racers.ts';

/** Messages that ports hold: what they do unless told, and so many that both sides have long turns. */
const depths = [64, 1024];

/** A group that is asked by one port, and tells by another. */
interface Asked {
  readonly group: Group;
  readonly orders: Sender;
  readonly sums: Receiver;
  readonly outcome: Promise<GroupOutcome>;
}

export function members(engine: Engine): Racers {
  const pingPong = groupOf(engine, withPingPong);
  const calling = groupOf(engine, withCaller);
  const streams = depths.map((depth) => ({ depth, asked: groupOf(engine, withStream(depth)) }));
  const who = `members, ${engine}`;
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
    { what: whats.call, who, run: (count) => sum(calling, count, 0, 0) },
  ];
  return {
    racers,
    async end() {
      for (const asked of [pingPong, calling, ...streams.map((stream) => stream.asked)]) await ended(asked);
    },
  };
}

function groupOf(engine: Engine, fill: (group: Group, orders: Receiver, sums: Sender) => void): Asked {
  const group = new Group({ engine });
  const [orders, sums] = [group.port({ name: 'orders' }), group.port({ name: 'sums' })];
  fill(group, orders.receiver, sums.sender);
  return { group, orders: orders.sender, sums: sums.receiver, outcome: group.run() };
}

function withPingPong(group: Group, orders: Receiver, sums: Sender): void {
  const [there, back] = [group.port(), group.port()];
  const module = talkers;
  group.add('ping', { module, export: 'ping', ports: { orders, sums, out: there.sender, in: back.receiver } });
  group.add('pong', { module, export: 'pong', ports: { in: there.receiver, out: back.sender } });
}

const withStream = (messages: number) => (group: Group, orders: Receiver, sums: Sender) => {
  const port = group.port({ messages });
  group.add('source', { module: talkers, export: 'source', ports: { orders, out: port.sender } });
  group.add('sink', { module: talkers, export: 'sink', ports: { in: port.receiver, sums } });
};

function withCaller(group: Group, orders: Receiver, sums: Sender): void {
  group.add('math', { module: math });
  const imports = { math: callsTo('math', math) };
  group.add('caller', { module: caller, export: 'run', imports, ports: { orders, sums } });
}

async function sum({ orders, sums, outcome }: Asked, count: number, size: number, more: number): Promise<void> {
  await orders.send(words(count, size));
  const told = await Promise.race([sums.receive(), outcome]);
  if (told === undefined || 'status' in told) throw new Error('the members have ended');
  checkSum(firstWord(told.bytes), count, more);
}

/** Nobody gives orders any more: all end. */
async function ended({ group, orders, outcome }: Asked): Promise<void> {
  orders.close();
  const end = await outcome;
  if (end.status !== 'ended' || [...end.members.values()].some(({ status }) => status !== 'returned'))
    throw new Error('the members did not return');
  group.dispose();
}
