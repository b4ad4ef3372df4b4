// Hundreds of programs that wait on one thread: few have a QuickJS of their own, all others are tokens meanwhile.

import test from 'ava';
import { ProgramLimitError } from '../../src/javascript/index.ts';
import { quickjs, resume, run } from '../../src/javascript/node/index.ts';
import type { SliceOrder, SliceStart } from '../../src/javascript/run/afar.ts';
import { keptHere } from '../../src/javascript/run/here.ts';
import { runSlice } from '../../src/javascript/run/slice.ts';
import { encodeValue } from '../../src/javascript/values/encode.ts';
import { js, resultOf, tokenOf } from './programs.ts';

const count = 300;
const most = 64;
const code = 'const first = approve(input); let sum = 0; for (let i = 0; i < 3; i++) sum += add(i); first + sum';

/** Runs of `code`, all of which wait for their approval: every other one of a QuickJS that was made by itself. */
async function crowd() {
  const answers = new Map<number, (value: number) => void>();
  const asked: string[] = [];
  const tools = {
    approve(this: { id: string }, n: number) {
      asked.push(this.id);
      return new Promise<number>((resolve) => answers.set(n, resolve));
    },
    add: (i: number) => i,
  };
  const runs = Array.from({ length: count }, (_, input) =>
    (input % 2 === 0 ? run : js.run.bind(js))(code, { tools, input, id: `run${input}` }),
  );
  while (answers.size < count) await new Promise((resolve) => setTimeout(resolve, 5));
  return { runs, answers, asked, tools };
}

test.serial('each comes to its own value, whatever order they are answered in, and is asked once', async (t) => {
  const { runs, answers, asked } = await crowd();
  t.is(keptHere(), most);
  for (let i = 0; i < count; i++) answers.get((i * 7) % count)?.(1000 * ((i * 7) % count));
  const outcomes = await Promise.all(runs);
  outcomes.forEach((outcome, i) => {
    t.is(resultOf(outcome), 1000 * i + 3);
  });
  t.is(new Set(asked).size, count);
  t.is(asked.length, count);
  // A program that has a QuickJS of its own uses as much as one that has none.
  t.is(outcomes[most - 1]?.fuel, outcomes[most]?.fuel);
  t.is(keptHere(), 0);
});

test.serial('any of them is brought to rest, and its token goes on', async (t) => {
  const { runs, answers, tools } = await crowd();
  for (const i of [0, count - 1]) {
    runs[i]?.pause();
    const outcome = await runs[i];
    t.is(outcome?.status, 'paused');
    const token = tokenOf(outcome as NonNullable<typeof outcome>);
    t.is(resultOf(await resume(token, { tools, results: { [`run${i}-1`]: 5 } })), 8);
  }
  for (const answer of answers.values()) answer(0);
  await Promise.all(runs);
  t.is(keptHere(), 0);
});

test.serial('one that computes leaves the others their turns; limits hold', async (t) => {
  const { runs, answers } = await crowd();
  const spin = run('for (;;);', { limits: { time: 400 } });
  const quick = run('6 * 7');
  t.is(resultOf(await quick), 42);
  const error = await t.throwsAsync<ProgramLimitError>(spin, { instanceOf: ProgramLimitError });
  t.is(error?.limit, 'time');
  await t.throwsAsync(run('for (;;);', { limits: { fuel: 1_000_000 } }), { instanceOf: ProgramLimitError });
  await t.throwsAsync(run(7 as never), { code: 'usage' } as never);
  for (const answer of answers.values()) answer(0);
  await Promise.all(runs);
});

test.serial('programs that are awaited one after the other let others of the thread have their turns', async (t) => {
  let fired = false;
  setTimeout(() => {
    fired = true;
  }, 1);
  let runs = 0;
  for (; runs < 5000 && !fired; runs++) t.is(resultOf(await run('1 + 1')), 2);
  t.true(fired, `${runs} runs`);
});

for (const engine of ['interpreter', 'native'] as const)
  test.serial(`a slice that is to rest at once takes its reply along: ${engine}`, async (t) => {
    const order = (start: SliceStart, replies: SliceOrder['replies']): SliceOrder => ({
      start,
      tools: [['ask', false]],
      ...{ modules: undefined, limits: {}, engine, replies, known: [], paused: [] },
    });
    const next = async (order: SliceOrder, isAsked: boolean) => {
      const { end } = await runSlice(quickjs(), order, () => isAsked);
      if (end.kind !== 'outcome') throw new Error(end.limit);
      return end.outcome;
    };
    const options = { id: 'r', file: undefined, type: undefined, clock: undefined, random: undefined };
    const asked = await next(order({ kind: 'code', code: 'ask() + 1', options, input: undefined }, new Map()), false);
    if (!('token' in asked)) throw new Error(asked.status);
    t.deepEqual(
      asked.calls.map(({ number }) => number),
      [1],
    );
    const reply = encodeValue(41, 'the reply');
    const rested = await next(order({ kind: 'token', token: asked.token }, new Map([[1, reply]])), true);
    if (!('token' in rested)) throw new Error(rested.status);
    t.is(rested.status, 'paused');
    t.deepEqual(rested.calls, []);
    const done = await next(order({ kind: 'token', token: rested.token }, new Map()), false);
    t.is(done.status, 'done');
  });
