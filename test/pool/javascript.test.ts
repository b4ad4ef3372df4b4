// Programs of JavaScript among the jobs of a pool: threads that die, many that wait, and what else only a pool has. That they
// are as they are without one, test/javascript/run.test.ts tests.

import test from 'ava';
import { CrashError, UsageError } from '../../src/index.ts';
import { type ProgramOutcome, pause, resume, run, type ToolCall } from '../../src/javascript/node/index.ts';
import { CancelledError, Pool, WorkerError } from '../../src/pool/index.ts';
import { deferred } from '../../src/pool/line/deferred.ts';
import { stages } from '../../src/pool/told/protocol.ts';
import { engines, resultOf, tokenOf } from '../javascript/programs.ts';
import { moduleOf } from '../wat.ts';
import { threadsOf } from './thread/threads-of.ts';

const killAll = (pool: Pool) => {
  const threads = threadsOf(pool);
  for (const id of threads.ids) threads.kill(id);
};
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

for (const engine of engines) {
  test.serial(`${engine}: threads that die lose nothing, and no call is made twice`, async (t) => {
    t.timeout(600_000);
    const pool = new Pool({ threads: 2 });
    const ids: string[] = [];
    const printed: unknown[] = [];
    const tools = {
      act(this: ToolCall, i: number) {
        ids.push(this.id);
        // In the midst of what comes next.
        if (i % 5 === 0) setTimeout(() => killAll(pool), 30);
        return i * 2;
      },
    };
    const code = `
      let sum = 0;
      for (let i = 0; i < 10; i++) {
        sum += act(i);
        for (let j = 0; j < 1500; j++) sum = (sum * 31 + j) % 1009;
        console.log(i);
      }
      sum`;
    const options = { engine, tools: tools as never, id: 'k', random: 1, clock: { start: 0n } } as const;
    const here = await run(code, options);
    ids.length = 0;
    const print = ({ values }: { readonly values: readonly unknown[] }) => void printed.push(...values);
    const there = await run(code, { ...options, pool, print });
    t.deepEqual([resultOf(there), there.fuel], [resultOf(here), here.fuel]);
    t.deepEqual(
      ids,
      Array.from({ length: 10 }, (_, i) => `k-${i + 1}`),
    );
    t.deepEqual(
      printed,
      Array.from({ length: 10 }, (_, i) => i),
    );
    await pool.close();
  });

  for (const where of ['here', 'on a pool'] as const)
    test.serial(
      `${engine}, ${where}: calls go on beside one that the program waits for, also when it is resumed`,
      async (t) => {
        t.timeout(600_000);
        const pool = where === 'here' ? undefined : new Pool({ threads: 1 });
        const tokens: Uint8Array[] = [];
        // b ends only once a has begun, and a once b has ended.
        const tools = () => {
          const [aBegan, bEnded] = [deferred<void>(), deferred<void>()];
          return {
            a: () => {
              aBegan.resolve();
              return bEnded.promise;
            },
            b: async () => {
              await aBegan.promise;
              bEnded.resolve();
              return 'b';
            },
          };
        };
        const code = 'const one = a.async(); const two = b(); await one; two';
        const save = (token: Uint8Array) => void tokens.push(token);
        t.is(resultOf(await run(code, { engine, pool, tools: tools(), save })), 'b');
        for (const token of tokens) t.is(resultOf(await resume(token, { engine, pool, tools: tools() })), 'b');
        // Who is told that it waits is told all calls that are open.
        const rest = await run(code, { engine, pool, tools: { a: () => pause, b: () => pause }, id: 'i' });
        if (rest.status !== 'waiting') return t.fail(rest.status);
        t.deepEqual([rest.call.tool, rest.calls.map(({ id }) => id)], ['b', ['i-2', 'i-1']]);
        t.is(resultOf(await resume(rest.token, { engine, pool, results: { 'i-1': 0, 'i-2': 'told' } })), 'told');
        await pool?.close();
      },
    );

  for (const where of ['here', 'on a pool'] as const)
    test.serial(
      `${engine}, ${where}: a clock of the program's own waits for calls, and not for what nobody answers`,
      async (t) => {
        t.timeout(600_000);
        const pool = where === 'here' ? undefined : new Pool({ threads: 1 });
        const code = (ms: number) =>
          `await Promise.race([ask.async(), new Promise((r) => setTimeout(r, ${ms}, "late"))]) + Date.now()`;
        const options = { engine, pool, clock: { start: 0n, step: 0n } } as const;
        const answered = run(code(100_000), { ...options, tools: { ask: () => wait(20).then(() => 'told ') } });
        t.is(resultOf(await answered), 'told 0');
        t.is(resultOf(await run(code(100_000), { ...options, tools: { ask: () => pause } })), 'late100000');
        await pool?.close();
      },
    );

  test.serial(`${engine}: jobs and programs share a thread, and those that wait hold none`, async (t) => {
    t.timeout(600_000);
    const pool = new Pool({ threads: 1 });
    const stop = new AbortController();
    const endless = run('let i = 0; for (;;) i++', { engine, pool, signal: stop.signal });
    let asked = 0;
    let all = () => {};
    const allAsked = new Promise<void>((resolve) => {
      all = resolve;
    });
    const ask = async (i: number) => {
      if (++asked === 20) all();
      await allAsked;
      return i * i;
    };
    const many = Array.from({ length: 20 }, (_, i) => run(`ask(${i}) + 1`, { engine, pool, tools: { ask } }));
    const module = await moduleOf('(func (export "f") (result i32) (i32.const 7))');
    const job = pool.submit({ module, export: 'f' });
    t.true(pool.stats.jobs >= 22);
    t.deepEqual(
      (await Promise.all(many)).map(resultOf),
      Array.from({ length: 20 }, (_, i) => i * i + 1),
    );
    t.deepEqual(await job.result, [7]);
    stop.abort();
    const paused = await endless;
    t.is(paused.status, 'paused');
    const again = resume(tokenOf(paused), { engine, pool });
    again.pause();
    t.is((await again).status, 'paused');
    t.is(pool.stats.jobs, 0);
    await pool.close();
  });
}

