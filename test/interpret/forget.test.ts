// Lowered code has a bound in bytes: it is forgotten in the midst of runs, of VMs that run each other too, and nobody sees
// a difference.

import test from 'ava';
import { hostFunction, type Module, VM } from '../../src/index.ts';
import { codeBytes, codeOf, spareCode } from '../../src/interpret/machine/code.ts';
import { createWebAssembly } from '../../src/js-api/index.ts';
import { bounds } from '../../src/runtime/kept/bounds.ts';
import { collectedUntil } from '../gc.ts';
import { bytesOf, moduleOf } from '../wat.ts';

const engine = 'interpreter';
const { loweredCode } = bounds;
/** Calls of new functions forget everything until they have had a good deal. */
const tight = (bytes: number) => {
  bounds.loweredCode = bytes;
};
test.afterEach(() => tight(loweredCode));

const filler = '(local.set 0 (i32.add (local.get 0) (i32.const 0)))'.repeat(30);
/** f0 calls the host, f1 calls f0, … in several ways; the last ones are tail calls. */
const chain = (count: number) => `
  (type $t (func (param i32) (result i32)))
  (import "h" "ask" (func $ask (param i32) (result i32)))
  (tag $oops (param i32))
  (table ${count} funcref) (elem (i32.const 0) func ${Array.from({ length: count }, (_, i) => `$f${i}`).join(' ')})
  (func $f0 (export "f0") (param i32) (result i32) ${filler} (call $ask (local.get 0)) (i32.const 1) i32.add)
  ${Array.from({ length: count - 1 }, (_, k) => {
    const i = k + 1;
    const name = `$f${i} (export "f${i}") (param i32) (result i32)`;
    const calls = [
      `(i32.add (call $f${i - 1} (local.get 0)) (i32.const ${i}))`,
      `(return_call $f${i - 1} (local.get 0))`,
      `(i32.add (call_indirect (type $t) (local.get 0) (i32.const ${i - 1})) (i32.const ${i}))`,
      `(return_call_indirect (type $t) (local.get 0) (i32.const ${i - 1}))`,
      `(block $h (result i32) (try_table (result i32) (catch $oops $h) (call $f${i - 1} (local.get 0))))`,
    ];
    return `(func ${name} ${filler} ${calls[i % calls.length]})`;
  }).join('\n')}
  (func (export "throw") (param i32) (result i32) (throw $oops (local.get 0)))
  (func (export "trap") (param i32) (result i32) (call $deeper (local.get 0)))
  (func $deeper (param i32) (result i32) ${filler} (i32.div_u (call $ask (local.get 0)) (i32.const 0)))
  (func (export "tail") (param i32) (result i32) ${filler} (return_call $ask (local.get 0)))`;

const count = 40;
const chained = moduleOf(chain(count));

/** What the last function gives for n, with the host's answer. */
function expected(answer: number): number {
  let value = answer + 1;
  for (let i = 1; i < count; i++) if (i % 5 === 0 || i % 5 === 2) value += i;
  return value;
}

function vmOf(module: Module, ask: (n: number) => number): VM {
  const vm = new VM({ engine });
  vm.instantiate(module, { h: { ask: hostFunction(['i32'], ['i32'], (n) => ask(n as number)) } });
  return vm;
}
const last = (vm: VM) => vm.instance().func(`f${count - 1}`);

test.serial('code is forgotten in the midst of a run, and again', async (t) => {
  const module = await chained;
  const before = codeOf(module);
  tight(5000);
  for (let i = 0; i < 3; i++) {
    const vm = vmOf(module, (n) => n * 2);
    t.deepEqual(vm.invoke(last(vm), [i]), [expected(2 * i)]);
  }
  t.not(codeOf(module), before);
  t.true(codeBytes() > 0);
});

