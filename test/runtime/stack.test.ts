import test from 'ava';
import { Stack } from '../../src/runtime/frame.ts';
import { WeakRows } from '../../src/runtime/kept/weak-rows.ts';
import { ExhaustionError } from '../../src/spec/errors.ts';

/** A stack of frames of one slot each, with the numbers of its slots in them. */
function stackOf(count: number, limits = { frames: 100, slots: 10_000 }): Stack {
  const stack = new Stack(limits);
  for (let i = 0; i < count; i++) {
    stack.push(i, 10 * i, i);
    stack.words[2 * i] = 100 + i;
    stack.top = i + 1;
  }
  return stack;
}

const told = (stack: Stack) =>
  Array.from({ length: stack.depth }, (_, i) => [
    stack.func(i),
    stack.pc(i),
    stack.base(i),
    ...stack.words.subarray(2 * stack.base(i), 2 * stack.end(i)),
  ]);

test('frames that are lifted off can be put back anywhere, and more than once', (t) => {
  const stack = stackOf(5);
  const lifted = stack.lift(2, 2);
  t.deepEqual(told(stack), told(stackOf(2)));
  t.deepEqual([stack.depth, stack.top], [2, 2]);
  stack.put(lifted);
  t.deepEqual(told(stack), told(stackOf(5)));
  const other = stackOf(90);
  other.put(lifted);
  t.deepEqual(told(other).slice(0, 90), told(stackOf(90)));
  t.deepEqual(told(other).slice(90), [
    [2, 20, 90, 102, 0],
    [3, 30, 91, 103, 0],
    [4, 40, 92, 104, 0],
  ]);
});

test('nothing can be lifted off, and put back where it is nothing', (t) => {
  const stack = stackOf(3);
  stack.put(stack.lift(3, 3));
  t.deepEqual(told(stack), told(stackOf(3)));
});

test('what has no room is not put back', (t) => {
  const lifted = stackOf(60).lift(0, 0);
  const full = stackOf(50);
  t.throws(() => full.put(lifted), { instanceOf: ExhaustionError });
  t.deepEqual(told(full), told(stackOf(50)));
  const narrow = stackOf(5, { frames: 100, slots: 50 });
  t.throws(() => narrow.put(lifted), { instanceOf: ExhaustionError });
  t.deepEqual(told(narrow), told(stackOf(5)));
});

test('weak rows give those that are held', (t) => {
  const rows = new WeakRows();
  const held = Array.from({ length: 5000 }, (_, i) => Int32Array.of(i));
  for (const row of held) rows.add(row);
  t.deepEqual(rows.live(), held);
});
