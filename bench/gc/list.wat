;; Structures that die soon: makes a list of a thousand, walks it, and drops it.
(module
  (type $l (struct (field (mut i32)) (field (mut (ref null $l)))))
  (func (export "run") (param i32) (result i32) (local $h (ref null $l)) (local $i i32) (local $s i32)
   (loop $r
    (local.set $h (ref.null $l)) (local.set $i (i32.const 1000))
    (loop $m (local.set $h (struct.new $l (local.get $i) (local.get $h)))
      (br_if $m (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (block $d (loop $w (br_if $d (ref.is_null (local.get $h)))
      (local.set $s (i32.add (local.get $s) (struct.get $l 0 (local.get $h))))
      (local.set $h (struct.get $l 1 (local.get $h))) (br $w)))
    (br_if $r (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
   (local.get $s)))
