;; Structures that live for a while: makes binary trees of 8,191 nodes and counts them.
(module
  (type $n (struct (field (ref null $n)) (field (ref null $n))))
  (func $make (param i32) (result (ref null $n))
    (if (result (ref null $n)) (local.get 0)
      (then (struct.new $n (call $make (i32.sub (local.get 0) (i32.const 1))) (call $make (i32.sub (local.get 0) (i32.const 1)))))
      (else (struct.new_default $n))))
  (func $count (param (ref null $n)) (result i32)
    (if (result i32) (ref.is_null (local.get 0)) (then (i32.const 0))
     (else (i32.add (i32.const 1) (i32.add (call $count (struct.get $n 0 (local.get 0))) (call $count (struct.get $n 1 (local.get 0))))))))
  (func (export "run") (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (call $count (call $make (i32.const 12)))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))
