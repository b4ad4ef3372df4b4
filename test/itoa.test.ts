// A small program from text to digits, suspended at each of its instructions and carried to another VM as bytes.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { Module } from '../src/runtime/module/module.ts';
import { VM } from '../src/vm.ts';
import { assembleText } from './spec/script/assemble.ts';

const numbers = [0, 7, 1234567890, 4294967295];

const text = readFileSync(new URL('fixtures/itoa.wat', import.meta.url), 'utf8');
const module = assembleText(text).then(Module.from);

function begun(itoa: Module, n: number): VM {
  const vm = new VM();
  vm.start(vm.instantiate(itoa).func('itoa'), [n]);
  return vm;
}

/** Runs to the end; the digits as they stand in memory. */
function finish(vm: VM): string {
  const outcome = vm.run();
  if (outcome.status !== 'returned') throw new Error(`the call has ${outcome.status}`);
  const [start, length] = outcome.values as [number, number];
  return new TextDecoder().decode(
    vm
      .instance()
      .memory('memory')
      .bytes.subarray(start, start + length),
  );
}

const restored = (bytes: Uint8Array, itoa: Module): VM => VM.restore(bytes, { modules: [itoa] });

/** A snapshot before each instruction of the whole call. */
function allSnapshots(itoa: Module, n: number): Uint8Array[] {
  const vm = begun(itoa, n);
  const snapshots = [vm.save().encode()];
  while (vm.run({ steps: 1 }).status === 'suspended') snapshots.push(vm.save().encode());
  vm.dispose();
  return snapshots;
}

for (const n of numbers) {
  test(`itoa(${n}), suspended once, at any instruction`, async (t) => {
    const itoa = await module;
    const snapshots = allSnapshots(itoa, n);
    // 9 instructions around the loop, 15 in it for each digit, and the function's ends.
    t.true(snapshots.length >= 9 + 15 * String(n).length, `${snapshots.length} instructions`);
    snapshots.forEach((bytes, i) => {
      const vm = restored(bytes, itoa);
      t.is(finish(vm), String(n), `suspended before instruction ${i}`);
      vm.dispose();
    });
  });

  test(`itoa(${n}), in another VM for each instruction`, async (t) => {
    const itoa = await module;
    const expected = allSnapshots(itoa, n).length;
    let vm = begun(itoa, n);
    let hops = 0;
    for (; ; hops++) {
      const bytes = vm.save().encode();
      vm.dispose();
      vm = restored(bytes, itoa);
      if (hops + 1 === expected) break;
      t.is(vm.run({ steps: 1 }).status, 'suspended');
    }
    t.is(finish(vm), String(n));
    t.is(hops + 1, expected);
  });
}
