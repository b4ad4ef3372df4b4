// Tenants: each has its share of the threads, however many jobs it has and however long their slices are.

import test from 'ava';
import { Pool } from '../../../src/pool/index.ts';
import { Scheduler } from '../../../src/pool/line/scheduler.ts';
import { Shares } from '../../../src/pool/line/shares.ts';
import { type Ticket, ticket } from '../../../src/pool/line/ticket.ts';
import { sumBelow, summing } from '../guests.ts';

interface Named extends Ticket {
  readonly name: string;
}
const job = (tenant: string | undefined, priority = 0, name = tenant ?? ''): Named => ({
  ...ticket({ tenant, priority, affinity: 'keep' }),
  name,
});

function scheduler(weights: Readonly<Record<string, number>> = {}, threads = 1): Scheduler<Named> {
  const made = new Scheduler<Named>(new Shares({ live: 10_000 }), (tenant) => weights[tenant] ?? 1);
  for (let id = 1; id <= threads; id++) made.addThread(id);
  return made;
}

/** How many slices each name has of so many; `long`: how many slices' time a slice of a tenant takes. */
function shares(line: Scheduler<Named>, count: number, long: Readonly<Record<string, number>> = {}) {
  const had: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const next = line.next();
    if (next === undefined) break;
    had[next.job.name] = (had[next.job.name] ?? 0) + 1;
    line.charge([next.job], [long[next.job.tenant ?? ''] ?? 1]);
    line.release(next.thread);
    line.enqueue(next.job);
  }
  return had;
}

test('one job of a tenant has as much as a hundred of another', (t) => {
  const line = scheduler();
  for (let i = 0; i < 100; i++) line.enqueue(job('many'));
  line.enqueue(job('one'));
  const { many = 0, one = 0 } = shares(line, 400);
  t.true(Math.abs(many - one) <= 2, `${many} ${one}`);
});

test('jobs without a tenant are one', (t) => {
  const line = scheduler();
  for (let i = 0; i < 10; i++) line.enqueue(job(undefined, 0, 'none'));
  line.enqueue(job('one'));
  const { none = 0, one = 0 } = shares(line, 100);
  t.true(Math.abs(none - one) <= 2, `${none} ${one}`);
});

test('shares are as weights say', (t) => {
  const line = scheduler({ a: 3, b: 0.5 });
  for (const name of ['a', 'b', 'c', 'c', 'c']) line.enqueue(job(name));
  const { a = 0, b = 0, c = 0 } = shares(line, 900);
  t.true(Math.abs(a - 600) <= 3 && Math.abs(b - 100) <= 3 && Math.abs(c - 200) <= 3, `${a} ${b} ${c}`);
});

test('who takes ten times as long has a tenth of the slices', (t) => {
  const line = scheduler();
  for (const name of ['slow', 'a', 'b']) line.enqueue(job(name));
  const { slow = 0, a = 0, b = 0 } = shares(line, 2100, { slow: 10 });
  t.true(Math.abs(slow - 100) <= 3, `${slow} ${a} ${b}`);
  t.true(Math.abs(a - b) <= 2);
});

test('slices that take next to nothing count for something', (t) => {
  const line = scheduler();
  for (const name of ['quick', 'a']) line.enqueue(job(name));
  const { quick = 0, a = 0 } = shares(line, 2100, { quick: 0 });
  t.true(a >= 90 && quick > a, `${quick} ${a}`);
});

test('short jobs that go together count for what they take, not for how many they are', (t) => {
  const line = scheduler();
  for (let i = 0; i < 10_000; i++) line.enqueue(job('short'));
  line.enqueue(job('long'));
  let [messages, slices] = [0, 0];
  for (let i = 0; i < 200; i++) {
    const next = line.next();
    if (next === undefined) return t.fail();
    const isShort = next.job.name === 'short';
    const jobs = isShort ? [next.job, ...line.more(next.thread, 31, (other) => other.name === 'short')] : [next.job];
    if (isShort) messages++;
    else slices++;
    // Thirty-two of them take a tenth of a slice.
    line.charge(
      jobs,
      jobs.map(() => (isShort ? 0.1 : 1) / jobs.length),
    );
    line.release(next.thread);
    if (!isShort) line.enqueue(next.job);
    else for (const each of jobs) line.retire(each);
  }
  t.true(Math.abs(messages - 10 * slices) <= 12, `${messages} ${slices}`);
});

