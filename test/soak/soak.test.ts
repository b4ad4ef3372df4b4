// Nothing of what jobs leave behind stays, on the main thread and on the pool's threads: all kinds of jobs, again and
// again, and what is held in between. `npm run soak` does the same for as long as you like.

import test from 'ava';
import { bounds, moduleCost } from '../../src/pool/bounds.ts';
import { Pool } from '../../src/pool/index.ts';
import { kindNames, kinds } from './kinds.ts';
import { changes, isFlat, type Sample, sample, toText } from './measure.ts';

const warmUps = 3;
const rounds = 8;
/** So few that the threads have as many of them after the warm-up as they may. */
const modules = 60;

test('memory is flat, whatever kinds of jobs come and go', async (t) => {
  bounds.threadModules = modules * moduleCost(1000);
  await using pool = new Pool({ threads: 2 });
  const samples: Sample[] = [];
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const name of kindNames) t.true((await kinds[name](pool, round)) > 0, name);
    if (round >= warmUps) samples.push(await sample(pool));
  }
  t.is(pool.stats.jobs, 0);
  for (const change of changes(samples)) {
    t.log(toText(change));
    t.true(isFlat(change), toText(change));
  }
});
