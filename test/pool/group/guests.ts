// Groups on a pool for tests: what they are made of, and rings of members.

import type { Pool, PoolGroup, PoolGroupOptions, PoolMemberOptions, PoolSender } from '../../../src/pool/index.ts';
import { bytesOf, script, talking } from '../../talk/guests.ts';
import { links } from '../../talk/ring.ts';
import { moduleOf } from '../../wat.ts';
import { threadsOf } from '../thread/threads-of.ts';

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
  const threads = threadsOf(pool);
  if (threads.ids.length > 0) threads.kill(pick(threads.ids));
}

/** What each member of a group returned, once it has ended. */
export async function returned(group: PoolGroup): Promise<unknown[]> {
  const outcome = await group.run();
  if (outcome.status !== 'ended') throw new Error(outcome.status);
  return [...outcome.members.values()].map((how) => (how.status === 'returned' ? how.values : how));
}

/** What comes of something, if that is soon: a hang is a failure that tells what hangs. */
export async function soon<T>(what: Promise<T>, ms = 30_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const never = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came of it within ${ms} ms`)), ms);
  });
  return Promise.race([what, never]).finally(() => clearTimeout(timer));
}

/** Once a slice is on its way with all that was asked before: what is asked now goes with the next. */
export async function underWay(pool: Pool): Promise<void> {
  for (let i = 0; i < 1000 && pool.stats.running === 0; i++) await undefined;
  if (pool.stats.running === 0) throw new Error('there is no slice');
}

/** Once it is so. */
export async function until(isSo: () => boolean, ms = 30_000): Promise<void> {
  for (const end = Date.now() + ms; !isSo(); await new Promise((resolve) => setTimeout(resolve, 1)))
    if (Date.now() > end) throw new Error(`it was not so within ${ms} ms: ${isSo}`);
}

/** A number as a message, which is as long as told, and back. */
export function message(number: number, length = 4): Uint8Array {
  const bytes = new Uint8Array(Math.max(4, length)).fill(number);
  new DataView(bytes.buffer).setInt32(0, number, true);
  return bytes;
}
export const numberOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);

/** Sends back all that it gets, until nobody sends any more; returns how much that was. */
export const mirror = await moduleOf(`${talking} (memory (export "memory") 2)
  (func (export "main") (result i32) (local $size i32) (local $count i32)
    (loop $more
      (local.set $size (call $receive (i32.const 0) (i32.const 0) (i32.const 65536)))
      (if (i32.ge_s (local.get $size) (i32.const 0)) (then
        (drop (call $send (i32.const 1) (i32.const 0) (local.get $size)))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $more))))
    (local.get $count))`);

/** Sends so many numbers, from one on; returns what the last call came to. */
export const counter = await moduleOf(`${talking} (memory (export "memory") 1)
  (func (export "main") (param $next i32) (param $count i32) (result i32) (local $code i32)
    (loop $more
      (if (i32.eqz (local.get $count)) (then (return (local.get $code))))
      (i32.store (i32.const 0) (local.get $next))
      (local.set $code (call $send (i32.const 0) (i32.const 0) (i32.const 4)))
      (local.set $next (i32.add (local.get $next) (i32.const 1)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $more (i32.ge_s (local.get $code) (i32.const 0))))
    (local.get $code))`);

/** Keeps the numbers that it gets until nobody sends any more, and then sends all of them in one message. */
export const sink = await moduleOf(`${talking} (memory (export "memory") 4)
  (func (export "main") (result i32) (local $at i32)
    (loop $more
      (if (i32.ge_s (call $receive (i32.const 0) (local.get $at) (i32.const 4)) (i32.const 0)) (then
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br $more))))
    (call $send (i32.const 1) (i32.const 0) (local.get $at)))`);

/** What a sink sends. */
export const numbersOf = (bytes: Uint8Array): readonly number[] =>
  Array.from({ length: bytes.length / 4 }, (_, i) => numberOf(bytes.subarray(4 * i)));

/** Numbers from 0. */
export const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

interface Inside {
  readonly threads: {
    readonly ids: readonly number[];
    readonly threads: ReadonlyMap<number, { readonly cold: readonly number[]; readonly saved: ReadonlySet<number> }>;
    readonly events: { died(thread: number): void };
    saved(thread: number, group: number): void;
    forget(group: number): void;
  };
  readonly places: { readonly size: number };
}
/** What a pool keeps of groups. */
export const inside = (pool: Pool): Inside => (pool as unknown as { life: Inside }).life;

/** Where a group ran last. */
export const threadOf = (group: PoolGroup): number | undefined =>
  (group as unknown as { driver: { thread: number | undefined } }).driver.thread;

/** On how many threads it is now. */
export const widthOf = (group: PoolGroup): number => (group as unknown as { driver: { width: number } }).driver.width;
export const isWide = (group: PoolGroup): Promise<void> => until(() => widthOf(group) === 2);

/** In which part each of these members is, where the group is split. */
export function partsOf(group: PoolGroup, ...names: readonly string[]): readonly (number | undefined)[] {
  const { split } = (group as unknown as { driver: { split: { plan?: { members: ReadonlyMap<string, number> } } } })
    .driver;
  return names.map((name) => split.plan?.members.get(name));
}
/** Once no two of them are in one part. */
export const areApart = (group: PoolGroup, ...names: readonly string[]): Promise<void> =>
  until(() => new Set(partsOf(group, ...names)).size === names.length && !partsOf(group, ...names).includes(undefined));

/** Never ends, and has hold of ports. */
export const spinner = await moduleOf(`${talking} (memory 1) (func (export "main") (loop $l (br $l)))`);

/**
 * Has each member beside one that is always busy, so that all are on threads of their own; each has `go` as its first handle. Returns
 * what lets each go, and what ends those that are busy.
 */
export async function besideBusy(group: PoolGroup, members: Readonly<Record<string, PoolMemberOptions>>) {
  const go = new Map<string, PoolSender>();
  for (const [name, { ports, ...options }] of Object.entries(members)) {
    const { sender, receiver } = await group.port({ name: `go ${name}` });
    go.set(name, sender.clone());
    // Who sends to it is near it.
    await group.add(`busy ${name}`, { module: spinner, export: 'main', ports: { near: sender } });
    await group.add(name, { ...options, ports: { go: receiver, ...ports } });
  }
  const names = Object.keys(members);
  return {
    apart: () => areApart(group, ...names),
    go: (name: string) => (go.get(name) as PoolSender).send(bytesOf('!')),
    rest: async () => {
      for (const name of names) await group.cancel(`busy ${name}`);
      for (const sender of go.values()) sender.close();
    },
  };
}

/** Never ends. */
export const endless = await moduleOf('(func (export "main") (loop $l (br $l)))');
