// How much a job may come to: by what itself, its tenant and the pool are told.

import test from 'ava';
import { LimitError, UsageError } from '../../../src/index.ts';
import { type Job, Pool, type PoolOptions, SuspendedError } from '../../../src/pool/index.ts';
import { program } from '../../wasi/run.ts';
import { moduleOf } from '../guests.ts';

const engines = ['interpreter', 'native'] as const;
const none = 'none';
/** What a job's output is refused with: how much it may have. */
const refusal = (job: Job<unknown>): Promise<unknown> =>
  job.result.then(
    () => none,
    (error: unknown) => (error instanceof LimitError && error.limit === 'output' ? error.value : error),
  );

const words = program('words');
const given = (length: number) => ({ args: ['words', '/a'], files: { a: 'x'.repeat(length) } });
/** Returns so many numbers as its type says: some 90 bytes. */
const eight = await moduleOf(`(module (func (export "f") (param i32) (result i64 i64 i64 i64 i64 i64 i64 i64)
  (loop $again (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
  ${Array.from({ length: 8 }, () => '(i64.const -1)').join(' ')}))`);

for (const engine of engines) {
  test.serial(`an output that is larger ends the job, ${engine}`, async (t) => {
    await using pool = new Pool({ threads: 1 });
    const job = (output: number, length: number) =>
      pool.submit({ module: words, wasi: given(length), engine, limits: { output } });
    t.is(await refusal(job(5000, 1000)), none);
    t.is(await refusal(job(5000, 10_000)), 5000);
    const call = { module: eight, export: 'f', args: [5], engine };
    // Of calls that are known to be short, too.
    for (let i = 0; i < 20; i++) t.is(await refusal(pool.submit({ ...call, limits: { output: i } })), i);
    t.is(await refusal(pool.submit({ ...call, limits: { output: 1000 } })), none);
    t.is(await refusal(pool.submit(call)), none);
  });

  test.serial(`a job goes on with its bound, wherever it is resumed, ${engine}`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    const call = { module: eight, export: 'f', args: [3_000_000], sliceFuel: 100_000, engine };
    const job = pool.submit({ ...call, limits: { output: 10 } });
    const snapshot = await job.suspend();
    t.true((await job.result.catch((error: unknown) => error)) instanceof SuspendedError);
    const other = { engine: engine === 'native' ? 'interpreter' : 'native' } as const;
    t.is(await refusal(pool.resume(snapshot, other)), 10);
    t.is(await refusal(pool.resume(snapshot, { ...other, limits: { output: 1000 } })), none);
  });
}

test('the least of what the job, its tenant and the pool are told counts', async (t) => {
  const options: PoolOptions = {
    ...{ threads: 1, limits: { output: 1000 } },
    tenants: { small: { output: 20 }, large: { output: 5000 } },
  };
  await using pool = new Pool(options);
  const call = (tenant: string, output?: number) =>
    refusal(pool.submit({ module: eight, export: 'f', args: [5], tenant, limits: { output } }));
  t.is(await call('small'), 20);
  t.is(await call('small', 10), 10);
  t.is(await call('small', 1000), 20);
  t.is(await call('large'), none);
  t.is(await call('large', 30), 30);
  const printed = (tenant: string) => refusal(pool.submit({ module: words, wasi: given(3000), tenant }));
  t.is(await printed('large'), 1000);
  t.is(await printed('other'), 1000);
});

test('it is a count of bytes', (t) => {
  t.throws(() => new Pool({ limits: { output: -1 } }), { instanceOf: UsageError });
  t.throws(() => new Pool({ tenants: { a: { output: 'much' as unknown as number } } }), { instanceOf: UsageError });
});
