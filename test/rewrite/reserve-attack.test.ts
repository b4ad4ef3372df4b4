// What a VM leaves behind, whatever it did, no next VM of its module finds: each is as with nothing kept at all.

import { createHash } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import {
  asyncHostFunction,
  type GlobalRef,
  hostFunction,
  type Imports,
  type MemoryRef,
  type Module,
  type TableRef,
  UsageError,
  type Value,
  VM,
  type VmOptions,
} from '../../src/index.ts';
import { spareNatives } from '../../src/rewrite/run/reserve.ts';
import { entryOf } from '../../src/rewrite/run/rewriter.ts';
import { bounds } from '../../src/runtime/kept/bounds.ts';
import { collectedUntil } from '../gc.ts';
import { moduleOf } from '../wat.ts';
import { show } from './differential.ts';

let made = 0;
const fresh = (fields: string) => moduleOf(`${fields} (func (drop (i32.const ${made++})))`);

/** Runs it as in a process where nothing was before. */
function alone<T>(act: () => T): T {
  const before = { ...bounds };
  Object.assign(bounds, { spareNativeCount: 0, spareMemoryCount: 0, spareStacks: 0 });
  try {
    return act();
  } finally {
    Object.assign(bounds, before);
  }
}

/** Gives one back where none is kept: so all go. */
function emptied(t: ExecutionContext, module: Module): void {
  const vm = new VM({ engine: 'native' });
  vm.invoke(vm.instantiate(module).func('run'));
  vm.dispose();
  t.is(spareNatives().count, 0);
}

