// Modules that Module.compile has made, in a pool: the main thread knows that their bytes are valid and reads nothing else of them,
// the threads take its word.

import test from 'ava';
import { LinkError, Module } from '../../../src/index.ts';
import { type Job, Pool } from '../../../src/pool/index.ts';
import { Threads } from '../../../src/pool/job/threads.ts';
import type { ModuleParcel } from '../../../src/pool/told/protocol.ts';
import { assembleText } from '../../spec/script/assemble.ts';

/** Of more bytes than are compiled on the calling thread. */
const bytes = await assembleText(`(module
  (import "env" "twice" (func $twice (param i32) (result i32)))
  (func $sum (export "sum") (param $n i32) (result i32) (local $i i32) (local $s i32)
    (loop $again
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (local.set $s (i32.add (local.get $s) (local.get $i)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (call $twice (local.get $s)))
  ${Array.from({ length: 4000 }, (_, i) => `(func (result f64) (f64.const ${i}))`).join('\n')})`);
const sum = (n: number): number => Number(BigInt.asIntN(32, BigInt(n) * BigInt(n + 1)));

const services = { env: { twice: (n: number) => (2 * n) | 0 } };

/** Reads what the module declares only once somebody asks. */
const isRead = (module: Module): boolean => Reflect.get(module, 'whole') !== undefined;

for (const engine of ['interpreter', 'native'] as const)
  test(`it runs, is suspended and goes on: ${engine}`, async (t) => {
    const module = await Module.compile(bytes);
    const pool = new Pool({ threads: 2, services });
    try {
      const job: Job<unknown> = pool.submit({ module, export: 'sum', args: [2_000_000], engine, sliceFuel: 100_000 });
      const snapshot = await job.suspend();
      t.deepEqual(await pool.resume(snapshot, { engine }).result, [sum(2_000_000)]);
      const jobs = [10, 20, 30].map((n) => pool.submit({ module, export: 'sum', args: [n], engine }).result);
      t.deepEqual(await Promise.all(jobs), [[sum(10)], [sum(20)], [sum(30)]]);
      const group = pool.group({ services });
      await group.add('a', { module, export: 'sum', args: [10] });
      t.is((await group.run()).status, 'ended');
      group.dispose();
      t.false(isRead(module));
    } finally {
      await pool.close();
    }
  });

test('what a service lacks is told at once, as for any other module', async (t) => {
  const pool = new Pool({ threads: 1 });
  try {
    for (const module of [Module.from(bytes), await Module.compile(bytes)]) {
      const before = isRead(module);
      const submit = () => pool.submit({ module, export: 'sum', args: [1], services: { env: { once: () => 0 } } });
      t.throws(submit, { instanceOf: LinkError, message: /^import env.twice: the service "env" has no such method/ });
      t.is(isRead(module), before);
    }
  } finally {
    await pool.close();
  }
});

test.serial(
  'bytes of any module go to threads on shared memory, and what is known to be valid with its codes',
  async (t) => {
    const parcels: ModuleParcel[] = [];
    const { run } = Threads.prototype;
    Threads.prototype.run = function (id, order, transfer) {
      parcels.push(...order.modules);
      return run.call(this, id, order, transfer);
    };
    t.teardown(() => {
      Threads.prototype.run = run;
    });
    const { codes } = Module.from(bytes);
    for (const module of [Module.from(bytes), await Module.compile(bytes), bytes]) {
      const pool = new Pool({ threads: 1, services });
      // With a deadline it goes alone.
      t.deepEqual(await pool.submit({ module, export: 'sum', args: [5], deadline: 60_000 }).result, [sum(5)]);
      await pool.close();
      const sent = parcels.splice(0).filter((parcel) => parcel.bytes !== undefined);
      t.is(sent.length, 1);
      t.true(sent[0]?.bytes?.buffer instanceof SharedArrayBuffer);
      t.deepEqual(sent[0]?.codes, module === bytes ? undefined : codes);
    }
  },
);
