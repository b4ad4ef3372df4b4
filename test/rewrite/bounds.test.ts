// What the native engine keeps of what it has compiled has a bound in bytes, and goes with the module.

import test from 'ava';
import { hostFunction, Module, VM } from '../../src/index.ts';
import { keptContinuations } from '../../src/rewrite/module/continuation.ts';
import { keptWrappers } from '../../src/rewrite/module/hosts.ts';
import { bounds } from '../../src/runtime/kept/bounds.ts';
import { collectedUntil } from '../gc.ts';
import { bytesOf } from '../wat.ts';

const loops = 60;
const start = 1000;

/** A function of many loops, each of which is left when it has run for a while. */
const manyLoops = (seed: number) =>
  bytesOf(`(func (export "f") (result i32) (local i32 i32)
    ${`(local.set 0 (i32.const ${start}))
       (loop (local.set 1 (i32.add (local.get 1) (i32.const ${seed})))
         (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))`.repeat(loops)}
    (local.get 1))`);

/** Runs it in slices that end in every loop; its result. */
function sliced(bytes: Uint8Array): unknown {
  const vm = new VM({ engine: 'native' });
  vm.instantiate(Module.from(bytes));
  vm.start(vm.instance().func('f'));
  for (;;) {
    const outcome = vm.run({ fuel: 2000 });
    if (outcome.status !== 'suspended') return outcome.status === 'returned' && outcome.values[0];
  }
}

test.serial('continuations have a bound in bytes, and those that are gone are made again', async (t) => {
  const { continuations } = bounds;
  bounds.continuations = 2 ** 20;
  try {
    for (let seed = 1; seed <= 4; seed++) {
      const bytes = await manyLoops(seed);
      t.is(sliced(bytes), seed * start * loops);
      t.is(sliced(bytes), seed * start * loops);
      const { count, bytes: sum } = keptContinuations();
      t.true(count > 5 && count < loops);
      t.true(sum <= bounds.continuations);
    }
  } finally {
    bounds.continuations = continuations;
  }
});

test.serial('continuations go with their module', async (t) => {
  t.true(await collectedUntil(() => keptContinuations().count === 0));
  sliced(await manyLoops(9));
  t.true(keptContinuations().count >= loops / 2);
  t.true(await collectedUntil(() => keptContinuations().count === 0));
  t.is(keptContinuations().bytes, 0);
});

test.serial('what calls host functions has a bound in bytes, whatever signatures there are', async (t) => {
  const { hostWrappers } = bounds;
  bounds.hostWrappers = 2 ** 18;
  try {
    for (let i = 0; i < 40; i++) {
      const params = Array.from({ length: i }, () => 'i32' as const);
      const vm = new VM({ engine: 'native' });
      const bytes = await bytesOf(`(import "h" "f" (func $f (param ${params.join(' ')}) (result i32)))
        (func (export "f") (result i32) (call $f ${params.map((_, k) => `(i32.const ${k})`).join(' ')}))`);
      vm.instantiate(Module.from(bytes), { h: { f: hostFunction(params, ['i32'], (...all) => all.length) } });
      t.is(vm.invoke(vm.instance().func('f'))[0], i + 1);
      t.true(keptWrappers() > 0 && keptWrappers() <= bounds.hostWrappers);
    }
  } finally {
    bounds.hostWrappers = hostWrappers;
  }
});
