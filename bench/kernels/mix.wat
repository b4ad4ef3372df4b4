;; 64-bit integers: splitmix64, its outputs folded into one number.
(module
  (func (export "run") (param $n i32) (result i64)
    (local $state i64) (local $z i64) (local $sum i64)
    (loop $next
      (local.set $state (i64.add (local.get $state) (i64.const 0x9e3779b97f4a7c15)))
      (local.set $z (local.get $state))
      (local.set $z
        (i64.mul
          (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 30)))
          (i64.const 0xbf58476d1ce4e5b9)))
      (local.set $z
        (i64.mul
          (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 27)))
          (i64.const 0x94d049bb133111eb)))
      (local.set $sum
        (i64.add
          (i64.rotl (local.get $sum) (i64.const 7))
          (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 31)))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (i32.gt_s (local.get $n) (i32.const 0))))
    (local.get $sum)))