const keeper = (table: string, memory: string, start: string) => `
  (type $t (func (result i32)))
  (import "env" "next" (func $next (param i32) (result i32)))
  (import "env" "later" (func $later (param i64) (result i64)))
  ${memory}
  ${table} (table $x (export "x") 2 10 externref)
  (global $g (export "g") (mut i32) (i32.const 5)) (global $l (export "l") (mut i64) (i64.const -7))
  (global $v (mut v128) (v128.const i64x2 3 4)) (global $d (mut f64) (f64.const -0x1p-3))
  (global $r (export "r") (mut funcref) (ref.null func)) (global $e (export "e") (mut externref) (ref.null extern))
  (global $c funcref (ref.func $one))
  (tag $tag (param i32 i64)) (tag $other (param i32 i64))
  (elem (table $table) (i32.const 0) func $one $next2)
  (elem $late func $two $one $next2) (data (i32.const 0) "abcd") (data $passive "wxyz")
  (func $one (type $t) (i32.const 1)) (func $two (type $t) (i32.const 2))
  (func $next2 (type $t) (call $next (i32.const 1)))
  (elem declare func $one $two $next2 $next $later)
  (func $init (global.set $g (i32.add (global.get $g) (i32.load (i32.const 60000)))) (i32.store (i32.const 60000) (i32.const 77)))
  ${start}
  (func (export "global") (param i32) (result i32) (global.set $g (i32.add (global.get $g) (local.get 0)))
    (global.set $l (i64.add (global.get $l) (i64.extend_i32_u (local.get 0))))
    (global.set $v (i64x2.add (global.get $v) (i64x2.splat (global.get $l))))
    (global.set $d (f64.add (global.get $d) (f64.const 1.5)))
    (i32.xor (global.get $g) (i32.add (i32.wrap_i64 (i64x2.extract_lane 1 (global.get $v))) (i32.trunc_sat_f64_s (global.get $d)))))
  (func (export "memory") (param i32) (result i32) (local i32 i32)
    (loop (local.set 2 (i32.add (local.get 2) (i32.load (local.get 1))))
      (br_if 0 (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 4))) (i32.const 4096))))
    (local.set 2 (i32.add (local.get 2) (i32.load (i32.const 65532))))
    (i32.store (i32.const 65532) (local.get 0)) (i32.store (i32.and (i32.mul (local.get 0) (i32.const 52)) (i32.const 4092)) (local.get 0))
    (local.get 2))
  (func (export "last") (param i32) (result i32)
    (i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)))
    (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (local.get 0)))
  (func (export "beyond") (param i32) (result i32) (i32.load (i32.mul (memory.size) (i32.const 65536))))
  (func (export "call") (param i32) (result i32) (call_indirect $table (type $t) (i32.and (local.get 0) (i32.const 7))))
  (func (export "set") (param i32) (result i32)
    (table.set $table (i32.and (local.get 0) (i32.const 3))
      (select (result funcref) (ref.func $two) (ref.func $next2) (i32.and (local.get 0) (i32.const 1)))) (local.get 0))
  (func (export "unset") (param i32) (result i32) (table.set $table (i32.and (local.get 0) (i32.const 3)) (ref.null func)) (local.get 0))
  (func (export "misfit") (param i32) (result i32) (table.set $table (i32.const 1) (ref.func $later)) (local.get 0))
  (func (export "hostref") (param i32) (result i32) (table.set $table (i32.const 2) (ref.func $next)) (local.get 0))
  (func (export "init") (param i32) (result i32) (table.init $table $late (i32.const 1) (i32.const 0) (i32.const 3))
    (memory.init $passive (i32.const 9) (i32.const 0) (i32.const 4)) (i32.load (i32.const 9)))
  (func (export "drop") (param i32) (result i32) (elem.drop $late) (data.drop $passive) (local.get 0))
  (func (export "ref") (param i32) (result i32) (ref.is_null (global.get $r)) (global.set $r (ref.func $two))
    (i32.add (ref.is_null (global.get $e)) (i32.const 2)) (i32.add))
  (func (export "extern") (param i32) (result i32) (global.set $e (table.get $x (i32.const 0))) (ref.is_null (table.get $x (i32.const 1))))
  (func (export "next") (param i32) (result i32) (call $next (local.get 0)))
  (func (export "later") (param i32) (result i32) (i32.wrap_i64 (call $later (i64.extend_i32_u (local.get 0)))))
  (func (export "grow") (param i32) (result i32) (memory.grow (i32.const 1)))
  (func (export "widen") (param i32) (result i32) (table.grow $table (ref.func $two) (i32.const 2)))
  (func (export "spread") (param i32) (result i32) (table.grow $x (table.get $x (i32.const 0)) (i32.const 3)))
  (func (export "catch") (param i32) (result i32)
    (block $h (result i32 i64) (try_table (catch $tag $h) (throw $tag (local.get 0) (i64.const 1234567890123))) (unreachable))
    (i32.wrap_i64) (i32.xor))
  (func (export "throw") (param i32) (result i32) (throw $other (local.get 0) (i64.const 99)))
  (func (export "trap") (param i32) (result i32) (unreachable))
  (func $deep (export "deep") (param i32) (result i32) (local i64 v128 i32)
    (local.set 1 (i64.extend_i32_s (local.get 0))) (local.set 2 (i64x2.splat (local.get 1))) (local.set 3 (i32.const 3))
    (if (i32.le_s (local.get 0) (i32.const 0)) (then (return (call $next (i32.const 2)))))
    (i32.add (i32.wrap_i64 (i64x2.extract_lane 1 (local.get 2))) (call $deep (i32.sub (local.get 0) (local.get 3)))))
  (func (export "descend") (param i32) (result i32) (call $deep (i32.mul (local.get 0) (i32.const 3))))
  (func (export "run") (param i32) (result i32)
    (loop (br_if 0 (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0)))) (local.get 0))`;
const calls = [
  'global',
  'memory',
  'last',
  'beyond',
  'call',
  'set',
  'unset',
  'misfit',
  'hostref',
  'init',
  'drop',
  'ref',
  'extern',
  'next',
  'later',
  'grow',
  'widen',
  'spread',
  'catch',
  'throw',
  'trap',
  'deep',
  'descend',
  'run',
];

type Random = (below: number) => number;
function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const importsOf = (tag: number): Imports => ({
  env: {
    next: hostFunction(['i32'], ['i32'], (by: number) => by + tag),
    later: asyncHostFunction(['i64'], ['i64'], async (by: bigint) => by * 2n),
  },
});

const given: VmOptions[] = [
  {},
  {},
  {},
  { limits: { frames: 12 } },
  { limits: { stack: 2048 } },
  { limits: { tables: 8, memory: 2 * 65536, innerFuel: 500 } },
  { sharedMemory: true },
];

