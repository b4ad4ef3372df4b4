// What threads are told about modules.

import test from 'ava';
import { Threads } from '../../src/pool/threads.ts';
import { arithmetic, moduleOf, summing } from './guests.ts';

const options = { threads: 1, execArgv: undefined, resourceLimits: undefined };
const events = { born: () => {}, died: () => {}, extinct: () => {} };

test('the bytes of a module go to a thread once', async (t) => {
  const threads = new Threads({ ...options, threads: 2 }, events);
  t.teardown(() => threads.end());
  const [first, second] = threads.ids as [number, number];
  const withBytes = (id: number) =>
    threads.partFor(id, [arithmetic, summing]).modules.map((parcel) => parcel.bytes !== undefined);
  t.deepEqual(
    [withBytes(first), withBytes(first), withBytes(second)],
    [
      [true, true],
      [false, false],
      [true, true],
    ],
  );
  t.not(threads.partFor(first, []).slot, threads.partFor(second, []).slot);
});

test('a thread forgets the modules that it has not used for longest', async (t) => {
  const threads = new Threads(options, events);
  t.teardown(() => threads.end());
  const [id] = threads.ids as [number];
  const modules = await Promise.all(Array.from({ length: 40 }, (_, i) => moduleOf(`(module (func (export "f${i}")))`)));
  const forgotten = modules.flatMap((module) => [
    ...threads.partFor(id, [arithmetic]).forget,
    ...threads.partFor(id, [module]).forget,
  ]);
  t.deepEqual(
    forgotten,
    modules.slice(0, 9).map((module) => module.hash),
  );
  t.is(
    threads.partFor(id, [modules[0] as (typeof modules)[number]]).modules[0]?.bytes?.length,
    modules[0]?.bytes.length,
  );
});