test('who had nothing to do has saved nothing up, and owes what it used', (t) => {
  const line = scheduler();
  const late = job('late');
  line.enqueue(job('early'));
  shares(line, 500);
  line.enqueue(late);
  const { early = 0, late: had = 0 } = shares(line, 100);
  t.true(Math.abs(early - had) <= 2, `${early} ${had}`);
  // A tenant that comes and goes is not new each time.
  const other = scheduler();
  other.enqueue(job('steady'));
  let [steady, hasty] = [0, 0];
  for (let i = 0; i < 300; i++) {
    const fresh = job('hasty');
    other.enqueue(fresh);
    const next = other.next();
    if (next === undefined) return t.fail();
    if (next.job.name === 'steady') steady++;
    else hasty++;
    other.charge([next.job], [next.job.name === 'hasty' ? 3 : 1]);
    other.release(next.thread);
    if (next.job.name === 'steady') other.enqueue(next.job);
    else other.retire(next.job);
    other.remove(fresh);
  }
  t.true(steady > 2 * hasty, `${steady} ${hasty}`);
});

test('within a tenant, jobs take turns by their priorities', (t) => {
  const line = scheduler();
  line.enqueue(job('a', 0, 'low'));
  line.enqueue(job('a', 2, 'high'));
  line.enqueue(job('b'));
  const { low = 0, high = 0, b = 0 } = shares(line, 500);
  t.true(Math.abs(b - 250) <= 2 && Math.abs(low - 50) <= 2 && Math.abs(high - 200) <= 2, `${low} ${high} ${b}`);
});

test('what is urgent comes before all tenants', (t) => {
  const line = scheduler({ a: 1000 });
  line.enqueue(job('a'));
  shares(line, 50);
  line.enqueue(job('b'), true);
  t.is(line.next()?.job.name, 'b');
});

test('a tenant whose jobs are all of a busy thread keeps no other one from an idle thread', (t) => {
  const line = scheduler({}, 2);
  const pinned = Array.from({ length: 3 }, () => ({ ...job('a'), isPinned: true, thread: 1 }));
  const first = { ...job('a'), thread: 1 };
  line.enqueue(first);
  t.is(line.next()?.thread, 1);
  for (const each of pinned) line.enqueue(each);
  line.enqueue(job('b'));
  t.like(line.next(), { job: { name: 'b' }, thread: 2 });
  t.is(line.next(), undefined);
});

test('lines of tenants that have gone do not stay', (t) => {
  const line = scheduler();
  for (let i = 0; i < 5000; i++) {
    line.enqueue(job(`tenant ${i}`));
    const next = line.next();
    if (next === undefined) return t.fail();
    line.retire(next.job);
    line.release(next.thread);
  }
  const { tenants } = line as unknown as { tenants: { lines: Map<string, unknown> } };
  t.true(tenants.lines.size < 5, `${tenants.lines.size}`);
});

for (const engine of ['interpreter', 'native'] as const)
  test(`${engine}: a tenant that comes late waits for no crowd of another's`, async (t) => {
    await using pool = new Pool({ threads: 1, tenants: { late: { weight: 2 } } });
    const ended: string[] = [];
    const submit = (tenant: string, n: number) => {
      const job = pool.submit({ module: summing, export: 'sum', args: [n], sliceFuel: 20_000, engine, tenant });
      void job.result.then(() => ended.push(tenant));
      return job.result;
    };
    const crowd = Array.from({ length: 40 }, () => submit('crowd', 30_000));
    const late = submit('late', 30_000);
    t.deepEqual(await late, [sumBelow(30_000)]);
    t.true(ended.filter((name) => name === 'crowd').length < 20, `${ended.length}`);
    await Promise.all(crowd);
    t.is(ended.length, 41);
  });