/** Leaves data everywhere, and ends somehow. */
function leaveBehind(module: Module, random: Random): void {
  const options = {
    engine: (['native', 'native', 'auto', 'interpreter'] as const)[random(4)],
    ...given[random(given.length)],
  } as VmOptions;
  const imports = importsOf(1000 + random(5));
  let vm = new VM(options);
  try {
    vm.instantiate(module, imports);
    for (let i = random(9); i >= 0; i--) act();
  } catch {}
  vm.dispose();

  function act(): void {
    const instance = vm.instance(0);
    const name = calls[random(calls.length)] as string;
    const func = instance.func(name);
    switch (random(14)) {
      case 0:
        return void (vm.status === 'idle' && attempt(() => vm.invoke(func, [random(40)])));
      case 1:
        return void attempt(() => instance.memory('m').bytes.fill(0xee));
      case 2:
        return void attempt(() => instance.memory('m').grow(1));
      case 3:
        return void attempt(() =>
          instance.table('t').set(random(4), instance.func(calls[random(calls.length)] as string)),
        );
      case 4:
        return void attempt(() => instance.table('t').grow(2, func));
      case 5:
        return void attempt(() => instance.table('x').set(0, { secret: 1 } as unknown as Value));
      case 6:
        return void attempt(() => {
          instance.global('r').value = func;
          instance.global('e').value = 'secret' as unknown as Value;
          instance.global('l').value = 0x5ec2e75ec2e7n;
        });
      case 7:
        return void attempt(() => {
          const s = vm.save();
          vm.rewind(s);
        });
      case 8:
        return void attempt(() => vm.park());
      case 9:
        return void attempt(() => {
          const fork = vm.fork();
          attempt(() => fork.run({ fuel: 300 }));
          attempt(() => fork.invoke(fork.instance(0).func('global'), [3]));
          fork.dispose();
        });
      case 10:
        return void attempt(() => {
          const bytes = vm.save().encode();
          vm.dispose();
          vm = VM.restore(bytes, {
            modules: [module],
            imports,
            ...options,
            engine: random(2) ? 'native' : 'interpreter',
          });
        });
      default: {
        if (vm.status === 'idle') vm.start(func, [random(60)]);
        attempt(() => vm.run({ fuel: random(2) ? 20 + random(200) : 1e6 }));
      }
    }
  }
}
const attempt = (act: () => unknown): void => {
  try {
    act();
  } catch {}
};

/** What a VM comes to. */
function life(module: Module, options: VmOptions, seed: number): unknown[] {
  const random = randomFrom(seed);
  const told: unknown[] = [];
  const vm = new VM(options);
  const note = () => told.push(vm.fuelUsed, createHash('sha1').update(vm.save().encode()).digest('hex'));
  try {
    vm.instantiate(module, importsOf(7));
    note();
    for (let i = 1 + random(7); i > 0; i--) {
      const name = calls[random(calls.length)] as string;
      const fuel = random(3) === 0 ? 60 : 1e6;
      vm.start(vm.instance(0).func(name), [random(40)]);
      for (let slice = 0; slice < 200; slice++) {
        const outcome = vm.run({ fuel });
        told.push(name, show(outcome));
        note();
        if (outcome.status !== 'suspended') break;
        if (vm.store.pending !== null) vm.deliver(vm.store.pending.id, [21n]);
      }
    }
  } catch (error) {
    told.push(String(error));
  }
  vm.dispose();
  return told;
}

/** Not `auto`: until what it owes is right (the test of that below), where it goes over from one engine to the other shows. */
const engines = ['native', 'native', 'interpreter'] as const;
const tables = { open: '(table $table (export "t") 4 20 funcref)', own: '(table $table 4 20 funcref)' };
const memories = { plain: '(memory (export "m") 1 3)', wider: '(memory (export "m") 2)', own: '(memory 1 2)' };
for (const [table, t1] of Object.entries(tables))
  for (const [memory, m1] of Object.entries(memories))
    test.serial(`whatever was left, the next is as if it were alone: ${table} table, ${memory} memory`, async (t) => {
      const module = await fresh(keeper(t1, m1, memory === 'wider' ? '(start $init)' : ''));
      const random = randomFrom(made * 77);
      const drain = await fresh('(memory 1) (func (export "run"))');
      let taken = 0;
      for (let i = 0; i < Number(process.env.ROUNDS ?? 120); i++) {
        for (let k = random(3); k >= 0; k--) leaveBehind(module, random);
        const options = { ...given[random(given.length)], engine: engines[random(engines.length)] } as VmOptions;
        const seed = random(2 ** 31);
        const { count } = spareNatives();
        const next = life(module, options, seed);
        if (count > 0) taken++;
        const single = alone(() => {
          emptied(t, drain);
          return life(module, options, seed);
        });
        const at = next.findIndex((it, k) => it !== single[k]);
        t.deepEqual(next.slice(0, at + 3), single.slice(0, at + 3), `${i} ${JSON.stringify(options)} ${at}`);
        t.is(next.length, single.length);
      }
      t.true(taken > 3, `${taken}`);
    });

