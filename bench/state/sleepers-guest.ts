// A guest that has some state of its own and asks, as programs do that wait for somebody. In each round it writes four KiB that
// depend on who it is, asks, and mixes the answer in.

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';

export const asker = await parse(`(module
  (import "env" "ask" (func $ask (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "run") (param $who i32) (param $rounds i32) (result i32)
    (local $at i32) (local $x i32) (local $round i32)
    (local.set $x (i32.add (local.get $who) (i32.const 88172645)))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $fill
        (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
        (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 17))))
        (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))))
        (i32.store (local.get $at) (local.get $x))
        (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 4096))))
      (local.set $x (i32.xor (i32.load (i32.const 2048)) (call $ask (local.get $who) (local.get $round))))
      (br_if $again (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (local.get $rounds))))
    (local.get $x)))`);

/** What it comes to in one round, where it is answered by its own number. */
export function outcome(who: number): number {
  let x = (who + 88172645) | 0;
  let seen = 0;
  for (let at = 0; at < 4096; at += 4) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    if (at === 2048) seen = x;
  }
  return seen ^ who;
}
