// What a pool and its tenants may have: jobs, VMs, bytes, slices at once, fuel in a second. Of the bookkeeping by itself, with a clock
// of our own; and of pools, on both engines.

import test from 'ava';
import { LimitError } from '../../../src/index.ts';
import { run } from '../../../src/javascript/node/index.ts';
import { Pool, type PoolGroup } from '../../../src/pool/index.ts';
import { Admission } from '../../../src/pool/job/admission.ts';
import { Scheduler } from '../../../src/pool/line/scheduler.ts';
import { type ShareLimits, Shares } from '../../../src/pool/line/shares.ts';
import { type Ticket, ticket } from '../../../src/pool/line/ticket.ts';
import { arithmetic, moduleOf } from '../guests.ts';

interface Named extends Ticket {
  readonly name: string;
}
const job = (tenant: string): Named => ({ ...ticket({ tenant, priority: 0, affinity: 'keep' }), name: tenant });

interface Bench {
  readonly line: Scheduler<Named>;
  readonly clock: { now: number };
}

function bench(limits: Readonly<Record<string, ShareLimits>>, all: ShareLimits = {}, threads = 4): Bench {
  const clock = { now: 0 };
  const line = new Scheduler<Named>(
    new Shares(
      all,
      (tenant) => limits[tenant],
      () => clock.now,
    ),
  );
  for (let id = 1; id <= threads; id++) line.addThread(id);
  return { line, clock };
}

/** Sends off all that may go now. */
function sent({ line }: Bench): Named[] {
  const jobs: Named[] = [];
  for (let next = line.next(); next !== undefined; next = line.next()) jobs.push(next.job);
  return jobs;
}

function over({ line }: Bench, job: Named, units: number, bytes = 0): void {
  const { thread } = job;
  line.charge([job], [1]);
  line.release(thread as number);
  line.ran(job, units, bytes);
}

const names = (jobs: readonly Named[]): string => jobs.map(({ name }) => name).join('');

test('so many slices of a tenant run at once, and others have the rest', (t) => {
  const all = bench({ a: { running: 1 } });
  for (const name of ['a', 'a', 'a', 'b']) all.line.enqueue(job(name));
  const first = sent(all);
  t.is([...names(first)].sort().join(''), 'ab');
  over(all, first.find(({ name }) => name === 'a') as Named, 0);
  t.is(names(sent(all)), 'a');
});

test('so many slices of all run at once', (t) => {
  const all = bench({}, { running: 3 });
  for (let i = 0; i < 5; i++) all.line.enqueue(job('a'));
  t.is(sent(all).length, 3);
});

test('a tenant that has no VM left begins nothing, and goes on with what has one', (t) => {
  const all = bench({ a: { live: 1 } });
  const [one, two] = [job('a'), job('a')];
  all.line.enqueue(one);
  all.line.enqueue(two);
  t.deepEqual(sent(all), [one]);
  over(all, one, 0);
  all.line.enqueue(one);
  t.deepEqual(sent(all), [one]);
  t.deepEqual(all.line.crowded, ['a']);
  over(all, one, 0);
  all.line.retire(one);
  t.deepEqual(all.line.crowded, []);
  t.deepEqual(sent(all), [two]);
});

for (const whose of ['tenant', 'all'] as const)
  test(`memory that is in use keeps others from beginning: ${whose}`, (t) => {
    const all = whose === 'all' ? bench({}, { bytes: 1000 }) : bench({ a: { bytes: 1000 } });
    const [one, two, three] = [job('a'), job('a'), job('a')];
    all.line.enqueue(one);
    t.deepEqual(sent(all), [one]);
    over(all, one, 0, 999);
    all.line.enqueue(two);
    t.deepEqual(sent(all), [two], 'it had room');
    over(all, two, 0, 1);
    all.line.enqueue(three);
    t.deepEqual(sent(all), []);
    all.line.retire(two);
    t.deepEqual(sent(all), [three]);
    over(all, three, 0, 1);
    all.line.ran(one, 0, 5);
    all.line.enqueue(two);
    t.deepEqual(sent(all), [two], 'one has let go of most of it');
  });

test('a tenant goes on when its fuel is there again, and uses no more than that in the long run', (t) => {
  const all = bench({ a: { fuelPerSecond: 1000 } }, {}, 1);
  const one = job('a');
  all.line.enqueue(one);
  let used = 0;
  let waits = 0;
  for (; all.clock.now < 10_000; ) {
    const [next] = sent(all);
    if (next === undefined) {
      const ms = all.line.readyIn;
      if (ms === undefined || ms <= 0) return t.fail('nothing is told of when it goes on');
      all.clock.now += ms;
      waits++;
      continue;
    }
    over(all, next, 300);
    used += 300;
    all.clock.now += 5;
    all.line.enqueue(next);
  }
  t.true(waits > 10 && used > 9_900 && used <= 10_000 + 500 + 300, `${used} in ten seconds, after ${waits} waits`);
});

