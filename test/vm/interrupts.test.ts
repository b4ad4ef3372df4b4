// Times and signals suspend a run and change nothing of it: whatever it is that was interrupted, and on whatever engine it
// goes on, the end is the same.

import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { asyncHostFunction, hostFunction, type RunOptions, Snapshot, UsageError, VM } from '../../src/index.ts';
import { Interrupts, sliceOver } from '../../src/vm/interrupts.ts';
import { moduleOf } from '../wat.ts';

const module = await moduleOf(`
  (import "env" "now" (func $now))
  (import "env" "later" (func $later (param i32) (result i32)))
  (func (export "count") (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 31)) (local.get $n)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func (export "forever") (loop $l (br $l)))
  (func (export "calls") (param $n i32)
    (loop $l (call $now) (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "ask") (param i32) (result i32) (i32.add (call $later (local.get 0)) (i32.const 1)))`);
const waiting = await moduleOf(`
  (memory (export "memory") 1 1 shared)
  (func (export "wait") (param i64) (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (local.get 0)))`);

const engines = ['interpreter', 'native'] as const;
type Engine = (typeof engines)[number];
interface Host {
  readonly now?: () => void;
  readonly later?: (n: number) => Promise<number>;
}

const hostOf = ({ now = () => {}, later = async (n) => n }: Host = {}) => ({
  env: { now: hostFunction([], [], () => now()), later: asyncHostFunction(['i32'], ['i32'], (n) => later(n)) },
});

function started(engine: Engine, name: string, args: unknown[] = [], host: Host = {}) {
  const vm = new VM({ engine });
  const instance = vm.instantiate(module, hostOf(host));
  vm.start(instance.func(name), args);
  return vm;
}

const hop = (vm: VM, engine: Engine) =>
  VM.restore(Snapshot.decode(vm.save().encode()), { modules: [module], imports: hostOf(), engine });

const aborted = AbortSignal.abort('enough');

for (const [i, engine] of engines.entries()) {
  const otherEngine = engines[1 - i] as Engine;

  test(`a run without an end is suspended when its time is over (${engine})`, (t) => {
    const vm = started(engine, 'forever');
    t.deepEqual(vm.run({ timeout: 5 }), { status: 'suspended', reason: { kind: 'timeout' } });
    t.is(vm.status, 'suspended');
    const { fuelUsed } = vm;
    t.deepEqual(vm.run({ timeout: 5 }), { status: 'suspended', reason: { kind: 'timeout' } });
    t.true(vm.fuelUsed > fuelUsed);
  });

  test(`a run that has any time gets on, however slow the machine, and one that has none does nothing (${engine})`, (t) => {
    let vm = started(engine, 'count', [100_000]);
    const { values } = started(engine, 'count', [100_000]).run();
    const { now } = performance;
    let hours = 0;
    performance.now = () => hours++ * 3_600_000;
    try {
      let outcome = vm.run({ timeout: 0 });
      t.deepEqual([outcome.status, vm.fuelUsed], ['suspended', started(engine, 'count', [100_000]).fuelUsed]);
      for (let runs = 0; outcome.status === 'suspended'; runs++) {
        const { fuelUsed } = vm;
        outcome = vm.run({ timeout: 1 });
        t.true(vm.fuelUsed > fuelUsed);
        if (runs < 4) vm = hop(vm, engine);
      }
      t.deepEqual(outcome.values, values);
    } finally {
      performance.now = now;
    }
  });

  test(`wherever time stops it, and wherever it goes on, the results and the fuel are the same (${engine})`, (t) => {
    const n = 3_000_000;
    const whole = started(engine, 'count', [n]);
    const { values } = whole.run();
    let vm = started(engine, 'count', [n]);
    let stops = 0;
    let outcome = vm.run({ timeout: 0 });
    for (; outcome.status === 'suspended'; stops++) {
      t.deepEqual(outcome.reason, { kind: 'timeout' });
      if (stops < 3) vm = hop(vm, stops % 2 === 0 ? otherEngine : engine);
      outcome = vm.run({ timeout: 2 ** stops });
    }
    t.true(stops > 0);
    t.deepEqual(outcome.values, values);
    t.is(vm.fuelUsed, whole.fuelUsed);
  });

  test(`a run whose signal was aborted does nothing (${engine})`, (t) => {
    let calls = 0;
    const vm = started(engine, 'calls', [2], { now: () => calls++ });
    const { fuelUsed } = vm;
    const reason = { kind: 'signal', cause: 'enough' };
    t.deepEqual(vm.run({ signal: aborted }), { status: 'suspended', reason });
    t.deepEqual([calls, vm.fuelUsed], [0, fuelUsed]);
    t.is(vm.run({ signal: new AbortController().signal }).status, 'returned');
    t.is(calls, 2);
  });

  test(`a host function may abort the run that it is called by (${engine})`, (t) => {
    const controller = new AbortController();
    let calls = 0;
    const now = () => {
      if (++calls === 3) controller.abort('that will do');
    };
    const vm = started(engine, 'calls', [10_000_000], { now });
    t.deepEqual(vm.run({ signal: controller.signal }).reason, { kind: 'signal', cause: 'that will do' });
    t.true(calls < 10_000_000);
  });

  test(`runAsync hears a signal that a timer aborts (${engine})`, async (t) => {
    const vm = started(engine, 'forever');
    const outcome = await vm.runAsync({ signal: AbortSignal.timeout(30) });
    t.like(outcome, { status: 'suspended', reason: { kind: 'signal' } });
    t.is((outcome.reason as { cause: Error }).cause.name, 'TimeoutError');
    t.is(vm.status, 'suspended');
    t.deepEqual((await vm.runAsync({ timeout: 5 })).reason, { kind: 'timeout' });
  });

  test(`a signal that is never aborted changes neither results nor fuel (${engine})`, async (t) => {
    const n = engine === 'native' ? 200_000_000 : 20_000_000;
    const whole = started(engine, 'count', [n]);
    const { values } = whole.run();
    const vm = started(engine, 'count', [n]);
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    const { signal } = new AbortController();
    t.deepEqual((await vm.runAsync({ signal })).values, values);
    clearInterval(ticking);
    t.is(vm.fuelUsed, whole.fuelUsed);
    t.true(turns > 0);
  });

  test(`fuel bounds a run in slices as any other (${engine})`, async (t) => {
    const vm = started(engine, 'forever');
    const { signal } = new AbortController();
    t.deepEqual((await vm.runAsync({ signal, fuel: 30_000_000 })).reason, { kind: 'fuel' });
    t.true(vm.fuelUsed >= 30_000_000 && vm.fuelUsed < 30_001_000);
  });

  for (const how of ['signal', 'timeout'] as const)
    test(`a host call that is awaited goes on, and is made once: ${how} (${engine})`, async (t) => {
      let calls = 0;
      let answer = (_: number) => {};
      const later = () => {
        calls++;
        return new Promise<number>((resolve) => {
          answer = resolve;
        });
      };
      const vm = started(engine, 'ask', [4], { later });
      const options: RunOptions = how === 'signal' ? { signal: AbortSignal.timeout(20) } : { timeout: 20 };
      t.like(await vm.runAsync(options), { status: 'suspended', reason: { kind: how } });
      t.is(vm.status, 'waiting');
      const end = vm.runAsync();
      answer(41);
      t.deepEqual((await end).values, [42]);
      t.is(calls, 1);
    });

  test(`an answer that comes while nobody awaits it is taken (${engine})`, async (t) => {
    let answer = (_: number) => {};
    const later = () => new Promise<number>((resolve) => (answer = resolve));
    const vm = started(engine, 'ask', [4], { later });
    await vm.runAsync({ timeout: 5 });
    answer(6);
    await sleep(1);
    t.is(vm.status, 'suspended');
    t.deepEqual(vm.run().values, [7]);
  });
}

