// A short run of the differential fuzzer; `npm run fuzz` goes on for as long as you like.

import test from 'ava';
import { compare, newTally } from './compare.ts';
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
  t.true(tally.native === 3 * tally.calls && tally.interpreter === tally.native);
  t.true(tally.restored > 0 && tally.suspended > tally.restored);
});
