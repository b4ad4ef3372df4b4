import test from 'ava';
import { Trap, UsageError } from '../../../src/index.ts';
import { CancelledError, Pool } from '../../../src/pool/index.ts';
import { arithmetic, moduleOf } from '../guests.ts';

const pool = new Pool({ threads: 2 });
test.after.always(() => pool.terminate());

async function listOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of source) list.push(item);
  return list;
}

test('outputs come in the order of the inputs, however long each takes', async (t) => {
  const inputs = Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? 20_000 + i : 1 + i));
  const outputs = await listOf(pool.map(arithmetic, 'count', inputs, { sliceFuel: 10_000 }));
  t.deepEqual(
    outputs,
    inputs.map((n) => [n]),
  );
});

test('an input is a list of arguments, or the only one', async (t) => {
  t.deepEqual(
    await listOf(
      pool.map(arithmetic, 'add', [
        [1, 2],
        [3, 4],
      ]),
    ),
    [[3], [7]],
  );
});

test('inputs may come later, one by one', async (t) => {
  async function* inputs() {
    for (let i = 1; i <= 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      yield i;
    }
  }
  t.deepEqual(await listOf(pool.map(arithmetic, 'count', inputs())), [[1], [2], [3], [4], [5]]);
});

test('an output does not wait for the next input', async (t) => {
  let next: () => void = () => {};
  async function* inputs() {
    yield 1;
    await new Promise<void>((resolve) => (next = resolve));
    yield 2;
  }
  const outputs = pool.map(arithmetic, 'count', inputs());
  t.deepEqual((await outputs.next()).value, [1]);
  next();
  t.deepEqual((await outputs.next()).value, [2]);
  t.true((await outputs.next()).done);
});

test('endless inputs are taken only as outputs are, and closed when the loop is left', async (t) => {
  let [taken, given, closed] = [0, 0, false];
  function* inputs() {
    try {
      for (;;) yield ++taken;
    } finally {
      closed = true;
    }
  }
  await using own = new Pool({ threads: 2 });
  for await (const [n] of own.map(arithmetic, 'count', inputs(), { inFlight: 3 })) {
    t.is(n, ++given);
    t.true(taken <= given + 3);
    if (given === 20) break;
  }
  t.true(closed);
  t.is(own.stats.jobs, 0);
});

test('a job that fails ends the rest', async (t) => {
  const module = await moduleOf(`(module (func (export "f") (param i32) (result i32)
    (i32.div_u (i32.const 12) (local.get 0))))`);
  const outputs: unknown[] = [];
  const error = await t.throwsAsync(
    async () => {
      for await (const [n] of pool.map(module, 'f', [1, 2, 0, 3, 4])) outputs.push(n);
    },
    { instanceOf: Trap },
  );
  t.is(error?.kind, 'integer divide by zero');
  t.deepEqual(outputs, [12, 6]);
});

test('inputs that throw end the loop', async (t) => {
  function* inputs() {
    yield 1;
    throw new RangeError('no more');
  }
  await t.throwsAsync(listOf(pool.map(arithmetic, 'count', inputs())), { instanceOf: RangeError });
});

test('a program maps inputs to outputs', async (t) => {
  const program = new URL('../fixtures/odd-steps.ts', import.meta.url);
  const module = await moduleOf(`(module
    (import "env" "twice" (func $twice (param i32) (result i32)))
    (func (export "f") (param i32) (result i32) (call $twice (local.get 0))))`);
  const outputs = await listOf(pool.map<{ state: unknown[] }>(module, program, ['a', 'b']));
  t.deepEqual(
    outputs.map(({ state }) => state[0]),
    ['a', 'b'],
  );
});

test('wrong options are told', async (t) => {
  t.throws(() => pool.map(arithmetic, 'count', [1], { inFlight: 0 }), { instanceOf: UsageError, message: /inFlight/ });
  t.throws(() => pool.map(arithmetic, 'count', [1], { tempo: 1 } as never), {
    instanceOf: UsageError,
    message: /tempo/,
  });
  await t.throwsAsync(listOf(pool.map(arithmetic, 'count', 7 as never)), { instanceOf: UsageError });
});

test('terminating the pool ends the loop', async (t) => {
  const own = new Pool({ threads: 1 });
  const outputs = own.map(arithmetic, 'spin', [[], []]);
  const first = outputs.next();
  await new Promise((resolve) => setTimeout(resolve, 10));
  await own.terminate();
  await t.throwsAsync(first, { instanceOf: CancelledError });
});
