// The list of those that wait: in order of time, with what they hold together.

import test from 'ava';
import { type Waiter, Waiting } from '../../../src/pool/line/waiting.ts';

interface Named extends Waiter<Named> {
  readonly name: string;
}
const named = (name: string): Named => ({ name, wait: undefined });
const taken = (list: Waiting<Named>, now: number): string[] => {
  const names: string[] = [];
  for (let one = list.takeDue(now); one !== undefined; one = list.takeDue(now)) names.push(one.name);
  return names;
};

test('who has waited for too long is taken, the others are not', (t) => {
  const list = new Waiting<Named>({ ms: 100, bytes: 1000 });
  t.is(list.dueIn(0), undefined);
  const [a, b, c] = ['a', 'b', 'c'].map(named) as [Named, Named, Named];
  for (const [i, job] of [a, b, c].entries()) list.add(job, 10, 20 * i);
  t.is(list.dueIn(50), 50);
  t.deepEqual(taken(list, 99), []);
  t.deepEqual(taken(list, 125), ['a', 'b']);
  t.is(list.bytes, 10);
  t.is(list.dueIn(125), 15);
  list.add(c, 30, 125);
  t.deepEqual([list.bytes, list.dueIn(125)], [30, 100], 'who waits anew begins anew');
});

test('past the bytes the oldest are taken, however short they have waited', (t) => {
  const list = new Waiting<Named>({ ms: 100, bytes: 25 });
  for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) list.add(named(name), 10, i);
  t.deepEqual(taken(list, 4), ['a', 'b']);
  t.is(list.bytes, 20);
  const none = new Waiting<Named>({ ms: 100, bytes: 0 });
  none.add(named('e'), 1, 0);
  t.deepEqual(taken(none, 0), ['e']);
});

test('who leaves is not taken, wherever it was in the list', (t) => {
  for (const leaving of [0, 1, 2]) {
    const list = new Waiting<Named>({ ms: 100, bytes: 1000 });
    const jobs = ['a', 'b', 'c'].map(named);
    for (const job of jobs) list.add(job, 10, 0);
    list.remove(jobs[leaving] as Named);
    list.remove(jobs[leaving] as Named);
    t.is(list.bytes, 20);
    const left = jobs.filter((_, i) => i !== leaving).map(({ name }) => name);
    t.deepEqual([list.take()?.name, list.take()?.name, list.take()], [...left, undefined]);
    t.is(list.bytes, 0);
  }
});
