// Native code beside the interpreter: host functions, traps, deep recursion, several instances, references.

import test from 'ava';
import {
  asyncHostFunction,
  ExhaustionError,
  hostFunction,
  type Imports,
  type Module,
  Trap,
  VM,
  type VmOptions,
} from '../../src/index.ts';
import { moduleOf } from '../wat.ts';
import { show } from './differential.ts';

const engines = ['interpreter', 'native'] as const;
type Engine = (typeof engines)[number];

/** Does the same on both engines. */
async function both<T>(
  fields: string,
  act: (vm: VM, module: Module) => T,
  imports: Imports = {},
  options: VmOptions = {},
): Promise<[T, T]> {
  const module = await moduleOf(fields);
  const one = (engine: Engine): T => {
    const vm = new VM({ ...options, engine });
    vm.instantiate(module, imports);
    return act(vm, module);
  };
  return [one('interpreter'), one('native')];
}

function outcomeOf(vm: VM, name: string, ...args: unknown[]) {
  vm.start(vm.instance(0).func(name), args);
  return show(vm.run());
}

const traps: Record<string, string> = {
  unreachable: 'unreachable',
  'division by zero': '(drop (i32.div_s (i32.const 1) (i32.const 0)))',
  'remainder by zero': '(drop (i64.rem_u (i64.const 1) (i64.const 0)))',
  overflow: '(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))',
  'NaN to integer': '(drop (i32.trunc_f64_s (f64.const nan)))',
  'number out of range': '(drop (i64.trunc_f32_u (f32.const -5)))',
  memory: '(drop (i32.load (i32.const 65533)))',
  'memory.fill': '(memory.fill (i32.const 65530) (i32.const 0) (i32.const 7))',
  'memory.init': '(memory.init $d (i32.const 0) (i32.const 1) (i32.const 3))',
  'table.get': '(drop (table.get $t (i32.const 5)))',
  'table.copy': '(table.copy (i32.const 4) (i32.const 0) (i32.const 2))',
  'undefined element': '(call_indirect (i32.const 5))',
  'uninitialized element': '(call_indirect (i32.const 4))',
  'wrong type': '(call_indirect (type $other) (i32.const 7) (i32.const 1))',
  'wrong type, but the same once rewritten': '(call_indirect (type $long) (i64.const 7) (i32.const 2))',
  'wrong type with references': '(call_indirect (type $ref) (ref.null extern) (i32.const 3))',
};

for (const [name, code] of Object.entries(traps))
  test(`trap: ${name}`, async (t) => {
    const [interpreted, native] = await both(
      `(type $other (func (param i32))) (type $long (func (param i64))) (type $ref (func (param externref)))
       (memory 1) (data $d "ab") (table $t 5 funcref) (elem (i32.const 0) $outer $inner $r $l)
       (func $r (type $ref)) (func $l (type $long))
       (func $inner (local i32) (loop (br_if 0 (i32.eqz (local.tee 0 (i32.add (local.get 0) (i32.const 1)))))) ${code.startsWith('(') ? code : `(${code})`})
       (func $outer (export "run") (drop (i32.const 3)) (call $inner))`,
      (vm) => outcomeOf(vm, 'run'),
    );
    t.regex(interpreted, /"frames":\["\d+@[1-9]\d*","\d+@[1-9]\d*"\]/);
    t.is(native, interpreted);
  });

for (const [name, code] of Object.entries(traps))
  test(`the fuel of a trap that comes before loops and other calls is told to the unit: ${name}`, async (t) => {
    const [interpreted, native] = await both(
      `(type $other (func (param i32))) (type $long (func (param i64))) (type $ref (func (param externref)))
       (memory 1) (data $d "ab") (table $t 5 funcref) (elem (i32.const 0) $outer $inner $r $l)
       (func $r (type $ref)) (func $l (type $long))
       (func $inner (param i32) (result i32) (if (local.get 0) (then ${code.startsWith('(') ? code : `(${code})`}))
         (loop (br_if 0 (i32.eqz (local.get 0)))) (local.get 0))
       (func $outer (param i32) (result i32) (drop (i32.const 3)) (i32.add (i32.const 1) (call $inner (local.get 0))))
       (func (export "run") (drop (call $outer (i32.const 1))) (drop (call $outer (i32.const 2))))`,
      (vm) => [outcomeOf(vm, 'run'), outcomeOf(vm, 'run'), vm.fuelUsed],
    );
    t.deepEqual(native, interpreted);
  });

for (const [fuel, least, times] of [
  [1e12, 1_000_000, 5],
  [Number.POSITIVE_INFINITY, 2_000_000_000, 1],
] as const)
  test(`after any other trap not much more counts as used than was, of ${fuel} units`, async (t) => {
    const [interpreted, native] = await both(
      `(memory 1) (func $tail (param i32) (return_call $end (local.get 0)))
       (func $end (param i32) (drop (i32.load (local.get 0))))
       (func (export "loop") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
         (drop (i32.load (i32.const -1))))
       (func (export "tail") (call $tail (i32.const -1)))`,
      (vm) =>
        [10, 300_000, 3_000_000, 1, 5].map((n) => {
          vm.start(vm.instance(0).func(n === 1 ? 'tail' : 'loop'), n === 1 ? [] : [n]);
          t.is(vm.run({ fuel }).status, 'trapped');
          return vm.fuelUsed;
        }),
    );
    native.forEach((used, i) => {
      const exact = interpreted[i] as number;
      t.true(used >= exact && used <= least * (i + 1) + times * exact, `${used}, ${exact}`);
    });
  });