test.serial('auto: what others used before changes nothing of what a VM owes', async (t) => {
  const imports: Imports = { e: { h: hostFunction([], [], () => undefined) } };
  const owes = (module: Module, n: number) => {
    const vm = new VM();
    vm.start(vm.instantiate(module, imports).func('f'), [n]);
    t.is(vm.run({ fuel: 1e6 }).status, 'returned');
    const { fuelUsed, store } = vm;
    vm.dispose();
    return [fuelUsed, store.debt];
  };
  for (let before = 6000; before < 6200; before += 20) {
    const module = await fresh(`(import "e" "h" (func $h)) (func (export "f") (param i32)
      (loop (br_if 0 (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0)))) (call $h))`);
    t.deepEqual(owes(module, before)[1], 0);
    t.deepEqual(owes(module, 6162)[1], 0, `${before}`);
  }
});

test.serial('memory that others have grown is not kept by native code of another module', async (t) => {
  const small = await fresh('(memory 1) (func (export "run"))');
  const greedy = await fresh('(memory 1) (func (export "run") (drop (memory.grow (i32.const 200))))');
  const used = (module: Module, engine: VmOptions['engine']): WeakRef<object> => {
    const vm = new VM({ engine });
    vm.invoke(vm.instantiate(module).func('run'));
    const host = new WeakRef<object>(vm.store.memories[0]?.host as object);
    vm.dispose();
    return host;
  };
  const host = used(small, 'native');
  t.is(used(greedy, 'interpreter').deref(), host.deref());
  used(await fresh('(memory 1) (func (export "run"))'), 'interpreter');
  t.true(await collectedUntil(() => host.deref() === undefined));
});

test.serial('a module that nobody has any more is not kept, or counted', async (t) => {
  const many = '(i32.const 1) (drop)'.repeat(20_000);
  const used = async (): Promise<[WeakRef<Module>, number]> => {
    const module = await fresh(`(func (export "run")) (func ${many})`);
    const { bytes } = spareNatives();
    const vm = new VM({ engine: 'native' });
    vm.invoke(vm.instantiate(module).func('run'));
    vm.dispose();
    return [new WeakRef(module), spareNatives().bytes - bytes - module.bytes.length];
  };
  const [module, more] = await used();
  if (more < 0) t.true(await collectedUntil(() => module.deref() === undefined));
  else t.pass();
});

test.serial('native code with tables that have grown long is not kept', async (t) => {
  const module = await fresh(
    '(table 1 funcref) (func $f) (elem declare func $f) (func (export "run") (drop (table.grow (ref.func $f) (i32.const 1000000))))',
  );
  const vm = new VM({ engine: 'native' });
  const { count, bytes } = spareNatives();
  vm.invoke(vm.instantiate(module).func('run'));
  vm.dispose();
  const now = spareNatives();
  t.true(now.count === count || now.bytes - bytes > 8_000_000, `${now.count} of ${now.bytes} bytes`);
});

for (const engine of ['interpreter', 'auto', 'native'] as const)
  for (const end of ['dispose', 'send', 'rewind'] as const)
    test.serial(`a context that is kept reaches nothing of the next VM: ${engine}, ${end}`, async (t) => {
      const seen: unknown[] = [];
      let goOn = () => {};
      const fetch = asyncHostFunction([], [], async (context) => {
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        for (const name of ['peek', 'poke', 'grow']) seen.push(t.throws(() => context.call(name))?.name);
      });
      const module =
        await fresh(`(import "e" "fetch" (func $fetch)) (memory (export "m") 1) (func (export "run") (call $fetch))
        (func (export "peek") (result i32) (i32.load (i32.const 16))) (func (export "poke") (i32.store (i32.const 16) (i32.const 666)))
        (func (export "grow") (drop (memory.grow (i32.const 1))))`);
      const victim =
        await fresh(`(memory ${end === 'rewind' ? 2 : 1}) (func (export "keep") (i32.store (i32.const 16) (i32.const 4242)))
        (func (export "look") (result i32) (i32.load (i32.const 16)))`);
      const first = new VM({ engine });
      const instance = first.instantiate(module, { e: { fetch } });
      for (const name of ['peek', 'poke']) first.invoke(instance.func(name));
      const before = first.save();
      if (end === 'rewind') instance.memory('m').grow(1);
      first.start(instance.func('run'));
      first.run();
      const answer = first.answer().catch(() => undefined);
      if (end === 'rewind') first.rewind(before);
      else first[end]();
      const next = new VM({ engine: 'interpreter' });
      const { func } = { func: (name: string) => next.instance(0).func(name) };
      next.instantiate(victim);
      next.invoke(func('keep'));
      goOn();
      await answer;
      t.deepEqual(seen, ['UsageError', 'UsageError', 'UsageError']);
      t.deepEqual(next.invoke(func('look')), [4242]);
      next.dispose();
    });

