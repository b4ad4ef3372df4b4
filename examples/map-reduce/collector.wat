;; Adds up what the workers send, until the last of them has ended. Returns the sum, and of how many it is.
(module
  (import "wasbox" "receive" (func $receive (param $port i32) (param $at i32) (param $capacity i32) (result i32)))
  (global $sums i32 (i32.const 0))
  (memory (export "memory") 1)
  (func $collect (export "collect") (result i32 i32)
    (local $sum i32) (local $count i32)
    (block $end
      (loop $next
        (br_if $end (i32.lt_s (call $receive (global.get $sums) (i32.const 0) (i32.const 4)) (i32.const 0)))
        (local.set $sum (i32.add (local.get $sum) (i32.load (i32.const 0))))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $next)))
    (local.get $sum)
    (local.get $count)))
