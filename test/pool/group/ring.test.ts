// A ring of members on a pool: cut while it runs, gone on with on threads and without, its threads killed: nothing is lost, nothing
// comes twice.

import test from 'ava';
import { Pool } from '../../../src/pool/index.ts';
import { Group } from '../../../src/talk/index.ts';
import { Random } from '../../fuzz/random.ts';
import {
  engines,
  expected,
  killThread,
  links,
  otherEngine,
  poolRing,
  RingService,
  restoredRing,
  resultsOf,
  returned,
  ringOf,
} from './guests.ts';

const members = 24;
const all = Array.from({ length: members }, () => expected);

for (const engine of engines) {
  test(`${engine}: a ring comes to its end, and asks each call once`, async (t) => {
    const env = new RingService();
    await using pool = new Pool({ threads: 2, services: { env } });
    const group = await poolRing(pool, members, { engine, identity: 'ring' });
    t.deepEqual(await returned(group), all);
    t.is(new Set(env.calls).size, env.calls.length);
    t.is(env.calls.length, members * 4);
    t.is(env.calls.filter((call) => call.startsWith('ring/member 3 ')).length, 4);
    t.true(group.fuelUsed > 0);
    group.dispose();
  });

  test(`${engine}: cut at random moments, it goes on on another engine, on a pool and on one thread`, async (t) => {
    const random = new Random(engine === 'native' ? 5 : 6);
    const env = new RingService();
    await using pool = new Pool({ threads: 2, services: { env } });
    for (let i = 0; i < 8; i++) {
      const group = await poolRing(pool, members, { engine, sliceFuel: 1 + random.below(2000) });
      const run = group.run();
      await new Promise((resolve) => setTimeout(resolve, random.below(8)));
      const cut = await group.save();
      await run;
      // It has ended already, which is told again.
      t.deepEqual(await returned(group), all);
      group.dispose();
      const bytes = cut.encode();
      const options = { engine: otherEngine(engine) };
      t.deepEqual(await resultsOf(await restoredRing(bytes, options)), all);
      const resumed = pool.resumeGroup(bytes, { ...options, modules: [await links] });
      t.deepEqual(await returned(resumed), all);
      resumed.dispose();
    }
  });

  test(`${engine}: threads that die cost no message and no answer where the group is copied`, async (t) => {
    const random = new Random(7);
    const env = new RingService();
    const pool = new Pool({ threads: 2, services: { env } });
    t.teardown(() => pool.terminate());
    const group = await poolRing(pool, members, { engine, sliceFuel: 500, onCrash: 'retry', identity: 'ring' });
    const run = returned(group);
    let isOver = false;
    const over = run.finally(() => {
      isOver = true;
    });
    for (let i = 0; i < 6 && !isOver; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20 + random.below(30)));
      killThread(pool, (ids) => random.pick(ids));
    }
    await over;
    t.deepEqual(await run, all);
    t.is(new Set(env.calls).size, env.calls.length, 'a call was asked twice');
  });
}

test('a group that began on one thread goes on on a pool', async (t) => {
  await using pool = new Pool({ threads: 2, services: { env: new RingService() } });
  const group = await ringOf(members, { engine: 'interpreter', sliceFuel: 100 });
  await group.run({ timeout: 2 });
  const resumed = pool.resumeGroup(group.save(), { engine: 'native', modules: [await links] });
  t.deepEqual(await returned(resumed), all);
  t.deepEqual(await resultsOf(group), all);
  t.true(group instanceof Group);
  resumed.dispose();
});