test.serial('with other instances before, after and linked, the next is as if it were alone', async (t) => {
  const drain = await fresh('(memory 1) (func (export "run"))');
  const one = await fresh(
    `(type $t (func (param i32) (result i32))) (import "e" "h" (func $h (param i32) (result i32)))
    (memory (export "m") 1 4) (table (export "t") 4 8 funcref) (global (export "g") (mut i32) (i32.const 1)) (tag (export "x") (param i32))
    (elem (i32.const 0) $own $h) (func $own (type $t) (i32.add (local.get 0) (global.get 0)))
    (func (export "call") (param i32 i32) (result i32) (call_indirect (type $t) (local.get 1) (local.get 0)))
    (func (export "own") (param i32) (result i32) (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get 0))) (i32.load (i32.const 8)))
    (func (export "throw") (param i32) (result i32) (throw 0 (local.get 0)))`,
  );
  const two = await fresh(
    `(type $t (func (param i32) (result i32))) (import "a" "m" (memory 1)) (import "a" "t" (table 1 funcref)) (import "a" "g" (global (mut i32)))
    (import "a" "x" (tag $x (param i32))) (import "a" "call" (func $call (param i32 i32) (result i32))) (import "a" "throw" (func $throw (param i32) (result i32)))
    (import "e" "k" (func $k (param i32) (result i32)))
    (elem (i32.const 2) $mine $k)
    (func $mine (type $t) (global.set 0 (i32.add (global.get 0) (i32.const 10))) (i32.load (i32.const 8)))
    (func (export "own") (param i32) (result i32) (call $call (i32.const 1) (local.get 0)))
    (func (export "call") (param i32 i32) (result i32) (call $call (local.get 0) (local.get 1)))
    (func (export "throw") (param i32) (result i32) (block $b (result i32) (try_table (catch $x $b) (drop (call $throw (local.get 0)))) (i32.const -1))))`.slice(
      0,
      -1,
    ),
  );
  const other = await fresh('(func (export "own") (param i32) (result i32) (local.get 0))');
  const story = (seed: number, engine: VmOptions['engine']): unknown[] => {
    const random = randomFrom(seed);
    const told: unknown[] = [];
    const e = {
      h: hostFunction(['i32'], ['i32'], (n: number, context) => n + (context.memory()[8] as number)),
      k: hostFunction(['i32'], ['i32'], (n: number, context) => n * 2 + (context.memory()[9] as number)),
    };
    const vm = new VM({ engine });
    if (random(4) === 0) vm.instantiate(other);
    const a = vm.instantiate(one, { e: random(3) === 0 ? { h: e.k, k: e.k } : e });
    const both = [a.addr];
    for (let i = random(7); i >= 0; i--) {
      if (random(4) === 0 && both.length < 3) {
        const exports = a.exports as Record<string, never>;
        both.push(vm.instantiate(two, { a: exports, e: random(2) ? e : { k: e.h } } as Imports).addr);
        continue;
      }
      const of = vm.instance(both[random(both.length)] as number);
      const name = ['call', 'own', 'throw'][random(3)] as string;
      const args = name === 'call' ? [random(6), random(9)] : [random(9)];
      if (random(4) === 0) (a.table('t') as { set(i: number, v: Value): void }).set(random(4), of.func('own') as Value);
      vm.start(of.func(name), args);
      for (let k = 0; k < 50; k++) {
        const outcome = vm.run({ fuel: random(2) ? 30 : 1e5 });
        told.push(name, show(outcome), vm.fuelUsed, createHash('sha1').update(vm.save().encode()).digest('hex'));
        if (outcome.status !== 'suspended') break;
      }
    }
    vm.dispose();
    return told;
  };
  const random = randomFrom(99);
  for (let i = 0; i < 30; i++) {
    story(random(2 ** 31), 'native');
    const seed = random(2 ** 31);
    const next = story(seed, 'native');
    const single = alone(() => {
      emptied(t, drain);
      return story(seed, 'native');
    });
    t.deepEqual(next, single, `${i}`);
    t.deepEqual(next, story(seed, 'interpreter'), `${i}`);
  }
});

