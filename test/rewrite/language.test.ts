// What later proposals added, in native code beside the interpreter: typed references, 64-bit addresses, several memories,
// relaxed vectors. Some of it the host need not know, and what it must know is refused where it does not.

import test from 'ava';
import { hostFunction, VM } from '../../src/index.ts';
import { rewriter } from '../../src/rewrite/run/rewriter.ts';
import { moduleOf } from '../wat.ts';
import { differs, disposeOf, trioOf } from './differential.ts';

const multiple = WebAssembly.validate(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 5, 2, 0, 0, 0, 0));

/** `run` counts down from its argument, and returns what `$step` gave, added up. */
const counting = (fields: string): string => `${fields}
  (func (export "run") (param $n i32) (result i64) (local $sum i64)
    (loop $l
      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (call $step (local.get $n))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))`;

const programs: Readonly<Record<string, string>> = {
  'typed references': `(type $op (func (param i64) (result i64))) (elem declare func $double $down)
    (table $t 4 (ref null $op)) (elem (table $t) (i32.const 1) (ref null $op) (ref.func $double) (ref.func $down))
    (func $double (type $op) (loop (nop)) (i64.mul (local.get 0) (i64.const 2)))
    (func $down (type $op) (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1))
      (else (return_call_ref $op (i64.sub (local.get 0) (i64.const 1)) (ref.func $down)))))
    (func $step (param i32) (result i64)
      (block $null
        (i64.extend_i32_s (local.get 0))
        (br_on_null $null (table.get $t (i32.rem_u (local.get 0) (i32.const 4))))
        (return (call_ref $op)))
      (block $some (result (ref $op))
        (br_on_non_null $some (table.get $t (i32.const 2)))
        (return (i64.const 3)))
      (drop)
      (call_ref $op (i64.const 5) (ref.as_non_null (table.get $t (i32.const 2)))))`,
  'memories with 64-bit addresses': `(memory i64 1 3) (data $d "wide")
    (func $step (param i32) (result i64) (local $at i64)
      (local.set $at (i64.mul (i64.extend_i32_u (local.get 0)) (i64.const 24)))
      (i64.store offset=8 (local.get $at) (i64.add (local.get $at) (i64.const 77)))
      (memory.copy (i64.add (local.get $at) (i64.const 3)) (local.get $at) (i64.const 17))
      (memory.fill (local.get $at) (local.get 0) (i64.const 2))
      (memory.init $d (i64.const 1000) (i32.const 1) (i32.const 3))
      (drop (memory.grow (i64.and (local.get $at) (i64.const 1))))
      (drop (memory.grow (i64.const 0x1_0000_0000)))
      (loop (nop))
      (i64.add (memory.size) (i64.add (i64.load offset=5 (local.get $at)) (i64.load32_u (i64.const 1000)))))`,
  'tables with 64-bit addresses': `(type $f (func (result i64))) (table $t i64 3 9 funcref) (elem (table $t) (i64.const 1) func $one $two) (elem $e func $two $one)
    (func $one (type $f) (loop (nop)) (i64.const 1)) (func $two (type $f) (i64.const 2))
    (func $step (param i32) (result i64)
      (table.init $t $e (i64.const 0) (i32.const 0) (i32.const 1))
      (table.copy $t $t (i64.const 2) (i64.const 0) (i64.const 1))
      (table.set $t (i64.const 0) (table.get $t (i64.const 2)))
      (drop (table.grow $t (ref.null func) (i64.extend_i32_u (i32.and (local.get 0) (i32.const 1)))))
      (table.fill $t (i64.const 1) (ref.func $two) (i64.const 1))
      (i64.add (table.size $t) (call_indirect $t (type $f) (i64.extend_i32_u (i32.rem_u (local.get 0) (i32.const 3))))))`,
  'relaxed vectors': `(func $step (param i32) (result i64) (local $a v128) (local $b v128) (local $c v128)
      (local.set $a (i32x4.mul (i32x4.splat (local.get 0)) (v128.const i32x4 77777 -3 0x80808080 0x7f7f7f7f)))
      (local.set $b (v128.const i8x16 1 -128 127 3 -4 5 -6 7 8 -9 100 -100 0 77 -128 -128))
      (local.set $c (f32x4.convert_i32x4_s (local.get $a)))
      (loop (nop))
      ${[
        '(i8x16.relaxed_swizzle (local.get $a) (local.get $b))',
        '(i32x4.relaxed_trunc_f32x4_s (f32x4.mul (local.get $c) (local.get $c)))',
        '(i32x4.relaxed_trunc_f64x2_u_zero (f64x2.promote_low_f32x4 (local.get $c)))',
        '(f32x4.relaxed_madd (local.get $c) (local.get $c) (local.get $c))',
        '(f64x2.relaxed_nmadd (f64x2.promote_low_f32x4 (local.get $c)) (v128.const f64x2 0.1 3.7) (v128.const f64x2 1 1e9))',
        '(i16x8.relaxed_laneselect (local.get $a) (local.get $b) (local.get $c))',
        '(f32x4.relaxed_min (local.get $c) (v128.const f32x4 0 -0 5 -7))',
        '(f64x2.relaxed_max (v128.const f64x2 0 1) (v128.const f64x2 -0 2))',
        '(i16x8.relaxed_q15mulr_s (local.get $a) (local.get $b))',
        '(i16x8.relaxed_dot_i8x16_i7x16_s (local.get $a) (local.get $b))',
        '(i32x4.relaxed_dot_i8x16_i7x16_add_s (local.get $a) (local.get $b) (local.get $c))',
      ].reduce((sum, next) => `(i64x2.add ${sum} ${next})`)}
      (local.tee $a) (i64x2.extract_lane 0) (i64x2.extract_lane 1 (local.get $a)) (i64.xor))`,
};

