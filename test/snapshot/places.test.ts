// What frames look like is kept by place, within a bound, and found again as it was.

import test from 'ava';
import { Module, SnapshotError, VM } from '../../src/index.ts';
import { bounds } from '../../src/runtime/kept/bounds.ts';
import { keptFrameShapes } from '../../src/snapshot/data/frames.ts';
import { Snapshot } from '../../src/snapshot/snapshot.ts';
import { bytesOf } from '../wat.ts';

const places = 400;
/** Comes to rest at many places, each time with other operands. */
const text = `(func (export "run") (param i32) (result i32) (local i64 externref)
  (local.set 1 (i64.const 7))
  ${'(i32.add (local.get 0) (i32.const 1)) (block (br 0)) (local.set 0)'.repeat(places)}
  (local.get 0))`;

function stops(module: Module): Uint8Array[] {
  const vm = new VM({ engine: 'interpreter' });
  vm.instantiate(module);
  vm.start(vm.instance().func('run'), [5]);
  const saved: Uint8Array[] = [];
  while (vm.run({ steps: 7 }).status === 'suspended') saved.push(vm.save().encode());
  return saved;
}

test.serial('what is kept of places has a bound, and all states go on from there as from the first time', async (t) => {
  const { frameShapes } = bounds;
  bounds.frameShapes = 20_000;
  try {
    const module = Module.from(await bytesOf(text));
    const first = stops(module);
    t.true(first.length > 200);
    t.true(keptFrameShapes() <= bounds.frameShapes);
    for (let round = 0; round < 2; round++)
      for (const [i, bytes] of first.entries()) {
        const vm = VM.restore(bytes, { modules: [module], engine: i % 2 === 0 ? 'native' : 'interpreter' });
        t.deepEqual(vm.save().encode(), bytes);
        t.deepEqual(vm.run().values, [5 + places]);
        vm.dispose();
      }
    t.true(keptFrameShapes() > 0 && keptFrameShapes() <= bounds.frameShapes);
  } finally {
    bounds.frameShapes = frameShapes;
  }
});

test.serial('a place that is known helps no frame that is forged there', async (t) => {
  const module = Module.from(await bytesOf(text));
  const [bytes] = stops(module) as [Uint8Array];
  VM.restore(bytes, { modules: [module] });
  const { data } = Snapshot.decode(bytes);
  const { frames, slots } = data;
  const forged = [
    { ...data, slots: slots.slice(0, -2) },
    { ...data, slots: Int32Array.of(...slots, 0, 0) },
    // A pc in the midst of an instruction.
    { ...data, frames: frames.map((word, i) => (i === 1 ? word + 1 : word)) },
    // A reference where null is, to nothing.
    { ...data, slots: slots.map((word, i) => (i === 5 ? 3 : i === 4 ? 1_000 : word)) },
  ];
  for (const [i, each] of forged.entries())
    t.throws(
      () => VM.restore(new Snapshot(each), { modules: [module] }),
      { instanceOf: SnapshotError },
      `forgery ${i}`,
    );
});
