// Native code of a VM that is gone serves the next one of its module: that one finds nothing of the one before.

import test from 'ava';
import {
  type HostContext,
  hostFunction,
  hostModule,
  type Imports,
  type Module,
  UsageError,
  VM,
  type VmOptions,
} from '../../src/index.ts';
import { spareNatives } from '../../src/rewrite/run/reserve.ts';
import { entryOf } from '../../src/rewrite/run/rewriter.ts';
import { spareStacks } from '../../src/runtime/frame.ts';
import { bounds } from '../../src/runtime/kept/bounds.ts';
import { moduleOf } from '../wat.ts';
import { show } from './differential.ts';

let made = 0;
/** Each is of other bytes. */
const fresh = (fields: string) => moduleOf(`${fields} (func (drop (i32.const ${made++})))`);

/** All that a VM may keep: each call tells what it found, and changes it. */
const keeper = `
  (type $t (func (result i32)))
  (import "env" "next" (func $next (param i32) (result i32)))
  (memory (export "m") 1 4) (table $table 4 8 funcref) (global $g (mut i32) (i32.const 5)) (global $c i32 (i32.const 9))
  (tag $e (param i32))
  (elem (i32.const 0) func $one $two) (elem $later func $two)
  (data (i32.const 0) "abcd") (data $later "wxyz")
  (func $one (type $t) (i32.const 1)) (func $two (type $t) (i32.const 2))
  (func (export "global") (param i32) (result i32) (global.get $g) (global.set $g (i32.add (global.get $g) (local.get 0)))
    (i32.add (global.get $c)))
  (func (export "memory") (param i32) (result i32) (i32.load (i32.const 2)) (i32.store (i32.const 2) (local.get 0)))
  (func (export "table") (param i32) (result i32) (call_indirect (type $t) (i32.const 0))
    (table.set $table (i32.const 0) (ref.func $two)))
  (func (export "element") (param i32) (result i32) (table.init $table $later (i32.const 2) (i32.const 0) (i32.const 1))
    (elem.drop $later) (call_indirect (type $t) (i32.const 2)))
  (func (export "segment") (param i32) (result i32) (memory.init $later (i32.const 8) (i32.const 0) (i32.const 4))
    (data.drop $later) (i32.load (i32.const 8)))
  (func (export "host") (param i32) (result i32) (call $next (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (i32.const 1)))
  (func (export "widen") (param i32) (result i32) (table.grow $table (ref.null func) (i32.const 2)))
  (func (export "catch") (param i32) (result i32)
    (block $h (result i32) (try_table (catch $e $h) (throw $e (local.get 0))) (unreachable)))
  (func (export "throw") (param i32) (result i32) (throw $e (local.get 0)))`;
const calls = ['global', 'memory', 'table', 'element', 'segment', 'host', 'catch', 'throw', 'grow', 'widen'];

/** Counts from where it is told, in a state of the VM's. */
const counting = hostModule<{ at: number }>({
  name: 'counting',
  state: {
    create: () => ({ at: 100 }),
    save: ({ at }) => ({ data: at }),
    restore: ({ data }) => ({ at: data as number }),
  },
  functions: {
    next: hostFunction(['i32'], ['i32'], (by: number, { state }: HostContext<{ at: number }>) => {
      state.at += by;
      return state.at;
    }),
  },
});
const imports: Imports = { env: counting.functions };

/** What calls of a new VM come to, in slices, what they cost, and what it is saved as after each. */
function life(module: Module, engine: 'native' | 'interpreter', names: readonly string[], fuel: number, hops = false) {
  let vm = new VM({ engine });
  vm.instantiate(module, imports);
  const told: unknown[] = [];
  for (const [i, name] of names.entries()) {
    vm.start(vm.instance(0).func(name), [i + 7]);
    let outcome = vm.run({ fuel });
    while (outcome.status === 'suspended') {
      if (hops) {
        const saved = vm.save().encode();
        vm.dispose();
        vm = VM.restore(saved, { modules: [module], imports, engine });
      }
      outcome = vm.run({ fuel });
    }
    told.push(show(outcome), vm.fuelUsed, Buffer.from(vm.save().encode()).toString('base64'));
  }
  vm.dispose();
  return told;
}

test.serial('what comes next of a module is as it would be anyway', async (t) => {
  const module = await fresh(keeper);
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const before = spareNatives().count;
  let taken = 0;
  for (let i = 0; i < 200; i++) {
    const names = Array.from({ length: 1 + random(6) }, () => calls[random(calls.length)] as string);
    const fuel = random(3) === 0 ? 40 : 1e6;
    if (spareNatives().count > before) taken++;
    t.deepEqual(life(module, 'native', names, fuel, random(4) === 0), life(module, 'interpreter', names, fuel));
  }
  t.true(taken > 50, `${taken}`);
});

/** A VM in which `run` has been called. */
function ran(module: Module, given: Imports = {}, options: VmOptions = {}): VM {
  const vm = new VM({ engine: 'native', ...options });
  vm.invoke(vm.instantiate(module, given).func('run'));
  return vm;
}

