// What the many VMs do: three programs, each with its own use of memory. All answer with a number that follows from their argument.

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';

export interface Guest {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly expected: (n: number) => number;
}

const guest = async (name: string, text: string, expected: (n: number) => number): Promise<Guest> => ({
  name,
  bytes: new Uint8Array(await parse(`(module ${text})`)),
  expected,
});

/** Passes of a loop that mixes the argument; the part of a program that computes. */
const passes = 100_000;
const mixing = `
  (func $mix (param $x i32) (result i32) (local $i i32)
    (local.set $i (i32.const ${passes}))
    (loop $pass
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
      (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 15))))
      (br_if $pass (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (local.get $x))`;

function mixed(n: number): number {
  let x = n | 0;
  for (let i = 0; i < passes; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    x ^= x >>> 15;
  }
  return x;
}

/** Times that the one that asks does so. */
export const asks = 6;

/** 64 KiB: computes. 1 MiB: writes all of it and sums it up. 256 KiB: asks the host between its parts. */
export const guests: readonly Guest[] = [
  await guest(
    'computes, 64 KiB',
    `(memory (export "memory") 1) ${mixing}
    (func (export "run") (param i32) (result i32)
      (i32.store (i32.const 8) (call $mix (call $mix (call $mix (local.get 0)))))
      (i32.load (i32.const 8)))`,
    (n) => mixed(mixed(mixed(n))),
  ),
  await guest(
    'writes and sums, 1 MiB',
    `(memory (export "memory") 16)
    (func (export "run") (param $n i32) (result i32) (local $at i32) (local $sum i32)
      (loop $write
        (i32.store (local.get $at) (i32.mul (local.get $n) (local.get $at)))
        (br_if $write (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 1048576))))
      (local.set $at (i32.const 0))
      (loop $sum
        (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
        (br_if $sum (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 1048576))))
      (local.get $sum))`,
    (n) => Number(BigInt.asIntN(32, BigInt(n) * ((2n ** 18n * (2n ** 18n - 1n)) / 2n) * 4n)),
  ),
  await guest(
    'asks, 256 KiB',
    `(import "env" "ask" (func $ask (param i32) (result i32)))
    (memory (export "memory") 4) ${mixing}
    (func (export "run") (param $n i32) (result i32) (local $i i32)
      (local.set $i (i32.const ${asks}))
      (loop $part
        (if (i32.and (local.get $i) (i32.const 1)) (then (local.set $n (call $mix (local.get $n)))))
        (local.set $n (call $ask (local.get $n)))
        (br_if $part (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (local.get $n))`,
    (n) => {
      let x = n;
      for (let i = asks; i > 0; i--) x = (((i & 1) === 1 ? mixed(x) : x) + 1) | 0;
      return x;
    },
  ),
];

/** Of every ten one asks. */
export const guestOf = (i: number): Guest => guests[i % 10 === 9 ? 2 : i % 2] as Guest;

/** What each of so many comes to. Computed before anything is measured. */
export const answersOf = (count: number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => guestOf(i).expected(i));

/** Holds its thread for as long as it is let: long instructions, and no end. */
export const hostile = new Uint8Array(
  await parse(`(module (memory 256)
    (func (export "run") (param i32) (result i32)
      (loop $again (memory.fill (i32.const 0) (local.get 0) (i32.const 16777216)) (br $again))
      (unreachable)))`),
);
