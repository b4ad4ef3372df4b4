;; Floating point in nested loops: the product of two n by n matrices of f64, n at most 512; returns the product's trace.
(module
  (memory (export "memory") 96)

  (func $at (param $matrix i32) (param $n i32) (param $i i32) (param $j i32) (result i32)
    (i32.add (i32.shl (local.get $matrix) (i32.const 21))
      (i32.shl (i32.add (i32.mul (local.get $i) (local.get $n)) (local.get $j)) (i32.const 3))))

  (func $place (param $n i32)
    (local $i i32) (local $j i32)
    (loop $rows
      (local.set $j (i32.const 0))
      (loop $columns
        (f64.store (call $at (i32.const 0) (local.get $n) (local.get $i) (local.get $j))
          (f64.convert_i32_s (i32.sub (i32.mul (local.get $i) (i32.const 3)) (local.get $j))))
        (f64.store (call $at (i32.const 1) (local.get $n) (local.get $i) (local.get $j))
          (f64.div (f64.convert_i32_s (i32.add (local.get $i) (local.get $j))) (f64.const 7)))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $columns (i32.lt_s (local.get $j) (local.get $n))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $rows (i32.lt_s (local.get $i) (local.get $n)))))

  (func (export "run") (param $n i32) (result f64)
    (local $i i32) (local $j i32) (local $k i32) (local $a i32) (local $b i32) (local $sum f64) (local $trace f64)
    (call $place (local.get $n))
    (loop $rows
      (local.set $j (i32.const 0))
      (loop $columns
        (local.set $sum (f64.const 0))
        (local.set $a (call $at (i32.const 0) (local.get $n) (local.get $i) (i32.const 0)))
        (local.set $b (call $at (i32.const 1) (local.get $n) (i32.const 0) (local.get $j)))
        (local.set $k (local.get $n))
        (loop $products
          (local.set $sum
            (f64.add (local.get $sum) (f64.mul (f64.load (local.get $a)) (f64.load (local.get $b)))))
          (local.set $a (i32.add (local.get $a) (i32.const 8)))
          (local.set $b (i32.add (local.get $b) (i32.shl (local.get $n) (i32.const 3))))
          (local.set $k (i32.sub (local.get $k) (i32.const 1)))
          (br_if $products (local.get $k)))
        (f64.store (call $at (i32.const 2) (local.get $n) (local.get $i) (local.get $j)) (local.get $sum))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $columns (i32.lt_s (local.get $j) (local.get $n))))
      (local.set $trace
        (f64.add (local.get $trace)
          (f64.load (call $at (i32.const 2) (local.get $n) (local.get $i) (local.get $i)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $rows (i32.lt_s (local.get $i) (local.get $n))))
    (local.get $trace)))
