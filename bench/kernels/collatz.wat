;; Short loops and branches on 32-bit integers: the steps of all Collatz sequences that start below `n`.
(module
  (func (export "run") (param $n i32) (result i32)
    (local $value i32) (local $steps i32)
    (block $done
      (loop $starts
        (br_if $done (i32.lt_s (local.get $n) (i32.const 2)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (local.set $value (local.get $n))
        (block $one
          (loop $walk
            (br_if $one (i32.lt_u (local.get $value) (i32.const 2)))
            (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
            (local.set $value
              (select
                (i32.add (i32.mul (local.get $value) (i32.const 3)) (i32.const 1))
                (i32.shr_u (local.get $value) (i32.const 1))
                (i32.and (local.get $value) (i32.const 1))))
            (br $walk)))
        (br $starts)))
    (local.get $steps)))
