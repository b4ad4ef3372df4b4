;; Pays five invoices. What is above 1,000 a human has to approve first. Returns what was paid.
(module
  (import "books" "amount" (func $amount (param $invoice i32) (result i32)))
  (import "human" "approve" (func $approve (param $invoice i32) (param $amount i32) (result i32)))
  (import "bank" "pay" (func $pay (param $invoice i32) (param $amount i32)))
  (func $work (export "work") (result i32)
    (local $invoice i32) (local $owed i32) (local $paid i32)
    (local.set $invoice (i32.const 1))
    (loop $next
      (local.set $owed (call $amount (local.get $invoice)))
      (block $refused
        (if (i32.gt_s (local.get $owed) (i32.const 1000))
          (then (br_if $refused (i32.eqz (call $approve (local.get $invoice) (local.get $owed))))))
        (call $pay (local.get $invoice) (local.get $owed))
        (local.set $paid (i32.add (local.get $paid) (local.get $owed))))
      (local.set $invoice (i32.add (local.get $invoice) (i32.const 1)))
      (br_if $next (i32.le_s (local.get $invoice) (i32.const 5))))
    (local.get $paid)))
