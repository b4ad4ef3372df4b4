;; Tells the host every prime below $limit, and returns how many there are.
(module
  (import "env" "found" (func $found (param i32)))
  (func $isPrime (param $n i32) (result i32)
    (local $divisor i32)
    (local.set $divisor (i32.const 2))
    (loop $next
      (if (i32.gt_u (i32.mul (local.get $divisor) (local.get $divisor)) (local.get $n)) (then (return (i32.const 1))))
      (if (i32.eqz (i32.rem_u (local.get $n) (local.get $divisor))) (then (return (i32.const 0))))
      (local.set $divisor (i32.add (local.get $divisor) (i32.const 1)))
      (br $next))
    (unreachable))
  (func $primes (export "primes") (param $limit i32) (result i32)
    (local $n i32) (local $count i32)
    (local.set $n (i32.const 2))
    (loop $next
      (if (call $isPrime (local.get $n))
        (then
          (call $found (local.get $n))
          (local.set $count (i32.add (local.get $count) (i32.const 1)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $n) (local.get $limit))))
    (local.get $count)))
