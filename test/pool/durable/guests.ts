// A guest that works and asks in turn, as jobs do that are worth keeping: in each of `n` rounds it computes for a while, asks
// the host for a number, and mixes both into a sum that depends on the order of all of it.

import { moduleOf } from '../guests.ts';

export const asking = await moduleOf(`(module
  (import "env" "ask" (func $ask (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "run") (param $who i32) (param $n i32) (param $work i32) (result i32)
    (local $i i32) (local $j i32) (local $sum i32)
    (loop $round
      (local.set $j (i32.const 0))
      (loop $busy
        (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (local.get $j)))
        (i32.store (i32.and (i32.shl (local.get $j) (i32.const 2)) (i32.const 65532)) (local.get $sum))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $busy (i32.lt_u (local.get $j) (local.get $work))))
      (local.set $sum (i32.xor (local.get $sum) (call $ask (local.get $who) (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $round (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $sum)))`);

/** What a service answers. */
export const answerTo = (who: number, round: number): number => (who * 1_000_003 + round * 7919) | 0;

/** What the guest comes to. */
export function expected(who: number, rounds: number, work: number): number {
  let sum = 0;
  for (let i = 0; i < rounds; i++) {
    for (let j = 0; j < work; j++) sum = (Math.imul(sum, 31) + j) | 0;
    sum ^= answerTo(who, i);
  }
  return sum;
}
