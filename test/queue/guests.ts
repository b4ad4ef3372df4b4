// Guests of the queue's tests: those of durable jobs, and one that sleeps.

import { moduleOf } from '../pool/guests.ts';

export { answerTo, asking, expected } from '../pool/durable/guests.ts';

/** Sleeps so many ms, as programs for WASI do, `n` times, and counts. Exits with the count. */
export const sleeper = (ms: number, n: number) =>
  moduleOf(`(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") (local $i i32)
      (i32.store (i32.const 16) (i32.const 1))
      (i64.store (i32.const 24) (i64.const ${ms}000000))
      (loop $again
        (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const ${n}))))
      (call $exit (local.get $i))))`);
