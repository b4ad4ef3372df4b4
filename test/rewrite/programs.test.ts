// Real programs: the same answers and the same fuel on both engines, however the native run is sliced.

import test from 'ava';
import type { Guest } from '../../bench/measure/guest.ts';
import { programs } from '../../bench/measure/work.ts';
import { Module, VM } from '../../src/index.ts';

/** A guest whose calls run in slices of so much fuel. */
function guestOf(module: Module, engine: 'interpreter' | 'native', slice: number): Guest & { vm: VM } {
  const vm = new VM({ engine });
  const instance = vm.instantiate(module);
  return {
    vm,
    call(name, ...args) {
      vm.start(instance.func(name), args);
      for (;;) {
        const outcome = vm.run({ fuel: slice });
        if (outcome.status === 'trapped') throw outcome.trap;
        if (outcome.status === 'returned') return outcome.values[0];
      }
    },
    memory: () => instance.memory('memory').bytes,
  };
}

for (const work of programs())
  test(work.name, (t) => {
    const module = Module.from(work.bytes);
    const ran = (engine: 'interpreter' | 'native', slice: number): unknown => {
      const guest = guestOf(module, engine, slice);
      work.prepare(guest);
      return [work.run(guest), guest.vm.fuelUsed];
    };
    const expected = ran('interpreter', 1e9);
    for (const slice of [Infinity, 1_000_003, 50_021])
      t.deepEqual(ran('native', slice), expected, `slices of ${slice}`);
  });
