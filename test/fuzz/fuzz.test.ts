// A short run of the differential fuzzer; `npm run fuzz` goes on for as long as you like.

import test from 'ava';
import { InstructionReader } from '../../src/binary/instruction.ts';
import { Module, VM } from '../../src/index.ts';
import { CrashError } from '../../src/spec/errors.ts';
import { priceOf } from '../../src/spec/fuel.ts';
import type { Instruction } from '../../src/spec/instructions.ts';
import { bodyOf } from '../../src/validate/context.ts';
import { argument, compare, newTally } from './compare.ts';
import { hostFeatures } from './features.ts';
import { counterName, generate } from './generate.ts';
import { compareNested } from './nested.ts';
import { Random } from './random.ts';

const programs = 60;

test(`${programs} random programs do the same on the host and on both engines, also when they hop`, (t) => {
  const tally = newTally();
  for (let seed = 0; seed < programs; seed++) {
    const random = new Random(seed);
    t.is(compare(generate(random), random, tally), undefined, `seed ${seed}`);
  }
  t.true(tally.calls > 2 * programs);
  t.true(tally.traps < tally.calls / 5);
  t.true(tally.native > tally.calls && tally.interpreter > 2 * tally.calls);
  t.true(tally.restored > 0 && tally.suspended > tally.restored);
  for (const feature of hostFeatures) t.true((tally.features[feature] ?? 0) > 3, feature);
});

const asking = 16;

test(`${asking} random programs whose host calls back and runs others do the same everywhere`, (t) => {
  const tally = newTally();
  for (let seed = 0; seed < asking; seed++) {
    const random = new Random(seed);
    t.is(compareNested(generate(random, hostFeatures, true), random, tally), undefined, `seed ${seed}`);
  }
  t.true(tally.inner > asking && tally.beside > 2 * asking);
  t.true(tally.restored > 0 && tally.suspended > tally.restored);
});

test('hosts of today know all that programs may use', (t) => {
  if (Number.parseInt(process.versions.node, 10) >= 24) t.is(hostFeatures.length, 9);
  else t.true(hostFeatures.includes('legacy-exceptions') && hostFeatures.includes('tail-call'));
});

/** The instruction that a VM runs next. */
function nextOf({ store }: VM): Instruction {
  const { stack } = store;
  const func = store.funcs[stack.func(stack.depth - 1)];
  if (func?.kind !== 'wasm') throw new CrashError('no function of the guest is running');
  const { context } = func.instance.module;
  const body = bodyOf(context, func.index);
  const reader = new InstructionReader(context.syntax.bytes, body.start + stack.pc(stack.depth - 1), body.end);
  reader.next();
  return reader.row;
}

test('nobody runs more instructions than are paid for', (t) => {
  let stops = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const random = new Random(seed);
    const { bytes, shape } = generate(random);
    const vm = new VM({ engine: 'interpreter' });
    const instance = vm.instantiate(Module.from(bytes));
    for (const [i, { params }] of shape.functions.entries()) {
      instance.global(counterName).value = 200;
      const before = vm.fuelUsed;
      vm.start(
        instance.func(`f${i}`),
        params.map((type) => argument(random, type)),
      );
      for (let run = 0; ; ) {
        run += Math.min(1, priceOf(nextOf(vm)));
        if (vm.run({ steps: 1 }).status !== 'suspended') break;
        stops++;
        const paid = vm.fuelUsed - before;
        if (paid < run) return t.fail(`seed ${seed}, f${i}: ${run} instructions for ${paid} units`);
      }
    }
    vm.dispose();
  }
  t.true(stops > 1000, `${stops} stops`);
});
