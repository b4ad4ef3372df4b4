// The engine `auto`: it begins in the interpreter and moves over to native code while the guest runs. Nothing of that
// shows in outcomes, fuel or snapshots.

import test from 'ava';
import { type Module, type Outcome, useCodeCache, VM, type VmOptions } from '../../src/index.ts';
import { keptOr } from '../../src/rewrite/module/code-cache.ts';
import { codeName, isRewritten, rewriteBytes } from '../../src/rewrite/module/module.ts';
import { entryOf } from '../../src/rewrite/run/rewriter.ts';
import { heat } from '../../src/vm/heat.ts';
import { pays } from '../../src/vm/trial.ts';
import { moduleOf } from '../wat.ts';
import { show } from './differential.ts';
import { here, interpretMarked } from './marked.ts';

interpretMarked();

let made = 0;
/** Each is of other bytes, as equal modules share what is compiled. */
const loop = (more = '') => `${more} (func (drop (i32.const ${made++}))) (memory 1) (global $g (mut i32) (i32.const 0))
  (func $add (param i32) (global.set $g (i32.add (global.get $g) (local.get 0))))
  (func (export "run") (param i32) (result i32)
    (loop (i32.store (i32.const 8) (local.get 0)) (call $add (i32.load (i32.const 8)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (global.get $g))`;

function started(module: Module, engine: VmOptions['engine'], n: number): VM {
  const vm = new VM({ engine });
  vm.start(vm.instantiate(module).func('run'), [n]);
  return vm;
}

test('a long loop moves over in the middle of a run, and a short one does not', async (t) => {
  const [short, long] = [await moduleOf(loop()), await moduleOf(loop())];
  t.like(started(short, 'auto', 10).run(), { status: 'returned' });
  t.false(isRewritten(short));
  const [interpreted, auto] = [started(long, 'interpreter', 50_000), started(long, 'auto', 50_000)];
  t.is(show(auto.run()), show(interpreted.run()));
  t.is(auto.fuelUsed, interpreted.fuelUsed);
  t.true(isRewritten(long));
});

test('a run that is not given an engine is automatic', async (t) => {
  const module = await moduleOf(loop());
  t.like(started(module, undefined, 50_000).run(), { status: 'returned' });
  t.true(isRewritten(module));
});

test('fuel and saved bytes are those of the interpreter at every slice around the move', async (t) => {
  const module = await moduleOf(loop());
  const vms = [started(module, 'interpreter', 20_000), started(module, 'auto', 20_000)];
  for (let i = 0, outcome: Outcome | undefined; outcome?.status !== 'returned'; i++) {
    const fuel = vms[0]?.fuelUsed === undefined || vms[0].fuelUsed < heat.least - 200 ? 50_000 - 7 * i : 37;
    const slice = (vms[0]?.fuelUsed ?? 0) > heat.least + 2_000 ? 100_000 : Math.max(37, Math.min(fuel, 5_000));
    const [first, second] = vms.map((vm) => vm.run({ fuel: slice }));
    t.is(show(second as Outcome), show(first as Outcome), `slice ${i}`);
    t.is(vms[1]?.fuelUsed, vms[0]?.fuelUsed);
    t.deepEqual(vms[1]?.save().encode(), vms[0]?.save().encode());
    outcome = first;
  }
  t.true(isRewritten(module));
});

test('where much of the code is not native, all stays in the interpreter', async (t) => {
  const module = await moduleOf(loop(`(func ${here.repeat(4)})`));
  const [interpreted, auto] = [started(module, 'interpreter', 50_000), started(module, 'auto', 50_000)];
  t.is(show(auto.run()), show(interpreted.run()));
  t.is(auto.fuelUsed, interpreted.fuelUsed);
  t.false(isRewritten(module));
});

test('where little is, all else goes over, unless it mostly calls that', async (t) => {
  const boxed = `(func $boxed ${here})`;
  for (const calls of [0, 1]) {
    const code = `${loop(boxed)} (func (export "more") (param i32) (result i32)
      (loop ${'(call $boxed)'.repeat(calls)} (call $add (i32.const 3))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (global.get $g))`;
    const module = await moduleOf(calls === 0 ? code : code.replace('"run"', '"else"').replace('"more"', '"run"'));
    const [interpreted, auto] = [started(module, 'interpreter', 300_000), started(module, 'auto', 300_000)];
    t.is(show(auto.run()), show(interpreted.run()));
    t.is(auto.fuelUsed, interpreted.fuelUsed);
    t.true(isRewritten(module));
    t.is(pays(auto.store), calls === 0);
  }
});

