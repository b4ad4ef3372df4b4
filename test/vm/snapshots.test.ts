// A VM that is saved, restored, forked and sent goes on as if nothing had been.

import test from 'ava';
import {
  asyncHostFunction,
  hostFunction,
  type Imports,
  LinkError,
  type Module,
  Snapshot,
  SnapshotError,
  UsageError,
  VM,
} from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

const fields = `
  (import "env" "note" (func $note (param i32)))
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (memory (export "memory") 1) (global (export "g") (mut i32) (i32.const 0))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "run") (param i32) (result i32)
    (call $note (local.get 0))
    (i32.store (i32.const 64) (call $fib (local.get 0)))
    (global.set 0 (call $ask (i32.load (i32.const 64))))
    (i32.add (global.get 0) (i32.const 1)))`;

async function parts() {
  const notes: number[] = [];
  const note = hostFunction(['i32'], [], (x) => notes.push(x));
  const ask = asyncHostFunction(['i32'], ['i32'], async (x) => x * 10);
  return { module: await moduleOf(fields), imports: { env: { note, ask } } as Imports, notes };
}

function started(module: Module, imports: Imports, options = {}): VM {
  const vm = new VM(options);
  vm.start(vm.instantiate(module, imports).func('run'), [10]);
  return vm;
}

test('saved and restored at any point, it returns the same', async (t) => {
  const { module, imports } = await parts();
  const modules = [module];
  let vm = started(module, imports);
  let hops = 0;
  for (let outcome = vm.run({ fuel: 100 }); outcome.status !== 'returned'; outcome = vm.run({ fuel: 100 })) {
    if (outcome.status === 'trapped') return t.fail(outcome.trap.message);
    if (outcome.status === 'exited') return t.fail(outcome.status);
    const { reason } = outcome;
    vm = VM.restore(hops % 2 === 0 ? vm.save().encode() : vm.save(), { modules, imports });
    if (reason.kind === 'host') {
      t.is(vm.status, 'waiting');
      t.deepEqual(vm.run(), { status: 'suspended', reason });
      vm.deliver(reason.id, [550]);
    }
    hops++;
  }
  t.true(hops > 10);
  t.is(vm.instance().global('g').value, 550);
  t.is(new DataView(vm.instance().memory('memory').bytes.buffer).getInt32(64, true), 55);
  const whole = started(module, imports);
  t.deepEqual(await whole.runAsync().then((o) => o.status === 'returned' && o.values), [551]);
  t.is(vm.fuelUsed, whole.fuelUsed);
});

test('a pending call is answered by another VM', async (t) => {
  const { module, imports, notes } = await parts();
  const vm = started(module, imports);
  vm.run();
  const twin = VM.restore(vm.save(), { modules: [module], imports });
  for (const each of [vm, twin]) {
    const outcome = await each.runAsync();
    t.deepEqual(outcome.status === 'returned' && outcome.values, [551]);
  }
  t.deepEqual(notes, [10]);
});

test('host functions are bound by name, and missing ones are named', async (t) => {
  const { module, imports } = await parts();
  const vm = started(module, imports);
  vm.run({ fuel: 50 });
  const saved = vm.save();
  const { note } = imports.env as { note: never };
  const restore = (env: object) => VM.restore(saved, { modules: [module], imports: { env } as Imports });
  t.throws(() => VM.restore(saved, { modules: [module] }), {
    instanceOf: LinkError,
    message: 'unknown import: "env"."note"',
  });
  t.throws(() => restore({ note }), { instanceOf: LinkError, message: 'unknown import: "env"."ask"' });
  t.throws(() => restore({ note, ask: note }), {
    instanceOf: LinkError,
    message: /^incompatible import type: "env"\."ask"/,
  });
  t.throws(() => restore({ note, ask: () => 0 }), { instanceOf: LinkError, message: /a plain function/ });
  t.throws(() => VM.restore(saved, { modules: [], imports }), { instanceOf: SnapshotError });
  t.throws(() => VM.restore(new Uint8Array(40), { modules: [module], imports }), { instanceOf: SnapshotError });
  t.throws(() => VM.restore(saved, { modules: [module], imports, colour: 1 } as never), { instanceOf: UsageError });
});

test('a fork goes its own way', async (t) => {
  const { module, imports, notes } = await parts();
  const vm = started(module, imports);
  vm.run({ fuel: 300 });
  const twin = vm.fork();
  const places = (of: VM) =>
    of.frames().map(({ name, pc, operands }) => [name, pc, operands.map(({ value }) => value)]);
  t.deepEqual(places(twin), places(vm));
  vm.instance().memory('memory').bytes[0] = 1;
  t.is(twin.instance().memory('memory').bytes[0], 0);
  for (const each of [twin, vm]) {
    const outcome = await each.runAsync();
    t.deepEqual(outcome.status === 'returned' && outcome.values, [551]);
  }
  t.deepEqual(notes, [10]);
  t.is(twin.fuelUsed, vm.fuelUsed);
});

for (const sharedMemory of [true, false])
  test(`sent and received, memories ${sharedMemory ? 'shared' : 'private'}`, async (t) => {
    const { module, imports } = await parts();
    const vm = started(module, imports, { sharedMemory });
    vm.run({ fuel: 300 });
    vm.instance().memory('memory').bytes[5] = 7;
    const memory = vm.instance().memory('memory');
    const { message, transfer } = vm.send();
    t.throws(() => vm.run(), { instanceOf: UsageError, message: /sent away/ });
    t.throws(() => memory.bytes, { instanceOf: UsageError });
    const { port1, port2 } = new MessageChannel();
    const arrived = new Promise<typeof message>((resolve) => {
      port2.onmessage = ({ data }) => resolve(data);
    });
    port1.postMessage(message, transfer);
    const twin = VM.receive(await arrived, { modules: [module], imports, sharedMemory });
    port1.close();
    t.is(twin.instance().memory('memory').bytes[5], 7);
    const outcome = await twin.runAsync();
    t.deepEqual(outcome.status === 'returned' && outcome.values, [551]);
  });

test('an idle VM is saved with its state', async (t) => {
  const { module, imports } = await parts();
  const vm = new VM();
  const instance = vm.instantiate(module, imports);
  instance.global('g').value = 3;
  const twin = VM.restore(Snapshot.decode(vm.save().encode()), { modules: [module], imports });
  t.is(twin.status, 'idle');
  t.is(twin.instance().global('g').value, 3);
  t.deepEqual(twin.invoke(twin.instance().func('fib'), [10]), [55]);
});

test('a host call with no frame below it is saved while it waits', async (t) => {
  const { imports } = await parts();
  const module = await moduleOf('(import "env" "ask" (func (param i32) (result i32))) (export "ask" (func 0))');
  const vm = new VM();
  vm.start(vm.instantiate(module, imports).func('ask'), [4]);
  t.is(vm.run().status, 'suspended');
  const twin = VM.restore(vm.save().encode(), { modules: [module], imports });
  const outcome = await twin.runAsync();
  t.deepEqual(outcome.status === 'returned' && outcome.values, [40]);
});
