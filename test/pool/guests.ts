// Small guests for the pool's tests.

import { Module } from '../../src/index.ts';
import { assembleText } from '../spec/script/assemble.ts';

export const moduleOf = async (wat: string): Promise<Module> => Module.from(await assembleText(wat));

/** Pure arithmetic: `add` is short, `count` as long as you like, `spin` never ends, `deep` fills the stack. */
export const arithmetic = await moduleOf(`(module
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "count") (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get 1) (local.get 0))))
    (local.get 1))
  (func (export "spin") (loop $again (br $again)))
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "pair") (param i64) (result i64 f64) (local.get 0) (f64.const nan))
  (elem declare func $inner)
  (func $inner unreachable)
  (func (export "trap") (call $inner))
  (func (export "self") (result funcref) (ref.func $inner)))`);

/** Writes each number below its argument to memory, then sums what it reads there: memory and locals must both survive. */
export const summing = await moduleOf(`(module
  (memory (export "memory") 4)
  (func (export "sum") (param $n i32) (result i64) (local $i i32) (local $sum i64)
    (loop $write
      (i32.store (i32.shl (local.get $i) (i32.const 2)) (local.get $i))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $write (i32.lt_u (local.get $i) (local.get $n))))
    (local.set $i (i32.const 0))
    (loop $read
      (local.set $sum (i64.add (local.get $sum) (i64.load32_u (i32.shl (local.get $i) (i32.const 2)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $read (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $sum))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`);

export const sumBelow = (n: number): bigint => (BigInt(n) * BigInt(n - 1)) / 2n;

/** Fills four MiB with noise, and then asks in each round, changing a word here and there. */
export const noisy = await moduleOf(`(module
  (import "env" "ask" (func $ask (param i32 i32) (result i32)))
  (memory (export "memory") 64)
  (func (export "run") (param $who i32) (param $rounds i32) (result i32) (local $x i32) (local $at i32) (local $i i32)
    (local.set $x (i32.const 88172645))
    (loop $fill
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
      (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 17))))
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))))
      (i32.store (local.get $at) (local.get $x))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $fill (i32.lt_u (local.get $at) (i32.const 4194304))))
    (loop $round
      (local.set $at (i32.and (i32.mul (local.get $i) (i32.const 123460)) (i32.const 4194300)))
      (local.set $x (i32.xor (i32.rotl (local.get $x) (i32.const 7))
        (i32.add (i32.load (local.get $at)) (call $ask (local.get $who) (local.get $i)))))
      (i32.store (local.get $at) (local.get $x))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $round (i32.lt_u (local.get $i) (local.get $rounds))))
    (local.get $x)))`);
