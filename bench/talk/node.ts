// Two sides that talk by ports of Node: on two worker threads, or both on this one.

import { MessageChannel, type MessagePort, type Transferable, Worker } from 'node:worker_threads';
import { answer, asker, type Order, type Side } from './ports.ts';
import { checkSum, large, type Racer, type Racers, small, whats } from './racers.ts';
import type { Given } from './worker.ts';

/** Sends an order; the sum is told where they were made. */
type Give = (order: Order) => void;
type Tell = (sum: number) => void;

const portsOf = (side: Side): MessagePort[] => [side.copied, side.given, side.stream];

function sides(): readonly [asking: Side, answering: Side] {
  const [copied, given, stream] = [new MessageChannel(), new MessageChannel(), new MessageChannel()];
  return [
    { copied: copied.port1, given: given.port1, stream: stream.port1 },
    { copied: copied.port2, given: given.port2, stream: stream.port2 },
  ];
}

export function onOneThread(): Racers {
  const [asking, answering] = sides();
  let tell: Tell = () => {};
  const give = asker(asking, (sum) => tell(sum));
  answer(answering, (sum) => tell(sum));
  const end = async () => {
    for (const port of portsOf(asking)) port.close();
  };
  const racers = racersOf('ports of Node, one thread', give, (told) => {
    tell = told;
  });
  return { racers, end };
}

export function onTwoThreads(): Racers {
  const [asking, answering] = sides();
  const [asks, answers] = [workerOf({ role: 'asks', side: asking }), workerOf({ role: 'answers', side: answering })];
  let tell: Tell = () => {};
  let fail = (_: unknown): void => {};
  for (const worker of [asks, answers]) {
    worker.on('message', (sum: number) => tell(sum));
    worker.on('error', (error) => fail(error));
  }
  const end = async () => {
    await Promise.all([asks.terminate(), answers.terminate()]);
  };
  const racers = racersOf(
    'ports of Node, two workers',
    (order) => asks.postMessage(order),
    (told, failed) => {
      tell = told;
      fail = failed;
    },
  );
  return { racers, end };
}

const workerOf = (given: Given): Worker =>
  new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: given,
    transferList: portsOf(given.side) as Transferable[],
  });

function racersOf(who: string, give: Give, listen: (tell: Tell, fail: (error: unknown) => void) => void): Racer[] {
  const run = (by: keyof Side, size: number) => async (count: number) => {
    const sum = await new Promise<number>((resolve, reject) => {
      listen(resolve, reject);
      give({ by, count, size });
    });
    checkSum(sum, count, by === 'stream' ? 0 : 1);
  };
  return [
    { what: whats.smallTrip, who, run: run('copied', small) },
    { what: whats.largeTrip, who, run: run('copied', large) },
    { what: whats.largeTrip, who: `${who}, transferred`, run: run('given', large) },
    { what: whats.stream, who: `${who}, no bound`, run: run('stream', small) },
    { what: whats.largeStream, who: `${who}, no bound`, run: run('stream', large) },
  ];
}
