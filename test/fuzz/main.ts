// Differential fuzzing by hand: `npm run fuzz -- --seconds N --seed S`. Each program is known by its seed. With `--mixed` a random
// half of each program's functions is interpreted on the native engine, too.

import { writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { mixAtRandom } from './choice.ts';
import { compare, newTally } from './compare.ts';
import { hostFeatures } from './features.ts';
import { generate } from './generate.ts';
import { compareNested } from './nested.ts';
import { Random } from './random.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    one: { type: 'boolean' },
    mixed: { type: 'boolean' },
  },
});
if (values.mixed) mixAtRandom();
const first = Number(values.seed);
const until = performance.now() + 1000 * Number(values.seconds);
const tally = newTally();
let seed = first;
let found = 0;
let said = performance.now();
for (; performance.now() < until && !(values.one && seed > first); seed++) {
  // What weak references have led to is kept until the event loop goes round: memories, and compiled code.
  await setImmediate();
  const random = new Random(seed);
  // Every other program asks the host, which calls back.
  const asks = seed % 2 === 1;
  const program = generate(random, hostFeatures, asks);
  const difference = attempt(() => (asks ? compareNested : compare)(program, random, tally));
  if (difference !== undefined) {
    found++;
    const file = `fuzz-${seed}.wasm`;
    writeFileSync(file, program.bytes);
    console.log(`seed ${seed}: ${difference} (${file})`);
  }
  if (performance.now() - said < 10_000) continue;
  said = performance.now();
  console.log(told());
}
console.log(`${told()}; seeds ${first} to ${seed - 1}`);
if (found > 0) process.exitCode = 1;

function told(): string {
  const { modules, calls, traps, interpreter, native, suspended, restored, inner, beside, features } = tally;
  const used = Object.entries(features).map(([feature, count]) => `${feature} in ${count}`);
  return `${modules} modules (${used.join(', ')}), ${calls} calls on the host (${traps} trapped), ${interpreter} interpreted and ${native} native, suspended ${suspended} times, restored ${restored} times, ${inner} inner calls failed, ${beside} slices beside: ${found} findings`;
}

function attempt(run: () => ReturnType<typeof compare>): string | undefined {
  try {
    const difference = run();
    return difference && `${difference.what}: expected ${difference.expected}, got ${difference.got}`;
  } catch (error) {
    return `failed: ${stack(error)}${error instanceof Error && error.cause !== undefined ? `\ncause: ${stack(error.cause)}` : ''}`;
  }
}

function stack(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
