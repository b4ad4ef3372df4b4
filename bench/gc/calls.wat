;; A function that is called by a reference to it.
(module
  (type $f (func (param i32) (result i32)))
  (elem declare func $next)
  (func $next (type $f) (i32.add (i32.mul (local.get 0) (i32.const 5)) (i32.const 3)))
  (func (export "run") (param i32) (result i32) (local $f (ref null $f)) (local $sum i32)
    (local.set 0 (i32.mul (local.get 0) (i32.const 1000)))
    (local.set $f (ref.func $next))
    (loop
      (local.set $sum (call_ref $f (local.get $sum) (local.get $f)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get $sum)))
