// Deadlines of work: they end it, within each other, and not after it.

import test from 'ava';
import { LimitError } from '../../src/spec/errors.ts';
import { checkDeadline, withDeadline } from '../../src/spec/patience.ts';

const ended = { instanceOf: LimitError, message: /^time: the deadline has passed while counting/ };
const past = () => performance.now() - 1;
const future = () => performance.now() + 1e9;

/** Ends by itself after a while. */
function count(steps = 100_000): number {
  for (let i = 0; i < steps; i++) checkDeadline('counting');
  return steps;
}

test('work goes on without a deadline and before it', (t) => {
  t.is(count(), 100_000);
  t.is(withDeadline(Number.POSITIVE_INFINITY, count), 100_000);
  t.is(withDeadline(future(), count), 100_000);
});

test('work ends at the first look after its deadline', (t) => {
  t.throws(() => withDeadline(past(), () => count(1)), ended);
  t.throws(() => withDeadline(performance.now() + 5, () => count(Number.POSITIVE_INFINITY)), ended);
});

test('of deadlines within each other the earlier counts, and each ends with its work', (t) => {
  t.throws(() => withDeadline(past(), () => withDeadline(future(), count)), ended);
  const done = withDeadline(future(), () => {
    t.throws(() => withDeadline(past(), count), ended);
    return count();
  });
  t.is(done, 100_000);
  t.is(count(), 100_000);
});
