;; Copies 256 KiB `n` times: there by 64-bit loads and stores, four a pass, and back with `memory.copy`; returns a word.
(module
  (memory (export "memory") 8)
  (func (export "run") (param $n i32) (result i32)
    (local $at i32)
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 0x80000))
    (loop $times
      (i32.store (i32.shl (i32.and (local.get $n) (i32.const 0xffff)) (i32.const 2)) (local.get $n))
      (local.set $at (i32.const 0))
      (loop $copy
        (i64.store offset=0x40000 (local.get $at) (i64.load (local.get $at)))
        (i64.store offset=0x40008 (local.get $at) (i64.load offset=8 (local.get $at)))
        (i64.store offset=0x40010 (local.get $at) (i64.load offset=16 (local.get $at)))
        (i64.store offset=0x40018 (local.get $at) (i64.load offset=24 (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 32)))
        (br_if $copy (i32.lt_u (local.get $at) (i32.const 0x40000))))
      (memory.copy (i32.const 4) (i32.const 0x40000) (i32.const 0x3fffc))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $times (local.get $n)))
    (i32.add (i32.load (i32.const 64)) (i32.load offset=0x40000 (i32.const 1024)))))