test.serial('a program whose slice no thread survives is given up, and others go on', async (t) => {
  t.timeout(600_000);
  const pool = new Pool({ threads: 1 });
  const killed = new Set<number>();
  const hunt = setInterval(() => {
    const threads = threadsOf(pool);
    for (const id of threads.ids.filter((each) => threads.stageOf(each) === stages.begun && !killed.has(each))) {
      killed.add(id);
      threads.kill(id);
    }
  }, 1);
  const error = await t.throwsAsync(run('for (;;);', { pool }), { instanceOf: WorkerError });
  clearInterval(hunt);
  t.is(killed.size, 3);
  t.regex(error?.message as string, /threads that ran the program died/);
  t.is(resultOf(await run('1 + 1', { pool })), 2);
  await pool.close();
});

test.serial('a pool that is closed waits for its programs, one that is terminated cancels them', async (t) => {
  t.timeout(600_000);
  const pool = new Pool({ threads: 1 });
  let answer = (_: number) => {};
  const asked = new Promise<void>((begun) => {
    const tools = {
      ask: () => {
        begun();
        return new Promise<number>((resolve) => {
          answer = resolve;
        });
      },
    };
    void run('ask() + 1', { pool, tools }).then((outcome) => ends.push(outcome));
  });
  const ends: ProgramOutcome[] = [];
  await asked;
  const closed = pool.close();
  await t.throwsAsync(run('1', { pool }), { instanceOf: UsageError, message: /closed/ });
  answer(41);
  await closed;
  t.is(resultOf(ends[0] as ProgramOutcome), 42);

  const other = new Pool({ threads: 1 });
  const calls: ToolCall[] = [];
  const waits = run('ask()', {
    pool: other,
    tools: {
      ask(this: ToolCall) {
        calls.push(this);
        return new Promise(() => {});
      },
    } as never,
  });
  const spins = run('for (;;);', { pool: other });
  while (calls.length === 0) await wait(5);
  const cancelled = Promise.all([waits, spins].map((each) => t.throwsAsync(each, { instanceOf: CancelledError })));
  await other.terminate();
  await cancelled;
  t.true(calls[0]?.signal.aborted);
});

test.serial('what the caller throws, and what is no program, is told as without a pool', async (t) => {
  t.timeout(600_000);
  const pool = new Pool({ threads: 1 });
  for (const where of [pool, undefined]) {
    const full = new CrashError('the disk is full');
    const save = () => Promise.reject(full);
    t.is(await t.throwsAsync(run('a()', { pool: where, save, tools: { a: () => 1 } })), full);
    await t.throwsAsync(resume(new Uint8Array(99), { pool: where }), { message: /not a token/, code: 'snapshot' });
    await t.throwsAsync(run('1', { pool: where, input: () => 1 }), { instanceOf: UsageError, message: /a function/ });
    const error = Object.assign(new Error('own'), { name: 'OwnError', cause: new RangeError('why') });
    const tools = { fails: () => Promise.reject(error) };
    const code = 'try { fails() } catch (e) { [e.name, e.message, e.cause.name, input.name] }';
    t.deepEqual(resultOf(await run(code, { pool: where, tools, input: error })), [
      'OwnError',
      'own',
      'RangeError',
      'OwnError',
    ]);
  }
  t.is(pool.stats.jobs, 0);
  await pool.close();
});
