import test from 'ava';
import { Scheduler } from '../../../src/pool/line/scheduler.ts';
import { Shares } from '../../../src/pool/line/shares.ts';
import { type Affinity, type Ticket, ticket } from '../../../src/pool/line/ticket.ts';

interface Named extends Ticket {
  readonly name: string;
}
const job = (name: string, priority = 0, affinity: Affinity = 'keep'): Named => ({
  ...ticket({ priority, affinity }),
  name,
});

function schedulerWith(threads: number, maxLive = 100): Scheduler<Named> {
  const scheduler = new Scheduler<Named>(new Shares({ live: maxLive }));
  for (let id = 1; id <= threads; id++) scheduler.addThread(id);
  return scheduler;
}

/** Runs slices on the only thread, each job coming back for more; tells whose turn it was. */
function turns(scheduler: Scheduler<Named>, count: number): string {
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const next = scheduler.next();
    if (next === undefined) break;
    names.push(next.job.name);
    scheduler.release(next.thread);
    scheduler.enqueue(next.job);
  }
  return names.join('');
}

test('jobs of equal priority take turns', (t) => {
  const scheduler = schedulerWith(1);
  for (const name of 'abc') scheduler.enqueue(job(name));
  t.is(turns(scheduler, 9), 'abcabcabc');
});

test('a job that comes late is next, before those that have had a slice', (t) => {
  const scheduler = schedulerWith(1);
  for (const name of 'ab') scheduler.enqueue(job(name));
  turns(scheduler, 100);
  scheduler.enqueue(job('x'));
  t.true(turns(scheduler, 2).includes('x'));
});

test('each step of priority doubles the share, and nobody starves', (t) => {
  const scheduler = schedulerWith(1);
  scheduler.enqueue(job('a', 0));
  scheduler.enqueue(job('b', 2));
  const counts = turns(scheduler, 100);
  t.is(counts.replaceAll('b', '').length, 20);
});

test('an urgent job is next whatever its priority', (t) => {
  const scheduler = schedulerWith(1);
  scheduler.enqueue(job('a', 20));
  scheduler.enqueue(job('b', -20), true);
  t.is(scheduler.next()?.job.name, 'b');
});

test('no thread, no slice', (t) => {
  const scheduler = schedulerWith(0);
  scheduler.enqueue(job('a'));
  t.is(scheduler.next(), undefined);
  scheduler.addThread(7);
  t.is(scheduler.next()?.thread, 7);
  t.is(scheduler.next(), undefined);
});

test('with equal claims a job goes where it ran last', (t) => {
  const scheduler = schedulerWith(2);
  const [a, b] = [job('a'), job('b')];
  scheduler.enqueue(a);
  scheduler.enqueue(b);
  const home = new Map([scheduler.next(), scheduler.next()].map((next) => [next?.job.name, next?.thread]));
  for (const thread of [2, 1]) scheduler.release(thread);
  for (const back of [b, a]) scheduler.enqueue(back);
  for (const next of [scheduler.next(), scheduler.next()]) t.is(next?.thread, home.get(next?.job.name));
});

test('a job may run some slices ahead of its turn where it is at home, not more', (t) => {
  const scheduler = schedulerWith(2);
  for (const name of 'abc') scheduler.enqueue(job(name));
  let moves = 0;
  const counts = new Map([...'abc'].map((name) => [name, 0]));
  const home = new Map<string, number>();
  for (let i = 0; i < 300; i++) {
    const both = [scheduler.next(), scheduler.next()];
    for (const next of both) {
      if (next === undefined) continue;
      const { name } = next.job;
      if ((home.get(name) ?? next.thread) !== next.thread) moves++;
      home.set(name, next.thread);
      counts.set(name, (counts.get(name) as number) + 1);
      scheduler.release(next.thread);
      scheduler.enqueue(next.job);
    }
  }
  t.true(moves < 200, `${moves} moves`);
  for (const count of counts.values()) t.true(Math.abs(count - 200) <= 5, [...counts].join(' '));
});

test('a spreading job waits for another thread while there is one', (t) => {
  const scheduler = schedulerWith(2);
  const [spread, other] = [job('s', 0, 'spread'), job('o')];
  scheduler.enqueue(spread);
  const first = scheduler.next();
  scheduler.enqueue(other);
  const second = scheduler.next();
  scheduler.release(first?.thread as number);
  scheduler.enqueue(spread);
  t.is(scheduler.next(), undefined);
  scheduler.removeThread(second?.thread as number);
  t.deepEqual(scheduler.next(), { job: spread, thread: first?.thread as number });
});

test('no more jobs are begun than may be live; those under way go on', (t) => {
  const scheduler = schedulerWith(2, 1);
  const [a, b] = [job('a'), job('b', 5)];
  scheduler.enqueue(a);
  t.is(scheduler.next()?.job, a);
  scheduler.enqueue(b);
  t.is(scheduler.next(), undefined);
  scheduler.release(1);
  scheduler.enqueue(a);
  t.is(scheduler.next()?.job, a);
  scheduler.retire(a);
  t.is(scheduler.next()?.job, b);
});

