// VMs that run inside host functions of other VMs, and calls that end inside of others: neither ever sees anything of the
// other, on whatever engines they run and however each is sliced, saved and moved to another engine.

import test from 'ava';
import { HostError, hostFunction, type Imports, LimitError, Trap, VM } from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

const engines = ['interpreter', 'native'] as const;
type EngineName = (typeof engines)[number];
const other = (engine: EngineName): EngineName => (engine === 'native' ? 'interpreter' : 'native');

/** Each pass of `run` asks the host, and recurses, which leaves native frames of its own when it is suspended. */
const worker = moduleOf(`
  (import "h" "step" (func $step (param i32) (result i32)))
  (memory (export "m") 1) (global $g (mut i64) (i64.const 1))
  (func $rec (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $rec (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "run") (param $passes i32) (param $deep i32) (result i64) (local $n i32) (local $s i32)
    (loop $l
      (global.set $g (i64.mul (global.get $g) (i64.const 6364136223846793005)))
      (local.set $s (i32.add (local.get $s) (i32.add (call $step (local.get $n)) (call $rec (local.get $deep)))))
      (i32.store (i32.shl (local.get $n) (i32.const 2)) (local.get $s))
      (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $passes))))
    (i64.xor (global.get $g) (i64.extend_i32_u (local.get $s))))`);

/** A VM of some level, which a host function of the level above runs in slices. */
class Level {
  vm: VM;
  result: readonly unknown[] | undefined;
  suspended = 0;
  private readonly imports: Imports;

  constructor(
    readonly module: Awaited<typeof worker>,
    readonly engine: EngineName,
    readonly fuel: number,
    inner: Level | undefined,
    readonly hops: boolean,
  ) {
    const step = hostFunction(['i32'], ['i32'], (n) => {
      inner?.slice();
      return n;
    });
    this.imports = { h: { step } };
    this.vm = new VM({ engine });
    this.vm.instantiate(module, this.imports);
    this.vm.start(this.vm.instance(0).func('run'), [12, 25]);
  }

  slice(): void {
    if (this.result !== undefined) return;
    const outcome = this.vm.run({ fuel: this.fuel });
    if (outcome.status === 'returned') this.result = outcome.values;
    else if (outcome.status === 'trapped') throw outcome.trap;
    else this.suspended++;
    if (!this.hops || this.result !== undefined || this.suspended % 3 !== 0) return;
    const engine = (this.suspended / 3) % 2 === 0 ? this.engine : other(this.engine);
    const { modules, imports } = { modules: [this.module], imports: this.imports };
    const moved = VM.restore(this.vm.save().encode(), { modules, imports, engine });
    this.vm.dispose();
    this.vm = moved;
  }

  /** To its end, the levels below it first. */
  static finish(levels: readonly Level[]): (readonly unknown[] | undefined)[] {
    for (const level of levels) for (let i = 0; level.result === undefined && i < 2000; i++) level.slice();
    return levels.map(({ result }) => result);
  }
}

for (const hops of [false, true])
  test(`three VMs inside of each other are suspended at all levels${hops ? ' and hop' : ''}`, async (t) => {
    const module = await worker;
    const alone = new Level(module, 'interpreter', 1_000_000, undefined, false);
    const [expected] = Level.finish([alone]);
    const { fuelUsed } = alone.vm;
    for (const a of engines)
      for (const b of engines)
        for (const c of engines)
          for (const fuels of [
            [40, 300, 90],
            [1000, 50, 400],
            [1_000_000, 60, 130],
            [70, 1_000_000, 1_000_000],
          ] as const) {
            const inmost = new Level(module, c, fuels[2], undefined, hops);
            const middle = new Level(module, b, fuels[1], inmost, hops);
            const outmost = new Level(module, a, fuels[0], middle, hops);
            const levels = [outmost, middle, inmost];
            const what = `${a} ${b} ${c} ${fuels}`;
            t.deepEqual(Level.finish(levels), [expected, expected, expected], what);
            for (const { vm } of levels) t.is(vm.fuelUsed, fuelUsed, what);
            const memories = levels.map(({ vm }) => vm.instance(0).memory('m').bytes.slice(0, 64));
            for (const bytes of memories) t.deepEqual(bytes, memories[0], what);
            for (const { vm } of levels) vm.dispose();
          }
  });

// Inner calls that end otherwise than by returning

