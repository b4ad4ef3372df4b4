// A ring of a hundred members is cut at random moments, in the midst of messages and services, and restored, also in other
// processes: nothing is lost, nothing comes twice, and the order of each port is kept.

import test from 'ava';
import { Random } from '../fuzz/random.ts';
import { chorus, restoredChorus, wrongWith } from './chorus.ts';
import { ranElsewhere } from './elsewhere.ts';
import { expected, restoredRing, resultsOf, ringOf } from './ring.ts';
import { type Engine, engines, otherEngine, turns } from './world.ts';

/** Cuts of one ring; more by WASBOX_CUTS. Each copy runs to its end, the ring itself is the next copy. */
const cuts = Number(process.env.WASBOX_CUTS ?? 30);
const members = 100;
/** Every so many cuts, another process goes on. */
const elsewhere = 15;

const all = Array.from({ length: members }, () => expected);

test('a ring that is not cut', async (t) => {
  for (const engine of engines) t.deepEqual(await resultsOf(await ringOf(members, { engine })), all);
});

test('a ring that is cut again and again ends as one that is not', async (t) => {
  const random = new Random(7);
  let engine: Engine = 'native';
  const sliceFuel = 2000;
  let group = await ringOf(members, { engine, sliceFuel });
  let [done, ended, begun] = [0, 0, 1];
  for (; done < cuts; done++) {
    const outcome = await group.run({ signal: turns(1 + random.below(400)) });
    if (random.chance(2)) await new Promise((resolve) => setImmediate(resolve));
    if (outcome.status === 'ended') {
      t.deepEqual(await resultsOf(group), all);
      ended++;
      begun++;
      group = await ringOf(members, { engine, sliceFuel });
      continue;
    }
    const bytes = group.save().encode();
    engine = otherEngine(engine);
    const copy = await restoredRing(bytes, { engine, sliceFuel });
    // Whichever goes on, the other one comes to the same end.
    const [next, other] = random.chance(2) ? [copy, group] : [group, copy];
    if (done % elsewhere === 1) t.deepEqual(await ranElsewhere(bytes, engine), all, `cut ${done}, in another process`);
    else if (done % 4 === 0) t.deepEqual(await resultsOf(other), all, `cut ${done}`);
    else other.dispose();
    group = next;
  }
  t.deepEqual(await resultsOf(group), all);
  t.true(done === cuts && ended < begun);
});

test('topics and calls, cut again and again', async (t) => {
  const random = new Random(8);
  for (const first of engines) {
    t.deepEqual(await wrongWith(chorus({ engine: first })), []);
    let engine: Engine = first;
    let group = chorus({ engine, sliceFuel: 1000 });
    for (let done = 0; done < cuts; done++) {
      if ((await group.run({ signal: turns(1 + random.below(300)) })).status === 'ended') break;
      const bytes = group.save().encode();
      if (done % 6 === 0) t.deepEqual(await wrongWith(group), [], `cut ${done}`);
      else group.dispose();
      engine = otherEngine(engine);
      if (done === elsewhere) t.deepEqual(await ranElsewhere(bytes, engine, 'chorus.ts'), [], 'in another process');
      group = restoredChorus(bytes, { engine, sliceFuel: 1000 });
    }
    t.deepEqual(await wrongWith(group), []);
  }
});
