// Exceptions in native code, of both forms: delivered within a function, across native frames, across suspended ones, and
// to the host; with the interpreter's fuel, and saved to the interpreter's bytes at each safe point.

import test from 'ava';
import { VM } from '../../src/index.ts';
import { rewriter } from '../../src/rewrite/run/rewriter.ts';
import { UncaughtError } from '../../src/spec/errors.ts';
import { moduleOf } from '../wat.ts';
import { differs, disposeOf, show, trioOf } from './differential.ts';

/** Throws $e (its argument, and a half of it) from a depth, and in every third call $n. */
const thrower = `(tag $e (param i32 f64)) (tag $n) (tag $v (param v128 i64))
  (func $deep (param i32 i32) (result i32)
    (if (i32.eqz (local.get 1)) (then
      (if (i32.eqz (i32.rem_u (local.get 0) (i32.const 3))) (then (throw $n)))
      (if (i32.eqz (i32.rem_u (local.get 0) (i32.const 5))) (then (return (local.get 0))))
      (throw $e (local.get 0) (f64.div (f64.convert_i32_s (local.get 0)) (f64.const 2)))))
    (i32.add (i32.const 1) (call $deep (local.get 0) (i32.sub (local.get 1) (i32.const 1)))))`;

/** A loop that adds up what `$once` says of 0 … n. */
const summed = (once: string): string => `${thrower} ${once}
  (func (export "run") (param $n i32) (result i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (call $once (local.get $n))))
      (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (local.get $sum))`;