test('the fuel of an unreachable trap is told to the unit', async (t) => {
  const [interpreted, native] = await both(
    `(func $f (param i32) (result i32) (if (i32.eqz (local.get 0)) (then unreachable))
       (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
     (func (export "run") (drop (call $f (i32.const 9))))`,
    (vm) => [outcomeOf(vm, 'run'), vm.fuelUsed],
  );
  t.deepEqual(native, interpreted);
});

const hostImports: Imports = {
  env: {
    mix: hostFunction(['i32', 'i64', 'f32', 'f64', 'externref'], ['i64', 'f64', 'externref'], (a, b, c, d, e) => [
      BigInt(a) + b,
      c + d,
      e,
    ]),
    peek: hostFunction(['i32'], ['i32'], (at, context) => context.memory()[at] as number),
    back: hostFunction(['i32'], ['i32'], (n, context) => (n > 0 ? (context.call('run', n - 1)[0] as number) + 1 : 0)),
    later: asyncHostFunction(['i32'], ['i32'], async (n) => n * 2),
    fail: hostFunction([], [], () => {
      throw new RangeError('no');
    }),
  },
};

test('host functions get and give values of all types', async (t) => {
  const [interpreted, native] = await both(
    `(import "env" "mix" (func $mix (param i32 i64 f32 f64 externref) (result i64 f64 externref)))
     (func (export "run") (param externref) (result i64 f64 externref)
       (call $mix (i32.const -7) (i64.const 0x123456789abcdef) (f32.const 1.5) (f64.const 0.25) (local.get 0)))`,
    (vm) => vm.invoke(vm.instance(0).func('run'), [{ some: 'thing' }]),
    hostImports,
  );
  t.deepEqual(native, interpreted);
  t.deepEqual(native, [0x123456789abcde8n, 1.75, { some: 'thing' }]);
});

test('a host function sees globals and memory as they are, and may call back', async (t) => {
  const fields = `(import "env" "peek" (func $peek (param i32) (result i32)))
     (import "env" "back" (func $back (param i32) (result i32)))
     (memory 1) (global $g (export "g") (mut i32) (i32.const 0))
     (func (export "run") (param i32) (result i32)
       (i32.store8 (i32.const 9) (local.get 0))
       (global.set $g (i32.add (global.get $g) (call $peek (i32.const 9))))
       (i32.add (global.get $g) (call $back (local.get 0))))`;
  const [interpreted, native] = await both(
    fields,
    (vm) => [vm.invoke(vm.instance(0).func('run'), [5]), vm.instance(0).global('g').value, vm.fuelUsed],
    hostImports,
  );
  t.deepEqual(native, interpreted);
});

test('what a host function throws ends the call, with the same trace', async (t) => {
  const [interpreted, native] = await both(
    `(import "env" "fail" (func $fail)) (func $a (call $fail)) (func (export "run") (call $a))`,
    (vm) => outcomeOf(vm, 'run'),
    hostImports,
  );
  t.is(native, interpreted);
});

test('a host function that answers later suspends native code, and the answer goes on in any engine', async (t) => {
  const module = await moduleOf(
    `(import "env" "later" (func $later (param i32) (result i32)))
     (func $twice (param i32) (result i32) (i32.add (local.get 0) (call $later (local.get 0))))
     (func (export "run") (param i32) (result i32) (i32.mul (call $twice (local.get 0)) (i32.const 3)))`,
  );
  const start = (engine: Engine) => {
    const vm = new VM({ engine });
    vm.start(vm.instantiate(module, hostImports).func('run'), [7]);
    t.like(vm.run(), { status: 'suspended', reason: { kind: 'host', name: 'later', args: [7] } });
    return vm;
  };
  const [interpreted, native] = [start('interpreter'), start('native')];
  t.deepEqual(native.save().encode(), interpreted.save().encode());
  for (const engine of engines) {
    const vm = VM.restore(native.save(), { modules: [module], imports: hostImports, engine });
    vm.deliver(1, [14]);
    t.like(vm.run(), { status: 'returned', values: [63] });
  }
});

const recursion = `(func $f (export "run") (param i32) (result i32)
  (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
    (else (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))))`;

test('recursion goes as deep as the frame limit, and no deeper', async (t) => {
  for (const [depth, frames] of [
    [49_999, 50_000],
    [50_000, 50_000],
    [400_000, 100_000],
    [99, 100],
    [100, 100],
  ] as const) {
    const [interpreted, native] = await both(
      recursion,
      (vm) => [outcomeOf(vm, 'run', depth), vm.fuelUsed],
      {},
      { limits: { frames } },
    );
    t.deepEqual(native, interpreted, `${depth} of ${frames}`);
  }
});

