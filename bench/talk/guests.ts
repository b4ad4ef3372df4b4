// What the members do: guests as text. Each call of theirs that fails ends them, or is seen in what they tell.

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { Module } from 'wasbox';

const moduleOf = async (fields: string): Promise<Module> => Module.from(await parse(`(module ${fields})`));

const talks = `
  (import "wasbox" "send" (func $send (param i32 i32 i32) (result i32)))
  (import "wasbox" "receive" (func $receive (param i32 i32 i32) (result i32)))`;

/** Returns the local, once nothing is received any more. */
const received = (handle: number, at: number, size: number, end: string) => `
  (if (i32.lt_s (call $receive (i32.const ${handle}) (i32.const ${at}) (i32.const ${size})) (i32.const 0))
    (then (return (local.get ${end}))))`;

/** What it is asked for, in words: how many times, and how many bytes each message has. */
const ordered = (end: string) => `
  ${received(0, 0, 8, end)}
  (local.set $n (i32.load (i32.const 0)))
  (local.set $size (i32.load (i32.const 4)))
  (local.set $sum (i32.const 0))`;

/** The sum is told, in a word. */
const told = `
  (i32.store (i32.const 0) (local.get $sum))
  (drop (call $send (i32.const 1) (i32.const 0) (i32.const 4)))`;

/** Does it `$n` times. */
const times = (body: string) =>
  `(loop $each ${body} (br_if $each (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))`;
const add = (value: string) => `(local.set $sum (i32.add (local.get $sum) ${value}))`;
const locals = '(local $n i32) (local $size i32) (local $sum i32) (local $done i32)';
const buffer = 1024;
const word = `(i32.load (i32.const ${buffer}))`;

/**
 * `ping`: handles 0 orders, 1 where it tells the sum of what came back, 2 and 3 to `pong` and back, whose 0 and 1 they are: it
 * adds one to the first word. `source`: handles 0 orders, 1 to `sink`, whose 0 that is: its 1 is where it tells the sum of
 * all first words once it had a 1, the last one.
 */
export const talkers = await moduleOf(`${talks}
  (memory (export "memory") 2)
  (func (export "ping") (result i32) ${locals}
    (loop $orders
      ${ordered('$done')}
      ${times(`
        (i32.store (i32.const ${buffer}) (local.get $n))
        (drop (call $send (i32.const 2) (i32.const ${buffer}) (local.get $size)))
        ${received(3, buffer, 65536, '$done')}
        ${add(word)}`)}
      ${told}
      (local.set $done (i32.add (local.get $done) (i32.const 1)))
      (br $orders))
    (unreachable))
  (func (export "pong") (result i32) (local $size i32) (local $done i32)
    (loop $messages
      (local.set $size (call $receive (i32.const 0) (i32.const ${buffer}) (i32.const 65536)))
      (if (i32.lt_s (local.get $size) (i32.const 0)) (then (return (local.get $done))))
      (i32.store (i32.const ${buffer}) (i32.add ${word} (i32.const 1)))
      (drop (call $send (i32.const 1) (i32.const ${buffer}) (local.get $size)))
      (local.set $done (i32.add (local.get $done) (i32.const 1)))
      (br $messages))
    (unreachable))
  (func (export "source") (result i32) ${locals}
    (loop $orders
      ${ordered('$done')}
      ${times(`
        (i32.store (i32.const ${buffer}) (local.get $n))
        (drop (call $send (i32.const 1) (i32.const ${buffer}) (local.get $size)))`)}
      (local.set $done (i32.add (local.get $done) (i32.const 1)))
      (br $orders))
    (unreachable))
  (func (export "sink") (result i32) ${locals}
    (loop $messages
      ${received(0, buffer, 65536, '$done')}
      ${add(word)}
      (br_if $messages (i32.ne ${word} (i32.const 1)))
      ${told}
      (local.set $sum (i32.const 0))
      (local.set $done (i32.add (local.get $done) (i32.const 1)))
      (br $messages))
    (unreachable))`);

export const math = await moduleOf(`
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))`);

/** Calls the other for each of what it is asked for; handles 0 orders, 1 where it tells the sum. */
export const caller = await moduleOf(`
  (import "math" "add" (func $add (param i32 i32) (result i32))) ${talks}
  (memory (export "memory") 1)
  (func (export "run") (result i32) ${locals}
    (loop $orders
      ${ordered('$done')}
      ${times('(local.set $sum (call $add (local.get $sum) (local.get $n)))')}
      ${told}
      (local.set $done (i32.add (local.get $done) (i32.const 1)))
      (br $orders))
    (unreachable))`);

/** What comes by handle 0 goes on by handle 1, the first word one more; returns how many of them were taken. */
export const relay = await moduleOf(`${talks}
  (memory (export "memory") 1)
  (func (export "run") (result i32) (local $done i32)
    (loop $messages
      ${received(0, 0, 64, '$done')}
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      (br_if $messages (i32.lt_s (call $send (i32.const 1) (i32.const 0) (i32.const 64)) (i32.const 0)))
      (local.set $done (i32.add (local.get $done) (i32.const 1)))
      (br $messages))
    (unreachable))`);

/** A message of words. */
export const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);
export const firstWord = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