test('how many could be sent off if others gave up their memory: no more than there are threads', (t) => {
  const scheduler = schedulerWith(2, 3);
  const jobs = [...'abcdefg'].map((name) => job(name));
  t.is(scheduler.crowd, 0);
  for (const each of jobs.slice(0, 3)) {
    scheduler.enqueue(each);
    scheduler.release(scheduler.next()?.thread as number);
  }
  t.is(scheduler.crowd, 0, 'nobody waits');
  scheduler.enqueue(jobs[3] as Named);
  t.is(scheduler.crowd, 1);
  for (const each of jobs.slice(4)) scheduler.enqueue(each);
  t.is(scheduler.crowd, 2);
  scheduler.retire(jobs[0] as Named);
  t.is(scheduler.crowd, 1, 'one has a place');
  t.is(scheduler.next()?.job, jobs[3]);
  t.is(scheduler.crowd, 2);
  for (const each of jobs.slice(0, 4)) scheduler.retire(each);
  t.is(scheduler.crowd, 0);
});

test('a job can be taken out of the line', (t) => {
  const scheduler = schedulerWith(1);
  const jobs = [...'abcde'].map((name, i) => job(name, i % 2));
  for (const each of jobs) scheduler.enqueue(each);
  t.true(scheduler.remove(jobs[2] as Named));
  t.false(scheduler.remove(jobs[2] as Named));
  t.is(scheduler.queued, 4);
  t.false(turns(scheduler, 40).includes('c'));
});

test('a job is in line once, however often it is put there', (t) => {
  const scheduler = schedulerWith(1);
  const [a, b] = [job('a'), job('b')];
  for (const each of [a, b, a]) scheduler.enqueue(each);
  t.is(scheduler.queued, 2);
  t.is(turns(scheduler, 4), 'baba');
});

test('further jobs for a thread are the next ones that are accepted', (t) => {
  const scheduler = schedulerWith(2);
  for (const name of 'abxcd') scheduler.enqueue(job(name));
  const first = scheduler.next();
  t.is(first?.job.name, 'a');
  t.is(scheduler.idling, 1);
  const more = scheduler.more(first?.thread as number, 5, ({ name }) => name !== 'x');
  t.deepEqual(
    more.map(({ name, live, thread }) => [name, live, thread]),
    ['b', 'c', 'd'].map((name) => [name, true, first?.thread]),
  );
  t.is(scheduler.idling, 1);
  t.is(scheduler.next()?.job.name, 'x');
  t.is(scheduler.queued, 0);
});

test('no other job of a tenant goes along where it is the turn of another', (t) => {
  const scheduler = schedulerWith(1);
  const [a, b, other] = [job('a'), job('b'), { ...job('o'), tenant: 'other' }];
  for (const each of [a, b, other]) scheduler.enqueue(each);
  const thread = scheduler.next()?.thread as number;
  t.deepEqual(
    scheduler.more(thread, 5, ({ name }) => name !== 'o'),
    [],
  );
  t.deepEqual(
    scheduler.more(thread, 5, () => true),
    [other, b],
  );
});

test('nobody overtakes what is urgent, or of another tenant, or far behind', (t) => {
  const scheduler = schedulerWith(1);
  const [a, b, c] = [job('a'), job('b'), job('c')];
  scheduler.enqueue(a);
  const thread = scheduler.next()?.thread as number;
  for (const each of [b, c]) scheduler.enqueue(each);
  scheduler.enqueue(job('u'), true);
  t.deepEqual(
    scheduler.more(thread, 5, ({ name }) => name !== 'u'),
    [],
  );
  t.is(scheduler.more(thread, 1, () => true)[0]?.name, 'u');
  c.pass = b.pass;
  scheduler.remove(c);
  c.pass = b.pass + 5;
  scheduler.enqueue(c);
  t.deepEqual(
    scheduler.more(thread, 5, ({ name }) => name !== 'b'),
    [],
  );
});

test('what was sent off and has not run stands in its place again, with the memory that it had', (t) => {
  const scheduler = schedulerWith(1);
  const [a, b] = [job('a'), job('b')];
  for (const each of [a, b]) scheduler.enqueue(each);
  const thread = scheduler.next()?.thread as number;
  const pass = b.pass;
  scheduler.more(thread, 1, () => true);
  scheduler.putBack(b, false);
  t.like(b, { live: true, thread, pass });
  scheduler.more(thread, 1, () => true);
  scheduler.putBack(b);
  t.like(b, { live: false, thread: undefined, pass });
});

test('no more of them than may hold memory', (t) => {
  const scheduler = schedulerWith(1, 3);
  for (const name of 'abcde') scheduler.enqueue(job(name));
  const first = scheduler.next();
  const more = scheduler.more(first?.thread as number, 10, () => true);
  t.is(more.length, 2);
  scheduler.putBack(more[1] as Named);
  t.is(scheduler.more(1, 10, () => true)[0]?.name, 'c');
});

test('a job that is put back has the place that it had', (t) => {
  const scheduler = schedulerWith(1);
  for (const name of 'abc') scheduler.enqueue(job(name));
  const first = scheduler.next();
  const more = scheduler.more(1, 1, () => true);
  scheduler.enqueue(job('d'));
  scheduler.release(first?.thread as number);
  for (const each of more) scheduler.putBack(each);
  t.is(turns(scheduler, 3), 'bcd');
});