test.serial('frames of VMs that wait for each other stay as they were', async (t) => {
  const modules = await Promise.all(
    [0, 1, 2, 3, 4].map((i) => moduleOf(`${chain(count)} (func (drop (i32.const ${i})))`)),
  );
  tight(2000);
  let forgotten = 0;
  const nested = (depth: number): VM => {
    const module = modules[depth] as Module;
    return vmOf(module, (n) => {
      if (depth === 0) return n;
      const code = codeOf(module);
      const inner = nested(depth - 1);
      const [value] = inner.invoke(last(inner), [n + 1]) as [number];
      if (codeOf(module) !== code) forgotten++;
      return value;
    });
  };
  const outer = nested(4);
  t.deepEqual(outer.invoke(last(outer), [100]), [[0, 1, 2, 3].reduce((value) => expected(value), expected(104))]);
  t.true(forgotten > 0);
});

test.serial('so do frames that call the host last, and those that it makes throw or trap', async (t) => {
  const module = await chained;
  tight(2000);
  const other = vmOf(module, (n) => n);
  const vm = vmOf(module, (n) => {
    spareless(other);
    return n + 5;
  });
  t.deepEqual(vm.invoke(vm.instance().func('tail'), [1]), [6]);
  const start = (name: string, of: VM) => {
    of.start(of.instance().func(name), [7]);
    return of.run();
  };
  const outcome = start('trap', vm);
  const usual = start(
    'trap',
    vmOf(module, (n) => n + 5),
  );
  t.is(outcome.status, 'trapped');
  const told = (of: typeof outcome) => (of.status === 'trapped' ? [of.trap.message, of.trap.frames] : []);
  t.deepEqual(told(outcome), told(usual));
  const failing = vmOf(module, (): number => {
    spareless(other);
    throw new Error('no');
  });
  const failed = start(`f${count - 1}`, failing);
  const failedUsually = start(
    `f${count - 1}`,
    vmOf(module, (): number => {
      throw new Error('no');
    }),
  );
  t.deepEqual(told(failed), told(failedUsually));
});

/** Makes sure that code is forgotten: runs what has none. */
function spareless(vm: VM): void {
  const before = codeBytes();
  tight(Math.min(bounds.loweredCode, Math.floor(before / 8)));
  vm.invoke(last(vm), [0]);
}

test.serial('an exception of JavaScript finds its handler in code that was lowered again', async (t) => {
  tight(2000);
  const namespace = createWebAssembly({ engine });
  const bytes = await bytesOf(chain(count));
  const throwing = new namespace.Instance(new namespace.Module(await bytesOf(chain(3))), {
    h: { ask: (n: number) => n },
  });
  const handling = await bytesOf(`
    (import "h" "ask" (func $ask (param i32) (result i32)))
    (import "h" "tag" (tag $tag (param i32)))
    (func $tail (param i32) (result i32) (return_call $ask (local.get 0)))
    (func (export "f") (param i32) (result i32)
      (i32.add (i32.const 1) (block $h (result i32) (try_table (result i32) (catch $tag $h) (call $ask (local.get 0))))))
    (func (export "g") (param i32) (result i32)
      (i32.add (i32.const 2) (block $h (result i32) (try_table (result i32) (catch $tag $h) (call $tail (local.get 0))))))`);
  const tag = new namespace.Tag({ parameters: ['i32'] });
  const instance = new namespace.Instance(new namespace.Module(handling), {
    h: {
      tag: tag as never,
      ask: (n: number) => {
        const other = new namespace.Instance(new namespace.Module(bytes), { h: { ask: (m: number) => m } });
        t.is((other.exports[`f${count - 1}`] as (n: number) => number)(n), expected(n));
        throw new namespace.Exception(tag, [n * 10]);
      },
    },
  });
  t.is((instance.exports.f as (n: number) => number)(4), 41);
  t.is((instance.exports.g as (n: number) => number)(4), 42);
  t.is((throwing.exports.f0 as (n: number) => number)(4), 5);
});

test.serial('code of modules that are gone is given back', async (t) => {
  tight(loweredCode);
  spareCode();
  const small = vmOf(await chained, (n) => n);
  for (let i = 0; i < 10; i++) {
    const vm = vmOf(await moduleOf(chain(200 + i)), (n) => n);
    vm.invoke(vm.instance().func('f199'), [1]);
  }
  const most = codeBytes();
  t.true(most > 2 ** 21);
  const isGivenBack = () => {
    small.invoke(last(small), [1]);
    return codeBytes() < most / 4;
  };
  t.true(await collectedUntil(isGivenBack));
  t.true(codeBytes() > 0);
});
