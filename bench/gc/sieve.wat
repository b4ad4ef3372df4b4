;; An array of 20,000 bytes: the primes below.
(module
  (type $b (array (mut i8)))
  (func (export "run") (param i32) (result i32) (local $a (ref null $b)) (local $i i32) (local $j i32) (local $c i32)
   (loop $r
    (local.set $a (array.new_default $b (i32.const 20000)))
    (local.set $i (i32.const 2)) (local.set $c (i32.const 0))
    (loop $l
      (if (i32.eqz (array.get_u $b (local.get $a) (local.get $i)))
        (then (local.set $c (i32.add (local.get $c) (i32.const 1)))
          (local.set $j (i32.add (local.get $i) (local.get $i)))
          (block $d (loop $k (br_if $d (i32.ge_u (local.get $j) (i32.const 20000)))
            (array.set $b (local.get $a) (local.get $j) (i32.const 1))
            (local.set $j (i32.add (local.get $j) (local.get $i))) (br $k)))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000))))
    (br_if $r (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
   (local.get $c)))
