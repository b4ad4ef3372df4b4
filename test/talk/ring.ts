// A ring of members that pass numbered messages on, and ask a service of the host now and then. Run by itself, it reads a
// snapshot of the ring from a file and prints how it ended.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { asyncHostFunction, type Imports, type Module } from '../../src/index.ts';
import { Group, type GroupOptions } from '../../src/talk/index.ts';
import { moduleOf } from '../wat.ts';
import { talking } from './guests.ts';

/** Messages that each member sends, and what the service adds to a number. */
export const rounds = 12;
const added = 1000;

/**
 * Sends 0, 1, 2, … to the next, each once it has received as many from the one before; every third it tells the service.
 * Returns how many came in order, and the sum of what the service said.
 */
export const links: Promise<Module> = moduleOf(`${talking} (import "env" "ask" (func $ask (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "main") (result i32 i32) (local $i i32) (local $good i32) (local $sum i32)
    (loop $more
      (i32.store (i32.const 0) (local.get $i))
      (drop (call $send (i32.const 1) (i32.const 0) (i32.const 4)))
      (i32.store (i32.const 8) (i32.const -1))
      (drop (call $receive (i32.const 0) (i32.const 8) (i32.const 4)))
      (local.set $good (i32.add (local.get $good) (i32.eq (local.get $i) (i32.load (i32.const 8)))))
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 3)))
        (then (local.set $sum (i32.add (local.get $sum) (call $ask (local.get $i))))))
      (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${rounds}))))
    ;; Nothing comes twice.
    (if (i32.ge_s (call $try_receive (i32.const 0) (i32.const 8) (i32.const 4)) (i32.const 0))
      (then (local.set $good (i32.const -1))))
    (local.get $good) (local.get $sum))`);

const told = Array.from({ length: rounds }, (_, i) => i).filter((i) => i % 3 === 0);
/** How each ends that has lost nothing, and had nothing twice. */
export const expected: readonly number[] = [rounds, told.reduce((sum, i) => sum + i + added, 0)];

/** A service that takes its time, now and then. */
const imports: Imports = {
  env: {
    ask: asyncHostFunction(['i32'], ['i32'], async (n) => {
      if (n % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      return n + added;
    }),
  },
};

export async function ringOf(members: number, options: GroupOptions): Promise<Group> {
  const module = await links;
  const group = new Group(options);
  const ports = Array.from({ length: members }, (_, i) => group.port({ name: `${i}`, messages: 1 + (i % 3) }));
  for (let i = 0; i < members; i++) {
    const [from, to] = [ports[i]?.receiver, ports[(i + 1) % members]?.sender];
    if (from === undefined || to === undefined) throw new Error('no ring');
    group.add(`member ${i}`, { module, export: 'main', imports, ports: { from, to } });
  }
  return group;
}

export const restoredRing = async (bytes: Uint8Array, options: GroupOptions): Promise<Group> =>
  Group.restore(bytes, { ...options, modules: [await links], imports: () => imports });

/** What each member returned. */
export async function resultsOf(group: Group): Promise<unknown[]> {
  const outcome = await group.run();
  if (outcome.status !== 'ended') throw new Error(outcome.status);
  return [...outcome.members.values()].map((how) => (how.status === 'returned' ? how.values : how));
}

const [, script = '', file] = process.argv;
if (import.meta.url === pathToFileURL(script).href && file !== undefined) {
  const group = await restoredRing(readFileSync(file), { engine: process.argv[3] as GroupOptions['engine'] });
  console.log(JSON.stringify(await resultsOf(group)));
}
