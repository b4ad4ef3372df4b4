;; Straight-line code and direct calls on a word of memory: no loop, no branch, no result.
(module
  (memory (export "memory") 1)
  (func $leaf
    (i32.store (i32.const 8) (i32.add (i32.mul (i32.load (i32.const 8)) (i32.const 1103515245)) (i32.const 12345)))
    (i32.store (i32.const 12) (i32.xor (i32.load (i32.const 12)) (i32.shr_u (i32.load (i32.const 8)) (i32.const 16)))))
  (func $eight (call $leaf) (call $leaf) (call $leaf) (call $leaf) (call $leaf) (call $leaf) (call $leaf) (call $leaf))
  (func $many
    (call $eight) (call $eight) (call $eight) (call $eight) (call $eight) (call $eight) (call $eight) (call $eight))
  (func $more
    (call $many) (call $many) (call $many) (call $many) (call $many) (call $many) (call $many) (call $many))
  (func $most
    (call $more) (call $more) (call $more) (call $more) (call $more) (call $more) (call $more) (call $more))
  (func (export "run") (param $n i32) (result i32)
    (i32.store (i32.const 8) (local.get $n))
    (i32.store (i32.const 12) (i32.const 0))
    (call $most)
    (call $most)
    (i32.load (i32.const 12))))