const inner = moduleOf(`
  (import "h" "try" (func $try (param i32) (result i32))) (import "h" "fail" (func $fail))
  (type $none (func)) (table funcref (elem $none)) (memory (export "m") 1) (global $g (mut i32) (i32.const 0))
  (tag $e (param i32))
  (func $none)
  (func $forever (export "forever") (loop $l (global.set $g (i32.add (global.get $g) (i32.const 1))) (br $l)))
  (func $deep (export "deep") (result i32) (i32.add (i32.const 1) (call $deep)))
  (func $deepDone (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $deepDone (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "unreachable") (drop (call $deepDone (i32.const 20))) (unreachable))
  (func (export "bounds") (drop (call $deepDone (i32.const 20))) (drop (i32.load (i32.const 65536))))
  (func (export "element") (call_indirect (type $none) (i32.const 9)))
  (func (export "throw") (drop (call $deepDone (i32.const 20))) (throw $e (i32.const 4)))
  (func (export "fail") (call $fail))
  (func (export "again") (drop (call $try (i32.const 0))) (drop (call $try (i32.const 1))) (unreachable))
  (func (export "outer") (param i32) (result i32) (local $n i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s)
        (i32.add (call $try (local.get 0)) (call $deepDone (i32.add (local.get $n) (i32.const 5))))))
      (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 6))))
    (local.get $s))
  (func (export "outerTraps") (param i32) (result i32)
    (drop (call $try (local.get 0))) (i32.load (i32.const -1)))`);

/** By place in the list: what an inner call ends with. */
const endings = ['forever', 'deep', 'unreachable', 'bounds', 'element', 'throw', 'fail', 'again'] as const;
const kinds: Readonly<Record<(typeof endings)[number], RegExp>> = {
  forever: /used up its 10000 fuel/,
  deep: /call stack exhausted/,
  unreachable: /unreachable/,
  bounds: /out of bounds memory access/,
  element: /undefined element/,
  throw: /uncaught exception/,
  fail: /host function h\.fail threw Error: on purpose/,
  again: /unreachable|used up its 10000 fuel/,
};
const limits = { innerFuel: 10_000, frames: 500 };

function importsFor(caught: unknown[]) {
  return {
    h: {
      try: hostFunction(['i32'], ['i32'], (k, context) => {
        try {
          context.call(endings[k] as string);
          return 0;
        } catch (error) {
          caught.push(error);
          return 7;
        }
      }),
      fail: hostFunction([], [], () => {
        throw new Error('on purpose');
      }),
    },
  };
}

/** What a pass of `outer` adds over all, besides the seven of each try. */
const added = 6 * 7 + (5 + 6 + 7 + 8 + 9 + 10);

for (const engine of engines)
  for (const mode of ['one run', 'sliced', 'saved', 'hopped'] as const)
    test(`inner calls that fail leave nothing behind (${engine}, ${mode})`, async (t) => {
      const module = await inner;
      for (const [k, ending] of endings.entries()) {
        const caught: unknown[] = [];
        const imports = importsFor(caught);
        let now: EngineName = engine;
        let vm = new VM({ engine, limits });
        vm.instantiate(module, imports);
        vm.start(vm.instance(0).func('outer'), [k]);
        let outcome = vm.run({ fuel: mode === 'one run' ? 1e9 : 700 });
        for (let i = 0; outcome.status === 'suspended' && i < 500; i++) {
          if (mode === 'hopped') now = other(now);
          if (mode !== 'sliced') {
            const bytes = vm.save().encode();
            vm.dispose();
            vm = VM.restore(bytes, { modules: [module], imports, engine: now, limits });
          }
          // What an inner trap is charged with at most has to be paid, so that slices do not make it endless.
          outcome = vm.run({ fuel: Math.max(700, vm.store.debt + 50) });
        }
        t.is(outcome.status, 'returned', `${ending}: ${outcome.status === 'trapped' && outcome.trap.message}`);
        t.deepEqual(outcome.status === 'returned' && outcome.values, [added], ending);
        t.regex(String((caught.at(-1) as Error).message), kinds[ending]);
        t.is(vm.status, 'idle');
        t.is(vm.store.stack.depth + vm.store.stack.top + vm.store.hostDepth, 0);
        vm.dispose();
      }
    });

for (const engine of engines)
  test(`after inner calls that failed a trap is the outer call's own (${engine})`, async (t) => {
    for (const [k, ending] of endings.entries()) {
      const vm = new VM({ engine, limits });
      const instance = vm.instantiate(await inner, importsFor([]));
      for (let round = 0; round < 2; round++) {
        const before = vm.fuelUsed;
        vm.start(instance.func('outerTraps'), [k]);
        const outcome = vm.run({ fuel: 1e9 });
        const trap = outcome.status === 'trapped' ? outcome.trap : undefined;
        t.true(trap instanceof Trap && trap.kind === 'out of bounds memory access', ending);
        t.deepEqual(
          trap?.frames.map(({ name }) => name),
          ['outerTraps'],
          ending,
        );
        t.true(vm.fuelUsed > before, ending);
      }
      vm.dispose();
    }
  });