test('a guest that waits is interrupted, and can be woken later', async (t) => {
  const vm = new VM();
  const instance = vm.instantiate(waiting);
  vm.start(instance.func('wait'), [-1n]);
  t.deepEqual((await vm.runAsync({ timeout: 10 })).reason, { kind: 'timeout' });
  t.like(await vm.runAsync({ signal: AbortSignal.timeout(10) }), { reason: { kind: 'signal' } });
  t.is(vm.status, 'waiting');
  const end = vm.runAsync();
  await sleep(1);
  vm.wake();
  t.deepEqual((await end).values, [0]);
});

test('a time longer than the wait leaves it be', async (t) => {
  const vm = new VM();
  vm.start(vm.instantiate(waiting).func('wait'), [3_000_000n]);
  t.deepEqual((await vm.runAsync({ timeout: 60_000 })).values, [2]);
});

test('options are checked', async (t) => {
  const vm = started('interpreter', 'count', [5]);
  const wrong: RunOptions[] = [{ timeout: -1 }, { timeout: Number.NaN }, { timeout: 2 ** 31 }, { signal: {} as never }];
  for (const options of wrong) {
    t.throws(() => vm.run(options), { instanceOf: UsageError });
    await t.throwsAsync(vm.runAsync(options), { instanceOf: UsageError });
  }
  t.is(vm.run({ timeout: 60_000, signal: new AbortController().signal }).status, 'returned');
});

test('the first look of a run and of each of its slices stops nothing, however slow the machine', (t) => {
  const { now } = performance;
  let hours = 0;
  performance.now = () => hours++ * 3_600_000;
  try {
    const timed = new Interrupts({ timeout: 1 }).budget;
    t.deepEqual([timed?.(), timed?.()], [undefined, { kind: 'timeout' }]);
    const interrupts = new Interrupts({ signal: new AbortController().signal });
    for (let slices = 0; slices < 3; slices++) {
      interrupts.beginSlice();
      const { budget } = interrupts;
      t.deepEqual([budget?.(), budget?.(), budget?.()], [undefined, sliceOver, sliceOver]);
    }
  } finally {
    performance.now = now;
  }
});
