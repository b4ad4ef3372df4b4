// Calls that host functions make into the guest: they use the fuel of the run that they happen in.

import test from 'ava';
import { HostError, hostFunction, LimitError, VM } from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

const text = `
  (import "m" "back" (func $back (param i32)))
  (func (export "spin") (param i32) (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "run") (param i32) (call $back (local.get 0)) (loop $l (br $l)))
  (func (export "once") (param i32) (call $back (local.get 0)))`;

const imports = {
  m: { back: hostFunction(['i32'], [], (n: number, context) => void context.call('spin', n)) },
};

test('what an inner call uses is paid by the run around it', async (t) => {
  const vm = new VM();
  const instance = vm.instantiate(await moduleOf(text), imports);
  vm.start(instance.func('run'), [10_000]);
  const outcome = vm.run({ fuel: 20_000 });
  t.deepEqual(outcome, { status: 'suspended', reason: { kind: 'fuel' } });
  t.true(vm.fuelUsed > 50_000);
  t.deepEqual(vm.run({ fuel: 1000 }), { status: 'suspended', reason: { kind: 'fuel' } });
});

test('an inner call that never ends meets its bound', async (t) => {
  const vm = new VM({ limits: { innerFuel: 100_000 } });
  const instance = vm.instantiate(await moduleOf(text), imports);
  const error = t.throws(() => vm.invoke(instance.func('once'), [-1]), { instanceOf: HostError });
  t.true(error?.cause instanceof LimitError);
});

for (const engine of ['interpreter', 'native'] as const)
  test(`what an inner call owes is paid where code is charged next, and never in between (${engine})`, async (t) => {
    const module = await moduleOf(`
      (import "m" "back" (func $back (param i32)))
      (func (export "spin") (param i32) (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
      (func $last (param i32) (result i32) (call $back (local.get 0)) (i32.const 5))
      (func $middle (param i32) (result i32)
        (call $burn (i32.const 20)) (i32.add (call $last (local.get 0)) (i32.const 3)))
      (func $burn (param i32) (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "go") (param i32) (result i32) (i32.add (call $middle (local.get 0)) (i32.const 4)))`);
    const vm = new VM({ engine });
    const instance = vm.instantiate(module, imports);
    const slices = (fuel: number): unknown => {
      vm.start(instance.func('go'), [500]);
      for (let runs = 1; ; runs++) {
        const outcome = vm.run({ fuel });
        if (outcome.status !== 'suspended') return [outcome.status === 'returned' && outcome.values, vm.status];
        if (runs > 5000) return 'does not end';
        t.not(vm.status, 'idle');
      }
    };
    for (const fuel of [1e6, 1, 10, 50, 90, 130]) t.deepEqual(slices(fuel), [[12], 'idle'], `slices of ${fuel}`);
  });
