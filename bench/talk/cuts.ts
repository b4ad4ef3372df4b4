// Saving a group while its members run: a ring of them, round which messages go. The last cut of each goes on on the other
// engine, where all members must have passed on as many as came to them.

import { setTimeout as sleep } from 'node:timers/promises';
import { Group, GroupSnapshot, type Sender } from 'wasbox/talk';
import { time } from '../measure/measure.ts';
import type { Section } from '../measure/table.ts';
import { relay } from './guests.ts';
import { type Engine, engines } from './racers.ts';

const size = 100;
/** Messages that are on their way. */
const messages = 8;
const rounds = 10;
/** Of a round. */
const saves = 40;
/** Of so many saves one is encoded. */
const encoded = 8;

interface Ring {
  readonly engine: Engine;
  readonly group: Group;
  readonly first: Sender;
  readonly saves: number[];
  readonly encodes: number[];
  last: Uint8Array;
}

const nameOf = (member: number): string => `to ${member % size}`;

function ringOf(engine: Engine): Ring {
  const group = new Group({ engine });
  const ports = Array.from({ length: size }, (_, i) => group.port({ name: nameOf(i) }));
  const first = (ports[0] as (typeof ports)[0]).sender.clone();
  for (const [i, { receiver }] of ports.entries()) {
    const out = (ports[(i + 1) % size] as (typeof ports)[0]).sender;
    group.add(`member ${i}`, { module: relay, export: 'run', ports: { in: receiver, out } });
  }
  for (let i = 0; i < messages; i++) first.trySend(new Uint8Array(64));
  return { engine, group, first, saves: [], encodes: [], last: new Uint8Array() };
}

export async function cuts(): Promise<Section> {
  const rings = engines.map(ringOf);
  for (const ring of rings) await round(ring);
  // Those were to warm it up, but for the very first.
  const whole = rings.map((ring) => ring.saves[0] as number);
  for (const ring of rings) ring.saves.length = ring.encodes.length = 0;
  for (let i = 0; i < rounds; i++) for (const ring of rings) await round(ring);
  for (const [i, { last, group }] of rings.entries()) {
    await checkCut(last, engines[(i + 1) % engines.length] as Engine);
    group.dispose();
  }
  return {
    title: 'Saving a group that runs',
    text: `A ring of ${size} members with a memory of 64 KiB each, round which ${messages} messages of 64 B go; saved ${rounds * saves} times while it runs, some 10 ms apart; one in ${encoded} is encoded. In ms.`,
    head: ['engine', 'the first, cold', 'save, p50', 'p99', 'most', 'encode, p50', 'most', 'KiB'],
    rows: rings.map((ring, i) => [
      ...[ring.engine, (whole[i] as number).toFixed(2), ...at(ring.saves, 0.5, 0.99, 1)],
      ...[...at(ring.encodes, 0.5, 1), (ring.last.length / 1024).toFixed(0)],
    ]),
  };
}

function at(samples: readonly number[], ...shares: readonly number[]): string[] {
  const sorted = samples.toSorted((a, b) => a - b);
  return shares.map((share) => (sorted[Math.ceil(share * sorted.length) - 1] as number).toFixed(2));
}

const used = ({ members }: Group): number => members.reduce((sum, { fuelUsed }) => sum + fuelUsed, 0);

/** It runs, and is saved in between. */
async function round(ring: Ring): Promise<void> {
  const { group } = ring;
  const stop = new AbortController();
  const outcome = group.run({ signal: stop.signal });
  for (let i = 0; i < saves; i++) {
    const before = used(group);
    do await sleep(0);
    while (used(group) === before);
    let saved: GroupSnapshot | undefined;
    ring.saves.push(
      await time(() => {
        saved = group.save();
      }),
    );
    if (i % encoded < encoded - 1) continue;
    ring.encodes.push(
      await time(() => {
        ring.last = (saved as GroupSnapshot).encode();
      }),
    );
  }
  stop.abort();
  const { status } = await outcome;
  if (status !== 'suspended') throw new Error(`the ring has ${status}`);
}

/** Goes on for a while, and ends: nothing may have been lost or doubled on the way. */
async function checkCut(bytes: Uint8Array, engine: Engine): Promise<void> {
  const group = Group.restore(GroupSnapshot.decode(bytes), { engine, modules: [relay] });
  await group.run({ timeout: 50 });
  group.sender(nameOf(0)).close('it was measured');
  const outcome = await group.run();
  if (outcome.status !== 'ended') throw new Error('the ring did not end');
  const counts = [...outcome.members.values()].map((end) => (end.status === 'returned' ? Number(end.values[0]) : -1));
  const [first = -1] = counts;
  // What the last one has is refused by the first, whose port is closed.
  const isWhole = counts.slice(0, -1).every((count) => count === first) && first - (counts.at(-1) ?? 0) <= messages;
  if (first <= 0 || !isWhole) throw new Error(`the ring has passed on ${counts.join(', ')}`);
  group.dispose();
}
