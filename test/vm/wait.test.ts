// Waiting at a cell of a shared memory suspends the VM; who wakes it may be this VM's embedder, another VM, or the host.

import { Worker } from 'node:worker_threads';
import test from 'ava';
import { LimitError, LinkError, type Outcome, Snapshot, UsageError, VM } from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

const engines = ['interpreter', 'auto'] as const;

/** Waits and notifies; what `kept` holds besides must survive the wait. */
const text = (memory: string) => `${memory}
  (func (export "wait32") (param i32 i32 i64) (result i32) (local i32)
    (local.set 3 (i32.const 1000))
    (i32.add (i32.add (local.get 3) (local.get 0))
      (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2))))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 offset=8 (local.get 0) (local.get 1) (local.get 2)))
  (func $deep (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 10) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
      (else (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))
  (func (export "deep") (param i32) (result i32) (call $deep (local.get 0)))
  (func (export "twice") (result i32 i32)
    (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))
    (memory.atomic.wait32 (i32.const 4) (i32.const 0) (i64.const 0)))
  (func (export "notify") (param i32 i32) (result i32) (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "set") (param i32 i32) (i32.atomic.store (local.get 0) (local.get 1)))`;
const own = await moduleOf(text('(memory (export "m") 1 3 shared)'));
const borrower = await moduleOf(text('(import "env" "m" (memory 1 3 shared))'));

function fresh(engine: (typeof engines)[number]): VM {
  const vm = new VM({ engine });
  vm.instantiate(own);
  return vm;
}
/** Another VM that holds the first one's memory. */
function beside(vm: VM): VM {
  const other = new VM();
  other.instantiate(borrower, { env: { m: vm.instance().memory('m').share() } });
  return other;
}
const start = (vm: VM, name: string, ...args: (number | bigint)[]) => vm.start(vm.instance().func(name), args);
const call = (vm: VM, name: string, ...args: (number | bigint)[]) => vm.invoke(vm.instance().func(name), args);
const reason = (outcome: Outcome) => (outcome.status === 'suspended' ? outcome.reason : outcome);
const values = (outcome: Outcome) => (outcome.status === 'returned' ? outcome.values : outcome);

for (const engine of engines) {
  test(`${engine}: a wait suspends, tells so again, and ends when the embedder says so`, (t) => {
    const vm = fresh(engine);
    start(vm, 'wait32', 8, 0, -1n);
    for (let i = 0; i < 2; i++) {
      t.deepEqual(reason(vm.run()), { kind: 'wait', memory: 0, address: 8, timeout: null });
      t.is(vm.status, 'waiting');
    }
    vm.wake();
    t.is(vm.status, 'suspended');
    t.throws(() => vm.wake(), { instanceOf: UsageError });
    t.deepEqual(values(vm.run()), [1008]);
    start(vm, 'wait64', 8, 0n, -1n);
    t.deepEqual(reason(vm.run()), { kind: 'wait', memory: 0, address: 16, timeout: null });
    vm.wake();
    t.deepEqual(values(vm.run()), [0]);
  });

  test(`${engine}: time ends a wait with 2, another value with 1`, async (t) => {
    const vm = fresh(engine);
    start(vm, 'wait32', 8, 0, 0n);
    t.deepEqual(reason(vm.run()), { kind: 'wait', memory: 0, address: 8, timeout: 0 });
    t.deepEqual(values(vm.run()), [1010]);
    start(vm, 'wait32', 8, 5, -1n);
    t.deepEqual(values(vm.run()), [1009]);
    start(vm, 'wait32', 8, 0, 1_000_000n);
    t.deepEqual(values(await vm.runAsync()), [1010]);
  });

  test(`${engine}: counted instruction by instruction, the wait is the same`, (t) => {
    const vm = fresh(engine);
    start(vm, 'twice');
    const kinds = [];
    for (let outcome = vm.run({ steps: 1 }); outcome.status === 'suspended'; outcome = vm.run({ steps: 1 })) {
      const { kind } = outcome.reason;
      if (kind !== 'step') kinds.push(kind);
      if (kind === 'wait' && kinds.length === 1) vm.wake();
    }
    t.deepEqual(kinds, ['wait', 'wait']);
  });

  test(`${engine}: saved in the midst of a wait, restored and woken`, (t) => {
    for (const depth of [0, 3]) {
      const vm = fresh(engine);
      start(vm, 'deep', depth);
      vm.run();
      const bytes = vm.save().encode();
      for (const into of engines) {
        const again = VM.restore(Snapshot.decode(bytes).encode(), { modules: [own], engine: into });
        t.is(again.status, 'waiting');
        t.is(again.run().status, 'suspended');
        t.deepEqual(call(again, 'notify', 0, 5), [1]);
        t.deepEqual(values(again.run()), [10 * depth]);
      }
      // The one that was saved still waits, and nobody has woken it.
      t.is(vm.run().status, 'suspended');
      const { message } = vm.send();
      const moved = VM.receive(structuredClone(message), { modules: [own] });
      moved.wake();
      t.deepEqual(values(moved.run()), [10 * depth]);
    }
  });
}

