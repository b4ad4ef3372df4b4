// JavaScript in a sandbox, by us and by others who run QuickJS as WebAssembly: what a run costs from a warm start, and what
// its own code takes; and our tokens.

import { pause, quickjs, run } from 'wasbox/javascript';
import { figure, quantile, time } from '../measure/measure.ts';
import type { Section } from '../measure/table.ts';
import { keptAtOnce, roomOf, used } from './room.ts';
import { answer, restored, type Sandbox, sandboxes, snippet } from './sandboxes.ts';

const compute = `(() => {
  const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));
  const list = Array.from({ length: 20000 }, (_, i) => ({ k: 'x' + ((i * 7919) % 1000), v: i }));
  list.sort((p, q) => (p.k < q.k ? -1 : p.k > q.k ? 1 : p.v - q.v));
  return fib(22) + list.reduce((sum, o, i) => sum + o.v * (i % 3), 0);
})()`;
/** As many as a server has had after some seconds: the host's compiler is done with our own code by then. */
const warmUps = 1000;
const times = 2000;
/**
 * Of the program that computes: the first ones, in which the host's compiler may still be at work, those that are not told, and
 * those in which all sandboxes take turns.
 */
const turns = { first: 9, untold: 30, told: 15 };

/** Milliseconds of each. */
async function timesOf(act: () => Promise<unknown>, count: number): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < count; i++) all.push(await time(act));
  return all;
}

const ms = (value: number) => value.toFixed(2);

/** Milliseconds of each sandbox in each turn that is told. */
async function inTurns(all: readonly Sandbox[]): Promise<number[][]> {
  const taken: number[][] = all.map(() => []);
  for (let turn = 0; turn < turns.untold + turns.told; turn++)
    for (const [i, { run }] of all.entries()) {
      const ms = await time(() => run(compute));
      if (turn >= turns.untold) taken[i]?.push(ms);
    }
  return taken;
}

export async function javascript(): Promise<Section> {
  const all = await sandboxes();
  const rows: string[][] = [];
  const rooms: string[] = [];
  for (const sandbox of all) rooms.push(await roomOf(sandbox));
  for (const [i, { name, run }] of all.entries()) {
    if ((await run(snippet)) !== answer) throw new Error(`${name} gives another answer`);
    await timesOf(() => run(snippet), warmUps);
    const taken = await timesOf(() => run(snippet), times);
    const first = await timesOf(() => run(compute), turns.first);
    const sum = taken.reduce((a, b) => a + b, 0);
    rows.push([
      name,
      ms(quantile(taken, 0.5)),
      ms(quantile(taken, 0.99)),
      ((1000 * times) / sum).toFixed(0),
      rooms[i] as string,
      ms(quantile(first, 0.5)),
    ]);
  }
  const computed = await inTurns(all);
  const peer = computed[all.findIndex(({ name }) => name === restored)] as number[];
  computed.forEach((taken, i) => {
    const beside = taken.map((time, turn) => time / (peer[turn] as number));
    rows[i]?.push(ms(figure(taken).median), figure(beside).median.toFixed(2));
  });
  return {
    title: 'JavaScript from a warm start',
    text: `A snippet from a warm start to its value, ${times} times after ${warmUps}, and a program that computes, ${turns.first} times after that, and, once all have done it ${turns.untold} times more, in ${turns.told} turns; in milliseconds, medians. Last: beside quickjs-wasi in the same turns. KiB: what each of ${keptAtOnce} adds to the process that have run the snippet and are kept.`,
    head: ['sandbox', 'p50', 'p99', 'runs a second', 'KiB each', 'compute, first', 'compute', 'beside quickjs-wasi'],
    rows,
  };
}

/** The first of all rows has what the host's compiler has not done yet. */
const tokenWarmUps = 200;