for (const engine of engines)
  test(`inner calls that fail, not caught (${engine})`, async (t) => {
    const module = await inner;
    for (const [k, ending] of endings.entries()) {
      const imports = {
        h: {
          ...importsFor([]).h,
          try: hostFunction(['i32'], ['i32'], (n, context) => {
            context.call(endings[n] as string);
            return 0;
          }),
        },
      };
      const vm = new VM({ engine, limits });
      const instance = vm.instantiate(module, imports);
      vm.start(instance.func('outer'), [k]);
      const outcome = vm.run({ fuel: 1e9 });
      const trap = outcome.status === 'trapped' ? outcome.trap : undefined;
      t.true(trap instanceof HostError, ending);
      t.regex(String(trap?.cause), kinds[ending]);
      if (ending === 'forever') t.true(trap?.cause instanceof LimitError);
      t.is(vm.status, 'idle');
      // The VM can be used again: the loop is left for want of fuel, with one frame and none of before.
      vm.start(instance.func('forever'));
      t.is(vm.run({ fuel: vm.store.debt + 1000 }).status, 'suspended');
      t.deepEqual(
        vm.frames().map(({ name }) => name),
        ['forever'],
        ending,
      );
    }
  });

// What the thread has once

/** Recurses, and asks the host at the bottom. */
const deep = moduleOf(`
  (import "h" "ask" (func $ask (result i32)))
  (func $down (export "down") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
      (else (call $ask))))`);

for (const engine of engines)
  test(`VMs that recurse inside of each other share the host's stack (${engine})`, async (t) => {
    const module = await deep;
    const level = (n: number): number => {
      if (n === 0) return 0;
      const vm = new VM({ engine });
      const ask = hostFunction([], ['i32'], () => level(n - 1));
      return vm.invoke(vm.instantiate(module, { h: { ask } }).func('down'), [20_000])[0] as number;
    };
    t.is(level(8), 160_000);
    // Nothing of it is gone afterwards.
    t.is(level(1), 20_000);
  });

test('host functions that call each other are bounded, of however many VMs they are', async (t) => {
  const module = await deep;
  let levels = 0;
  const next = (): number => {
    levels++;
    const vm = new VM({ engine: 'interpreter' });
    return vm.invoke(vm.instantiate(module, { h: { ask } }).func('down'), [0])[0] as number;
  };
  const ask = hostFunction([], ['i32'], next);
  let error: Error | undefined = t.throws(next, { instanceOf: HostError });
  while (error?.cause instanceof Error) error = error.cause;
  t.regex(String(error?.message), /100 host functions call each other/);
  t.is(levels, 101);
  levels = 0;
  t.throws(next, { instanceOf: HostError });
  t.is(levels, 101);
});

for (const engine of engines)
  test(`the length of stack traces is the host's own where host functions run (${engine})`, async (t) => {
    const before = Error.stackTraceLimit;
    const seen: number[] = [];
    const vm = new VM({ engine });
    const instance = vm.instantiate(await deep, {
      h: {
        ask: hostFunction([], ['i32'], () => {
          seen.push(Error.stackTraceLimit);
          if (seen.length < 3) vm.invoke(instance.func('down'), [3]);
          if (seen.length === 3) Error.stackTraceLimit = 17;
          return 0;
        }),
      },
    });
    try {
      Error.stackTraceLimit = 13;
      vm.invoke(instance.func('down'), [3]);
      t.deepEqual([...seen, Error.stackTraceLimit], [13, 13, 13, 17]);
    } finally {
      Error.stackTraceLimit = before;
    }
  });

for (const engine of engines)
  test(`an inner call has all of its fuel, whatever the run around it owes (${engine})`, async (t) => {
    const module = await moduleOf(`
      (import "h" "ask" (func $ask (result i32)))
      (func (export "spin") (param i32) (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "go") (param i32) (result i32)
        (loop $l ${'(nop)'.repeat(400)} (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (call $ask))`);
    const costs: number[] = [];
    const make = (innerFuel: number): VM => {
      const made = new VM({ engine, limits: { innerFuel } });
      const ask = hostFunction([], ['i32'], (context) => {
        const used = made.fuelUsed;
        context.call('spin', 1000);
        costs.push(made.fuelUsed - used);
        return 1;
      });
      made.instantiate(module, { h: { ask } });
      return made;
    };
    const finished = (vm: VM, fuel: number): string => {
      vm.start(vm.instance(0).func('go'), [10]);
      for (let i = 0; ; i++) {
        const outcome = vm.run({ fuel });
        if (outcome.status === 'suspended' && i < 10_000) continue;
        return outcome.status === 'trapped' ? outcome.trap.message : outcome.status;
      }
    };
    t.is(finished(make(1e6), 1e6), 'returned');
    const [cost = 0] = costs;
    for (const fuel of [1, 7, 50, 333, 1e6]) {
      t.is(finished(make(cost), fuel), 'returned', `slices of ${fuel}`);
      t.regex(finished(make(cost - 1), fuel), /used up its/, `slices of ${fuel}`);
    }
  });