test.serial('a trap costs what it does in a VM of its own', async (t) => {
  const fields = `(memory 1) (func (export "run") (param i32) (result i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.load (i32.const -4)))`;
  const module = await fresh(fields);
  const used = [0, 1, 2].map(() => {
    const vm = new VM({ engine: 'native' });
    vm.start(vm.instantiate(module).func('run'), [2_000_000]);
    t.like(vm.run({ fuel: 1e9 }), { status: 'trapped' });
    const { fuelUsed } = vm;
    vm.dispose();
    return fuelUsed;
  });
  t.deepEqual(used, [used[0], used[0], used[0]]);
});

test.serial('the one before cannot reach what came after it', async (t) => {
  const module = await fresh(
    '(memory (export "m") 1) (global $g (export "g") (mut i32) (i32.const 3)) (func (export "run") (global.set $g (i32.const 4)))',
  );
  const first = ran(module);
  const [func, global, memory] = [
    first.instance().func('run'),
    first.instance().global('g'),
    first.instance().memory('m'),
  ];
  first.dispose();
  const { count } = spareNatives();
  const second = ran(module);
  t.is(spareNatives().count, count - 1);
  t.throws(() => second.start(func), { instanceOf: UsageError });
  t.throws(() => global.value);
  t.throws(() => memory.bytes);
  t.is(second.instance().global('g').value, 4);
});

test.serial('each has its own functions of the host, and is their caller', async (t) => {
  const module = await fresh(
    '(import "h" "f" (func $f)) (memory 1) (table funcref (elem $f)) (data (i32.const 0) "a") (func (export "run") (call $f) (call_indirect (i32.const 0)))',
  );
  const heard: string[] = [];
  const f = (name: string) => ({
    h: {
      f: hostFunction([], [], (context) => {
        const bytes = context.memory();
        heard.push(`${name}${String.fromCharCode(bytes[0] as number)}`);
        bytes[0] = (bytes[0] as number) + 1;
      }),
    },
  });
  const { count } = spareNatives();
  ran(module, f('x')).dispose();
  t.is(spareNatives().count, count + 1);
  ran(module, f('y')).dispose();
  t.is(spareNatives().count, count + 1);
  t.deepEqual(heard, ['xa', 'xb', 'ya', 'yb']);
});

test.serial('what others may hold, or has grown, is not kept', async (t) => {
  const kept = async (fields: string, use: (vm: VM) => unknown = () => undefined, options: VmOptions = {}) => {
    const module = await fresh(fields);
    const vm = ran(module, {}, options);
    use(vm);
    vm.dispose();
    const next = new VM({ engine: 'native', ...options });
    next.instantiate(module);
    return entryOf(next.store) === 'at hand';
  };
  const run = '(func (export "run"))';
  t.true(await kept(`(memory (export "m") 1) ${run}`));
  t.true(await kept(run));
  t.true(await kept(`(memory (export "m") 1) ${run}`, (vm) => vm.instance().memory('m').bytes));
  t.false(
    await kept(`(memory (export "m") 1) ${run}`, (vm) => vm.instance().memory('m').bytes, { sharedMemory: true }),
  );
  t.false(await kept(`(memory (export "m") 1) ${run}`, (vm) => vm.instance().memory('m').grow(1)));
  t.false(await kept(`(memory 100) ${run}`));
  t.false(await kept('(memory (export "m") 1) (func (export "run") (drop (memory.grow (i32.const 1))))'));
  const two = await fresh(run);
  t.false(await kept(run, (vm) => vm.invoke(vm.instantiate(two).func('run'))));
});

test.serial('there are not too many of them', async (t) => {
  const before = { ...bounds };
  try {
    const modules = await Promise.all(Array.from({ length: 6 }, () => fresh('(memory 1) (func (export "run"))')));
    bounds.spareNativeCount = 3;
    bounds.spareStacks = spareStacks() + 2;
    const vms = modules.map((module) => ran(module));
    for (const vm of vms) vm.dispose();
    t.is(spareStacks(), bounds.spareStacks);
    for (const module of modules) ran(module).dispose();
    t.is(spareNatives().count, 3);
    bounds.spareNatives = 200_000;
    for (const module of modules) ran(module).dispose();
    t.is(spareNatives().count, 2);
    t.true(spareNatives().bytes <= 200_000);
  } finally {
    Object.assign(bounds, before);
  }
});

test.serial('it is at hand for a store of the same module and memory, until that has it', async (t) => {
  const [module, other] = [
    await fresh('(memory 1) (func (export "run"))'),
    await fresh('(memory 1) (func (export "run"))'),
  ];
  ran(module).dispose();
  const stranger = new VM();
  stranger.instantiate(other);
  t.is(entryOf(stranger.store), 'made');
  stranger.dispose();
  const vm = new VM({ engine: 'native' });
  const func = vm.instantiate(module).func('run');
  t.is(entryOf(vm.store), 'at hand');
  vm.invoke(func);
  t.is(entryOf(vm.store), 'there');
});