const programs: Readonly<Record<string, string>> = {
  'try_table with values': summed(`(func $once (param i32) (result i32)
    (i32.add (i32.const 1000) (block $none (result i32)
      (block $got (result i32 f64)
        (block $n
          (br $none (try_table (result i32) (catch $e $got) (catch $n $n) (call $deep (local.get 0) (i32.const 4)))))
        (br $none (i32.const 7)))
      (i32.trunc_sat_f64_s) (i32.add))))`),
  'try_table with references, thrown again': summed(`(func $inner (param i32) (result i32) (local $x exnref)
    (block $all (result exnref)
      (return (try_table (result i32) (catch_all_ref $all) (call $deep (local.get 0) (i32.const 2)))))
    (local.set $x)
    (drop (block (result i32) (block (br_if 0 (i32.const 0)) (drop (i32.const 3))) (loop (nop)) (i32.const 5)))
    (throw_ref (local.get $x)))
   (func $once (param i32) (result i32)
    (block $e (result i32 f64 exnref)
      (block $rest (result exnref)
        (return (try_table (result i32) (catch_ref $e $e) (catch_all_ref $rest) (call $inner (local.get 0)))))
      (return (ref.is_null)))
    (return (ref.is_null) (drop) (drop)))`),
  'a clause that branches to a loop': summed(`(func $once (param $n i32) (result i32)
    (i32.const 1) (i64.const 3)
    (loop $again (param i64)
      (drop)
      (local.set $n (i32.add (local.get $n) (i32.const 7)))
      (block $got (result i32 f64)
        (return (try_table (result i32) (catch $e $got)
          (drop (try_table (result i32) (call $deep (local.get $n) (i32.const 1))))
          (local.get $n))))
      (drop) (drop (i32.const 4)) (drop)))`),
  'a legacy try without clauses ends where it says': summed(`(func $once (param i32) (result i32) (local $x i32)
    try
      try
        try (drop (call $deep (local.get 0) (i32.const 1))) end
        (local.set $x (i32.const 2))
      catch $n (local.set $x (i32.const 3))
      catch $e (drop) (local.set $x)
      end
      (if (local.get $x) (then (throw $n)))
    catch $n (local.set $x (i32.add (local.get $x) (i32.const 10)))
    end
    (local.get $x))`),
  'legacy catch, nested calls in clauses': summed(`(func $once (param i32) (result i32) (local $y i64)
    (i64.const 9) (i32.const 3)
    (try (param i32) (result i32)
      (do (i32.add (call $deep (local.get 0) (i32.const 3))))
      (catch $e (drop) (i32.add (call $deep (i32.const 5) (i32.const 2))))
      (catch $n (loop (nop)) (drop (call $deep (i32.const 10) (i32.const 1))) (i32.const 77)))
    (local.set 0) (i32.wrap_i64 (i64.add (local.get $y))) (i32.add (local.get 0)))`),
  'legacy rethrow out of nested clauses': summed(`(func $once (param i32) (result i32)
    (try $outer (result i32)
      (do (try $mid (result i32)
        (do (call $deep (local.get 0) (i32.const 1)))
        (catch_all
          (try (result i32)
            (do (throw $v (v128.const i32x4 1 2 3 4) (i64.const 5)))
            (catch $v (drop) (drop (i32x4.extract_lane 2)) (loop (nop)) (drop (call $deep (i32.const 5) (i32.const 1))) (rethrow $mid))))))
      (catch $e (drop))
      (catch_all (i32.const 11))))`),
  'legacy delegate': summed(`(func $once (param i32) (result i32)
    (try $a (result i32)
      (do (try $b (result i32)
        (do (try (result i32) (do (call $deep (local.get 0) (i32.const 2))) (delegate $a)))
        (catch_all (i32.const 1000))))
      (catch $e (drop) (try (do (try (do (drop (call $deep (i32.const 6) (i32.const 0)))) (delegate 0))) (catch $n)) )
      (catch_all (i32.const 13))))`),
  'a throw in the same function': summed(`(func $once (param i32) (result i32)
    (i32.const 100)
    (try (result i32)
      (do (loop (br_if 0 (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0))))
          (throw $v (v128.const i64x2 1 2) (i64.const 5)))
      (catch $v (local.set 0 (i32.wrap_i64)) (i32x4.extract_lane 2) (loop (nop)) (i32.add (local.get 0))))
    (i32.add))`),
  'tail calls are not protected': summed(`(func $tail (param i32) (result i32)
      (try (result i32) (do (loop (nop)) (return_call $deep (local.get 0) (i32.const 1))) (catch_all (i32.const 500))))
    (func $once (param i32) (result i32)
      (try (result i32) (do (call $tail (local.get 0))) (catch $e (drop)) (catch $n (i32.const 9))))`),
  'through tables, and functions that catch nothing': summed(`(table funcref (elem $deep $pass))
    (func $pass (param i32 i32) (result i32) (local $keep f32)
      (local.set $keep (f32.const 1.5))
      (i32.const 4)
      (call_indirect (param i32 i32) (result i32) (local.get 0) (local.get 1) (i32.const 0))
      (i32.add (i32.trunc_sat_f32_s (local.get $keep))) (i32.add))
    (func $once (param i32) (result i32)
      (try (result i32) (do (call_indirect (param i32 i32) (result i32) (local.get 0) (i32.const 2) (i32.const 1))) (catch $e (drop)) (catch_all (i32.const 1))))`),
};

for (const [name, fields] of Object.entries(programs))
  test(name, async (t) => {
    const module = await moduleOf(fields);
    t.true(rewriter.supports(module));
    for (const slice of [0, 1, 7, 40]) {
      const trio = trioOf(module);
      t.is(
        differs(trio, 'run', [12], () => slice, 400),
        undefined,
        `slices of ${slice}`,
      );
      t.true(trio.hops > 1);
      disposeOf(trio);
    }
  });

/** Runs in slices on one engine; all that can be told. */
async function told(engine: 'interpreter' | 'native', fields: string, slice: number): Promise<unknown> {
  const vm = new VM({ engine });
  vm.start(vm.instantiate(await moduleOf(fields)).func('run'), [7]);
  for (;;) {
    const outcome = vm.run({ fuel: vm.store.debt + slice });
    if (outcome.status === 'suspended') continue;
    const known = outcome.status === 'trapped' ? (outcome.trap as { kind?: string }).kind : undefined;
    return [outcome.status, known, show(outcome), vm.fuelUsed];
  }
}

