;; Takes lines of numbers from the port that all workers share, until nothing follows, and sends the sum of each to the
;; collector. Traps on what is no number. Returns how many lines it took.
(module
  ;; Each waits until it can be done. `receive` comes to the length of the message. Less than 0: the port is closed.
  (import "wasbox" "receive" (func $receive (param $port i32) (param $at i32) (param $capacity i32) (result i32)))
  (import "wasbox" "send" (func $send (param $port i32) (param $at i32) (param $length i32) (result i32)))
  ;; The ports that it was given, in the order in which the host gave them.
  (global $lines i32 (i32.const 0))
  (global $sums i32 (i32.const 1))
  (memory (export "memory") 1)
  (func $sumOf (param $length i32) (result i32)
    (local $at i32) (local $digit i32) (local $number i32) (local $sum i32)
    (loop $next
      (if (i32.eq (local.get $at) (local.get $length))
        (then (return (i32.add (local.get $sum) (local.get $number)))))
      (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
      (if (i32.eq (local.get $digit) (i32.const -16)) ;; a space
        (then
          (local.set $sum (i32.add (local.get $sum) (local.get $number)))
          (local.set $number (i32.const 0)))
        (else
          (if (i32.gt_u (local.get $digit) (i32.const 9)) (then (unreachable)))
          (local.set $number (i32.add (i32.mul (local.get $number) (i32.const 10)) (local.get $digit)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next))
    (unreachable))
  (func $work (export "work") (result i32)
    (local $length i32) (local $count i32)
    (block $end
      (loop $next
        (local.set $length (call $receive (global.get $lines) (i32.const 0) (i32.const 65536)))
        (br_if $end (i32.lt_s (local.get $length) (i32.const 0)))
        (i32.store (i32.const 0) (call $sumOf (local.get $length)))
        (br_if $end (i32.lt_s (call $send (global.get $sums) (i32.const 0) (i32.const 4)) (i32.const 0)))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $next)))
    (local.get $count)))
