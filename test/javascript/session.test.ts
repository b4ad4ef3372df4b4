// Sessions: what one evaluation leaves the next one finds, here or in the other engine; forks and points of time.

import test from 'ava';
import { UsageError } from '../../src/index.ts';
import { ProgramLimitError, pause } from '../../src/javascript/index.ts';
import { engines, errorOf, js, otherEngine, resultOf } from './programs.ts';

for (const engine of engines) {
  test(`${engine}: evaluations find what those before them left`, async (t) => {
    const session = js.session({ engine, tools: { double: async (x: number) => x * 2 }, input: 20 });
    t.is(resultOf(await session.run('let a = double(input); function f(x) { return x + a; } class C {}')), undefined);
    t.is(resultOf(await session.run('await f(2)')), 42);
    t.is(errorOf(await session.run('nothing.at.all')).places[0]?.file, 'evaluation 3');
    t.is(resultOf(await session.run('typeof C + a')), 'function40');
    t.deepEqual(resultOf(await session.run('({ f })', { type: 'shown' })), { f: '[function]' });
    session.close();
  });

  test(`${engine}: a session is saved, and goes on in the other engine`, async (t) => {
    const session = js.session({ engine });
    await session.run('const list = [1]; const add = (x) => list.push(x); add(2)');
    const token = session.save();
    await session.run('add(3)');
    const other = js.openSession(token, { engine: otherEngine[engine] });
    t.deepEqual(resultOf(await other.run('add(9); list')), [1, 2, 9]);
    t.deepEqual(resultOf(await session.run('list')), [1, 2, 3]);
  });

  test(`${engine}: a fork goes its own way, with ids and random numbers of its own`, async (t) => {
    const ids: string[] = [];
    const tools = {
      note(this: { id: string }) {
        ids.push(this.id);
      },
    };
    const session = js.session({ engine, tools: tools as never });
    await session.run('let n = 1');
    const twin = session.fork();
    await session.run('n += 1; note()');
    await twin.run('n += 10; note()');
    t.deepEqual([resultOf(await session.run('n')), resultOf(await twin.run('n'))], [2, 11]);
    t.is(new Set(ids).size, 2);
    t.not(resultOf(await session.run('Math.random()')), resultOf(await twin.run('Math.random()')));
  });

  test(`${engine}: a session goes back to a point, also out of an evaluation at rest and after it has grown`, async (t) => {
    const session = js.session({ engine, tools: { ask: () => pause } });
    await session.run('let n = 1');
    const point = session.point();
    await session.run('n = 2; globalThis.big = new Uint8Array(8e6)');
    session.back(point);
    t.is(resultOf(await session.run('n + typeof big')), '1undefined');
    t.is((await session.run('n = 5; ask()')).status, 'waiting');
    t.true(session.isAtRest);
    await t.throwsAsync(session.run('1'), { instanceOf: UsageError, message: /at rest/ });
    session.back(point);
    t.false(session.isAtRest);
    t.is(resultOf(await session.run('n')), 1);
  });

  test(`${engine}: an evaluation at rest goes on in the session`, async (t) => {
    const session = js.session({ engine, tools: { ask: () => pause }, id: 's' });
    const waiting = await session.run('const answer = ask("?"); answer + 1');
    t.is(waiting.status === 'waiting' && waiting.call.id, 's-1');
    const token = session.save();
    t.is(resultOf(await session.goOn({ results: { 's-1': 1 } })), 2);
    t.is(resultOf(await session.run('answer')), 1);
    const other = js.openSession(token, { engine: otherEngine[engine] });
    t.true(other.isAtRest);
    t.is(resultOf(await other.goOn({ results: { 's-1': 5 } })), 6);
    t.is(resultOf(await other.run('answer')), 5);
    await t.throwsAsync(other.goOn(), { instanceOf: UsageError });
  });

  test(`${engine}: limits are for each evaluation, and what ends over one leaves the session as it was`, async (t) => {
    const session = js.session({ engine, limits: { fuel: 40_000_000, output: 1000 } });
    await session.run('let n = 1; var i = 0');
    for (let k = 0; k < 3; k++) t.is(resultOf(await session.run('for (i = 0; i < 1500; i++); i')), 1500);
    await t.throwsAsync(session.run('n = 2; console.log("x".repeat(5000))'), { instanceOf: ProgramLimitError });
    t.is(resultOf(await session.run('n')), 1);
    const over = await t.throwsAsync(
      session.run('n = 3; for (i = 0; i < 3000; i++); i', { limits: { fuel: 2_000_000 } }),
      { instanceOf: ProgramLimitError },
    );
    t.is(over?.limit, 'fuel');
    t.true(session.isAtRest);
    t.is(resultOf(await session.goOn()), 3000);
    t.is(resultOf(await session.run('n')), 3);
  });
}
