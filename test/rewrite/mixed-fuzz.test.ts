// A short run of fuzz.ts with engines that mix.

import test from 'ava';
import { mixAtRandom } from '../fuzz/choice.ts';
import { differenceOf } from './fuzz.ts';

const programs = 80;

mixAtRandom();

test(`${programs} random programs run alike with a random half of their functions native, and going between engines`, (t) => {
  for (let seed = 0; seed < programs; seed++) t.is(differenceOf(seed), undefined, `seed ${seed}`);
});
