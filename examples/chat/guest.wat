;; Somebody who chats. What comes into its inbox first is its name, and then what is said. Whenever its name is mentioned
;; there, it says the next of its lines, to the host and to the two others. It leaves when it has nothing more to say, or
;; nobody is left to talk to. Returns how many lines it heard.
(module
  ;; Each waits until it can be done. `receive` comes to the length of the message. Less than 0: the port is closed.
  (import "wasbox" "receive" (func $receive (param $port i32) (param $at i32) (param $capacity i32) (result i32)))
  (import "wasbox" "send" (func $send (param $port i32) (param $at i32) (param $length i32) (result i32)))
  ;; The ports that it was given, in the order in which the host gave them.
  (global $inbox i32 (i32.const 0))
  (global $lines i32 (i32.const 1))
  (global $said i32 (i32.const 2))
  (global $one i32 (i32.const 3))
  (global $other i32 (i32.const 4))
  ;; What it says is at 0 and begins with its name; what it hears is at 2,048. A line has up to 1,024 bytes.
  (memory (export "memory") 1)
  (func $isMentioned (param $name i32) (param $length i32) (result i32)
    (local $at i32) (local $i i32)
    (loop $next
      (if (i32.gt_u (i32.add (local.get $at) (local.get $name)) (local.get $length)) (then (return (i32.const 0))))
      (local.set $i (i32.const 0))
      (block $differs
        (loop $same
          (br_if $differs
            (i32.ne
              (i32.load8_u (local.get $i))
              (i32.load8_u offset=2048 (i32.add (local.get $at) (local.get $i)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $same (i32.lt_u (local.get $i) (local.get $name))))
        (return (i32.const 1)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next))
    (unreachable))
  ;; The host hears it first, so nobody can answer before that. Whoever has left does not hear it.
  (func $say (param $length i32)
    (drop (call $send (global.get $said) (i32.const 0) (local.get $length)))
    (drop (call $send (global.get $one) (i32.const 0) (local.get $length)))
    (drop (call $send (global.get $other) (i32.const 0) (local.get $length))))
  (func $chat (export "chat") (result i32)
    (local $name i32) (local $line i32) (local $length i32) (local $heard i32) (local $count i32)
    (local.set $name (call $receive (global.get $inbox) (i32.const 0) (i32.const 1024)))
    (i32.store16 (local.get $name) (i32.const 0x203a)) ;; a colon and a space
    (local.set $line (i32.add (local.get $name) (i32.const 2)))
    (block $leave
      (loop $next
        (local.set $length (call $receive (global.get $lines) (local.get $line) (i32.const 1024)))
        (br_if $leave (i32.lt_s (local.get $length) (i32.const 0)))
        (loop $listen
          (local.set $heard (call $receive (global.get $inbox) (i32.const 2048) (i32.const 1024)))
          (br_if $leave (i32.lt_s (local.get $heard) (i32.const 0)))
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (br_if $listen (i32.eqz (call $isMentioned (local.get $name) (local.get $heard)))))
        (call $say (i32.add (local.get $line) (local.get $length)))
        (br $next)))
    (local.get $count)))
