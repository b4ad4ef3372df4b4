;; Calls: the naive Fibonacci numbers.
(module
  (func $fib (export "run") (param $n i32) (result i32)
    (local $result i32)
    (local.set $result (local.get $n))
    (block $done
      (br_if $done (i32.lt_s (local.get $n) (i32.const 2)))
      (local.set $result
        (i32.add
          (call $fib (i32.sub (local.get $n) (i32.const 1)))
          (call $fib (i32.sub (local.get $n) (i32.const 2))))))
    (local.get $result)))