const failing: Readonly<Record<string, string>> = {
  'from below': `${thrower} (func $mid (param i32) (result i32) (nop) (call $deep (local.get 0) (i32.const 5)) (nop))
    (func (export "run") (param i32) (result i32) (i32.const 1) (call $mid (local.get 0)) (i32.add))`,
  'from the outermost function': `(tag $e) (func (export "run") (param i32) (loop (nop)) (throw $e))`,
  'by a clause': `${thrower} (func (export "run") (param i32) (result i32)
    (try (result i32) (do (call $deep (local.get 0) (i32.const 2))) (catch $n (i32.const 1))))`,
  'a null reference': `(func (export "run") (param i32) (loop (nop)) (throw_ref (ref.null exn)))`,
};

for (const [name, fields] of Object.entries(failing))
  test(`uncaught: ${name}`, async (t) => {
    for (const slice of [0, 3, 1000]) {
      const native = await told('native', fields, slice);
      t.like(native, ['trapped']);
      t.deepEqual(native, await told('interpreter', fields, slice));
    }
  });

test('the exception that nobody caught is in the store', async (t) => {
  const vm = new VM({ engine: 'native' });
  vm.start(
    vm.instantiate(await moduleOf(`(tag $e (param i32)) (func (export "run") (throw $e (i32.const 42)))`)).func('run'),
    [],
  );
  const outcome = vm.run();
  const trap = outcome.status === 'trapped' ? outcome.trap : undefined;
  t.true(trap instanceof UncaughtError);
  const { exception } = trap as UncaughtError;
  const { heap } = vm.store;
  const words = new Int32Array(2);
  heap.getFields(exception, heap.shape(exception), words, 0);
  t.is(words[0], 42);
});

test('exceptions cross instances, and tags are told apart by identity', async (t) => {
  const maker = await moduleOf(`(tag $e (export "e") (param i64)) (tag $own (param i64))
    (func (export "f") (param i32) (if (local.get 0) (then (throw $e (i64.const 5)))) (throw $own (i64.const 6)))`);
  const user =
    await moduleOf(`(import "m" "e" (tag $e (param i64))) (import "m" "f" (func $f (param i32))) (tag $mine (param i64))
    (func (export "run") (param i32) (result i64)
      (block $got (result i64)
        (block $other
          (try_table (catch $mine $got) (catch $e $got) (catch_all $other) (call $f (local.get 0))))
        (i64.const 0)))`);
  const states = (['interpreter', 'native'] as const).map((engine) => {
    const vm = new VM({ engine });
    vm.instantiate(user, { m: vm.instantiate(maker) });
    const run = (arg: number) => vm.invoke(vm.instance(1).func('run'), [arg]);
    return [run(1), run(0), vm.fuelUsed];
  });
  t.deepEqual(states[0]?.slice(0, 2), [[5n], [0n]]);
  t.deepEqual(states[1], states[0]);
});

test('exceptions that are dead are collected, and those that native code holds are not', async (t) => {
  const module = await moduleOf(`(tag $e (param i64 i64 i64 i64))
    (func $throw (throw $e (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))
    (func $hold (result exnref) (block $x (result exnref) (try_table (catch_all_ref $x) (call $throw)) (unreachable)))
    (func (export "run") (param $n i32) (result i64 i64 i64 i64) (local $first exnref)
      (local.set $first (call $hold))
      (loop $l
        (drop (call $hold))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (block $got (result i64 i64 i64 i64)
        (try_table (catch $e $got) (throw_ref (local.get $first))) (unreachable)))`);
  const fuel = (['interpreter', 'native'] as const).map((engine) => {
    const vm = new VM({ engine, limits: { heap: 2 ** 20 } });
    t.deepEqual(vm.invoke(vm.instantiate(module).func('run'), [200_000]), [1n, 2n, 3n, 4n]);
    return vm.fuelUsed;
  });
  t.is(fuel[1], fuel[0]);
});