test('steps are counted one by one also in what is hot', async (t) => {
  const module = await moduleOf(loop());
  const vm = started(module, 'auto', 50_000);
  t.like(vm.run({ fuel: 300_000 }), { reason: { kind: 'fuel' } });
  t.true(isRewritten(module));
  const before = vm.frames()[0]?.pc;
  t.like(vm.run({ steps: 1 }), { reason: { kind: 'step' } });
  t.not(vm.frames()[0]?.pc, before);
  const twin = VM.restore(vm.save(), { modules: [module], engine: 'interpreter' });
  t.is(show(vm.run()), show(twin.run()));
});

test('what restarts with its fuel used goes on natively', async (t) => {
  const module = await moduleOf(loop());
  const vm = started(module, 'interpreter', 50_000);
  t.like(vm.run({ fuel: 400_000 }), { reason: { kind: 'fuel' } });
  t.false(isRewritten(module));
  const twin = VM.restore(vm.save(), { modules: [module] });
  t.is(show(twin.run()), show(vm.run()));
  t.true(isRewritten(module));
});

/** Takes fuel for each of its many bytes, and some more. */
const large = () => loop(`(func ${'(drop (i32.const 1234567))'.repeat(20_000)})`);

test.serial('what a cache has moves over sooner; it is asked once', async (t) => {
  const [kept, other] = [await moduleOf(large()), await moduleOf(large())];
  const asked: string[] = [];
  const entries = new Map<string, Uint8Array>();
  useCodeCache({
    get: (key) => {
      asked.push(key);
      return entries.get(key);
    },
    set: (key, bytes) => void entries.set(key, bytes),
  });
  try {
    keptOr(kept, false, () => rewriteBytes(kept, false, codeName(kept, false)));
    asked.length = 0;
    const fuel = heat.least + Math.ceil(heat.perKeptByte * kept.bytes.length);
    for (const [module, moves] of [
      [kept, true],
      [other, false],
    ] as const) {
      const [vm, twin] = [started(module, 'auto', 1_000_000), started(module, 'interpreter', 1_000_000)];
      for (const it of [vm, twin]) t.like(it.run({ fuel: heat.least }), { reason: { kind: 'fuel' } });
      t.is(asked.length, moves ? 0 : 1);
      for (let i = 0; i < 3; i++) for (const it of [vm, twin]) it.run({ fuel: fuel >> 1 });
      t.is(isRewritten(module), moves);
      t.is(asked.length, moves ? 1 : 2);
      t.deepEqual(vm.save().encode(), twin.save().encode());
    }
  } finally {
    useCodeCache(undefined);
  }
});

/** A new VM, run to its end. */
function ended(module: Module, n: number, engine?: VmOptions['engine']) {
  const vm = started(module, engine, n);
  const outcome = show(vm.run());
  return { vm, outcome, fuel: vm.fuelUsed };
}

test('what was long before begins natively', async (t) => {
  const module = await moduleOf(loop());
  ended(module, 50_000).vm.dispose();
  const next = ended(module, 3);
  t.is(entryOf(next.vm.store), 'there');
  const other = ended(module, 3, 'interpreter');
  t.is(entryOf(other.vm.store), 'made');
  t.deepEqual([next.outcome, next.fuel], [other.outcome, other.fuel]);
  t.deepEqual(next.vm.save().encode(), other.vm.save().encode());
});

test('what is short, but comes again and again, is rewritten once that is worth it', async (t) => {
  const module = await moduleOf(loop());
  const { fuel } = ended(module, 1000);
  const bytes = module.bytes.length;
  const enough = Math.ceil((heat.least + heat.perByte * bytes) / fuel);
  t.true(fuel < heat.least / 4 && enough < 100, `${fuel}`);
  let times = 1;
  while (!isRewritten(module) && times < 2 * enough) {
    ended(module, 1000).vm.dispose();
    times++;
  }
  t.true(times > heat.least / fuel - 2 && times <= enough + 1, `${times} times, of ${fuel}`);
  ended(module, 1000).vm.dispose();
  t.is(entryOf(ended(module, 1000).vm.store), 'there');
});

test('what is very short stays in the interpreter, but for the one that is not', async (t) => {
  const module = await moduleOf(loop());
  ended(module, 50_000).vm.dispose();
  for (let i = 0; i < 5000; i++) ended(module, 1).vm.dispose();
  t.not(entryOf(ended(module, 1).vm.store), 'there');
  const long = ended(module, 50_000);
  t.is(entryOf(long.vm.store), 'there');
  t.deepEqual(long.outcome, ended(module, 50_000, 'interpreter').outcome);
});