const atRest: Readonly<Record<string, string>> = {
  'a call': 'ask(7)',
  'a sleep': 'await new Promise((r) => setTimeout(r, 1e9))',
  'in a loop': 'let s = 0; for (let i = 0; i < 9; i++) s += ask(i)',
  'three calls deep': 'const a = (x) => b(x) + 1, b = (x) => c(x) + 1, c = (x) => ask(x) + 1; a(1)',
  '1 MB of objects': 'const l = []; for (let i = 0; i < 9000; i++) l.push({ i, t: "k" + i }); ask(1)',
  'a pending Promise.all': 'await Promise.all([ask.async(1), ask.async(2)])',
  'in a sort': '[3, 1, 2].sort((a, b) => ask(a, b))',
  'a generator': 'function* g() { yield ask(1); } [...g()]',
  'a regular expression': '"aXbXc".replace(/X/g, (m) => ask(m))',
  'a chain of 20 closures':
    'let f = () => ask(0); for (let i = 0; i < 20; i++) { const g = f; f = () => g() + i; } f()',
};

export async function tokens(): Promise<Section> {
  const js = quickjs();
  const tools = { ask: () => pause };
  const rows: string[][] = [['a session, fresh', String(js.session().save().length), '', '']];
  for (const [name, code] of Object.entries(atRest)) {
    let token = new Uint8Array();
    const run = async () => {
      const outcome = await js.run(code, { tools, id: 'b', engine: 'native' });
      if (outcome.token === undefined) throw new Error(`${name} is ${outcome.status}`);
      ({ token } = outcome);
    };
    await timesOf(run, tokenWarmUps);
    const made = await timesOf(run, 50);
    const resume = async () => {
      const outcome = await js.resume(token, { results: { 'b-1': 1 }, tools: { ask: () => 1 }, engine: 'native' });
      if (outcome.status !== 'done' && outcome.status !== 'sleeping') throw new Error(`${name} is ${outcome.status}`);
    };
    await timesOf(resume, tokenWarmUps);
    const resumed = await timesOf(resume, 50);
    rows.push([name, String(token.length), ms(quantile(made, 0.5)), ms(quantile(resumed, 0.5))]);
  }
  return {
    title: 'Tokens',
    text: `Programs at rest: bytes, and milliseconds (p50 of 50 after ${tokenWarmUps}) from the beginning to the token, and from the token to the end; of the sleep, to the next token.`,
    head: ['program', 'bytes', 'to the token', 'from it'],
    rows,
  };
}

const crowd = { count: 10_000, woken: 1000 };
const approved = 'const order = { id: input, items: [1, 2, 3] }; order.id + approve(order.id)';

/** Programs on one thread that wait for a tool, all at once. */
export async function waitingPrograms(): Promise<Section> {
  const { count, woken } = crowd;
  const answers = new Map<number, (value: number) => void>();
  const tools = { approve: (n: number) => new Promise<number>((resolve) => answers.set(n, resolve)) };
  const before = used();
  const beganAt = performance.now();
  const programs = Array.from({ length: count }, (_, input) => run(approved, { tools, input, engine: 'native' }));
  while (answers.size < count) await new Promise((resolve) => setTimeout(resolve, 5));
  const begun = performance.now() - beganAt;
  const each = (used() - before) / count / 1024;
  const latencies: number[] = [];
  const end = async (i: number) => {
    answers.get(i)?.(1);
    const outcome = await programs[i];
    if (outcome?.status !== 'done' || outcome.value !== i + 1) throw new Error(`program ${i} is ${outcome?.status}`);
  };
  // From the last on: the first ones have a QuickJS of their own.
  for (let i = count - 1; i >= count - woken; i--) latencies.push(await time(() => end(i)));
  const endedAt = performance.now();
  await Promise.all(Array.from({ length: count - woken }, (_, i) => end(i)));
  const ended = performance.now() - endedAt;
  return {
    title: 'Programs that wait',
    text: `${count} programs on one thread, each of which waits for its own answer of a tool: ms until all do, KiB that each adds to the process, ms from the answer to the outcome of one of ${woken}, and until all others have come to theirs.`,
    head: ['ms to begin', 'KiB each', 'woken p50', 'p99', 'all others'],
    rows: [
      [
        begun.toFixed(0),
        each.toFixed(1),
        ms(quantile(latencies, 0.5)),
        ms(quantile(latencies, 0.99)),
        ended.toFixed(0),
      ],
    ],
  };
}
