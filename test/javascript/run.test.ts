// Programs run to their value, their failure or to rest, on both engines, and go on in the other one.

import test from 'ava';
import { SnapshotError, UsageError } from '../../src/index.ts';
import {
  asyncTool,
  type ConsoleEvent,
  ProgramLimitError,
  type ProgramOutcome,
  pause,
} from '../../src/javascript/index.ts';
import { places } from './places.ts';
import { engines, errorOf, js, otherEngine, resultOf, tokenOf } from './programs.ts';

for (const { where, engine, js } of places) {
  test(`${where}: a program comes to its value`, async (t) => {
    t.is(resultOf(await js.run('1 + 2', { engine })), 3);
    t.is(resultOf(await js.run('const x = await 20; x + await Promise.resolve(22)', { engine })), 42);
    t.is(resultOf(await js.run('input.a + 1', { engine, input: { a: 4 } })), 5);
    t.is(resultOf(await js.run('({ then(resolve) { resolve(1); }, a: undefined }).a', { engine })), undefined);
  });

  test(`${where}: a failure is the program's own, with its places`, async (t) => {
    const error = errorOf(await js.run('function foo() { null.x; }\n\n  foo();', { engine, file: 'a.js' }));
    t.is(error.name, 'TypeError');
    t.regex(error.message, /null/);
    t.deepEqual(
      error.places.map(({ name, file, line }) => [name, file, line]),
      [
        ['foo', 'a.js', 1],
        ['', 'a.js', 3],
      ],
    );
    t.regex(error.stack, /^TypeError: .*\n {4}at foo \(a\.js:1:\d+\)\n {4}at <anonymous> \(a\.js:3:\d+\)$/);
    const cause = errorOf(await js.run('throw new RangeError("out", { cause: { a: 1 } })', { engine }));
    t.deepEqual((cause.thrown as Error).cause, { a: 1 });
    t.is(errorOf(await js.run('throw 5', { engine })).thrown, 5);
    t.is(errorOf(await js.run('let s = "', { engine })).name, 'SyntaxError');
    t.is(errorOf(await js.run('await Promise.reject(new Error("late"))', { engine })).message, 'late');
    t.is(
      errorOf(
        await js.run('setTimeout(() => { throw new Error("timer"); }, 0); await new Promise(() => {})', { engine }),
      ).message,
      'timer',
    );
    t.regex(errorOf(await js.run('await new Promise(() => {})', { engine })).message, /nothing will settle/);
  });

  test(`${where}: tools are called as if they answered at once`, async (t) => {
    const tools = {
      getOrder: async (id: number) => ({ id, total: 21 }),
      now: () => 7,
      fails: async () => {
        throw Object.assign(new RangeError('no such order'), { cause: 'gone' });
      },
    };
    t.is(
      resultOf(await js.run('const order = getOrder(7); order.total * 2 + order.id + now()', { engine, tools })),
      56,
    );
    const caught = await js.run(
      'let told; try { fails(); } catch (e) { told = [e instanceof RangeError, e.message, e.cause, e.stack]; } told',
      { engine, tools },
    );
    const [isRange, message, cause, stack] = resultOf(caught) as [boolean, string, string, string];
    t.deepEqual([isRange, message, cause], [true, 'no such order', 'gone']);
    t.regex(stack, /main\.js:1/);
    t.notRegex(stack, /library|run\.test/);
  });

  test(`${where}: awaited tools are under way at once`, async (t) => {
    const log: string[] = [];
    let aEnds = () => {};
    const tools = {
      // a ends only once b has begun: one after the other they would never end.
      a: asyncTool(async (x: number) => {
        log.push('a');
        await new Promise<void>((resolve) => {
          aEnds = resolve;
        });
        return x;
      }),
      b: asyncTool((x: number) => {
        log.push('b');
        aEnds();
        return x * 2;
      }),
      c: (x: number) => x * 3,
    };
    const code = 'await Promise.all([a(1), b(1), c.async(1), c(2)])';
    t.deepEqual(resultOf(await js.run(code, { engine, tools })), [1, 2, 3, 6]);
    t.deepEqual(log, ['a', 'b']);
  });

  test(`${where}: a tool that pauses brings the program to rest, and it goes on in the other engine`, async (t) => {
    const tools = { approve: () => pause };
    let outcome: ProgramOutcome = await js.run('[1, 2, 3].map((x) => approve(x).ok + x).join()', {
      engine,
      tools,
      id: 'run',
    });
    const ids: unknown[] = [];
    let next: (typeof engines)[number] = engine;
    while (outcome.status === 'waiting') {
      const { id, tool, args } = outcome.call;
      ids.push(id, tool, args);
      next = otherEngine[next];
      const results = { [id]: { ok: (args[0] as number) * 10 } };
      outcome = await js.resume(outcome.token, { engine: next, tools, results });
    }
    t.is(resultOf(outcome), '11,22,33');
    t.deepEqual(ids, ['run-1', 'approve', [1], 'run-2', 'approve', [2], 'run-3', 'approve', [3]]);
  });

  test(`${where}: several calls wait at once, and a tool that is not there waits`, async (t) => {
    const code =
      'const r = await Promise.allSettled([a.async(1), a.async(2)]); r.map((x) => x.value ?? x.reason.message)';
    const outcome = await js.run(code, { engine, tools: { a: () => pause }, id: 'x' });
    t.is(outcome.status, 'waiting');
    if (outcome.status !== 'waiting') return;
    t.deepEqual(
      outcome.calls.map(({ id, args }) => [id, ...args]),
      [
        ['x-1', 1],
        ['x-2', 2],
      ],
    );
    const one = await js.resume(outcome.token, { engine: otherEngine[engine], results: { 'x-2': 'two' } });
    t.is(one.status, 'waiting');
    const both = await js.resume(tokenOf(one), { engine, errors: { 'x-1': new Error('denied') } });
    t.deepEqual(resultOf(both), ['denied', 'two']);
  });

  test(`${where}: a program that runs or waits is paused`, async (t) => {
    const running = js.run('let i = 0; while (i < 3e4) i++; i', { engine });
    running.pause();
    const paused = await running;
    t.is(paused.status, 'paused');
    t.is(resultOf(await js.resume(tokenOf(paused), { engine: otherEngine[engine] })), 3e4);

    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const tools = {
      wait(this: { signal: AbortSignal }) {
        signal = this.signal;
        queueMicrotask(() => controller.abort());
        return new Promise(() => {});
      },
    };
    const waits = await js.run('wait() + 1', { engine, tools: tools as never, signal: controller.signal, id: 'p' });
    t.is(waits.status, 'paused');
    t.true(signal?.aborted);
    t.is(resultOf(await js.resume(tokenOf(waits), { engine, tools: { wait: () => 4 } })), 5);
  });

  test(`${where}: a program is saved before each call, whose id a resumed one has again`, async (t) => {
    const tokens: Uint8Array[] = [];
    const ids: string[] = [];
    const tools = {
      add(this: { id: string }, a: number, b: number) {
        ids.push(this.id);
        return a + b;
      },
    };
    const options = { engine, tools: tools as never, save: (token: Uint8Array) => void tokens.push(token) };
    const value = resultOf(
      await js.run('let s = 0; for (let i = 0; i < 3; i++) s = add(s, i); s', { ...options, id: 'k' }),
    );
    t.deepEqual(ids, ['k-1', 'k-2', 'k-3']);
    t.is(tokens.length, 3);
    for (const [i, token] of tokens.entries()) {
      ids.length = 0;
      t.is(resultOf(await js.resume(token, { engine: otherEngine[engine], tools: tools as never })), value);
      t.deepEqual(ids, ['k-1', 'k-2', 'k-3'].slice(i));
    }
  });

  test(`${where}: a long sleep is a state, a short one is slept`, async (t) => {
    const code =
      'const before = Date.now(); await new Promise((r) => setTimeout(r, 7 * 24 * 3600_000)); Date.now() - before';
    const outcome = await js.run(code, { engine });
    t.is(outcome.status, 'sleeping');
    if (outcome.status !== 'sleeping') return;
    t.true(outcome.until > Date.now() + 6 * 24 * 3600_000);
    t.is((await js.resume(outcome.token, { engine: otherEngine[engine] })).status, 'sleeping');
    t.is(resultOf(await js.run(code, { engine, clock: { start: 0n } })), 7 * 24 * 3600_000);
    t.is(resultOf(await js.run('await new Promise((r) => setTimeout(r, 3, 9))', { engine })), 9);
    const order =
      'const a = []; for (const ms of [3, 1, 2, 1]) setTimeout(() => a.push(ms), ms); const i = setInterval(() => { a.push("i"); if (a.length > 6) clearInterval(i); }, 1); clearTimeout(setTimeout(() => a.push("never"), 1)); await new Promise((r) => setTimeout(r, 50)); a.join("")';
    t.regex(resultOf(await js.run(order, { engine, clock: { start: 0n } })) as string, /^(?=.*1.*1.*2.*3)[123i]*$/);
  });

  test(`${where}: a program that waits tells when it would go on without an answer`, async (t) => {
    const within = (ms: number) =>
      js.run(`await Promise.race([ask.async(1), new Promise((r) => setTimeout(r, ${ms}, "late"))])`, {
        ...{ engine, longestSleep: 0, tools: { ask: () => pause } },
      });
    const patient = await within(7 * 24 * 3600_000);
    if (patient.status !== 'waiting' || patient.until === undefined) return t.fail(patient.status);
    t.true(patient.until > Date.now() + 6 * 24 * 3600_000);
    const again = await js.resume(patient.token, { engine: otherEngine[engine], tools: { ask: () => pause } });
    t.deepEqual([again.status, again.until], ['waiting', patient.until]);
    t.is(resultOf(await js.resume(patient.token, { engine, results: { [patient.call.id]: 'told' } })), 'told');
    // A slow machine may take longer than that to come to the wait: then it is late at once.
    let hasty = await within(4000);
    for (let ms = 16_000; hasty.status === 'done' && ms < 200_000; ms *= 4) hasty = await within(ms);
    if (hasty.status !== 'waiting' || hasty.until === undefined) return t.fail(hasty.status);
    const left = hasty.until - Date.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, left)));
    t.is(resultOf(await js.resume(hasty.token, { engine: otherEngine[engine] })), 'late');
  });

  test(`${where}: what is printed is told as it is`, async (t) => {
    const events: ConsoleEvent[] = [];
    const code =
      'console.log("a", { b: [1n] }, () => 1); console.error(new Map([[1, 2]])); console.assert(false, "x"); console.count()';
    resultOf(await js.run(code, { engine, print: (event) => void events.push(event) }));
    t.deepEqual(events, [
      { level: 'log', values: ['a', { b: [1n] }, '[function]'] },
      { level: 'error', values: [new Map([[1, 2]])] },
      { level: 'error', values: ['assertion failed', 'x'] },
      { level: 'log', values: ['default: 1'] },
    ]);
  });

  test(`${where}: modules come from a map of sources`, async (t) => {
    const modules = {
      'lib/a.js': 'import y from "../b.js"; export const x = y + 1; export const here = import.meta.url',
      'b.js': 'export default 20',
    };
    const code = 'import { x } from "./lib/a.js"; import b from "b.js"; export default x + b';
    t.is(resultOf(await js.run(code, { engine, modules, type: 'module' })), 41);
    t.is(resultOf(await js.run('(await import("./lib/a.js")).x', { engine, modules })), 21);
    t.regex(errorOf(await js.run('await import("nowhere")', { engine, modules })).message, /no module "nowhere"/);
    t.regex(errorOf(await js.run('import "./toString"', { engine, modules, type: 'module' })).message, /no module/);
  });

  test(`${where}: clock and random numbers are the host's or follow from what is told`, async (t) => {
    const code =
      '[Math.random(), Math.random(), [...crypto.getRandomValues(new Uint8Array(4))], crypto.randomUUID(), Date.now(), performance.now()]';
    const fixed = { engine, random: 5, clock: { start: new Date(1e12) } } as const;
    const one = resultOf(await js.run(code, fixed)) as unknown[];
    t.deepEqual(resultOf(await js.run(code, { ...fixed, engine: otherEngine[engine] })), one);
    t.is(one[4], 1e12);
    t.notDeepEqual(resultOf(await js.run(code, { ...fixed, random: 6 })), one);
    const drawn = await Promise.all(Array.from({ length: 20 }, () => js.run('Math.random()', { engine })));
    t.is(new Set(drawn.map(resultOf)).size, 20);
    const began = Date.now();
    const told = resultOf(await js.run('Date.now()', { engine })) as number;
    t.true(told >= began && told <= Date.now());
  });
}

