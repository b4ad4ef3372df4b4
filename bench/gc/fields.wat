;; Fields of two structures, read and written in a loop; nothing is made.
(module
  (type $p (struct (field (mut i32)) (field (mut i32)) (field (mut f64))))
  (func (export "run") (param i32) (result i32) (local $p (ref null $p)) (local $q (ref null $p))
    (local.set 0 (i32.mul (local.get 0) (i32.const 1000)))
    (local.set $p (struct.new_default $p)) (local.set $q (struct.new $p (i32.const 3) (i32.const 4) (f64.const 0.5)))
    (loop
      (struct.set $p 0 (local.get $p) (i32.add (struct.get $p 0 (local.get $p)) (struct.get $p 1 (local.get $q))))
      (struct.set $p 1 (local.get $q) (i32.xor (struct.get $p 0 (local.get $p)) (struct.get $p 0 (local.get $q))))
      (struct.set $p 2 (local.get $p) (f64.add (struct.get $p 2 (local.get $p)) (struct.get $p 2 (local.get $q))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (struct.get $p 0 (local.get $p))))
