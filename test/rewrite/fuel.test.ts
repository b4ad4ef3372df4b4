// Kernels and real programs use the same fuel on both engines, in slices of any size, and on every host: the totals are
// written down here. What their packages' own scripts drive cannot be sliced.

import test from 'ava';
import { packageTasks } from '../../bench/ratios/packages.ts';
import type { Task } from '../../bench/ratios/task.ts';
import { assemble } from '../../bench/work.ts';
import { Module, VM } from '../../src/index.ts';
import { namespaceOf } from '../../src/js-api/namespace.ts';
import { Realm } from '../../src/js-api/realm.ts';
import { type EngineName, engineNamed } from '../../src/vm/engines.ts';
import { vmLimits } from '../../src/vm/options.ts';

const engines: readonly EngineName[] = ['interpreter', 'native'];

/** By kernel: its argument, and the fuel that it takes. */
const kernels: Readonly<Record<string, readonly [size: number, fuel: number]>> = {
  bintree: [6, 7_514],
  collatz: [300, 351_304],
  copy: [3, 639_049],
  fib: [15, 39_460],
  indirect: [5000, 122_098],
  matmul: [12, 63_761],
  mix: [5000, 210_002],
  nbody: [50, 317_324],
  sha: [5000, 406_100],
  sieve: [5000, 289_262],
  straight: [1, 157_997],
  switch: [5000, 380_008],
};

function usedBy(module: Module, size: number, engine: EngineName, slice: number): number {
  const vm = new VM({ engine });
  const instance = vm.instantiate(module);
  vm.start(instance.func('run'), [size]);
  while (vm.run({ fuel: slice }).status === 'suspended');
  const { fuelUsed } = vm;
  vm.dispose();
  return fuelUsed;
}

for (const [name, [size, fuel]] of Object.entries(kernels))
  test(`kernel: ${name}`, async (t) => {
    const module = Module.from(await assemble(name));
    for (const engine of engines)
      for (const slice of [Infinity, 10_007, 997])
        t.is(usedBy(module, size, engine, slice), fuel, `${engine}, slices of ${slice}`);
  });

/** Not those whose totals were seen to differ from run to run on one and the same engine, as QuickJS's do. */
const programs: Readonly<Record<string, number>> = {
  brotli: 860_301_775,
  zstd: 366_014_235,
};

for (const [name, fuel] of Object.entries(programs))
  test.serial(`program: ${name}`, async (t) => {
    const task = packageTasks.find((it) => it.name === name) as Task;
    const answers: unknown[] = [];
    for (const engine of engines) {
      const realm = new Realm(vmLimits({ memory: 2 ** 31, tables: 10_000_000 }), engineNamed(engine));
      const run = await task.prepare(namespaceOf(realm));
      answers.push(await run());
      t.is(realm.store.fuelUsed, fuel, engine);
    }
    t.is(answers[0], answers[1]);
  });