test('equal programs use equal fuel on both engines', async (t) => {
  const code = `
    class A { #x = 1; get y() { return this.#x; } }
    const list = Array.from({ length: 50 }, (_, i) => ({ k: "x" + (i * 7 % 50), v: new A().y + i }));
    list.sort((a, b) => a.k < b.k ? -1 : 1);
    console.log(list.length, new URL("https://example.org/?a=b").searchParams.get("a"), new TextEncoder().encode("é").length);
    t(list.map((x) => x.k).join("").replace(/x(\\d)/g, "$1-")).length + await u.async(1)`;
  const tools = { t: (x: string) => x + x, u: async (x: number) => x };
  const fixed = { tools, random: 1, clock: { start: 0n } };
  const [a, b] = await Promise.all(engines.map((engine) => js.run(code, { ...fixed, engine })));
  t.is(resultOf(a as ProgramOutcome), resultOf(b as ProgramOutcome));
  t.is(a?.fuel, b?.fuel);
});

test('what is none of the options, a token or code is refused', async (t) => {
  await t.throwsAsync(js.run(5 as never), { instanceOf: UsageError });
  await t.throwsAsync(js.run('1', { tool: {} } as never), { instanceOf: UsageError, message: /no option "tool"/ });
  await t.throwsAsync(js.run('1', { tools: { a: 1 } } as never), { instanceOf: UsageError, message: /tools\.a/ });
  await t.throwsAsync(js.run('1', { limits: { fuel: -1 } }), { instanceOf: UsageError });
  await t.throwsAsync(js.run('1', { input: { a: [() => 1] } }), {
    instanceOf: UsageError,
    message: /\.input\.a\[0\]: a function/,
  });
  await t.throwsAsync(js.resume(new Uint8Array(100)), { instanceOf: SnapshotError });
});

