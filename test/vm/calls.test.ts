// Starting, running and ending calls, with no host functions.

import test from 'ava';
import { ExhaustionError, LimitError, LinkError, type Ref, Trap, UsageError, VM } from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

const counter = `
  (memory (export "memory") 1)
  (func $fac (export "fac") (param i64) (result i64)
    (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1))
      (else (i64.mul (local.get 0) (call $fac (i64.sub (local.get 0) (i64.const 1)))))))
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))
  (func $forever (export "forever") (call $forever))
  (func (export "spin") (loop $l (br $l)))
  (func (export "sum") (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (local.get $n)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func $inner (unreachable))
  (func $outer (export "trap") (i32.store (i32.const 0) (i32.const 77)) (call $inner))
  (func (export "swap") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0))
  (func (export "nan") (result f32) (f32.const nan:0x200001))`;

const vmOf = async (fields = counter, options = {}) => {
  const vm = new VM(options);
  return { vm, instance: vm.instantiate(await moduleOf(fields)) };
};

test('invoke returns results', async (t) => {
  const { vm, instance } = await vmOf();
  t.deepEqual(vm.invoke(instance.func('fac'), [20n]), [2432902008176640000n]);
  t.deepEqual(vm.invoke(instance.func('swap'), [3, 0.5]), [0.5, 3]);
  t.deepEqual(vm.invoke(instance.func('sum'), [10]), [55]);
  t.is(vm.status, 'idle');
});

test('start and run', async (t) => {
  const { vm, instance } = await vmOf();
  t.throws(() => vm.run(), { instanceOf: UsageError, message: /nothing to run/ });
  vm.start(instance.func('swap'), [3, 0.5]);
  t.is(vm.status, 'suspended');
  t.throws(() => vm.start(instance.func('swap'), [3, 0.5]), { instanceOf: UsageError, message: /busy/ });
  const outcome = vm.run();
  if (outcome.status !== 'returned') return t.fail(outcome.status);
  t.deepEqual(outcome.values, [0.5, 3]);
  t.deepEqual([...outcome.words], [0, 0x3fe00000, 3, 0]);
  t.is(vm.status, 'idle');
  t.throws(() => vm.run(), { instanceOf: UsageError });
});

test('words keep each bit of a NaN', async (t) => {
  const { vm, instance } = await vmOf();
  vm.start(instance.func('nan'), []);
  const outcome = vm.run();
  t.is(outcome.status === 'returned' && outcome.words[0], 0x7fa00001);
});

test('fuel: totals do not depend on slices', async (t) => {
  const whole = await vmOf();
  whole.vm.invoke(whole.instance.func('sum'), [1000]);
  const used = whole.vm.fuelUsed;
  t.true(used > 1000);
  for (const fuel of [1, 7, 100, used - 1, used]) {
    const { vm, instance } = await vmOf();
    vm.start(instance.func('sum'), [1000]);
    let outcome = vm.run({ fuel });
    let runs = 1;
    for (; outcome.status === 'suspended' && runs < 20000; runs++) {
      t.is(outcome.reason.kind, 'fuel');
      outcome = vm.run({ fuel });
    }
    t.deepEqual(outcome.status === 'returned' && outcome.values, [500500]);
    t.is(vm.fuelUsed, used);
    t.is(runs, Math.ceil(used / fuel));
  }
});

test('steps and the pause flag', async (t) => {
  const { vm, instance } = await vmOf();
  vm.start(instance.func('sum'), [3]);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  pause[0] = 1;
  t.deepEqual(vm.run({ pause }), { status: 'suspended', reason: { kind: 'pause' } });
  pause[0] = 0;
  let steps = 0;
  for (let outcome = vm.run({ steps: 1, pause }); outcome.status === 'suspended'; outcome = vm.run({ steps: 1 })) {
    t.deepEqual(outcome.reason, { kind: 'step' });
    steps++;
  }
  // loop, three rounds of nine instructions, local.get; the last one or the end returns.
  t.true(steps >= 28 && steps <= 32, String(steps));
});

test('frames show locals, operands and names', async (t) => {
  const { vm, instance } = await vmOf();
  vm.start(instance.func('fac'), [3n]);
  while (vm.frames().length < 3) t.is(vm.run({ fuel: 1 }).status, 'suspended');
  const frames = vm.frames();
  t.deepEqual(
    frames.map(({ name, func, locals, operands }) => [
      name,
      func,
      locals.map((l) => l.value),
      operands.map((o) => o.value),
    ]),
    [
      ['fac', 0, [1n], []],
      ['fac', 0, [2n], [2n]],
      ['fac', 0, [3n], [3n]],
    ],
  );
  t.is(frames[0]?.pc, 0);
  t.true((frames[1]?.pc ?? 0) > 0);
  t.is((frames[1]?.offset ?? 0) - (frames[1]?.pc ?? 0), frames[0]?.offset ?? -1);
});

