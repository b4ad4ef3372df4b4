;; The average of the first $count numbers in memory, of 10 + 7 * i each. With no number it divides by zero.
(module
  (memory (export "memory") 1)
  (func $fill
    (local $i i32)
    (loop $next
      (i32.store (i32.shl (local.get $i) (i32.const 2))
        (i32.add (i32.const 10) (i32.mul (i32.const 7) (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 1000)))))
  (func $average (param $count i32) (result i32)
    (local $i i32) (local $sum i32)
    (block $end
      (loop $next
        (br_if $end (i32.ge_u (local.get $i) (local.get $count)))
        (local.set $sum (i32.add (local.get $sum) (i32.load (i32.shl (local.get $i) (i32.const 2)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.div_u (local.get $sum) (local.get $count)))
  ;; Averages of fewer and fewer.
  (func $shrink (export "shrink") (param $count i32) (result i32)
    (local $last i32)
    (call $fill)
    (loop $next
      (local.set $last (call $average (local.get $count)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $next (i32.ge_s (local.get $count) (i32.const 0))))
    (local.get $last)))
