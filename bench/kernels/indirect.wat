;; Calls through a table: four functions, picked by the value so far.
(module
  (type $step (func (param i32) (result i32)))
  (table funcref (elem $double $odd $spin $drop))
  (func $double (type $step) (i32.shl (local.get 0) (i32.const 1)))
  (func $odd (type $step) (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 1)))
  (func $spin (type $step) (i32.rotl (local.get 0) (i32.const 5)))
  (func $drop (type $step) (i32.xor (local.get 0) (i32.const 0x5bd1e995)))
  (func (export "run") (param $n i32) (result i32)
    (local $value i32)
    (local.set $value (i32.const 1))
    (loop $next
      (local.set $value
        (call_indirect (type $step)
          (i32.add (local.get $value) (local.get $n))
          (i32.and (i32.shr_u (local.get $value) (i32.const 3)) (i32.const 3))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (i32.gt_s (local.get $n) (i32.const 0))))
    (local.get $value)))