for (const table of ['(table $t 4 8 funcref)', '(table $t (export "t") 4 8 funcref)'])
  test.serial(`elements that the one before has set are null again: ${table}`, async (t) => {
    const module = await fresh(
      `(type $v (func (result i32))) (import "e" "h" (func $h (type $v))) ${table} (memory 1)
      (elem (i32.const 0) $one) (elem declare func $one $h)
      (func $one (type $v) (i32.const 1))
      (func (export "call") (param i32) (result i32) (call_indirect (type $v) (local.get 0)))
      (func (export "set") (param i32) (table.set (local.get 0) (ref.func $h)) (table.set (i32.const 2) (ref.func $one))
        (table.set (i32.const 0) (ref.func $h)) (drop (call_indirect (type $v) (local.get 0))) (drop (call_indirect (type $v) (i32.const 2)))))`.slice(
        0,
        -1,
      ),
    );
    const made = (value: number, more: VmOptions = {}) => {
      const vm = new VM({ engine: 'native', ...more });
      vm.instantiate(module, { e: { h: hostFunction([], ['i32'], () => value) } });
      return vm;
    };
    const before = made(7);
    before.invoke(before.instance(0).func('set'), [3]);
    before.dispose();
    const vm = made(8);
    t.is(entryOf(vm.store), 'at hand');
    const call = (i: number) => vm.invoke(vm.instance(0).func('call'), [i])[0];
    t.is(call(0), 1);
    for (const i of [1, 2, 3]) t.throws(() => call(i), { message: /uninitialized/ }, `${i}`);
    vm.invoke(vm.instance(0).func('set'), [3]);
    t.deepEqual([call(0), call(2), call(3)], [8, 1, 8]);
    vm.dispose();
    // Where tables may not grow, and frames are few.
    const small = made(9, { limits: { tables: 4, frames: 3, stack: 400 } });
    t.is(entryOf(small.store), 'at hand');
    t.deepEqual(small.invoke(small.instance(0).func('call'), [0]), [1]);
    small.dispose();
  });

test.serial('auto: calls from host functions are as if no other VM had been there', async (t) => {
  const imports: Imports = { e: { h: hostFunction(['i32'], [], (n: number, context) => void context.call('f', n)) } };
  for (const left of [1, 8, 60]) {
    const module =
      await fresh(`(import "e" "h" (func $h (param i32))) (func (export "g") (param i32) (call $h (local.get 0)))
      (func (export "f") (param i32) (loop (br_if 0 (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0)))))`);
    const ran = (name: string, n: number, fuel: number) => {
      const vm = new VM();
      vm.start(vm.instantiate(module, imports).func(name), [n]);
      const outcome = show(vm.run({ fuel }));
      const { fuelUsed, store } = vm;
      vm.dispose();
      return [outcome, fuelUsed, store.debt];
    };
    ran('f', 12_499, 100_000 - left);
    t.deepEqual(ran('g', 12_000, 1e7), ['{"status":"returned","values":[]}', 96_811, 0], `${left}`);
  }
});

test.serial('a trap in a run that may be paused costs what it does in a VM of its own', async (t) => {
  const module = await fresh(`(memory 1) (func (export "run") (param i32) (result i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.load (i32.const -4)))`);
  const used = (n: number) => {
    const vm = new VM({ engine: 'native' });
    vm.start(vm.instantiate(module).func('run'), [n]);
    t.is(vm.run({ fuel: 1e10, timeout: 1e6 }).status, 'trapped');
    const { fuelUsed } = vm;
    vm.dispose();
    return fuelUsed;
  };
  const first = used(1000);
  used(30_000_000);
  t.is(used(1000), first);
});

