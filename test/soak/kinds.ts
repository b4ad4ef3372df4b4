// What jobs a soak is made of, by name: each kind runs a batch of its jobs to their ends, and checks those.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { LinkError, Module, Snapshot, Trap, VM } from '../../src/index.ts';
import { CancelledError, JobLimitError, JobSnapshot, type Pool, SuspendedError } from '../../src/pool/index.ts';
import { arithmetic, moduleOf, sumBelow, summing } from '../pool/guests.ts';

/** How many jobs it was. */
type Kind = (pool: Pool, batch: number) => Promise<number>;

const large = await moduleOf(`(module (memory 128) (func (export "touch") (result i32)
  (i32.store (i32.const 8388604) (i32.const 7)) (i32.load (i32.const 8388604))))`);
const waiting = await moduleOf(`(module (memory 1 1 shared) (func (export "nap") (param $n i32) (local $slept i32)
  (loop $again
    (local.set $slept (i32.add (local.get $slept)
      (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 100000))))
    (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))`);
const asking = await moduleOf(`(module (import "env" "twice" (func $twice (param i32) (result i32)))
  (func (export "ask") (param i32) (result i32) (call $twice (call $twice (local.get 0)))))`);
const counter = await moduleOf(`(module (memory 2) (func (export "count") (param i32) (result i32) (local i32)
  (loop $again
    (i32.store (local.get 1) (local.get 0))
    (br_if $again (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0))))
  (local.get 1)))`);

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

/** The same module, of other bytes each time. */
function distinct({ bytes }: Module, number: number): Module {
  const name = `${number}`.padStart(12, '0');
  const section = [0, name.length + 2, 1, 0x78, ...new TextEncoder().encode(name)];
  return Module.from(Uint8Array.from([...bytes, ...section]));
}

async function fails(result: Promise<unknown>, kind: abstract new (...args: never) => Error): Promise<void> {
  await assert.rejects(result, (error) => error instanceof kind);
}

const both = [
  { engine: 'native', sliceFuel: 20_000 },
  { engine: 'interpreter', sliceFuel: 20_000 },
] as const;

