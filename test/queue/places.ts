// Where the queue's tests have their queues: a server that a test has for itself, and what it has opened there.

import type { ExecutionContext } from 'ava';
import type { QueueOptions, RunnerOptions } from '../../src/queue/index.ts';
import type { Store } from '../../src/store/index.ts';
import { RedisServer } from '../servers/redis.ts';
import { memoryStore, Queue, Runner } from './built.ts';

/** Locks of tests are short. */
export const lease = 2000;

export class Place {
  readonly queues: Queue[] = [];
  readonly runners: Runner[] = [];

  constructor(
    readonly url: string,
    readonly store: Store = memoryStore(),
    private readonly end: () => Promise<unknown> = async () => {},
  ) {}

  queue(options: Partial<QueueOptions> = {}): Queue {
    const queue = new Queue({ url: this.url, store: this.store, ...options });
    this.queues.push(queue);
    return queue;
  }

  async runner(options: Partial<RunnerOptions> = {}): Promise<Runner> {
    const runner = new Runner({ url: this.url, store: this.store, threads: 1, lease, ...options });
    this.runners.push(runner);
    await runner.ready();
    return runner;
  }

  async close(): Promise<void> {
    await Promise.all(this.queues.map((queue) => queue.close()));
    await Promise.all(this.runners.map((runner) => runner.close(2000)));
    await this.end();
  }
}

/** With a Redis of its own. */
export async function inRedis(
  t: ExecutionContext,
  act: (place: Place, server: RedisServer) => Promise<void>,
  store?: Store,
) {
  t.timeout(60_000);
  const server = await RedisServer.start({ appendfsync: 'everysec' });
  const place = new Place(server.url, store, () => server.remove());
  try {
    await act(place, server);
  } finally {
    await place.close();
  }
}

export async function until(is: () => unknown): Promise<void> {
  const end = performance.now() + mostMs;
  while (!(await is())) {
    if (performance.now() > end) throw new Error(`what was waited for did not come in ${mostMs} ms: ${is}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
/** As long as a test may take: one that is given up does not wait for ever, nor hold its process. */
const mostMs = 60_000;
