// Jobs on native code: slices of a loop, and recursion without end, which the thread survives.

import test from 'ava';
import { ExhaustionError, VM } from '../../../src/index.ts';
import { type Job, Pool } from '../../../src/pool/index.ts';
import { moduleOf } from '../../wat.ts';

test('recursion without end is exhaustion at the limit of frames, and the thread lives on', async (t) => {
  const module = await moduleOf(`(global $n (export "n") (mut i32) (i32.const 0))
    (func $f (export "deep") (param i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
        (else (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))))`);
  await using pool = new Pool({ threads: 1 });
  for (const engine of ['native', 'auto'] as const) {
    const job = (args: number[]) =>
      pool.submit({ module, export: 'deep', args, engine, limits: { frames: 50_000 } }).result;
    t.deepEqual(await job([49_999]), [49_999]);
    await t.throwsAsync(job([50_000]), { instanceOf: ExhaustionError, message: /call stack exhausted/ });
    t.deepEqual(await job([10]), [10]);
  }
  t.is(pool.stats.threads, 1);
});

test('frames as large as they come, through a table, fill the stack and do no harm', async (t) => {
  const locals = Array.from({ length: 60 }, (_, i) => i + 1);
  const module = await moduleOf(`(type $t (func (param i32) (result i32)))
    (table funcref (elem $f))
    (func $f (export "wide") (type $t) (local ${locals.map(() => 'i64').join(' ')})
      ${locals.map((i) => `(local.set ${i} (i64.mul (i64.extend_i32_u (local.get 0)) (i64.const ${i})))`).join('')}
      (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
      (local.set 0 (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
      ${locals.map((i) => `(local.set 0 (i32.xor (local.get 0) (i32.wrap_i64 (local.get ${i}))))`).join('')}
      (local.get 0))`);
  await using pool = new Pool({ threads: 1 });
  const job = (n: number, engine: 'native' | 'auto' | 'interpreter') =>
    pool.submit({ module, export: 'wide', args: [n], engine }).result;
  const expected = await job(30_000, 'interpreter');
  for (const engine of ['native', 'auto'] as const) {
    t.deepEqual(await job(30_000, engine), expected);
    await t.throwsAsync(job(-1, engine), { instanceOf: ExhaustionError, message: /call stack exhausted/ });
  }
  t.is(pool.stats.threads, 1);
});

test('a job that is suspended wherever it is goes on on either engine, to the same answer and fuel', async (t) => {
  const loop = await moduleOf(`(memory 1) (func (export "run") (param i32) (result i32) (local $s i32)
    (loop (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get 0)))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 31)) (i32.load (i32.const 8))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $s))`);
  const calls = await moduleOf(`(func $fib (export "run") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))`);
  await using pool = new Pool({ threads: 2 });
  for (const [module, arg] of [[loop, 3_000_000] as const, [calls, 27] as const]) {
    const whole = new VM();
    const expected = whole.invoke(whole.instantiate(module).func('run'), [arg]);
    for (const engines of [['native', 'interpreter'], ['interpreter', 'native'], ['auto']] as const) {
      let job: Job<unknown> = pool.submit({ module, export: 'run', args: [arg], engine: engines[0] });
      let fuel = 0;
      for (let i = 1; i <= 6; i++) {
        while (job.status === 'queued') await new Promise((resolve) => setTimeout(resolve, 1));
        const snapshot = await job.suspend().catch(() => undefined);
        if (snapshot === undefined) break;
        fuel += job.stats.fuelUsed;
        job = pool.resume(snapshot, { engine: engines[i % engines.length] });
      }
      t.deepEqual(await job.result, expected);
      t.is(fuel + job.stats.fuelUsed, whole.fuelUsed);
    }
  }
});

test('slices of a native job come to what one run comes to', async (t) => {
  const module = await moduleOf(`(memory 1) (func (export "run") (param i32) (result i32) (local $s i32)
    (loop (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 31)) (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $s))`);
  const whole = new VM({ engine: 'interpreter' });
  const expected = whole.invoke(whole.instantiate(module).func('run'), [100_000]);
  await using pool = new Pool({ threads: 2 });
  for (const engine of ['native', 'auto'] as const) {
    const job = pool.submit({ module, export: 'run', args: [100_000], engine, sliceFuel: 20_000, affinity: 'spread' });
    t.deepEqual(await job.result, expected);
    t.true(job.stats.slices > 20);
    t.is(job.stats.fuelUsed, whole.fuelUsed);
  }
});
