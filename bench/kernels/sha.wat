;; 32-bit rotations and sums in eight locals, as in SHA-256: `n` rounds, the words of the message in memory.
(module
  (memory (export "memory") 1)
  (func (export "run") (param $n i32) (result i32)
    (local $i i32) (local $t i32) (local $u i32)
    (local $a i32) (local $b i32) (local $c i32) (local $d i32)
    (local $e i32) (local $f i32) (local $g i32) (local $h i32)
    (local.set $a (i32.const 0x6a09e667))
    (local.set $b (i32.const 0xbb67ae85))
    (local.set $e (i32.const 0x510e527f))
    (local.set $h (i32.const 0x5be0cd19))
    (loop $words
      (i32.store (local.get $i) (i32.mul (i32.add (local.get $i) (i32.const 1)) (i32.const 0x9e3779b1)))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $words (i32.lt_u (local.get $i) (i32.const 256))))
    (loop $rounds
      (local.set $t
        (i32.add
          (i32.add (local.get $h)
            (i32.xor (i32.rotr (local.get $e) (i32.const 6))
              (i32.xor (i32.rotr (local.get $e) (i32.const 11)) (i32.rotr (local.get $e) (i32.const 25)))))
          (i32.add
            (i32.xor (local.get $g) (i32.and (local.get $e) (i32.xor (local.get $f) (local.get $g))))
            (i32.load (i32.and (i32.shl (local.get $n) (i32.const 2)) (i32.const 252))))))
      (local.set $u
        (i32.add
          (i32.xor (i32.rotr (local.get $a) (i32.const 2))
            (i32.xor (i32.rotr (local.get $a) (i32.const 13)) (i32.rotr (local.get $a) (i32.const 22))))
          (i32.xor (i32.and (local.get $a) (local.get $b))
            (i32.and (local.get $c) (i32.xor (local.get $a) (local.get $b))))))
      (local.set $h (local.get $g))
      (local.set $g (local.get $f))
      (local.set $f (local.get $e))
      (local.set $e (i32.add (local.get $d) (local.get $t)))
      (local.set $d (local.get $c))
      (local.set $c (local.get $b))
      (local.set $b (local.get $a))
      (local.set $a (i32.add (local.get $t) (local.get $u)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $rounds (i32.gt_s (local.get $n) (i32.const 0))))
    (i32.xor (local.get $a) (local.get $e))))