test('a trap tells the stack, and the VM can be used again with its memory as it was', async (t) => {
  const { vm, instance } = await vmOf();
  vm.start(instance.func('trap'), []);
  const outcome = vm.run();
  if (outcome.status !== 'trapped') return t.fail(outcome.status);
  const { trap } = outcome;
  t.true(trap instanceof Trap);
  t.is(trap.message, 'unreachable');
  t.deepEqual(
    trap.frames.map(({ name, func, pc }) => [name, func, pc > 0]),
    [
      ['inner', 5, false],
      ['outer', 6, true],
    ],
  );
  t.is(trap.omitted, 0);
  t.is(vm.status, 'idle');
  t.is(instance.memory('memory').bytes[0], 77);
  t.throws(() => vm.invoke(instance.func('trap')), { instanceOf: Trap, message: 'unreachable' });
  t.deepEqual(vm.invoke(instance.func('fac'), [3n]), [6n]);
});

test('runaway recursion ends at the limit, and only its innermost frames are told', async (t) => {
  const { vm, instance } = await vmOf(counter, { limits: { frames: 1000 } });
  const error = t.throws(() => vm.invoke(instance.func('forever')), { instanceOf: ExhaustionError });
  t.is(error?.frames.length, 64);
  t.is(error?.omitted, 1000 - 64);
  t.deepEqual(vm.invoke(instance.func('deep'), [999]), [999]);
  t.throws(() => vm.invoke(instance.func('deep'), [1000]), { instanceOf: ExhaustionError });
  const small = await vmOf(counter, { limits: { stack: 4096 } });
  t.throws(() => small.vm.invoke(small.instance.func('deep'), [1000]), { instanceOf: ExhaustionError });
});

test('wrong arguments', async (t) => {
  const { vm, instance } = await vmOf();
  const swap = instance.func('swap');
  for (const args of [[], [1], [1, 2, 3], ['1', 2], [1, 2n], [0.5, 2], [2 ** 32, 2], [null, 2]]) {
    t.throws(() => vm.start(swap, args), { instanceOf: UsageError }, JSON.stringify(args.map(String)));
    t.throws(() => vm.invoke(swap, args), { instanceOf: UsageError });
  }
  t.is(vm.status, 'idle');
  t.throws(() => vm.start({} as Ref), { instanceOf: UsageError });
  const other = await vmOf();
  t.throws(() => vm.start(other.instance.func('trap')), { instanceOf: UsageError, message: /another VM/ });
});

test('unknown exports', async (t) => {
  const { instance } = await vmOf();
  t.throws(() => instance.func('nix'), { instanceOf: LinkError, message: 'unknown export "nix"' });
  t.throws(() => instance.func('memory'), { instanceOf: LinkError, message: /is a memory, not a func/ });
  t.throws(() => instance.memory('fac'), { instanceOf: LinkError, message: /is a func, not a memory/ });
  t.throws(() => instance.export('toString'), { instanceOf: LinkError });
});

test('start functions run at once, or when asked for', async (t) => {
  const module = await moduleOf(
    '(global $g (export "g") (mut i32) (i32.const 0)) (func $s (global.set $g (i32.add (global.get $g) (i32.const 1)))) (start $s)',
  );
  t.is(new VM().instantiate(module).global('g').value, 1);
  const vm = new VM();
  const instance = vm.instantiate(module, {}, { start: 'defer' });
  t.is(instance.global('g').value, 0);
  t.is(vm.status, 'suspended');
  t.throws(() => vm.instantiate(module, {}, { start: 'defer' }), { instanceOf: UsageError, message: /busy/ });
  t.is(vm.instantiate(module).global('g').value, 1);
  t.is(vm.run({ fuel: 100 }).status, 'returned');
  t.is(instance.global('g').value, 1);
  t.throws(() => vm.instantiate(module, {}, { start: 'later' as 'run' }), { instanceOf: UsageError });
});

