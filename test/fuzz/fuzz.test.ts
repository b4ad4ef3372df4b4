// A short run of the differential fuzzer; `npm run fuzz` goes on for as long as you like.

import test from 'ava';
import { compare, newTally } from './compare.ts';
import { hostFeatures } from './features.ts';
import { generate } from './generate.ts';
import { Random } from './random.ts';

const programs = 60;

test(`${programs} random programs do the same on the host and on both engines, also when they hop`, (t) => {
  const tally = newTally();
  for (let seed = 0; seed < programs; seed++) {
    const random = new Random(seed);
    t.is(compare(generate(random), random, tally), undefined, `seed ${seed}`);
  }
  t.true(tally.calls > 2 * programs);
  t.true(tally.traps < tally.calls / 5);
  t.true(tally.native > tally.calls && tally.interpreter > 2 * tally.calls);
  t.true(tally.restored > 0 && tally.suspended > tally.restored);
  for (const feature of hostFeatures) t.true((tally.features[feature] ?? 0) > 3, feature);
});

test('hosts of today know all that programs may use', (t) => {
  if (Number.parseInt(process.versions.node, 10) >= 24) t.is(hostFeatures.length, 9);
  else t.true(hostFeatures.includes('legacy-exceptions') && hostFeatures.includes('tail-call'));
});
