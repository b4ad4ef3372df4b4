;; Memory, byte by byte: counts the primes below `n`, at most 1048576.
(module
  (memory (export "memory") 16)
  (func (export "run") (param $n i32) (result i32)
    (local $i i32) (local $multiple i32) (local $count i32)
    (memory.fill (i32.const 0) (i32.const 0) (local.get $n))
    (local.set $i (i32.const 2))
    (loop $candidates
      (if (i32.eqz (i32.load8_u (local.get $i)))
        (then
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (local.set $multiple (i32.shl (local.get $i) (i32.const 1)))
          (block $crossed
            (loop $cross
              (br_if $crossed (i32.ge_u (local.get $multiple) (local.get $n)))
              (i32.store8 (local.get $multiple) (i32.const 1))
              (local.set $multiple (i32.add (local.get $multiple) (local.get $i)))
              (br $cross)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $candidates (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $count)))