test('a start function that traps leaves its instance behind', async (t) => {
  const vm = new VM();
  const table = vm.instantiate(await moduleOf('(table (export "t") 1 funcref)'));
  const module = await moduleOf(
    '(import "a" "t" (table 1 funcref)) (func $f (result i32) (i32.const 9)) (elem (i32.const 0) func $f) (func $s unreachable) (start $s)',
  );
  t.throws(() => vm.instantiate(module, { a: table }), { instanceOf: Trap });
  t.deepEqual(vm.invoke(table.table('t').get(0) as Ref), [9]);
  t.is(vm.status, 'idle');
});

test('a call on top of a suspended one does not disturb it', async (t) => {
  const { vm, instance } = await vmOf();
  vm.start(instance.func('fac'), [15n]);
  while (vm.frames().length < 8) vm.run({ fuel: 1 });
  const before = vm.frames();
  t.deepEqual(vm.invoke(instance.func('sum'), [100]), [5050]);
  t.throws(() => vm.invoke(instance.func('trap')), { instanceOf: Trap });
  t.deepEqual(vm.frames(), before);
  const outcome = vm.run();
  t.deepEqual(outcome.status === 'returned' && outcome.values, [1307674368000n]);
});

test('limits of memories and tables', async (t) => {
  const vm = new VM({ limits: { memory: 2 * 65536, tables: 3 } });
  const instance = vm.instantiate(await moduleOf('(memory (export "m") 1) (table (export "t") 1 funcref)'));
  const memory = instance.memory('m');
  t.is(memory.grow(1), 1);
  t.is(memory.grow(1), -1);
  t.is(memory.bytes.length, 2 * 65536);
  t.is(memory.pages, 2);
  t.is(instance.table('t').grow(2), 1);
  t.is(instance.table('t').grow(1), -1);
  const more = await moduleOf('(memory 1)');
  t.throws(() => vm.instantiate(more), { instanceOf: LimitError });
});

test('options that are none', async (t) => {
  t.throws(() => new VM({ limit: {} } as object), { instanceOf: UsageError, message: /"limit"/ });
  t.throws(() => new VM({ limits: { memory: -1 } }), { instanceOf: UsageError, message: /limits\.memory/ });
  t.throws(() => new VM({ limits: { frames: Number.NaN } }), { instanceOf: UsageError });
  t.throws(() => new VM({ limits: { depth: 1 } as object }), { instanceOf: UsageError, message: /"depth"/ });
  t.throws(() => new VM({ engine: 'toString' as 'auto' }), { instanceOf: UsageError, message: /engine/ });
  const { vm, instance } = await vmOf();
  vm.start(instance.func('sum'), [1]);
  for (const options of [{ fuel: -1 }, { fuel: Number.NaN }, { steps: 0.5 }, { pause: new Int32Array(0) }, { gas: 1 }])
    t.throws(() => vm.run(options), { instanceOf: UsageError }, JSON.stringify(options));
  t.is(vm.run().status, 'returned');
});

test('a VM that was disposed of', async (t) => {
  const { vm, instance } = await vmOf();
  const memory = instance.memory('memory');
  vm.dispose();
  vm.dispose();
  t.throws(() => vm.start(instance.func('trap')), { instanceOf: UsageError, message: /disposed of/ });
  t.throws(() => vm.invoke(instance.func('trap')), { instanceOf: UsageError });
  t.throws(() => vm.instance(), { instanceOf: UsageError });
  t.throws(() => vm.save(), { instanceOf: UsageError });
  t.throws(() => memory.bytes, { instanceOf: UsageError });
});

test('globals and tables as the host sees them', async (t) => {
  const { vm, instance } = await vmOf(
    `(global (export "c") i64 (i64.const -1)) (global (export "v") (mut externref) (ref.null extern))
     (table (export "t") 2 funcref) (func (export "f") (result i32) (call_indirect (result i32) (i32.const 1))) (func $seven (export "seven") (result i32) (i32.const 7))`,
  );
  t.is(instance.global('c').value, -1n);
  t.throws(
    () => {
      instance.global('c').value = 0n;
    },
    { instanceOf: UsageError, message: /constant/ },
  );
  const value = { any: 'thing' };
  instance.global('v').value = value;
  t.is(instance.global('v').value, value);
  const table = instance.table('t');
  t.throws(() => vm.invoke(instance.func('f')), { instanceOf: Trap, message: /^uninitialized element/ });
  table.set(1, instance.func('seven'));
  t.deepEqual(vm.invoke(instance.func('f')), [7]);
  t.is(table.get(0), null);
  t.throws(() => table.get(2), { instanceOf: UsageError });
  t.throws(() => table.set(0, 5), { instanceOf: UsageError });
  t.is(vm.instance(0), instance);
  t.throws(() => vm.instance(1), { instanceOf: UsageError });
});