const several = `(memory $a 1) (memory $b 1 4) (memory $c i64 1) (data $d "several")
    (func $step (param i32) (result i64)
      (memory.init $b $d (i32.const 3) (i32.const 0) (i32.const 7))
      (memory.copy $c $b (i64.const 5) (i32.const 4) (i32.const 6))
      (memory.copy $a $c (local.get 0) (i64.const 5) (i32.const 6))
      (i32.store8 $b offset=9 (local.get 0) (local.get 0))
      (drop (memory.grow $b (i32.const 1)))
      (loop (nop))
      (memory.fill $a (i32.const 90) (i32.const 4) (memory.size $b))
      (i64.add (i64.load $a (local.get 0)) (i64.add (i64.load $b (i32.const 8)) (i64.load $c (i64.const 2)))))`;

async function same(fields: string, t: { is(a: unknown, b: unknown): boolean; true(a: unknown): boolean }) {
  const module = await moduleOf(fields);
  t.is(rewriter.supports(module), true);
  for (const slice of [0, 3, 50]) {
    const trio = trioOf(module);
    t.is(
      differs(trio, 'run', [13], () => slice, 400),
      undefined,
    );
    t.true(trio.hops > 1);
    disposeOf(trio);
  }
}

for (const [name, fields] of Object.entries(programs)) test(name, (t) => same(counting(fields), t));

test('several memories, where the host has them', async (t) => {
  if (multiple) return same(counting(several), t);
  t.regex(`${rewriter.supports(await moduleOf(counting(several)))}`, /multiple memories, as the host has none/);
});

const far = '(i64.const 0x1_0000_0000)';
const traps: Readonly<Record<string, string>> = {
  'a load far off': `(drop (i32.load ${far}))`,
  'a load just beyond': '(drop (i32.load (i64.const 65533)))',
  'a store far off': `(i64.store offset=1 ${far} (i64.const 1))`,
  'an offset far off': '(f64.store offset=0x1_0000_0000 (i64.const 0) (f64.const 1))',
  'memory.fill far off': `(memory.fill ${far} (i32.const 0) (i64.const 0))`,
  'memory.copy of too much': `(memory.copy (i64.const 0) (i64.const 0) ${far})`,
  'table.get far off': `(drop (table.get $t ${far}))`,
  'table.fill beyond': '(table.fill $t (i64.const 2) (ref.null func) (i64.const 1))',
  'a null function': '(call_ref $f (ref.null $f))',
  'a null reference': '(drop (ref.as_non_null (table.get $t (i64.const 1))))',
};

for (const [name, code] of Object.entries(traps))
  test(`trap: ${name}`, async (t) => {
    const module = await moduleOf(`(type $f (func)) (memory i64 1) (table $t i64 2 funcref)
      (func $inner (loop (nop)) ${code}) (func (export "run") (param i32) (drop (i32.const 1)) (call $inner))`);
    const trio = trioOf(module);
    t.is(
      differs(trio, 'run', [1], () => 0, 5),
      undefined,
    );
    disposeOf(trio);
  });

test('references to functions of the host, of this instance and of others are called alike', async (t) => {
  const other = await moduleOf('(func (export "f") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))');
  const user = await moduleOf(`(type $f (func (param i32) (result i32)))
    (import "h" "f" (func $host (type $f))) (import "o" "f" (func $other (type $f)))
    (elem declare func $host $other $own)
    (func $own (type $f) (i32.add (local.get 0) (i32.const 7)))
    (func $pick (param i32) (result (ref null $f))
      (block $2 (block $1 (block $0 (br_table $0 $1 $2 (i32.rem_u (local.get 0) (i32.const 3))))
        (return (ref.func $host))) (return (ref.func $other)))
      (ref.func $own))
    (func (export "run") (param i32) (result i32) (local $s i32)
      (loop (local.set $s (call_ref $f (local.get $s) (call $pick (local.get 0))))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get $s))
    (func (export "null") (result i32) (call_ref $f (i32.const 1) (ref.null $f)))`);
  const outcomes = (['interpreter', 'native'] as const).map((engine) => {
    const vm = new VM({ engine });
    const o = vm.instantiate(other).exports;
    return [1, 2].map((k) => {
      const h = { f: hostFunction(['i32'], ['i32'], (n) => (n ^ k) | 0) };
      const instance = vm.instantiate(user, { h, o });
      const [sum] = vm.invoke(instance.func('run'), [50]);
      t.throws(() => vm.invoke(instance.func('null'), []), { message: 'null function reference' });
      return [sum, instance.vm.invoke(instance.func('run'), [7])[0]];
    });
  });
  t.deepEqual(outcomes[1], outcomes[0]);
});
