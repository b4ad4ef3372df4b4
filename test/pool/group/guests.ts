// Groups on a pool for tests: what they are made of, and rings of members.

import type { Pool, PoolGroup, PoolGroupOptions, PoolSender } from '../../../src/pool/index.ts';
import { script } from '../../talk/guests.ts';
import { links } from '../../talk/ring.ts';

export { bytesOf, codes, script, talking, textOf } from '../../talk/guests.ts';
export { expected, links, restoredRing, resultsOf, ringOf } from '../../talk/ring.ts';

export const engines = ['interpreter', 'native'] as const;
export type Engine = (typeof engines)[number];
export const otherEngine = (engine: Engine): Engine => (engine === 'native' ? 'interpreter' : 'native');

/** Sends back what it gets, so often, and then returns how much each was. */
export const echo = (times = 1) =>
  script(Array.from({ length: times }, () => ['receive 0 2048 1000', 'store 8 0', 'send 1 2048 3']).flat());

/** The service that a ring asks; how often, and by which calls. */
export class RingService {
  readonly calls: string[] = [];

  async ask(n: number, { job, id }: { job: string; id: number }): Promise<number> {
    this.calls.push(`${job} ${id}`);
    if (n % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    return n + 1000;
  }
}

/** A ring of members that pass numbers on, each of which asks `env`. */
export async function poolRing(pool: Pool, members: number, options: PoolGroupOptions): Promise<PoolGroup> {
  const module = await links;
  const group = pool.group(options);
  const ports = await Promise.all(
    Array.from({ length: members }, (_, i) => group.port({ name: `${i}`, messages: 1 + (i % 3) })),
  );
  const adding = ports.map(({ receiver: from }, i) => {
    const to = ports[(i + 1) % members]?.sender as PoolSender;
    return group.add(`member ${i}`, { module, export: 'main', ports: { from, to } });
  });
  await Promise.all(adding);
  return group;
}

/** Ends one of the pool's threads. */
export function killThread(pool: Pool, pick: (ids: readonly number[]) => number): void {
  const { threads } = (pool as unknown as { life: { threads: { ids: number[]; kill(id: number): void } } }).life;
  if (threads.ids.length > 0) threads.kill(pick(threads.ids));
}

/** What each member of a group returned, once it has ended. */
export async function returned(group: PoolGroup): Promise<unknown[]> {
  const outcome = await group.run();
  if (outcome.status !== 'ended') throw new Error(outcome.status);
  return [...outcome.members.values()].map((how) => (how.status === 'returned' ? how.values : how));
}
