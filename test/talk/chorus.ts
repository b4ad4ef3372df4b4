// Members that publish, members that listen, and one that all of them call: whatever is cut, all listeners hear all that was
// published, in the same order, and each call is done once. Run by itself, it reads a snapshot from a file and prints how it ended.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Module } from '../../src/index.ts';
import { callsTo, Group, type GroupOptions } from '../../src/talk/index.ts';
import { moduleOf } from '../wat.ts';
import { talking } from './guests.ts';

/** How many publish, how often each does, how many listen, and after how many messages each calls. */
export const voices = { publishers: 4, times: 25, listeners: 6, between: 5 } as const;
const { publishers, times, listeners, between } = voices;
const heard = publishers * times;
/** Calls in all. */
const calls = heard + listeners * (heard / between);

/** Says how many calls there have been. */
export const tally: Module = await moduleOf(`(global $count (mut i32) (i32.const 0))
  (func (export "next") (param i32) (result i32)
    (global.set $count (i32.add (global.get $count) (local.get 0))) (global.get $count))`);
const importing = `${talking} (import "tally" "next" (func $next (param i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 1024) "news")
  ;; So long that it is worth a thread of its own.
  (func $asks (result i32) (local $i i32)
    (local.set $i (i32.const 6000))
    (loop $busy (br_if $busy (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (call $next (i32.const 1)))`;

/**
 * Waits until all listen, and publishes its number and a count, so often. Returns how often all heard it, and the sum of what
 * it was told.
 */
export const publisher: Module = await moduleOf(`${importing}
  (func (export "main") (param $me i32) (result i32 i32) (local $i i32) (local $good i32) (local $sum i32)
    (loop $wait
      (drop (call $receive (i32.const 0) (i32.const 0) (i32.const 4)))
      (br_if $wait (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${listeners}))))
    (local.set $i (i32.const 0))
    (loop $more
      (i32.store (i32.const 0) (local.get $me))
      (i32.store (i32.const 4) (local.get $i))
      (local.set $good (i32.add (local.get $good) (i32.eq (i32.const ${listeners})
        (call $publish (i32.const 1024) (i32.const 4) (i32.const 0) (i32.const 8)))))
      (local.set $sum (i32.add (local.get $sum) (call $asks)))
      (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${times}))))
    (local.get $good) (local.get $sum))`);

/**
 * Subscribes, tells all who publish, and listens. Returns how many messages came in the order of who published them, a number that
 * depends on the order of all, and the sum of what it was told.
 */
export const listener: Module = await moduleOf(`${importing}
  (func (export "main") (param $room i32) (result i32 i32 i32)
    (local $i i32) (local $good i32) (local $hash i32) (local $sum i32) (local $port i32) (local $at i32)
    (local.set $port (call $subscribe (i32.const 1024) (i32.const 4) (local.get $room) (i32.const 100)))
    (loop $tell
      (drop (call $send (local.get $i) (i32.const 0) (i32.const 4)))
      (br_if $tell (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${publishers}))))
    (local.set $i (i32.const 0))
    (loop $more
      (drop (call $receive (local.get $port) (i32.const 0) (i32.const 8)))
      (local.set $at (i32.add (i32.const 2048) (i32.mul (i32.load (i32.const 0)) (i32.const 4))))
      (local.set $good (i32.add (local.get $good) (i32.eq (i32.load (local.get $at)) (i32.load (i32.const 4)))))
      (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
      (local.set $hash (i32.add (i32.mul (local.get $hash) (i32.const 31)) (i32.load (i32.const 0))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const ${between})))
        (then (local.set $sum (i32.add (local.get $sum) (call $asks)))))
      (br_if $more (i32.lt_u (local.get $i) (i32.const ${heard}))))
    ;; Nothing comes twice.
    (if (i32.ge_s (call $try_receive (local.get $port) (i32.const 0) (i32.const 8)) (i32.const 0))
      (then (local.set $good (i32.const -1))))
    (local.get $good) (local.get $hash) (local.get $sum))`);

export const chorusModules: readonly Module[] = [tally, publisher, listener];
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

interface Ports<S, R> {
  readonly sender: S & { clone(): S };
  readonly receiver: R;
}

/** What each member is given. `S` and `R` are the ends of a group, or of one on a pool. */
export function parts<S, R>(ports: readonly Ports<S, R>[]) {
  return [
    ...upTo(listeners).map((i) => ({
      name: `listener ${i}`,
      module: listener,
      args: [1 + (i % 3)],
      ports: Object.fromEntries(ports.map(({ sender }, j) => [`${j}`, i === listeners - 1 ? sender : sender.clone()])),
    })),
    ...ports.map(({ receiver }, i) => ({
      name: `publisher ${i}`,
      module: publisher,
      args: [i],
      ports: { go: receiver } as Record<string, S | R>,
    })),
  ];
}
export const go = upTo(publishers).map((i) => ({ name: `go ${i}`, messages: listeners }));

export function chorus(options: GroupOptions): Group {
  const group = new Group(options);
  const imports = { tally: callsTo('tally', tally) };
  group.add('tally', { module: tally });
  for (const { name, ...part } of parts(go.map((port) => group.port(port))))
    group.add(name, { ...part, export: 'main', imports });
  return group;
}

export const restoredChorus = (bytes: Uint8Array, options: GroupOptions): Group =>
  Group.restore(bytes, {
    ...options,
    modules: chorusModules,
    imports: (name) => (name === 'tally' ? {} : { tally: callsTo('tally', tally) }),
  });

/** What is wrong with the results of the members, by their names; nothing where all have done what they should. */
export function wrongIn(results: ReadonlyMap<string, unknown>): readonly string[] {
  const wrong: string[] = [];
  let [sum, hashes] = [0, new Set<number>()];
  for (const [name, values] of results) {
    const [good, ...rest] = Array.isArray(values) ? (values as number[]) : [];
    if (good !== (name.startsWith('listener') ? heard : times)) wrong.push(`${name}: ${String(values)}`);
    if (name.startsWith('listener')) hashes = hashes.add(rest[0] as number);
    sum += rest.at(-1) ?? 0;
  }
  if (results.size !== publishers + listeners) wrong.push(`${results.size} have ended`);
  if (hashes.size !== 1) wrong.push(`${hashes.size} orders`);
  // Each call is told a number that no other is told.
  if (sum !== (calls * (calls + 1)) / 2) wrong.push(`calls were told ${sum}`);
  return wrong;
}

/** Runs it to its end. */
export async function wrongWith(group: Group): Promise<readonly string[]> {
  const outcome = await group.run();
  if (outcome.status !== 'ended') return [outcome.status];
  return wrongIn(
    new Map([...outcome.members].map(([name, how]) => [name, how.status === 'returned' ? how.values : how])),
  );
}

const [, script = '', file] = process.argv;
if (import.meta.url === pathToFileURL(script).href && file !== undefined) {
  const group = restoredChorus(readFileSync(file), { engine: process.argv[3] as GroupOptions['engine'] });
  console.log(JSON.stringify(await wrongWith(group)));
}