test.serial('what a host function of one VM does with others of its module is nothing to it', async (t) => {
  const module = await fresh(
    `(type $t (func (param i32) (result i32))) (import "e" "h" (func $h (type $t))) (memory (export "m") 1) (table 2 funcref) (elem (i32.const 0) $f $h)
    (global $g (mut i64) (i64.const 0)) (tag $x (param i32))
    (func $f (export "f") (type $t) (local i32)
      (global.set $g (i64.add (global.get $g) (i64.const 1)))
      (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get 0)))
      (if (i32.eqz (local.get 0)) (then (return (i32.wrap_i64 (global.get $g)))))
      (local.set 1 (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.and (local.get 0) (i32.const 1))))
      (if (i32.eq (local.get 0) (i32.const 5)) (then (throw $x (local.get 1))))
      (i32.add (local.get 1) (i32.add (i32.load (i32.const 8)) (i32.wrap_i64 (global.get $g)))))`,
  );
  const story = (engine: VmOptions['engine'], arg: number, fuel: number): unknown[] => {
    const told: unknown[] = [];
    const live = (n: number, depth: number, k: number): number => {
      const h = hostFunction(['i32'], ['i32'], (left: number) =>
        depth > 2 ? left : live(left, depth + 1, k + left) + live(left >> 1, depth + 1, k),
      );
      const vm = new VM({ engine });
      vm.start(vm.instantiate(module, { e: { h } }).func('f'), [n]);
      let value = 0;
      for (let i = 0; i < 200; i++) {
        const outcome = vm.run({ fuel });
        told.push(show(outcome), vm.fuelUsed, createHash('sha1').update(vm.save().encode()).digest('hex'));
        if (outcome.status === 'returned') value = outcome.values[0] as number;
        if (outcome.status !== 'suspended') break;
      }
      if (k % 3 !== 0) vm.dispose();
      return value;
    };
    live(arg, 0, 0);
    return told;
  };
  for (let i = 0; i < 24; i++) {
    const fuel = i % 2 === 0 ? 1e6 : 40;
    t.deepEqual(story('native', i % 8, fuel), story('interpreter', i % 8, fuel), `${i}`);
  }
});

// Not so yet: native code is charged its first quantum whole (README, "What does not, yet").
test.serial.failing('auto: a trap costs in proportion to what the VM itself used', async (t) => {
  const module = await fresh(`(memory 1) (func (export "run") (param i32) (result i32)
    (loop (br_if 0 (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0)))) (i32.load (i32.const -4)))`);
  const used = (n: number) => {
    const vm = new VM();
    vm.start(vm.instantiate(module).func('run'), [n]);
    t.is(vm.run({ fuel: 1e10 }).status, 'trapped');
    const { fuelUsed } = vm;
    vm.dispose();
    return fuelUsed;
  };
  const first = used(3);
  used(200_000);
  t.true(used(3) <= 100_000 + first, `${used(3)} after ${first}`);
});

for (const engine of ['auto', 'interpreter'] as const)
  test.serial(`nobody of a VM that is gone waits at the memory of the next: ${engine}`, async (t) => {
    const module = await fresh(`(memory 1 1 shared)
      (func (export "wait") (result i32) (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const -1)))
      (func (export "notify") (result i32) (memory.atomic.notify (i32.const 64) (i32.const 5)))`);
    const first = new VM({ engine });
    first.start(first.instantiate(module).func('wait'));
    void first.runAsync().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 5));
    t.is(first.status, 'waiting');
    first.dispose();
    const next = new VM({ engine });
    t.deepEqual(next.invoke(next.instantiate(module).func('notify')), [0]);
    next.dispose();
  });

