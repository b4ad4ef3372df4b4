;; An array of objects of two types, cast to the one that each is of.
(module
  (type $s (sub (struct (field i32)))) (type $c (sub $s (struct (field i32) (field f64)))) (type $q (sub $s (struct (field i32) (field f64) (field f64))))
  (type $arr (array (mut (ref null $s))))
  (func (export "run") (param i32) (result f64) (local $a (ref $arr)) (local $i i32) (local $x f64) (local $e (ref null $s))
   (local.set $a (array.new_default $arr (i32.const 256)))
   (loop $f
     (array.set $arr (local.get $a) (local.get $i)
       (if (result (ref $s)) (i32.and (local.get $i) (i32.const 1))
         (then (struct.new $c (local.get $i) (f64.const 2))) (else (struct.new $q (local.get $i) (f64.const 3) (f64.const 4)))))
     (br_if $f (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 256))))
   (local.set 0 (i32.mul (local.get 0) (i32.const 1000)))
   (loop $l
     (local.set $e (array.get $arr (local.get $a) (i32.and (local.get 0) (i32.const 255))))
     (if (ref.test (ref $c) (local.get $e))
       (then (local.set $x (f64.add (local.get $x) (struct.get $c 1 (ref.cast (ref $c) (local.get $e))))))
       (else (local.set $x (f64.add (local.get $x) (f64.mul (struct.get $q 1 (ref.cast (ref $q) (local.get $e))) (struct.get $q 2 (ref.cast (ref $q) (local.get $e))))))))
     (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
   (local.get $x)))
