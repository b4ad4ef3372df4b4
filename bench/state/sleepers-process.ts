// What sleepers.ts measures, each part in a process of its own, whose memory is then that of the part: making jobs that wait in
// a pool with a store, and finding them there again. Tells its parent how far it is, and at last what it has found.

import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asyncHostFunction, Module, VM } from 'wasbox';
import { type Job, JobSnapshot, Pool } from 'wasbox/pool';
import { openStore } from 'wasbox/store';
import type { Entry } from '../../src/pool/durable/entry.ts';
import { gc } from '../../test/gc.ts';
import { Ledger } from '../measure/built.ts';
import { asker, outcome } from './sleepers-guest.ts';

export interface Order {
  readonly part: 'make' | 'hold' | 'list' | 'recover';
  readonly folder: string;
  readonly count: number;
  readonly samples: number;
}
/** Named lists of samples: ms, bytes, counts. */
export type Found = Readonly<Record<string, readonly number[]>>;
export type Said = { readonly told: string } | { readonly found: Found };
const say = (said: Said) => process.send?.(said);
const module = Module.from(asker);
const keyOf = (who: number): string => `sleeper ${who}`;
const now = (): number => performance.now();

interface Memory {
  readonly rss: number;
  readonly heap: number;
}
async function memory(): Promise<Memory> {
  for (let i = 0; i < 3; i++) {
    gc();
    await sleep(50);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}

/** Some of them, each once, spread over all; from another `seed` on they are others. */
const some = (count: number, samples: number, seed = 1): number[] =>
  Array.from({ length: Math.min(samples, count) }, (_, i) => (Math.imul(i + seed, 0x9e3779b1) >>> 0) % count).filter(
    (who, i, all) => all.indexOf(who) === i,
  );

function check(who: number, value: unknown): void {
  if (value !== outcome(who)) throw new Error(`job ${who} came to ${value}, not to ${outcome(who)}`);
}

const never = () => new Promise<never>(() => {});
const imports = { env: { ask: asyncHostFunction(['i32', 'i32'], ['i32'], never) } };

/** A job that waits for its answer, as bytes. */
function waiting(who: number): Uint8Array {
  const vm = new VM();
  vm.start(vm.instantiate(module, imports).func('run'), [who, 1]);
  if (vm.run().status !== 'suspended') throw new Error('it does not ask');
  const bytes = JobSnapshot.of(vm.save()).encode();
  vm.dispose();
  return bytes;
}

async function entryOf(ledger: InstanceType<typeof Ledger>, key: string): Promise<Entry> {
  for await (const { entry } of ledger.entries(new Set([key]))) if (!(entry instanceof Error)) return entry;
  throw new Error(`job ${key} is not as it was`);
}

/** What the guest comes to that waits for an answer. */
function answered(vm: VM, answer: number): unknown {
  const asked = vm.run();
  if (asked.status !== 'suspended' || asked.reason.kind !== 'host') throw new Error(`it does not ask: ${asked.status}`);
  vm.deliver(asked.reason.id, [answer]);
  const end = vm.run();
  return end.status === 'returned' ? end.values[0] : end.status;
}

/** Jobs that are made at once, and those that a pool that has many brings back at once. */
const width = 500;

const parts: Record<Order['part'], (order: Order) => Promise<Found>> = {
  /** One as a pool makes it; all others as that one, each with its own state, since a pool would take many times as long. */
  async make({ folder, count }) {
    const store = await openStore(folder);
    let asked = () => {};
    const waits = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const ask = () => new Promise<number>(() => asked());
    const pool = new Pool({ threads: 1, store, services: { env: { ask } } });
    pool.submit({ module, export: 'run', args: [0, 1], key: keyOf(0) });
    await waits;
    await pool.terminate();
    const ledger = new Ledger(store, 10_000);
    const first = await entryOf(ledger, keyOf(0));
    const spec = await ledger.bytes(first.spec as string);
    const { bytes } = module;
    const make = async (who: number) => {
      const about = {
        by: 'pool',
        title: first.title,
        identity: randomUUID(),
        digest: `${who}`.padStart(64, '0'),
      } as const;
      const wanted = { digest: about.digest, make: () => ({ ...about, spec, modules: [bytes] }) };
      const claim = await ledger.claim(keyOf(who), wanted);
      if (claim.kind !== 'held') throw new Error(`job ${who} is there already`);
      await ledger.save(claim.held, waiting(who), { paid: first.paid, spent: first.spent, calling: first.calling });
    };
    const began = now();
    for (let who = 1; who < count; who += width) {
      await Promise.all(Array.from({ length: Math.min(width, count - who) }, (_, i) => make(who + i)));
      if (who % 10_000 === 1) say({ told: `${who} of ${count} jobs made, ${((now() - began) / 1000).toFixed(0)} s` });
    }
    const made = now() - began;
    await ledger.close();
    await store.close();
    return { made: [made / (count - 1)], bytes: [statSync(join(folder, 'data.mdb')).size] };
  },

  /** A pool has some of them, and wakes some of these. */
  async hold({ folder, count, samples }) {
    const answers = new Map<number, (answer: number) => void>();
    const ask = (who: number) => new Promise<number>((resolve) => answers.set(who, resolve));
    const pool = new Pool({ threads: 2, store: folder, services: { env: { ask } }, maxLive: width, sleepAfter: 500 });
    const jobs = new Map<string, Job<unknown>>();
    const bring = async (from: number, to: number) => {
      const keys = Array.from({ length: to - from }, (_, i) => keyOf(from + i));
      for (const [key, job] of await pool.recover(keys)) jobs.set(key, job);
      while (answers.size < to || pool.stats.asleep < to) await sleep(50);
    };
    await bring(0, width);
    const few = await memory();
    for (let at = width; at < count; at += width) {
      await bring(at, Math.min(count, at + width));
      if (at % 5000 === 0) say({ told: `${at} of ${count} jobs brought back by a pool` });
    }
    const all = await memory();
    const results: number[] = [];
    for (const who of some(count, samples)) {
      const began = now();
      answers.get(who)?.(who);
      const [value] = (await (jobs.get(keyOf(who)) as Job<unknown>).result) as unknown[];
      results.push(now() - began);
      check(who, value);
    }
    await pool.terminate();
    const each = (name: keyof Memory) => (all[name] - few[name]) / (count - width);
    return { rss: [each('rss')], heap: [each('heap')], results };
  },

  /** They are in the store, and in no pool: all of them are listed, and some taken out and run here. */
  async list({ folder, samples }) {
    const store = await openStore(folder);
    const ledger = new Ledger(store, 10_000);
    const before = await memory();
    const lists: number[] = [];
    let keys: string[] = [];
    for (let i = 0; i < 5; i++) {
      const began = now();
      keys = [];
      for await (const { key, entry } of ledger.entries())
        if (!(entry instanceof Error) && entry.state === 'live') keys.push(key);
      lists.push(now() - began);
    }
    const after = await memory();
    const wakes: number[] = [];
    for (const at of some(keys.length, samples)) {
      const key = keys[at] as string;
      const who = Number(key.slice('sleeper '.length));
      const began = now();
      const { checkpoint } = await entryOf(ledger, key);
      const { vm: saved } = JobSnapshot.decode(await ledger.state(checkpoint as string));
      const vm = VM.restore(saved, { modules: [module], imports });
      check(who, answered(vm, who));
      wakes.push(now() - began);
      vm.dispose();
    }
    await store.close();
    return { lists, keys: [keys.length], rss: [before.rss, after.rss], heap: [before.heap, after.heap], wakes };
  },

  /** A pool takes them out of the store, one after the other, asks for each again, and has its result there. */
  async recover({ folder, count, samples }) {
    const pool = new Pool({ threads: 2, store: folder, services: { env: { ask: (who: number) => who } } });
    const results: number[] = [];
    // Some have their results already.
    for (const who of some(count, 4 * samples, 1_000_000)) {
      if (results.length === samples) break;
      const began = now();
      const job = (await pool.recover([keyOf(who)])).get(keyOf(who));
      if (job === undefined) continue;
      const [value] = (await job.result) as unknown[];
      results.push(now() - began);
      check(who, value);
    }
    await pool.close();
    return { results };
  },
};

process.once('message', async (order: Order) => {
  say({ found: await parts[order.part](order) });
  process.disconnect();
});
