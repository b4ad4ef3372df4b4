// Functions with very many safe points are left by another way than all others (rewrite/read/many.ts): the same outcomes, fuel
// and saved bytes on both engines and going between them, with values of all types in locals, kept operands and below blocks.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { Module } from '../../src/index.ts';
import { boundless } from '../../src/rewrite/read/growth.ts';
import { hasMany } from '../../src/rewrite/read/many.ts';
import { shapeOf } from '../../src/rewrite/read/shape-reader.ts';
import { moduleOf } from '../wat.ts';
import { differs, disposeOf, trioOf } from './differential.ts';

const call = (argument: string) => `(call $leaf (i32.add (local.get ${argument}) (local.get $n)))`;

/** Seven calls, each above a value of another type, one of them with operands below the block that it is in. */
const piece = (i: number) => `
  (local.set $a (i32.add (local.get $a) ${call('$a')}))
  (local.set $l (i64.add (local.get $l) (i64.extend_i32_u ${call('$a')})))
  (local.set $f (f32.add (local.get $f) (f32.convert_i32_s (i32.and ${call('$a')} (i32.const 255)))))
  (local.set $d (f64.add (local.get $d) (f64.convert_i32_s ${call('$a')})))
  (local.set $v (i32x4.add (local.get $v) (i32x4.splat ${call('$a')})))
  (local.set $a (i32.xor (local.get $a) (i32.wrap_i64 (i64.add (local.get $l)
    (block (result i64) (i64.extend_i32_s (i32.rotl (i32.const ${i}) (block (result i32) ${call('$a')}))))))))
  (local.set $n (i32.const ${i % 3}))
  (loop $again
    (local.set $a (i32.add (local.get $a) ${call('$n')}))
    (br_if $again (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))`;

/** What it throws is handled by the function itself, or, where the argument is 13, by nobody. */
const throwing = `
  (if (i32.eq (local.get $of) (i32.const 13)) (then (drop (call $throws (local.get $a)))))
  (local.set $a (block $caught (result i32)
    (try_table (result i32) (catch $error $caught) (call $throws (local.get $a)))))`;

const text = `
  (tag $error (param i32))
  (func $leaf (param i32) (result i32) (i32.add (i32.mul (local.get 0) (i32.const 7)) (i32.const 3)))
  (func $throws (param i32) (result i32)
    (if (i32.and (local.get 0) (i32.const 1)) (then (throw $error (i32.const 5))))
    (if (i32.eq (local.get 0) (i32.const 2)) (then (unreachable)))
    (throw $error (local.get 0)))
  (func $run (export "run") (param $of i32) (result i32 i64 f32 f64 v128)
    (local $n i32) (local $a i32) (local $l i64) (local $f f32) (local $d f64) (local $v v128)
    (local.set $a (local.get $of))
    ${Array.from({ length: 50 }, (_, i) => piece(i) + (i % 20 === 1 ? throwing : '')).join('')}
    (local.get $a) (local.get $l) (local.get $f) (local.get $d) (local.get $v))`;

const shapeOfLast = ({ context }: Module) => shapeOf(context, context.funcs.length - 1, boundless);

for (const [slice, most] of [
  [0, 700],
  [1, 400],
  [23, 300],
  [60, 200],
] as const)
  test(`slices of ${slice}`, async (t) => {
    const module = await moduleOf(text);
    t.true(hasMany(shapeOfLast(module)));
    for (const argument of [4, 13]) {
      const trio = trioOf(module);
      t.is(
        differs(trio, 'run', [argument], () => slice, most),
        undefined,
        `from ${argument}`,
      );
      t.true(trio.hops > 0);
      disposeOf(trio);
    }
  });

test('with more values than a call takes', async (t) => {
  const locals = Array.from({ length: 985 }, (_, i) => i);
  const text = (count: number) => `
    (memory 1) (data (i32.const 0) "${'x'.repeat(40_000)}") ;; what rewriting may cost goes by the module's size
    (func $leaf (param i32) (result i32) (local.get 0))
    (func (export "run") (param $of i32) (result i32) (local ${'i32 '.repeat(count)})
      ${locals
        .slice(0, count)
        .map((i) => `(local.set ${i + 1} (i32.mul (local.get $of) (i32.const ${i})))`)
        .join('')}
      ${'(local.set 1 (i32.add (local.get 1) (call $leaf (local.get 2))))'.repeat(260)}
      (i32.const 0) ${locals
        .slice(0, count)
        .map((i) => `(i32.add (local.get ${i + 1}))`)
        .join('')})`;
  for (const [count, is] of [
    [900, true],
    [985, false],
  ] as const) {
    const module = await moduleOf(text(count));
    t.is(hasMany(shapeOfLast(module)), is, `${count}`);
    const trio = trioOf(module);
    t.is(
      differs(trio, 'run', [1], () => 97, 100),
      undefined,
    );
    t.true(trio.hops > 0);
    disposeOf(trio);
  }
});

test('the loop of QuickJS is one, and few functions are', (t) => {
  const module = Module.from(readFileSync(new URL(import.meta.resolve('quickjs-wasi/quickjs.wasm'))));
  const { context } = module;
  const many: number[] = [];
  for (let func = context.importedFuncs; func < context.funcs.length; func++)
    if (hasMany(shapeOf(context, func, boundless))) many.push(func);
  t.true(many.length >= 1 && many.length < 10, `${many.length}`);
});