test('a runaway recursion with wide frames ends in exhaustion', async (t) => {
  const locals = '(local f64) '.repeat(500);
  const [, native] = await both(`(func $f (export "run") ${locals} (call $f) (drop (local.get 3)))`, (vm) =>
    t.throws(() => vm.invoke(vm.instance(0).func('run')), { instanceOf: ExhaustionError }),
  );
  t.is(native?.kind, 'call stack exhausted');
});

test('instances share functions, tables, memories and globals', async (t) => {
  const maker = await moduleOf(
    `(memory (export "m") 1) (global (export "g") (mut i64) (i64.const 5)) (table (export "t") 4 funcref)
     (func (export "add") (param i32) (result i32) (global.set 0 (i64.add (global.get 0) (i64.const 1))) (i32.add (local.get 0) (i32.load (i32.const 0))))`,
  );
  const user = await moduleOf(
    `(import "x" "m" (memory 1)) (import "x" "g" (global $g (mut i64))) (import "x" "t" (table $t 4 funcref))
     (import "x" "add" (func $add (param i32) (result i32)))
     (type $i (func (param i32) (result i32)))
     (elem declare func $own $add)
     (func $own (type $i) (loop (br_if 0 (i32.lt_s (local.tee 0 (i32.add (local.get 0) (i32.const 3))) (i32.const 50)))) (local.get 0))
     (func (export "run") (result i32)
       (i32.store (i32.const 0) (i32.const 40))
       (table.set $t (i32.const 1) (ref.func $add)) (table.set $t (i32.const 2) (ref.func $own))
       (global.set $g (i64.mul (global.get $g) (i64.const 3)))
       (i32.add (call $add (i32.const 1)) (i32.add (call_indirect (type $i) (i32.const 2) (i32.const 1)) (call_indirect (type $i) (i32.const 7) (i32.const 2)))))`,
  );
  const states = engines.map((engine) => {
    const vm = new VM({ engine });
    vm.instantiate(user, { x: vm.instantiate(maker) });
    vm.start(vm.instance(1).func('run'), []);
    const seen: unknown[] = [];
    for (;;) {
      const outcome = vm.run({ fuel: vm.store.debt });
      seen.push(show(outcome), vm.fuelUsed, vm.instance(0).global('g').value);
      if (outcome.status !== 'suspended') return seen;
      seen.push(Buffer.from(vm.save().encode()).toString('hex'));
    }
  });
  t.true((states[0]?.length ?? 0) > 20);
  t.deepEqual(states[1], states[0]);
});

test('references in locals, globals, tables and through calls', async (t) => {
  const [interpreted, native] = await both(
    `(type $pick (func (param externref funcref) (result externref)))
     (global $g (export "g") (mut externref) (ref.null extern)) (table $e (export "e") 2 externref) (table $f 3 funcref)
     (elem (table $f) (i32.const 0) func $pick)
     (func $pick (type $pick) (select (result externref) (local.get 0) (ref.null extern) (ref.is_null (local.get 1))))
     (func (export "run") (param externref) (result externref i32 i32)
       (global.set $g (local.get 0))
       (table.set $e (i32.const 1) (global.get $g))
       (drop (table.grow $e (local.get 0) (i32.const 3)))
       (call_indirect $f (type $pick) (table.get $e (i32.const 4)) (ref.null func) (i32.const 0))
       (table.size $e)
       (ref.is_null (table.get $f (i32.const 2))))`,
    (vm) => [
      vm.invoke(vm.instance(0).func('run'), ['it']),
      vm.instance(0).global('g').value,
      vm.instance(0).table('e').get(3),
    ],
  );
  t.deepEqual(native, interpreted);
  t.deepEqual(native, [['it', 5, 1], 'it', 'it']);
});

test('steps go instruction by instruction, and native code goes on from wherever they ended', async (t) => {
  const module = await moduleOf(recursion);
  const vm = new VM({ engine: 'native' });
  vm.start(vm.instantiate(module).func('run'), [40]);
  let steps = 0;
  for (; steps < 20 && vm.run({ steps: 1 }).status === 'suspended'; steps++) vm.run({ fuel: 1 });
  t.is(steps, 20);
  t.like(vm.run(), { status: 'returned', values: [40] });
});

test('a pause flag stops native code within its quantum', async (t) => {
  const module = await moduleOf('(func (export "run") (loop (br 0)))');
  const vm = new VM({ engine: 'native' });
  vm.start(vm.instantiate(module).func('run'), []);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  t.like(vm.run({ pause, fuel: 5_000_000 }), { reason: { kind: 'fuel' } });
  pause[0] = 1;
  t.like(vm.run({ pause }), { reason: { kind: 'pause' } });
});

test('an engine says what it does not support', async (t) => {
  const module = await moduleOf('(memory 1 (pagesize 1)) (func (export "run"))');
  const error = t.throws(() => new VM({ engine: 'native' }).instantiate(module));
  t.regex(error?.message ?? '', /custom page sizes/);
  t.true(Trap.prototype instanceof Error);
});
