// All VMs of a thread run in the same arrays (thread-arrays.ts): they must not see each other's stacks, and may outgrow
// what is there.

import test from 'ava';
import { hostFunction } from '../../src/index.ts';
import { codeOf, spareCode } from '../../src/interpret/machine/code.ts';
import { threadArrays } from '../../src/interpret/machine/thread-arrays.ts';
import { VM } from '../../src/vm.ts';
import { moduleOf } from '../wat.ts';

/** Adds up n, n-1, … 1 by recursion, and calls `pause` at the bottom. */
const sum = (pause = '') => `${pause === '' ? '' : '(import "env" "pause" (func $pause))'}
  (func $sum (export "sum") (param i64) (result i64)
    (if (result i64) (i64.eqz (local.get 0))
      (then ${pause} (i64.const 0))
      (else (i64.add (local.get 0) (call $sum (i64.sub (local.get 0) (i64.const 1)))))))`;
const total = (n: bigint) => (n * (n + 1n)) / 2n;

test('VMs that take turns in the midst of deep calls keep their stacks', async (t) => {
  const module = await moduleOf(sum());
  const vms = [1000n, 2500n, 60n].map((n) => {
    const vm = new VM({ engine: 'interpreter' });
    vm.start(vm.instantiate(module).func('sum'), [n]);
    return { vm, n, results: [] as unknown[] };
  });
  while (vms.some(({ results }) => results.length === 0))
    for (const { vm, results } of vms) {
      if (results.length > 0) continue;
      const outcome = vm.run({ fuel: 777 });
      if (outcome.status === 'returned') results.push(...outcome.values);
    }
  for (const { n, results } of vms) t.deepEqual(results, [total(n)]);
});

test('a VM that a host function of another one runs leaves that one as it was', async (t) => {
  const inner = new VM({ engine: 'interpreter' });
  const innerSum = inner.instantiate(await moduleOf(sum())).func('sum');
  const outer = new VM({ engine: 'interpreter' });
  let asked = 0;
  const pause = hostFunction([], [], () => {
    asked++;
    t.deepEqual(inner.invoke(innerSum, [5000n]), [total(5000n)]);
  });
  const instance = outer.instantiate(await moduleOf(sum('(call $pause)')), { env: { pause } });
  t.deepEqual(outer.invoke(instance.func('sum'), [300n]), [total(300n)]);
  t.is(asked, 1);
});

for (const engine of ['interpreter', 'native'] as const)
  test(`what a host function answers arrives, though it ran another VM meanwhile (${engine})`, async (t) => {
    const inner = new VM({ engine: 'interpreter' });
    const innerSum = inner.instantiate(await moduleOf(sum())).func('sum');
    const ask = hostFunction(['i64'], ['i64'], (n) => inner.invoke(innerSum, [n as bigint])[0] as bigint);
    const outer = new VM({ engine });
    const instance = outer.instantiate(
      await moduleOf(`(import "env" "ask" (func $ask (param i64) (result i64)))
        (func (export "f") (param i64) (result i64)
          (i64.add (local.get 0) (i64.mul (call $ask (i64.const 3000)) (call $ask (local.get 0)))))`),
      { env: { ask } },
    );
    t.deepEqual(outer.invoke(instance.func('f'), [40n]), [40n + total(3000n) * total(40n)]);
  });

test('a stack that does not fit grows in the midst of a call', async (t) => {
  const vm = new VM({ engine: 'interpreter', limits: { stack: 512 * 1024 ** 2, frames: 1_000_000 } });
  const before = threadArrays.stack;
  const module = await moduleOf(`
    (func $deep (export "deep") (param i64) (result i64) ${'(local i64)'.repeat(40)}
      (local.set 40 (local.get 0))
      (if (result i64) (i64.eqz (local.get 0))
        (then (i64.const 0))
        (else (call $deep (i64.sub (local.get 0) (i64.const 1))) (i64.add (local.get 40)))))`);
  const deep = vm.instantiate(module).func('deep');
  t.deepEqual(vm.invoke(deep, [200_000n]), [total(200_000n)]);
  t.true(threadArrays.stack.words.length > before.words.length);
  t.true(threadArrays.stack.frames.length > before.frames.length);
  const other = new VM({ engine: 'interpreter' });
  t.deepEqual(other.invoke(other.instantiate(await moduleOf(sum())).func('sum'), [100n]), [total(100n)]);
});

test('limits hold though there is more room', async (t) => {
  const module = await moduleOf(sum());
  for (const limits of [{ stack: 8000 }, { frames: 90 }]) {
    const vm = new VM({ engine: 'interpreter', limits });
    const func = vm.instantiate(module).func('sum');
    t.deepEqual(vm.invoke(func, [40n]), [total(40n)]);
    t.throws(() => vm.invoke(func, [5000n]), { code: 'exhaustion', message: /call stack exhausted/ });
  }
});

test('code that does not fit makes more room, and is forgotten before a run', async (t) => {
  const long = (i: number) =>
    `(func (export "f${i}") (param i32) (result i32) ${'(i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 1)) local.set 0 '.repeat(4000)} (local.get 0))`;
  const module = await moduleOf(Array.from({ length: 16 }, (_, i) => long(i)).join('\n'));
  const before = threadArrays.code.length;
  const run = () => {
    const vm = new VM({ engine: 'interpreter' });
    const instance = vm.instantiate(module);
    return vm.invoke(instance.func('f3'), [5])[0];
  };
  const expected = run();
  const all = await moduleOf(
    `(func $f (param i32) (result i32) (i32.add (local.get 0) (i32.const 2)))
     (func (export "all") (result i32) (local i32) ${'(local.set 0 (call $f (local.get 0))) '.repeat(before / 5)} (local.get 0))`,
  );
  const vm = new VM({ engine: 'interpreter' });
  t.deepEqual(vm.invoke(vm.instantiate(all).func('all'), []), [2 * Math.floor(before / 5)]);
  t.true(threadArrays.code.length > before);
  t.not(codeOf(module).lowered.folded[3], undefined);
  spareCode();
  t.is(codeOf(module).lowered.folded[3], undefined);
  t.is(run(), expected);
});
