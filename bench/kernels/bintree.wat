;; Recursion and memory: makes a binary tree of depth `n` (at most 15) node by node, and counts its nodes.
(module
  (memory (export "memory") 8)
  (global $free (mut i32) (i32.const 0))

  ;; A node is two words, left and right; 0 is no node.
  (func $make (param $depth i32) (result i32)
    (local $node i32)
    (global.set $free (i32.add (global.get $free) (i32.const 8)))
    (local.set $node (global.get $free))
    (i32.store (local.get $node) (i32.const 0))
    (i32.store offset=4 (local.get $node) (i32.const 0))
    (if (local.get $depth)
      (then
        (i32.store (local.get $node) (call $make (i32.sub (local.get $depth) (i32.const 1))))
        (i32.store offset=4 (local.get $node) (call $make (i32.sub (local.get $depth) (i32.const 1))))))
    (local.get $node))

  (func $count (param $node i32) (result i32)
    (if (result i32) (local.get $node)
      (then
        (i32.add (i32.const 1)
          (i32.add (call $count (i32.load (local.get $node))) (call $count (i32.load offset=4 (local.get $node))))))
      (else (i32.const 0))))

  (func (export "run") (param $n i32) (result i32)
    (global.set $free (i32.const 0))
    (call $count (call $make (local.get $n)))))
