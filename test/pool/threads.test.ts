// What threads are told about modules, and about the VMs that they have kept.

import test from 'ava';
import { Threads } from '../../src/pool/threads.ts';
import { arithmetic, moduleOf, summing } from './guests.ts';

const options = {
  threads: 1,
  execArgv: undefined,
  resourceLimits: undefined,
  crowded: new Int32Array(1),
  cache: undefined,
};
const events = { born: () => {}, died: () => {}, extinct: () => {} };

test('the bytes of a module go to a thread once', async (t) => {
  const threads = new Threads({ ...options, threads: 2 }, events);
  t.teardown(() => threads.end());
  const [first, second] = threads.ids as [number, number];
  const withBytes = (id: number) =>
    threads.partFor(id, [arithmetic, summing], 0, true).modules.map((parcel) => parcel.bytes !== undefined);
  t.deepEqual(
    [withBytes(first), withBytes(first), withBytes(second)],
    [
      [true, true],
      [false, false],
      [true, true],
    ],
  );
  t.not(threads.partFor(first, [], 0, true).slot, threads.partFor(second, [], 0, true).slot);
});

test('a thread forgets the modules that it has not used for longest', async (t) => {
  const threads = new Threads(options, events);
  t.teardown(() => threads.end());
  const [id] = threads.ids as [number];
  const modules = await Promise.all(Array.from({ length: 40 }, (_, i) => moduleOf(`(module (func (export "f${i}")))`)));
  const forgotten = modules.flatMap((module) => [
    ...threads.partFor(id, [arithmetic], 0, true).forget,
    ...threads.partFor(id, [module], 0, true).forget,
  ]);
  t.deepEqual(
    forgotten,
    modules.slice(0, 9).map((module) => module.hash),
  );
  t.is(
    threads.partFor(id, [modules[0] as (typeof modules)[number]], 0, true).modules[0]?.bytes?.length,
    modules[0]?.bytes.length,
  );
});

test('a VM is kept until its job is elsewhere or there are too many', async (t) => {
  const threads = new Threads({ ...options, threads: 2 }, events);
  t.teardown(() => threads.end());
  const [id] = threads.ids as [number];
  const part = (job: number) => threads.partFor(id, [], job, true);
  t.like(part(7), { warm: false, keep: true, drop: [] });
  threads.kept(id, 7);
  t.true(part(7).warm);
  t.false(part(7).warm);
  threads.kept(id, 7);
  threads.cool(id, 7);
  t.like(part(7), { warm: false, drop: [7] });
  t.deepEqual(part(7).drop, []);
  for (let job = 0; job < 20; job++) threads.kept(id, job);
  t.like(part(3), { warm: false, drop: [0, 1, 2, 3] });
  t.true(part(4).warm);
  t.false(threads.partFor(id, [], 8, false).keep);
});
