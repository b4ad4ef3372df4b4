// What threads are told about modules, and about the VMs that they have kept.

import test, { type ExecutionContext } from 'ava';
import { Threads } from '../../../src/pool/job/threads.ts';
import { bounds, codeCost, moduleCost } from '../../../src/pool/line/bounds.ts';
import type { Rewritten } from '../../../src/rewrite/module/module.ts';
import { arithmetic, moduleOf, summing } from '../guests.ts';

const options = {
  threads: 1,
  execArgv: undefined,
  resourceLimits: undefined,
  crowded: new Int32Array(1),
  cache: undefined,
};
function setBound(t: ExecutionContext, name: keyof typeof bounds, value: number): void {
  const before = bounds[name];
  bounds[name] = value;
  t.teardown(() => {
    bounds[name] = before;
  });
}

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

test.serial('a thread forgets the modules that it has not used for longest', async (t) => {
  const threads = new Threads(options, events);
  t.teardown(() => threads.end());
  const [id] = threads.ids as [number];
  const modules = await Promise.all(
    Array.from({ length: 40 }, (_, i) => moduleOf(`(module (func (export "f${i % 10}${i}")))`)),
  );
  setBound(t, 'threadModules', 32 * moduleCost(arithmetic.bytes.length));
  const forgotten = modules.flatMap((module) => [
    ...threads.partFor(id, [arithmetic], 0, true).forget,
    ...threads.partFor(id, [module], 0, true).forget,
  ]);
  t.true(forgotten.length > 5 && forgotten.length < 12, `${forgotten.length}`);
  t.deepEqual(
    forgotten,
    modules.slice(0, forgotten.length).map((module) => module.hash),
  );
  t.is(
    threads.partFor(id, [modules[0] as (typeof modules)[number]], 0, true).modules[0]?.bytes?.length,
    modules[0]?.bytes.length,
  );
});

test.serial('a VM is kept until its job is elsewhere or there are too many', async (t) => {
  const threads = new Threads({ ...options, threads: 2 }, events);
  t.teardown(() => threads.end());
  const [id] = threads.ids as [number];
  const part = (job: number) => threads.partFor(id, [], job, true);
  t.like(part(7), { warm: false, keep: true, drop: [] });
  threads.kept(id, 7, 100);
  t.true(part(7).warm);
  t.false(part(7).warm);
  threads.kept(id, 7, 100);
  threads.cool(id, 7);
  t.like(part(7), { warm: false, drop: [7] });
  t.deepEqual(part(7).drop, []);
  setBound(t, 'warmCount', 16);
  for (let job = 0; job < 20; job++) threads.kept(id, job, 100);
  t.like(part(3), { warm: false, drop: [0, 1, 2, 3] });
  t.true(part(4).warm);
  t.false(threads.partFor(id, [], 8, false).keep);
});

test.serial('or they are too large together', async (t) => {
  const threads = new Threads(options, events);
  t.teardown(() => threads.end());
  const [id] = threads.ids as [number];
  setBound(t, 'warmVms', 1000);
  for (let job = 0; job < 6; job++) threads.kept(id, job, 300);
  t.like(threads.partFor(id, [], 9, true), { drop: [0, 1, 2] });
  threads.kept(id, 6, 2000);
  t.like(threads.partFor(id, [], 9, true), { drop: [3, 4, 5, 6] });
});

test.serial('a module that an order needs is not forgotten, however large it is', async (t) => {
  const threads = new Threads(options, events);
  t.teardown(() => threads.end());
  const [id] = threads.ids as [number];
  setBound(t, 'threadModules', 1);
  t.deepEqual(threads.partFor(id, [arithmetic, summing], 0, true).forget, []);
  t.deepEqual(threads.partFor(id, [arithmetic, summing], 0, true).forget, []);
  t.deepEqual(threads.partFor(id, [summing], 0, true).forget, [arithmetic.hash]);
});

test.serial('native code for other threads is kept up to its bound, the least recently made goes first', async (t) => {
  const threads = new Threads(options, events);
  t.teardown(() => threads.end());
  const [id] = threads.ids as [number];
  setBound(t, 'mainCode', 2.5 * codeCost(1000));
  const modules = await Promise.all([1, 2, 3].map((i) => moduleOf(`(module (func (export "code${i}")))`)));
  for (const module of modules) {
    const code = new Map([[true, { size: 1000 } as Rewritten]]);
    threads.compiled(id, [{ hash: module.hash, code }], [module]);
  }
  // A thread that has forgotten them is sent what is still there.
  setBound(t, 'threadModules', 1);
  threads.partFor(id, [], 0, true);
  const sent = modules.map((module) => threads.partFor(id, [module], 0, true).modules[0]?.code !== undefined);
  t.deepEqual(sent, [false, true, true]);
});
