// How programs begin: what is soon over is not looked at, what is not is. In a file of its own, for it counts looks at the
// clock.

import test from 'ava';
import { unwatchedFuel } from '../../src/javascript/run/program.ts';
import { engines, js, resultOf } from './programs.ts';

const loop = (n: number) => `let s = 0; for (let i = 0; i < ${n}; i++) s += i % 7; s`;
const sum = (n: number) => Array.from({ length: n }, (_, i) => i % 7).reduce((sum, x) => sum + x, 0);

test.serial(
  'a program that is soon over runs without a look at the clock: native code need not be left for it',
  async (t) => {
    const { now } = performance;
    let looks = 0;
    performance.now = () => {
      looks++;
      return now.call(performance);
    };
    t.teardown(() => {
      performance.now = now;
    });
    const ran = async (n: number) => {
      const before = looks;
      const outcome = await js.run(loop(n), { engine: 'native', random: 1, clock: { start: 0n }, id: 'r' });
      t.is(resultOf(outcome), sum(n));
      return { fuel: outcome.fuel, looks: looks - before };
    };
    // Before the first QuickJS is booted.
    await ran(1);
    const [few, more] = [await ran(10), await ran(20)];
    // Many times what native code has at first between two looks, and less than it has where nobody looks.
    const extra = Math.min(700_000, (unwatchedFuel - few.fuel) / 2);
    const n = Math.floor(10 + (10 * extra) / (more.fuel - few.fuel));
    const much = await ran(n);
    t.true(much.fuel > few.fuel + extra / 2);
    t.is(much.looks, few.looks);
    t.true((await ran(20 * n)).looks > few.looks);
  },
);

test.serial('a long program is looked at: it is paused, and ends at its limit of time', async (t) => {
  for (const engine of engines) {
    const running = js.run('for (;;);', { engine });
    setTimeout(() => running.pause(), 20);
    t.is((await running).status, 'paused');
    const late = js.run('for (;;);', { engine, limits: { time: 20 } });
    await t.throwsAsync(late, { name: 'ProgramLimitError', message: /time/ });
  }
});
