// Programs that mean harm end with typed errors, within their limits, and others run on beside them.

import test from 'ava';
import { ProgramLimitError } from '../../src/javascript/index.ts';
import { js, resultOf } from './programs.ts';

const limits = { fuel: 100_000_000, memory: 2 ** 24, output: 10_000, value: 100_000, calls: 100 };

/** What the program comes to: the name of its own error, or of the limit. */
async function end(code: string): Promise<string> {
  try {
    const outcome = await js.run(code, { limits, engine: 'native', tools: { tool: (x: unknown) => x } });
    return outcome.status === 'failed' ? outcome.error.name : outcome.status;
  } catch (error) {
    if (error instanceof ProgramLimitError) return error.limit;
    throw error;
  }
}

const loops = [
  'for (;;);',
  'while (true) { try { throw 1 } catch {} finally { continue } }',
  'const f = () => Promise.resolve().then(f); await f(); await new Promise(() => {})',
  '(async function g() { for (;;) await null; })(); await new Promise(() => {})',
  '/(a*)*b/.test("a".repeat(40))',
  'setInterval(() => {}, 0); (function spin() { queueMicrotask(spin); })(); await new Promise(() => {})',
  'new Array(2 ** 32 - 1).fill(1)',
  'while (true) [3, 1, 2].sort(() => 0)',
  'JSON.stringify({ get a() { for (;;); } })',
];
for (const code of loops)
  test.serial(`ends for want of fuel or memory: ${code}`, async (t) => t.regex(await end(code), /^(fuel|memory)$/));

const recursions = [
  'const f = () => f() + 1; f()',
  'const p = new Proxy({}, { get: (t, k, r) => r[k] }); p.x',
  'const o = { get x() { return this.x; } }; o.x',
  'const o = { toString() { return "" + this; } }; "" + o',
  'const o = { toJSON() { return JSON.stringify(this); } }; JSON.stringify(o)',
  'const f = () => [2, 1].sort(f); f()',
  'class A { constructor() { new A(); } } new A()',
  'function* g() { yield* g(); } [...g()]',
  'let a = []; for (let i = 0; i < 5000; i++) a = [a]; JSON.stringify(a)',
  'JSON.parse("[".repeat(1e5))',
  'eval("(".repeat(1e5))',
  'eval("a=".repeat(3e4) + "1")',
  'let b = () => 0; for (let i = 0; i < 3000; i++) b = b.bind(); b()',
  'new RegExp("(?:".repeat(3e4) + ")".repeat(3e4))',
  'const f = (...a) => f(...a, 1); f()',
];
for (const code of recursions)
  test.serial(`recursion ends as the program's own error, or over a limit: ${code}`, async (t) =>
    t.regex(await end(code), /^(RangeError|SyntaxError|InternalError|memory|fuel)$/),
  );

const bombs = [
  'let s = "x"; for (;;) s += s',
  'const a = []; for (;;) a.push(a.slice())',
  'const a = []; for (;;) a.push("x".repeat(1e5) + a.length)',
  'let n = 2n; for (;;) n *= n',
  '2n ** (2n ** 40n)',
  'new ArrayBuffer(2 ** 31)',
  '"x".repeat(2 ** 29)',
  'const m = new Map(); for (let i = 0; ; i++) m.set(i, new Array(100))',
  'new Uint8Array(1e9)',
  'let r = ""; for (;;) r += /./.source.padEnd(1e6)',
];
for (const code of bombs)
  test.serial(`ends for want of memory: ${code}`, async (t) =>
    t.regex(await end(code), /^(memory|RangeError|InternalError|fuel)$/),
  );

const crossings = [
  'tool("x".repeat(2e5))',
  'for (;;) tool(1)',
  'for (;;) console.log("x".repeat(500))',
  'new Array(300).fill("x".repeat(1000))',
  'tool(new Array(2 ** 32 - 1))',
  'let d = []; for (let i = 0; i < 600; i++) d = [d]; tool(d)',
  'tool({ get a() { throw new Error("own"); } })',
  'structuredClone(new Proxy({}, { ownKeys() { throw new TypeError("own"); } }))',
  'new TextDecoder().decode(new Uint8Array(2e5))',
  'new URL("https://" + "a".repeat(2e5))',
];
for (const code of crossings)
  test.serial(`what crosses is bounded: ${code}`, async (t) =>
    t.regex(await end(code), /^(value|calls|output|memory|done|Error|TypeError|DataCloneError)$/),
  );

test.serial('programs beside a hostile one run on, and ones after it find nothing of it', async (t) => {
  const [hostile, good] = await Promise.all([
    end('globalThis.leak = "secret"; for (;;);'),
    js.run('await new Promise((r) => setTimeout(r, 1)); 42', { engine: 'native', limits }),
  ]);
  t.is(hostile, 'fuel');
  t.is(resultOf(good), 42);
  for (let i = 0; i < 4; i++)
    t.is(resultOf(await js.run('typeof leak + typeof tool', { engine: 'native', limits })), 'undefinedundefined');
});
