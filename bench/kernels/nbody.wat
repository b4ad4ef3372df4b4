;; Floating point: eight bodies in three dimensions, `n` steps of time; returns their kinetic energy.
;; A body is 56 bytes: position x y z, velocity x y z, mass.
(module
  (memory (export "memory") 1)

  (func $place
    (local $at i32)
    (loop $next
      (f64.store (local.get $at)
        (f64.convert_i32_s (i32.rem_s (i32.mul (i32.add (local.get $at) (i32.const 8)) (i32.const 7919)) (i32.const 101))))
      (f64.store offset=24 (local.get $at) (f64.const 0))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 448))))
    (local.set $at (i32.const 0))
    (loop $body
      (f64.store offset=24 (local.get $at) (f64.const 0))
      (f64.store offset=32 (local.get $at) (f64.const 0))
      (f64.store offset=40 (local.get $at) (f64.const 0))
      (f64.store offset=48 (local.get $at)
        (f64.add (f64.const 1) (f64.convert_i32_u (i32.div_u (local.get $at) (i32.const 56)))))
      (local.set $at (i32.add (local.get $at) (i32.const 56)))
      (br_if $body (i32.lt_u (local.get $at) (i32.const 448)))))

  ;; Adds to a velocity at $at + 24: distance * pull.
  (func $push (param $at i32) (param $by f64)
    (f64.store offset=24 (local.get $at) (f64.add (f64.load offset=24 (local.get $at)) (local.get $by))))

  (func $attract (param $a i32) (param $b i32)
    (local $dx f64) (local $dy f64) (local $dz f64) (local $square f64) (local $pull f64)
    (local.set $dx (f64.sub (f64.load (local.get $b)) (f64.load (local.get $a))))
    (local.set $dy (f64.sub (f64.load offset=8 (local.get $b)) (f64.load offset=8 (local.get $a))))
    (local.set $dz (f64.sub (f64.load offset=16 (local.get $b)) (f64.load offset=16 (local.get $a))))
    (local.set $square
      (f64.add (f64.const 0.01)
        (f64.add (f64.mul (local.get $dx) (local.get $dx))
          (f64.add (f64.mul (local.get $dy) (local.get $dy)) (f64.mul (local.get $dz) (local.get $dz))))))
    (local.set $pull
      (f64.div (f64.mul (f64.const 0.001) (f64.load offset=48 (local.get $b)))
        (f64.mul (local.get $square) (f64.sqrt (local.get $square)))))
    (call $push (local.get $a) (f64.mul (local.get $dx) (local.get $pull)))
    (call $push (i32.add (local.get $a) (i32.const 8)) (f64.mul (local.get $dy) (local.get $pull)))
    (call $push (i32.add (local.get $a) (i32.const 16)) (f64.mul (local.get $dz) (local.get $pull))))

  (func $attractAll
    (local $a i32) (local $b i32)
    (loop $outer
      (local.set $b (i32.const 0))
      (loop $inner
        (if (i32.ne (local.get $a) (local.get $b)) (then (call $attract (local.get $a) (local.get $b))))
        (local.set $b (i32.add (local.get $b) (i32.const 56)))
        (br_if $inner (i32.lt_u (local.get $b) (i32.const 448))))
      (local.set $a (i32.add (local.get $a) (i32.const 56)))
      (br_if $outer (i32.lt_u (local.get $a) (i32.const 448)))))

  (func $advance (param $at i32)
    (f64.store (local.get $at)
      (f64.add (f64.load (local.get $at)) (f64.mul (f64.const 0.01) (f64.load offset=24 (local.get $at))))))

  (func $advanceAll
    (local $at i32)
    (loop $body
      (call $advance (local.get $at))
      (call $advance (i32.add (local.get $at) (i32.const 8)))
      (call $advance (i32.add (local.get $at) (i32.const 16)))
      (local.set $at (i32.add (local.get $at) (i32.const 56)))
      (br_if $body (i32.lt_u (local.get $at) (i32.const 448)))))

  (func $square (param $x f64) (result f64) (f64.mul (local.get $x) (local.get $x)))

  (func $energy (result f64)
    (local $at i32) (local $sum f64)
    (loop $body
      (local.set $sum
        (f64.add (local.get $sum)
          (f64.mul (f64.load offset=48 (local.get $at))
            (f64.add (call $square (f64.load offset=24 (local.get $at)))
              (f64.add (call $square (f64.load offset=32 (local.get $at)))
                (call $square (f64.load offset=40 (local.get $at))))))))
      (local.set $at (i32.add (local.get $at) (i32.const 56)))
      (br_if $body (i32.lt_u (local.get $at) (i32.const 448))))
    (local.get $sum))

  (func (export "run") (param $n i32) (result f64)
    (call $place)
    (loop $step
      (call $attractAll)
      (call $advanceAll)
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $step (i32.gt_s (local.get $n) (i32.const 0))))
    (call $energy)))