test('a wake is kept in a snapshot', (t) => {
  const vm = fresh('interpreter');
  start(vm, 'deep', 1);
  vm.run();
  t.deepEqual(call(beside(vm), 'notify', 0, 1), [1]);
  const again = VM.restore(vm.save(), { modules: [own] });
  t.deepEqual(values(again.run()), [10]);
});

test('notify wakes so many, the oldest first, and counts them', (t) => {
  const first = fresh('interpreter');
  const others = [beside(first), beside(first), beside(first)];
  const all = [first, ...others];
  for (const vm of all) {
    start(vm, 'wait32', 8, 0, -1n);
    vm.run();
  }
  const notifier = beside(first);
  t.deepEqual(call(notifier, 'notify', 12, -1), [0]);
  t.deepEqual(call(notifier, 'notify', 8, 0), [0]);
  t.deepEqual(call(notifier, 'notify', 8, 2), [2]);
  t.deepEqual(
    all.map((vm) => vm.run().status),
    ['returned', 'returned', 'suspended', 'suspended'],
  );
  others[1]?.dispose();
  t.deepEqual(call(notifier, 'notify', 8, -1), [1]);
  t.deepEqual(values((others[2] as VM).run()), [1008]);
});

test('who awaits a wait is woken by another VM, by the host and by another thread', async (t) => {
  const vm = fresh('interpreter');
  const other = beside(vm);
  const { memory } = vm.instance().memory('m').share();
  const cells = new Int32Array(memory.buffer);
  const wakers = [
    () => t.deepEqual(call(other, 'notify', 8, 7), [1]),
    () => t.is(Atomics.notify(cells, 2, 7), 1),
    () => vm.wake(),
    () => {
      const code = `const { workerData } = require('node:worker_threads');
        Atomics.store(new Int32Array(workerData.buffer), 2, 1);
        Atomics.notify(new Int32Array(workerData.buffer), 2);`;
      new Worker(code, { eval: true, workerData: memory });
    },
  ];
  for (const wake of wakers) {
    start(vm, 'wait32', 8, 0, -1n);
    const done = vm.runAsync();
    await new Promise((resolve) => setImmediate(resolve));
    wake();
    t.deepEqual(values(await done), [1008]);
  }
});

test('a wake that comes for a wait that is over is passed on', async (t) => {
  const vm = fresh('interpreter');
  const other = beside(vm);
  start(vm, 'wait32', 8, 0, -1n);
  const first = vm.runAsync();
  start(other, 'wait32', 8, 0, -1n);
  const second = other.runAsync();
  vm.wake();
  await first;
  call(vm, 'notify', 8, 1);
  t.deepEqual(values(await second), [1008]);
});

test('a cell that has changed before anybody awaits the wait ends it', async (t) => {
  const vm = fresh('interpreter');
  start(vm, 'wait32', 8, 0, -1n);
  vm.run();
  call(beside(vm), 'set', 8, 1);
  t.deepEqual(values(await vm.runAsync()), [1008]);
});