export const kinds = {
  async trivial(pool) {
    const jobs = times(200, (i) => pool.submit({ module: arithmetic, export: 'add', args: [i, 1] }).result);
    for (const [i, result] of (await Promise.all(jobs)).entries()) assert.deepEqual(result, [i + 1]);
    return jobs.length;
  },
  async 'memories of 8 MiB'(pool) {
    const jobs = times(12, (i) => pool.submit({ module: large, export: 'touch', engine: both[i % 2]?.engine }).result);
    for (const result of await Promise.all(jobs)) assert.deepEqual(result, [7]);
    return jobs.length;
  },
  async 'in slices'(pool) {
    const jobs = times(8, (i) => {
      const affinity = i % 4 < 2 ? 'keep' : 'spread';
      return pool.submit({ module: summing, export: 'sum', args: [5000], ...both[i % 2], affinity }).result;
    });
    for (const result of await Promise.all(jobs)) assert.deepEqual(result, [sumBelow(5000)]);
    return jobs.length;
  },
  async traps(pool) {
    await Promise.all(times(20, () => fails(pool.submit({ module: arithmetic, export: 'trap' }).result, Trap)));
    return 20;
  },
  async services(pool) {
    const services = { env: { twice: async (n: number) => 2 * n } };
    const jobs = times(20, () => pool.submit({ module: asking, export: 'ask', args: [5], services }).result);
    for (const result of await Promise.all(jobs)) assert.deepEqual(result, [20]);
    return jobs.length;
  },
  async 'services behind ports'(pool) {
    const { port1, port2 } = new MessageChannel();
    Comlink.expose({ twice: (n: number) => 2 * n }, nodeEndpoint(port2 as never));
    const services = { env: port1 };
    const jobs = times(4, () => pool.submit({ module: asking, export: 'ask', args: [5], services }).result);
    for (const result of await Promise.all(jobs)) assert.deepEqual(result, [20]);
    port1.close();
    return jobs.length;
  },
  async 'services that never answer'(pool) {
    const services = { env: { twice: () => new Promise(() => {}) } };
    const jobs = times(
      10,
      () => pool.submit({ module: asking, export: 'ask', args: [5], services, deadline: 5 }).result,
    );
    await Promise.all(jobs.map((result) => fails(result, JobLimitError)));
    return jobs.length;
  },
  async cancelled(pool) {
    const jobs = times(20, () => pool.submit({ module: counter, export: 'count', args: [60_000], sliceFuel: 10_000 }));
    for (const job of jobs.slice(10)) job.cancel();
    await jobs[0]?.result;
    for (const job of jobs.slice(1, 10)) job.cancel();
    const ends = await Promise.allSettled(jobs.map(({ result }) => result));
    assert(ends.slice(10).every((end) => end.status === 'rejected' && end.reason instanceof CancelledError));
    return jobs.length;
  },
  async 'suspended and resumed'(pool) {
    const jobs = times(6, (i) =>
      pool.submit({ module: counter, export: 'count', args: [2 ** 16 - 8], ...both[i % 2] }),
    );
    const snapshots = await Promise.all(jobs.map((job) => job.suspend()));
    await Promise.all(jobs.map(({ result }) => fails(result, SuspendedError)));
    for (const snapshot of snapshots) {
      const copy = JobSnapshot.decode(snapshot.encode());
      assert.deepEqual(await pool.resume(copy, { modules: [counter] }).result, [2 ** 16 - 8]);
    }
    return 2 * jobs.length;
  },
  async 'out of time'(pool) {
    const jobs = times(4, () => pool.submit({ module: arithmetic, export: 'spin', deadline: 5 }).result);
    await Promise.all(jobs.map((result) => fails(result, JobLimitError)));
    return jobs.length;
  },
  async modules(pool, batch) {
    const jobs = times(40, (i) => {
      const module = distinct(counter, 40 * batch + i);
      return pool.submit({ module, export: 'count', args: [50], engine: i % 4 === 0 ? 'native' : 'auto' }).result;
    });
    for (const result of await Promise.all(jobs)) assert.deepEqual(result, [50]);
    return jobs.length;
  },
  async 'failed links'(pool) {
    await Promise.all(
      times(20, () => fails(pool.submit({ module: asking, export: 'ask', args: [1] }).result, LinkError)),
    );
    return 20;
  },
  async naps(pool) {
    await Promise.all(times(10, () => pool.submit({ module: waiting, export: 'nap', args: [5] }).result));
    return 10;
  },
  async 'endless input'(pool) {
    let given = 0;
    const endless = (function* () {
      for (;;) yield [given++, 1];
    })();
    let taken = 0;
    for await (const [sum] of pool.map(arithmetic, 'add', endless)) {
      assert.equal(sum, ++taken);
      // Of short jobs, so many a thread are under way.
      assert(given <= taken + 32 * pool.stats.threads + 1, `${given} inputs were taken for ${taken} outputs`);
      if (taken === 50) break;
    }
    return given;
  },
  async 'asleep in a store'(pool, batch) {
    const services = { env: { twice: async (n: number) => sleep(n).then(() => 2 * n) } };
    const jobs = times(20, (i) =>
      pool.submit({
        ...{ module: asking, export: 'ask', args: [i], services },
        key: `soak ${batch} ${i}`,
        engine: both[i % 2]?.engine,
      }),
    );
    for (const [i, job] of jobs.entries()) assert.deepEqual(await job.result, [4 * i]);
    for (const { key } of jobs) assert(await pool.forget(key as string));
    return jobs.length;
  },
  async 'saved in a store'(pool, batch) {
    const saveEvery = { fuel: 20_000 };
    const jobs = times(4, (i) =>
      pool.submit({
        module: summing,
        export: 'sum',
        args: [5000],
        key: `saved ${batch} ${i}`,
        saveEvery,
        ...both[i % 2],
      }),
    );
    for (const { result } of jobs) assert.deepEqual(await result, [sumBelow(5000)]);
    for (const { key, stats } of jobs) assert(stats.checkpoints > 0 && (await pool.forget(key as string)));
    return jobs.length;
  },
  async 'snapshots here'(_pool) {
    const vm = new VM();
    vm.start(vm.instantiate(counter).func('count'), [60_000]);
    vm.run({ fuel: 1000 });
    const bytes = vm.save().encode();
    vm.dispose();
    for (let i = 0; i < 10; i++) {
      const restored = VM.restore(Snapshot.decode(bytes), { modules: [counter] });
      assert.equal(restored.status, 'suspended');
      restored.dispose();
    }
    return 10;
  },
} satisfies Record<string, Kind>;

export type KindName = keyof typeof kinds;
export const kindNames = Object.keys(kinds) as KindName[];
