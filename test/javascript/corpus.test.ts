// Every program of the corpus comes to the same end, with the same fuel, on both engines and however it is paused and moved
// to the other one, and to another process, on its way. WASBOX_POINTS tells at how many random units of fuel each is paused; three
// unless told.

import { runInNewContext } from 'node:vm';
import test from 'ava';
import { ProgramLimitError, type RunOptions } from '../../src/javascript/index.ts';
import { corpus, modules, type Sample, tools } from './corpus.ts';
import { Elsewhere, type Went } from './elsewhere.ts';
import { type engines, js, otherEngine, resultOf } from './programs.ts';

const points = Number(process.env.WASBOX_POINTS ?? 3);
const fixed = { tools, modules, random: 7, clock: { start: 1_700_000_000_000_000_000n }, id: 'c' } as const;

type Engine = (typeof engines)[number];

const elsewhere = new Elsewhere();
test.after.always(() => elsewhere.end());

/**
 * Runs it with a pause each time it has used so much more fuel, in the other engine from then on, and in the other process
 * each second time.
 */
async function hopped({ code }: Sample, engine: Engine, stops: readonly number[]): Promise<Went> {
  let token: Uint8Array | undefined;
  let now = engine;
  for (const [i, fuel] of [...stops, Number.POSITIVE_INFINITY].entries()) {
    const went =
      token === undefined || i % 2 === 0 ? await here(code, token, now, fuel) : await there(token, now, fuel);
    if (!('token' in went)) return went;
    ({ token } = went);
    now = otherEngine[now];
  }
  throw new Error('it ends without a bound');
}

const there = (token: Uint8Array, engine: Engine, fuel: number) => elsewhere.resume({ token, engine, fuel });

async function here(code: string, token: Uint8Array | undefined, engine: Engine, fuel: number): Promise<Went> {
  const options: RunOptions = { engine, limits: { fuel } };
  try {
    const outcome = await (token === undefined
      ? js.run(code, { ...fixed, ...options })
      : js.resume(token, { tools, modules, ...options }));
    return { value: resultOf(outcome), fuel: outcome.fuel };
  } catch (error) {
    if (!(error instanceof ProgramLimitError) || error.token === undefined) throw error;
    return { token: error.token };
  }
}

/** The host's own answer; undefined for what the host cannot run: `await` outside of functions, and what Node 20 lacks. */
function ofHost(code: string): unknown {
  try {
    return runInNewContext(code);
  } catch {
    return undefined;
  }
}

const seed = (text: string) => [...text].reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) >>> 0, 7);

test('there are programs enough', (t) => {
  t.true(corpus.length >= 30);
  t.is(new Set(corpus.map(({ name }) => name)).size, corpus.length);
});

for (const sample of corpus)
  test(`${sample.name}: ends alike wherever it is paused`, async (t) => {
    const whole = ended(await hopped(sample, 'native', []));
    const { value, fuel } = whole;
    if (sample.own === undefined) t.is(ofHost(sample.code) ?? value, value);
    t.true(typeof value === 'number' || typeof value === 'string');
    t.deepEqual(await hopped(sample, 'interpreter', []), whole);
    let random = seed(sample.name);
    for (let i = 0; i < points; i++) {
      const draw = () => {
        random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
        return 1 + Math.floor((random / 2 ** 32) * fuel);
      };
      const stops = [draw(), draw()].sort((a, b) => a - b);
      t.deepEqual(await hopped(sample, i % 2 === 0 ? 'native' : 'interpreter', stops), whole, `paused at ${stops}`);
    }
  });

function ended(went: Went) {
  if ('value' in went) return went;
  throw new Error(JSON.stringify(went));
}
