// Random programs (test/fuzz) on both engines; `node --import=tsx test/rewrite/fuzz.ts SECONDS SEED` goes on for long, and with
// `mixed` after that a random half of each program's functions is interpreted on the native engine, too.

import { setImmediate } from 'node:timers/promises';
import { Module } from '../../src/index.ts';
import { mixAtRandom } from '../fuzz/choice.ts';
import { allFeatures, hostFeatures } from '../fuzz/features.ts';
import { counterName, generate } from '../fuzz/generate.ts';
import { Random } from '../fuzz/random.ts';
import type { Type } from '../fuzz/shape.ts';
import { differs, disposeOf, trioOf } from './differential.ts';

const allowance = 2000;
/** What native code has on every host, and what this one adds. */
const features = allFeatures.filter((feature) => feature !== 'multi-memory' || hostFeatures.includes(feature));

const argument = (random: Random, type: Type): unknown => {
  if (type === 'i32') return random.int();
  if (type === 'i64') return BigInt(random.int()) * 65_537n;
  if (type === 'externref') return random.pick([null, 7, 'seven']);
  if (type === 'v128') return new Uint8Array(Array.from({ length: 16 }, () => random.below(256)));
  return type === 'f32' ? Math.fround(random.below(1000) / 7) : random.below(1000) / 7;
};

/** The first difference of the program with the seed. */
export function differenceOf(seed: number): string | undefined {
  const random = new Random(seed);
  const program = generate(random, features);
  const trio = trioOf(Module.from(program.bytes));
  try {
    for (const [i, { params }] of program.shape.functions.entries()) {
      const args = params.map((type) => argument(random, type));
      for (const vm of [trio.interpreted, trio.native, trio.hopping])
        vm.instance(0).global(counterName).value = allowance;
      const difference = differs(trio, `f${i}`, args, () => random.below(random.chance(2) ? 2 : 300), 6);
      if (difference !== undefined) return `seed ${seed}, f${i}: ${difference}`;
    }
    return undefined;
  } finally {
    disposeOf(trio);
  }
}

if (process.argv[1]?.endsWith('rewrite/fuzz.ts')) {
  const [seconds = '60', first = '1', how] = process.argv.slice(2);
  if (how === 'mixed') mixAtRandom();
  const until = performance.now() + 1000 * Number(seconds);
  let seed = Number(first);
  let found = 0;
  for (; performance.now() < until; seed++) {
    await setImmediate();
    const difference = attempt(() => differenceOf(seed));
    if (difference === undefined) continue;
    found++;
    console.log(difference.slice(0, 2000));
  }
  console.log(`${seed - Number(first)} programs, ${found} findings`);
}

function attempt(run: () => string | undefined): string | undefined {
  try {
    return run();
  } catch (error) {
    return error instanceof Error
      ? `${error.stack} ${error.cause instanceof Error ? error.cause.stack : ''}`
      : `${error}`;
  }
}
