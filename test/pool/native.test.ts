// Jobs on native code: slices of a loop, and recursion without end, which the thread survives.

import test from 'ava';
import { ExhaustionError, VM } from '../../src/index.ts';
import { Pool } from '../../src/pool/index.ts';
import { moduleOf } from '../wat.ts';

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
