;; An interpreter of byte codes, one `br_table` a step: `n` steps of a loop of fourteen codes on an accumulator, a
;; counter and sixteen words of memory.
(module
  (memory (export "memory") 1)
  (data (i32.const 1024) "\00\02\05\01\06\03\00\04\02\06\01\05\03\07")
  (func (export "run") (param $n i32) (result i32)
    (local $pc i32) (local $acc i32) (local $count i32)
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
    (local.set $acc (i32.const 12345))
    (loop $next
      (block $done
        (block $jump
          (block $load
            (block $store
              (block $count
                (block $spin
                  (block $mul
                    (block $xor
                      (block $add
                        (br_table $add $xor $mul $spin $count $store $load $jump
                          (i32.load8_u offset=1024 (local.get $pc))))
                      (local.set $acc (i32.add (local.get $acc) (local.get $count)))
                      (br $done))
                    (local.set $acc (i32.xor (local.get $acc) (i32.shr_u (local.get $acc) (i32.const 7))))
                    (br $done))
                  (local.set $acc (i32.mul (local.get $acc) (i32.const 1664525)))
                  (br $done))
                (local.set $acc (i32.rotl (local.get $acc) (i32.const 9)))
                (br $done))
              (local.set $count (i32.add (local.get $count) (i32.const 1)))
              (br $done))
            (i32.store (i32.and (local.get $count) (i32.const 60)) (local.get $acc))
            (br $done))
          (local.set $acc (i32.add (local.get $acc) (i32.load (i32.and (local.get $acc) (i32.const 60)))))
          (br $done))
        (local.set $pc (i32.const -1)))
      (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (local.get $n)))
    (local.get $acc)))
