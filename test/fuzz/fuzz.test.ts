// A short run of the differential fuzzer; `npm run fuzz` goes on for as long as you like.

import test from 'ava';
import { compare } from './compare.ts';
import { generate } from './generate.ts';
import { Random } from './random.ts';

const programs = 300;

test(`${programs} random programs do the same on the host and on ours, also when they hop`, (t) => {
  let calls = 0;
  for (let seed = 0; seed < programs; seed++) {
    const random = new Random(seed);
    const program = generate(random);
    calls += program.functions.length;
    t.is(compare(program, random), undefined, `seed ${seed}`);
  }
  t.true(calls > 2 * programs);
});
