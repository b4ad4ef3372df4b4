// Kernels in slices of every small size: the same outcomes, fuel and saved bytes on both engines and going between them.

import { readFileSync } from 'node:fs';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import test from 'ava';
import { Module } from '../../src/index.ts';
import { differs, disposeOf, trioOf } from './differential.ts';

/** Small enough that each safe point of the run is a stop. */
const sizes: Readonly<Record<string, number>> = { fib: 7, collatz: 9, mix: 6, nbody: 1, sieve: 40, indirect: 9 };
const slices = [0, 1, 5, 23, 100];

for (const [name, size] of Object.entries(sizes))
  test(`kernel: ${name}`, async (t) => {
    const text = readFileSync(new URL(`../../bench/kernels/${name}.wat`, import.meta.url), 'utf8');
    const module = Module.from(await parse(text));
    for (const slice of slices) {
      const trio = trioOf(module);
      t.is(
        differs(trio, 'run', [size], () => slice, 120),
        undefined,
        `slices of ${slice}`,
      );
      t.true(trio.hops > 0);
      disposeOf(trio);
    }
  });
