;; Places a queen in each of $size rows so that none attacks another. It knows nothing of searching: it asks the host to
;; choose each column, and gives up where the choice was wrong. Returns the columns, four bits a row, or -1.
(module
  (import "env" "choose" (func $choose (param i32) (result i32)))
  (func $queens (export "queens") (param $size i32) (result i64)
    (local $row i32) (local $column i32) (local $here i32)
    (local $columns i32) (local $left i32) (local $right i32) (local $board i64)
    (loop $next
      (local.set $column (call $choose (local.get $size)))
      (local.set $here (i32.shl (i32.const 1) (local.get $column)))
      ;; What is attacked by a queen above: straight down, or along a diagonal, which moves a column each row.
      (local.set $left (i32.shl (local.get $left) (i32.const 1)))
      (local.set $right (i32.shr_u (local.get $right) (i32.const 1)))
      (if (i32.and (local.get $here) (i32.or (local.get $columns) (i32.or (local.get $left) (local.get $right))))
        (then (return (i64.const -1))))
      (local.set $columns (i32.or (local.get $columns) (local.get $here)))
      (local.set $left (i32.or (local.get $left) (local.get $here)))
      (local.set $right (i32.or (local.get $right) (local.get $here)))
      (local.set $board
        (i64.or
          (local.get $board)
          (i64.shl
            (i64.extend_i32_u (local.get $column))
            (i64.extend_i32_u (i32.shl (local.get $row) (i32.const 2))))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $size))))
    (local.get $board)))