test('a call that cannot be suspended does not wait', (t) => {
  const vm = fresh('interpreter');
  t.throws(() => call(vm, 'wait32', 8, 0, -1n), { instanceOf: LimitError });
  t.deepEqual(call(vm, 'wait32', 8, 0, 10n), [1010]);
  t.is(vm.status, 'idle');
});

const producer = await moduleOf(`(import "env" "m" (memory 1 3 shared))
  ;; Puts 1 to n into the cell at 4, one after the other; the flag at 0 says that it is full.
  (func (export "produce") (param $n i32) (local $i i32)
    (loop $next
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (i32.atomic.store (i32.const 4) (local.get $i))
      (i32.atomic.store (i32.const 0) (i32.const 1))
      (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))
      (loop $full
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 1) (i64.const -1)))
        (br_if $full (i32.atomic.load (i32.const 0))))
      (br_if $next (i32.lt_u (local.get $i) (local.get $n)))))
  (func (export "consume") (param $n i32) (result i32) (local $sum i32)
    (loop $next
      (loop $empty
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
        (br_if $empty (i32.eqz (i32.atomic.load (i32.const 0)))))
      (local.set $sum (i32.add (local.get $sum) (i32.atomic.load (i32.const 4))))
      (i32.atomic.store (i32.const 0) (i32.const 0))
      (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (local.get $n)))
    (local.get $sum))`);

/** A producer and a consumer over one memory. */
function pair() {
  const owner = fresh('interpreter');
  const m = owner.instance().memory('m').share();
  const made = [new VM(), new VM()] as const;
  for (const vm of made) vm.instantiate(producer, { env: { m } });
  start(made[0], 'produce', 20);
  start(made[1], 'consume', 20);
  return made;
}

test('a producer and a consumer in turns, on any slices', (t) => {
  for (const fuel of [Number.POSITIVE_INFINITY, 50, 7]) {
    const [from, to] = pair();
    for (let turns = 0; turns < 2_000 && (from.status !== 'idle' || to.status !== 'idle'); turns++) {
      if (from.status !== 'idle') from.run({ fuel });
      if (to.status === 'idle') continue;
      const outcome = to.run({ fuel });
      if (outcome.status === 'returned') t.deepEqual(outcome.values, [210]);
    }
    t.deepEqual([from.status, to.status], ['idle', 'idle']);
  }
});

test('a producer and a consumer that are awaited', async (t) => {
  const [from, to] = pair();
  const [, outcome] = await Promise.all([from.runAsync(), to.runAsync()]);
  t.deepEqual(values(outcome), [210]);
});

test('what is given is a shared memory of a fitting type; growing shows, and a snapshot copies it', async (t) => {
  const vm = fresh('interpreter');
  const other = beside(vm);
  const grower = await moduleOf(`(import "env" "m" (memory 1 3 shared))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "size") (result i32) (memory.size))
    (func (export "load") (result i32) (i32.load (i32.const 65536)))`);
  const env = { m: vm.instance().memory('m').share() };
  const [a, b] = [new VM(), new VM()];
  for (const each of [a, b]) each.instantiate(grower, { env });
  t.deepEqual(call(a, 'grow'), [1]);
  b.start(b.instance().func('load'), []);
  t.deepEqual(values(b.run()), [0]);
  b.start(b.instance().func('size'), []);
  t.deepEqual(values(b.run()), [2]);
  const copy = VM.restore(other.save().encode(), { modules: [borrower] });
  call(other, 'set', 0, 9);
  t.is(vm.instance().memory('m').bytes[0], 9);
  t.is(copy.store.memories[0]?.bytes[0], 0);
  other.dispose();
  t.is(vm.instance().memory('m').bytes[0], 9);
  const narrow = await moduleOf('(import "env" "m" (memory 1 2 shared))');
  t.throws(() => new VM().instantiate(narrow, { env }), { instanceOf: LinkError });
  const plain = new VM().instantiate(await moduleOf('(memory (export "m") 1)'));
  t.throws(() => plain.memory('m').share(), { instanceOf: UsageError });
});