test('who rests saves up fuel of half a second, not more', (t) => {
  const all = bench({ a: { fuelPerSecond: 1000 } }, {}, 1);
  all.clock.now = 1e9;
  const one = job('a');
  let used = 0;
  for (;;) {
    all.line.enqueue(one);
    if (sent(all).length === 0) break;
    over(all, one, 100);
    used += 100;
  }
  t.is(used, 500);
});

test('who can go on soon does not wait for one who has to wait for long', async (t) => {
  const admission = new Admission({ limits: {}, tenants: {} });
  const called: string[] = [];
  admission.later(60_000, () => called.push('long'));
  await new Promise<void>((resolve) => {
    admission.later(5, () => resolve(void called.push('soon')));
    admission.later(30_000, () => called.push('later'));
    admission.later(undefined, () => called.push('never'));
    setTimeout(resolve, 10_000);
  });
  t.deepEqual(called, ['soon']);
  admission.close();
});

test('what is urgent goes before all bounds', (t) => {
  const all = bench({ a: { fuelPerSecond: 1, live: 1, running: 1 } }, { running: 1, live: 1 });
  const [one, two] = [job('a'), job('a')];
  all.line.enqueue(one);
  t.is(sent(all).length, 1);
  over(all, one, 1e6);
  all.line.enqueue(two, true);
  t.deepEqual(sent(all), [two]);
});

test('what a tenant owes is not forgotten while others come and go', (t) => {
  const all = bench({ a: { fuelPerSecond: 1 } });
  const { shares } = all.line;
  shares.of('a')?.used(1e6, 0);
  for (let i = 0; i < 1000; i++) shares.of(`other ${i}`);
  t.true((shares.of('a')?.readyIn(0) ?? 0) > 1e6);
});

// Pools

const waiting = await moduleOf(`(module
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (memory (export "memory") 16)
  (func (export "run") (param i32) (result i32)
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 1000000))
    (call $ask (local.get 0))))`);

/** Answers when it is told to. */
class Desk {
  readonly open: ((value: number) => void)[] = [];
  readonly services = {
    env: { ask: (n: number) => new Promise<number>((resolve) => this.open.push(() => resolve(n))) },
  };
  answer(): void {
    for (const each of this.open.splice(0)) each(0);
  }
}

const until = async (is: () => boolean): Promise<void> => {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 5));
};