for (const { where, engine, js } of places) {
  const limited = async (code: string, limits: object) => {
    try {
      const outcome = await js.run(code, { engine, limits, tools: { tool: () => 1 } });
      return { limit: outcome.status, error: undefined };
    } catch (error) {
      if (!(error instanceof ProgramLimitError)) throw error;
      return { limit: error.limit, error };
    }
  };

  test(`${where}: each limit is a typed error that says which`, async (t) => {
    t.is((await limited('for (;;);', { fuel: 3_000_000 })).limit, 'fuel');
    t.is((await limited('for (;;);', { time: 30 })).limit, 'time');
    t.is((await limited('const a = []; for (;;) a.push(new ArrayBuffer(1e6))', { memory: 2 ** 23 })).limit, 'memory');
    t.is(
      (await limited('try { const a = []; for (;;) a.push(new ArrayBuffer(1e6)) } catch {}', { memory: 2 ** 23 }))
        .limit,
      'memory',
    );
    t.is(
      (
        await limited('await (async () => { await 1; const a = []; for (;;) a.push(new ArrayBuffer(1e6)) })()', {
          memory: 2 ** 23,
        })
      ).limit,
      'memory',
    );
    t.is((await limited('for (;;) tool()', { calls: 5 })).limit, 'calls');
    t.is((await limited('for (;;) console.log("xxxxxxxxxxxxxxxxxxxx")', { output: 500 })).limit, 'output');
    t.is((await limited('tool("x".repeat(2000))', { value: 1000 })).limit, 'value');
    t.is((await limited('"x".repeat(2000)', { value: 1000 })).limit, 'value');
    const deep = errorOf(await js.run('const f = () => f() + 1; f()', { engine, limits: { stack: 2 ** 16 } }));
    t.is(deep.name, 'RangeError');
  });

  test(`${where}: over fuel or time a program goes on under a higher limit, and its limits hold then, too`, async (t) => {
    const { error } = await limited('let i = 0; while (i < 3000) i++; tool() + i', { fuel: 2_000_000 });
    const token = error?.token as Uint8Array;
    await t.throwsAsync(js.resume(token, { engine: otherEngine[engine], limits: { fuel: 2_000_000 } }), {
      instanceOf: ProgramLimitError,
    });
    const tools = { tool: () => 1 };
    t.is(resultOf(await js.resume(token, { engine: otherEngine[engine], tools })), 3001);
    const atRest = tokenOf(
      await js.run('const x = new ArrayBuffer(4e6); pauses(); for (;;) pauses(console.log("x"))', {
        engine,
        tools: { pauses: () => pause },
        id: 'i',
      }),
    );
    const over = async (limits: object) =>
      (
        await t.throwsAsync(js.resume(atRest, { engine, limits, tools: { pauses: () => 1 } }), {
          instanceOf: ProgramLimitError,
        })
      )?.limit;
    t.is(await over({ memory: 2 ** 22 }), 'memory');
    t.is(await over({ fuel: 1000 }), 'fuel');
    t.is(await over({ calls: 3 }), 'calls');
    t.is(await over({ output: 10 }), 'output');
  });
}

test('a long program is looked at: it is paused, and ends at its limit of time', async (t) => {
  for (const engine of engines) {
    const running = js.run('for (;;);', { engine });
    setTimeout(() => running.pause(), 20);
    t.is((await running).status, 'paused');
    const late = js.run('for (;;);', { engine, limits: { time: 20 } });
    await t.throwsAsync(late, { name: 'ProgramLimitError', message: /time/ });
  }
});
