;; A maze of $width by $height cells, carved by walking at random and turning back where no way is left, then solved from
;; the upper left to the lower right in the same way. Both recurse from cell to cell: the stack is the way to where it is.
;;
;; Memory: a byte a cell, bits 0 to 3 for its open sides (north, east, south, west), 4: the solver was there, 5: the
;; solution leads through it. From 16384 on, an i32 a cell: as which one it was carved, from 1; 0 is solid.
(module
  (memory (export "memory") 1)
  (global $width (export "width") i32 (i32.const 96))
  (global $height (export "height") i32 (i32.const 54))
  (global $random (mut i32) (i32.const 0))
  (global $carved (mut i32) (i32.const 0))

  ;; Xorshift.
  (func $dice (result i32)
    (global.set $random (i32.xor (global.get $random) (i32.shl (global.get $random) (i32.const 13))))
    (global.set $random (i32.xor (global.get $random) (i32.shr_u (global.get $random) (i32.const 17))))
    (global.set $random (i32.xor (global.get $random) (i32.shl (global.get $random) (i32.const 5))))
    (global.get $random))

  (func $at (param $x i32) (param $y i32) (result i32)
    (i32.add (local.get $x) (i32.mul (local.get $y) (global.get $width))))
  ;; Where a way leads: 0 north, 1 east, 2 south, 3 west.
  (func $besideX (param $x i32) (param $way i32) (result i32)
    (i32.add (local.get $x)
      (select (i32.sub (i32.const 2) (local.get $way)) (i32.const 0) (i32.and (local.get $way) (i32.const 1)))))
  (func $besideY (param $y i32) (param $way i32) (result i32)
    (i32.add (local.get $y)
      (select (i32.const 0) (i32.sub (local.get $way) (i32.const 1)) (i32.and (local.get $way) (i32.const 1)))))

  (func $isSolid (param $x i32) (param $y i32) (result i32)
    (if (i32.ge_u (local.get $x) (global.get $width)) (then (return (i32.const 0))))
    (if (i32.ge_u (local.get $y) (global.get $height)) (then (return (i32.const 0))))
    (i32.eqz (i32.load offset=16384 (i32.shl (call $at (local.get $x) (local.get $y)) (i32.const 2)))))
  (func $mark (param $x i32) (param $y i32) (param $bits i32)
    (local $cell i32)
    (local.set $cell (call $at (local.get $x) (local.get $y)))
    (i32.store8 (local.get $cell) (i32.or (i32.load8_u (local.get $cell)) (local.get $bits))))

  (func $carve (param $x i32) (param $y i32)
    (local $way i32) (local $turn i32) (local $left i32) (local $nextX i32) (local $nextY i32)
    (global.set $carved (i32.add (global.get $carved) (i32.const 1)))
    (i32.store offset=16384 (i32.shl (call $at (local.get $x) (local.get $y)) (i32.const 2)) (global.get $carved))
    (local.set $way (call $dice))
    (local.set $turn (i32.or (i32.and (call $dice) (i32.const 2)) (i32.const 1)))
    (local.set $left (i32.const 4))
    (loop $next
      (local.set $way (i32.and (i32.add (local.get $way) (local.get $turn)) (i32.const 3)))
      (local.set $nextX (call $besideX (local.get $x) (local.get $way)))
      (local.set $nextY (call $besideY (local.get $y) (local.get $way)))
      (if (call $isSolid (local.get $nextX) (local.get $nextY))
        (then
          (call $mark (local.get $x) (local.get $y) (i32.shl (i32.const 1) (local.get $way)))
          (call $mark (local.get $nextX) (local.get $nextY)
            (i32.shl (i32.const 1) (i32.xor (local.get $way) (i32.const 2))))
          (call $carve (local.get $nextX) (local.get $nextY))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left))))

  ;; Whether a way leads from there to the lower right.
  (func $solve (param $x i32) (param $y i32) (result i32)
    (local $way i32) (local $cell i32)
    (local.set $cell (call $at (local.get $x) (local.get $y)))
    (if (i32.and (i32.load8_u (local.get $cell)) (i32.const 16)) (then (return (i32.const 0))))
    (call $mark (local.get $x) (local.get $y) (i32.const 16))
    (block $found
      (br_if $found
        (i32.eq (local.get $cell) (i32.sub (i32.mul (global.get $width) (global.get $height)) (i32.const 1))))
      (loop $next
        (if (i32.and (i32.shr_u (i32.load8_u (local.get $cell)) (local.get $way)) (i32.const 1))
          (then
            (br_if $found
              (call $solve
                (call $besideX (local.get $x) (local.get $way))
                (call $besideY (local.get $y) (local.get $way))))))
        (local.set $way (i32.add (local.get $way) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $way) (i32.const 4))))
      (return (i32.const 0)))
    (call $mark (local.get $x) (local.get $y) (i32.const 32))
    (i32.const 1))

  ;; FNV-1a of all that was made, a word at a time.
  (func $hash (result i32)
    (local $at i32) (local $sum i32)
    (local.set $sum (i32.const 0x811c9dc5))
    (loop $next
      (local.set $sum (i32.mul (i32.xor (local.get $sum) (i32.load (local.get $at))) (i32.const 0x01000193)))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $next
        (i32.lt_u
          (local.get $at)
          (i32.add (i32.const 16384) (i32.mul (i32.const 4) (i32.mul (global.get $width) (global.get $height)))))))
    (local.get $sum))

  ;; Returns a hash of the maze and its solution.
  (func $main (export "main") (param $seed i32) (result i32)
    (global.set $random (i32.or (local.get $seed) (i32.const 1)))
    (call $carve (i32.shr_u (global.get $width) (i32.const 1)) (i32.shr_u (global.get $height) (i32.const 1)))
    (drop (call $solve (i32.const 0) (i32.const 0)))
    (call $hash)))
