// A short run of fuzz.ts.

import test from 'ava';
import { differenceOf } from './fuzz.ts';

const programs = 120;

test(`${programs} random programs run alike on both engines, and going between them`, (t) => {
  for (let seed = 0; seed < programs; seed++) t.is(differenceOf(seed), undefined, `seed ${seed}`);
});