test.serial('what is kept of a VM that is gone is dead', async (t) => {
  const module =
    await fresh(`(memory (export "m") 1) (table (export "t") 2 funcref) (table (export "x") 1 externref) (global (export "g") (mut i32) (i32.const 1)) (tag (export "e"))
    (func (export "f") (result i32) (i32.store (i32.const 8) (i32.const 5)) (global.set 0 (i32.const 7)) (global.get 0))`);
  for (const engine of ['native', 'interpreter'] as const) {
    const first = new VM({ engine });
    const instance = first.instantiate<Record<string, never>>(module);
    const exports = instance.exports as unknown as Record<string, unknown>;
    const { m, t: table, g } = exports as { m: MemoryRef; t: TableRef; g: GlobalRef };
    (exports.f as () => number)();
    const { bytes } = m;
    const ref = instance.func('f');
    first.dispose();
    const next = new VM({ engine });
    const other = next.instantiate(module);
    t.deepEqual(next.invoke(other.func('f')), [7]);
    t.is(bytes.length, 0);
    const dead: [string, () => unknown][] = [
      ['call', () => (exports.f as () => number)()],
      ['start', () => next.start(ref)],
      ['element', () => other.table('t').set(0, ref as Value)],
      ['bytes', () => m.bytes],
      ['pages', () => m.pages],
      ['grow', () => m.grow(1)],
      ['text', () => m.readString(8)],
      ['size', () => table.size],
      ['get', () => table.get(0)],
      ['set', () => table.set(0, null)],
      ['widen', () => table.grow(1)],
      ['value', () => g.value],
      [
        'assign',
        () => {
          g.value = 9;
        },
      ],
      ['save', () => first.save()],
      ['fuel', () => first.instance()],
    ];
    for (const [name, act] of dead) t.throws(act, { instanceOf: UsageError }, name);
    t.is(other.global('g').value, 7);
    t.is(other.memory('m').bytes[8], 5);
    next.dispose();
  }
});

/** References to objects, as words: (0, object). */
const foul = `(func $r (export "run") (param i64) (result i64) (local i64 i64 i64 i64)
  (local.set 1 (i64.const 0x300000000)) (local.set 2 (i64.const 0x300000000)) (local.set 3 (i64.const 0x300000000)) (local.set 4 (i64.const 0x300000000))
  (i64.add (i64.add (i64.const 0x300000000) (call $r (local.get 1))) (i64.add (i64.add (local.get 1) (local.get 2)) (i64.add (local.get 4) (local.get 3)))))`;
const hoarder = `(type $a (array (mut i32))) (func $id (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)))
  (func (export "run") (param i32 i32) (result i32) (call $run (local.get 0)))
  (func $deep (export "deep") (param i32 i32) (result i32) (if (result i32) (local.get 1)
    (then (i32.add (i32.const 0) (call $deep (local.get 0) (i32.sub (local.get 1) (i32.const 1))))) (else (call $run (local.get 0)))))
  (func $run (param i32) (result i32) (call $id (local.get 0))
    (drop (array.new_default $a (i32.const 200000))) (drop (array.new_default $a (i32.const 200000))) (drop (array.new_default $a (i32.const 200000)))
    (i32.add (i32.const 5)))`;
// Not so yet where the stack is deep: the arrays in which VMs take turns are not cleared in between, and whoever collects looks
// at whole slots of them.
const known: Readonly<Record<string, typeof test.serial.failing>> = {
  run: test.serial as never,
  deep: test.serial.failing,
};
for (const [name, declare] of Object.entries(known))
  declare(`what was on the stack of one before is no reference in the next: ${name}`, async (t) => {
    const [before, module] = [await fresh(foul), await fresh(hoarder)];
    for (const engine of ['native', 'interpreter'] as const) {
      const first = new VM({ engine });
      first.start(first.instantiate(before).func('run'), [0n]);
      t.is(first.run({ fuel: engine === 'native' ? 1200 : 200_000 }).status, 'suspended');
      first.dispose();
      const next = new VM({ engine: 'interpreter', limits: { heap: 1_200_000 } });
      next.start(next.instantiate(module).func(name), [1, 1500]);
      t.is(show(next.run({ fuel: 1e9 })), '{"status":"returned","values":[5]}', engine);
      next.dispose();
    }
  });

test.serial('a memory that another VM has received is not given to a third', async (t) => {
  const fields = `(memory 1) (func (export "set") (param i32) (i32.store (i32.const 16) (local.get 0)))
    (func (export "get") (result i32) (i32.load (i32.const 16)))`;
  const [module, other] = [await fresh(fields), await fresh(fields)];
  for (const engine of ['native', 'interpreter'] as const) {
    const options = { engine, sharedMemory: true };
    const call = (vm: VM, name: string, ...args: Value[]) => vm.invoke(vm.instance(0).func(name), args);
    const first = new VM(options);
    first.instantiate(module);
    call(first, 'set', 1);
    const second = VM.receive(first.offer().message, { modules: [module], ...options });
    first.dispose();
    const third = new VM(options);
    third.instantiate(other);
    call(third, 'set', 4242);
    t.deepEqual(call(second, 'get'), [1]);
    call(second, 'set', 666);
    t.deepEqual(call(third, 'get'), [4242]);
    second.dispose();
    third.dispose();
  }
});
