// Forged and damaged snapshots of a VM that waits at a cell of a shared memory.

import test from 'ava';
import { CrashError, Snapshot, SnapshotError, VM } from '../../src/index.ts';
import type { SavedWait } from '../../src/snapshot/data/format.ts';
import { Random } from '../fuzz/random.ts';
import { moduleOf } from '../wat.ts';

const module = await moduleOf(`(memory 1 1 shared)
  (func (export "f") (param f64) (result f64)
    (drop (memory.atomic.wait64 (i32.const 16) (i64.const 0) (i64.const -1)))
    (f64.add (local.get 0) (f64.const 1)))
  (func (export "g") (param f64) (result f64) (loop $l (br $l)) (local.get 0))`);

function data() {
  const vm = new VM();
  vm.start(vm.instantiate(module).func('f'), [2]);
  vm.run();
  return structuredClone(vm.save().data) as { -readonly [K in keyof Snapshot['data']]: Snapshot['data'][K] };
}
const restore = (forged: Snapshot['data']) => VM.restore(new Snapshot(forged), { modules: [module] });

const lies: readonly (readonly [Partial<SavedWait>, RegExp])[] = [
  [{ address: 12 }, /at no cell/],
  [{ address: 65536 }, /at no cell/],
  [{ address: 65532, bytes: 8 }, /at no cell/],
  [{ address: -8 }, /a count expected/],
  [{ address: 1.5 }, /a count expected/],
  [{ memory: 1 }, /at no shared memory/],
  [{ until: -1 }, /a time expected/],
  [{ woken: 1 as unknown as boolean }, /a boolean expected/],
];
for (const [lie, told] of lies) {
  test(`a wait with ${Object.entries(lie).join(' ')} is refused`, (t) => {
    const forged = data();
    t.notThrows(() => restore(forged));
    forged.wait = { ...(forged.wait as SavedWait), ...lie };
    t.regex(t.throws(() => restore(forged), { instanceOf: SnapshotError })?.message ?? '', told);
  });
}

test('a wait without a place for its result is refused', (t) => {
  const { wait } = data();
  const vm = new VM();
  vm.start(vm.instantiate(module).func('g'), [2]);
  vm.run({ fuel: 10 });
  const suspended = structuredClone(vm.save().data);
  t.throws(() => restore({ ...suspended, wait: wait as SavedWait }), {
    instanceOf: SnapshotError,
    message: /no place/,
  });
  const idle = { ...suspended, frames: new Int32Array(0), slots: new Int32Array(0), wait: wait as SavedWait };
  t.throws(() => restore(idle), { instanceOf: SnapshotError, message: /no place/ });
});

test('2,000 waits at random are refused, or are as good as any other', (t) => {
  const tally = { refused: 0, taken: 0 };
  const odd = [
    0,
    1,
    4,
    8,
    16,
    65528,
    65532,
    65536,
    -8,
    2 ** 31,
    2 ** 53,
    NaN,
    null,
    true,
    5n,
    -(2n ** 63n),
    2n ** 64n,
    '8',
  ];
  const original = data();
  for (let seed = 0; seed < 2_000; seed++) {
    const random = new Random(seed);
    const wait: Record<string, unknown> = { ...original.wait };
    for (let n = 1 + random.below(2); n > 0; n--) wait[random.pick(Object.keys(wait))] = random.pick(odd);
    try {
      const vm = restore({ ...original, wait: wait as unknown as SavedWait });
      tally.taken++;
      vm.run();
      if (vm.status === 'waiting') vm.wake();
      if (vm.status !== 'idle') t.deepEqual(vm.run().status, 'returned');
      vm.dispose();
    } catch (error) {
      t.true(error instanceof SnapshotError && !(error instanceof CrashError), `seed ${seed}: ${error}`);
      tally.refused++;
    }
  }
  t.true(tally.refused > 500 && tally.taken > 100, JSON.stringify(tally));
});