for (const engine of ['interpreter', 'native'] as const) {
  test.serial(`more jobs than a tenant may have are refused, until some have ended: ${engine}`, async (t) => {
    await using pool = new Pool({ threads: 1, tenants: { a: { jobs: 2 }, '*': { jobs: 3 } } });
    const submit = (tenant?: string) =>
      pool.submit({ module: arithmetic, export: 'count', args: [1_000_000], engine, ...(tenant && { tenant }) });
    const jobs = [submit('a'), submit('a'), submit('b'), submit('b'), submit('b'), submit()];
    const error = t.throws(() => submit('a'), { instanceOf: LimitError });
    t.deepEqual([error?.limit, error?.value], ['jobs of a tenant', 2]);
    t.regex(error?.message ?? '', /the tenant "a" has as many jobs as it may have, 2/);
    t.throws(() => submit('b'), { instanceOf: LimitError });
    jobs.push(submit());
    for (const { result } of jobs) t.deepEqual(await result, [1_000_000]);
    t.deepEqual(await submit('a').result, [1_000_000]);
  });

  test.serial(`forks count as jobs, all of them or none: ${engine}`, async (t) => {
    const desk = new Desk();
    await using pool = new Pool({ threads: 1, services: desk.services, limits: { jobs: 3 } });
    const job = pool.submit({ module: waiting, export: 'run', args: [7], engine });
    await until(() => desk.open.length === 1);
    const error = await t.throwsAsync(job.fork(3), { instanceOf: LimitError });
    t.is(error?.limit, 'jobs of the pool');
    const forks = await job.fork(2);
    await until(() => desk.open.length === 3);
    desk.answer();
    for (const { result } of [job, ...forks]) t.deepEqual(await result, [7]);
  });

  test.serial(`a tenant whose VMs all wait gives up one for the next, and no other tenant's: ${engine}`, async (t) => {
    const desk = new Desk();
    await using pool = new Pool({ threads: 2, services: desk.services, tenants: { a: { live: 2 } } });
    const submit = (tenant: string, n: number) =>
      pool.submit({ module: waiting, export: 'run', args: [n], engine, tenant });
    const jobs = [submit('b', 0), ...[1, 2, 3, 4, 5].map((n) => submit('a', n))];
    await until(() => desk.open.length === 6);
    await until(() => pool.stats.asleep >= 3);
    desk.answer();
    for (const [n, { result }] of jobs.entries()) t.deepEqual(await result, [n]);
    t.is(jobs[0]?.stats.sleeps, 0);
  });

  test.serial(`memory of all has a bound: ${engine}`, async (t) => {
    const desk = new Desk();
    await using pool = new Pool({ threads: 2, services: desk.services, limits: { bytes: 2 ** 21 } });
    const jobs = Array.from({ length: 6 }, (_, n) =>
      pool.submit({ module: waiting, export: 'run', args: [n], engine }),
    );
    await until(() => desk.open.length === 6);
    t.true(pool.stats.asleep >= 3, String(pool.stats.asleep));
    desk.answer();
    for (const [n, { result }] of jobs.entries()) t.deepEqual(await result, [n]);
  });

  test.serial(`fuel of a tenant has a rate, and what it computes is the same: ${engine}`, async (t) => {
    const spec = { module: arithmetic, export: 'count', args: [300_000], engine, sliceFuel: 100_000 } as const;
    await using free = new Pool({ threads: 1 });
    const alone = free.submit(spec);
    t.deepEqual(await alone.result, [300_000]);
    const { fuelUsed } = alone.stats;
    await using pool = new Pool({ threads: 1, tenants: { a: { fuelPerSecond: 4 * fuelUsed } } });
    const began = performance.now();
    const jobs = Array.from({ length: 4 }, () => pool.submit({ ...spec, tenant: 'a' }));
    const other = pool.submit(spec);
    t.deepEqual(await other.result, [300_000]);
    for (const { result, stats } of jobs) {
      t.deepEqual(await result, [300_000]);
      t.is(stats.fuelUsed <= fuelUsed, true);
    }
    // Half a second's was there at once, that of two jobs: the other two take half a second, but for what the last slice owes.
    t.true(performance.now() - began >= 350, 'the rate was not kept');
  });

  test.serial(`a group's fuel counts as a job's does: ${engine}`, async (t) => {
    const group = (pool: Pool) => pool.group({ engine, tenant: 'a' });
    const counted = async (each: PoolGroup) => {
      const member = await each.add('counts', { module: arithmetic, export: 'count', args: [3_000_000] });
      await each.run();
      t.deepEqual(await member.result, [3_000_000]);
      return each.fuelUsed;
    };
    await using free = new Pool({ threads: 1 });
    const used = await counted(group(free));
    await using pool = new Pool({ threads: 1, tenants: { a: { fuelPerSecond: 2 * used } } });
    // The first has what was saved up, and each of the others waits for half a second's.
    const began = performance.now();
    for (let i = 0; i < 3; i++) t.is(await counted(group(pool)), used);
    t.true(performance.now() - began >= 450, 'the rate was not kept');
  });

  test.serial(`so does that of a program in JavaScript: ${engine}`, async (t) => {
    const code = 'let s = 0; for (let i = 0; i < 20000; i++) s += i; s';
    await using free = new Pool({ threads: 1 });
    const { fuel } = await run(code, { pool: free, engine });
    await using pool = new Pool({ threads: 1, tenants: { '*': { fuelPerSecond: 2 * fuel } } });
    const began = performance.now();
    for (let i = 0; i < 3; i++) {
      const outcome = await run(code, { pool, engine });
      t.deepEqual([outcome.status, outcome.fuel], ['done', fuel]);
    }
    t.true(performance.now() - began >= 450, 'the rate was not kept');
  });

  test.serial(`a map keeps within what a tenant may have: ${engine}`, async (t) => {
    await using pool = new Pool({ threads: 2, tenants: { a: { jobs: 2 } } });
    const inputs = Array.from({ length: 20 }, (_, i) => [i, 1] as const);
    const outputs: unknown[] = [];
    for await (const [sum] of pool.map(arithmetic, 'add', inputs, { tenant: 'a', engine })) outputs.push(sum);
    t.deepEqual(
      outputs,
      inputs.map(([i]) => i + 1),
    );
  });
}

test('limits that are none are refused', (t) => {
  for (const bad of [
    { jobs: 0 },
    { live: 0.5 },
    { bytes: -1 },
    { running: 0 },
    { fuelPerSecond: 0 },
    { weight: 0 },
    { job: 1 },
  ])
    t.throws(() => new Pool({ tenants: { a: bad as ShareLimits } }), { name: 'UsageError' }, JSON.stringify(bad));
  t.throws(() => new Pool({ limits: { live: 1 } as ShareLimits }), { name: 'UsageError' });
});
