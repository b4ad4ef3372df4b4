// How long native code goes on until it looks at the pause flag follows how long it took before.

import test from 'ava';
import { Pace } from '../../src/rewrite/pace.ts';

test('what takes long gets less, what is quick gets more, each within bounds', (t) => {
  const pace = new Pace();
  const first = pace.quantum;
  t.true(pace.took(1.6) < first);
  const less = pace.quantum;
  t.true(pace.took(0.1) > less);
  for (let i = 0; i < 20; i++) pace.took(1e6);
  const least = pace.quantum;
  t.is(pace.took(1e6), least);
  t.true(least > 0);
  for (let i = 0; i < 20; i++) pace.took(0);
  t.is(pace.took(0), pace.quantum);
  t.true(pace.quantum < 2 ** 31);
});
