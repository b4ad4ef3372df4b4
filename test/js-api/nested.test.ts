// Imports that call back into the guest and catch what that ends with, imports that call another namespace's instances, and
// VMs beside them: whatever an inner call comes to, the one around it goes on as if nothing had been.

import test from 'ava';
import { hostFunction, VM } from '../../src/index.ts';
import { createWebAssembly } from '../../src/js-api/index.ts';
import { moduleOf } from '../wat.ts';
import { type Api, both, type Exports, exportsOf } from './both.ts';

const text = `
  (import "h" "try" (func $try (param i32) (result i32))) (import "h" "fail" (func $fail))
  (memory (export "memory") 1) (type $none (func)) (table 1 funcref) (tag $e (param i32))
  (func $down (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func $forever (export "forever") (param i32) (result i32) (i32.add (i32.const 1) (call $forever (local.get 0))))
  (func (export "unreachable") (drop (call $down (i32.const 30))) unreachable)
  (func (export "bounds") (drop (i32.load (i32.const -4))))
  (func (export "element") (call_indirect (type $none) (i32.const 0)))
  (func (export "fail") (drop (call $down (i32.const 3))) (call $fail))
  (func (export "good") (drop (call $down (i32.const 300))))
  (func (export "outer") (param $way i32) (param $deep i32) (result i32) (local $n i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (i32.add (call $try (local.get $way)) (call $down (local.get $deep)))))
      (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 3))))
    (local.get $s))`;

const ways = ['forever', 'unreachable', 'bounds', 'element', 'fail', 'good'] as const;
const errors = ['RangeError', 'RuntimeError', 'RuntimeError', 'RuntimeError', 'Error', 'none'];

/** An instance whose `try` catches what the export of a way throws, of itself or of another instance. */
async function trying(api: Api, caught: string[], other?: Exports): Promise<Exports> {
  const exports: Exports = await exportsOf(api, text, {
    h: {
      try: (way: number) => {
        try {
          (other ?? exports)[ways[way] as string](1);
          caught.push('none');
        } catch (error) {
          caught.push((error as Error).constructor.name);
        }
        return 1_000_000;
      },
      fail: () => {
        throw new Error('on purpose');
      },
    },
  });
  return exports;
}

both('inner calls that fail, and are caught, leave nothing behind', async (t, api) => {
  const caught: string[] = [];
  const { outer } = await trying(api, caught);
  for (const [way, error] of errors.entries())
    for (const deep of [10, 1000, 3000]) {
      caught.length = 0;
      t.is(outer(way, deep), 3_000_000 + 3 * deep, `${ways[way]}, ${deep}`);
      t.deepEqual(caught, [error, error, error], ways[way]);
    }
});

for (const a of ['interpreter', 'native'] as const)
  for (const b of ['interpreter', 'native'] as const)
    test(`instances of two namespaces call each other (${a}, ${b})`, async (t) => {
      const caught: string[] = [];
      const inner = await trying(createWebAssembly({ engine: b }), caught);
      const { outer } = await trying(createWebAssembly({ engine: a }), caught, {
        ...inner,
        // One more level in between.
        good: () => t.is(inner.outer(4, 200), 3_000_600),
      });
      for (const [way, error] of errors.entries()) {
        caught.length = 0;
        t.is(outer(way, 2000), 3_006_000, ways[way]);
        t.is(caught.filter((told) => told === error).length, 3, ways[way]);
      }
    });

for (const a of ['interpreter', 'native'] as const)
  for (const b of ['interpreter', 'native'] as const)
    test(`an import runs a slice of a VM, whose host function calls an export (${a}, ${b})`, async (t) => {
      const module = await moduleOf(`
        (import "h" "ask" (func $ask (result i32)))
        (func $down (param i32) (result i32)
          (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
            (else (i32.const 0))))
        (func (export "go") (result i32) (local $n i32) (local $s i32)
          (loop $l
            (local.set $s (i32.add (local.get $s) (i32.add (call $ask) (call $down (i32.const 40)))))
            (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10))))
          (local.get $s))`);
      const caught: string[] = [];
      const inner = await trying(createWebAssembly({ engine: a }), caught);
      const vm = new VM({ engine: b });
      vm.instantiate(module, { h: { ask: hostFunction([], ['i32'], () => inner.outer(caught.length % 6, 100)) } });
      vm.start(vm.instance(0).func('go'));
      let result: readonly unknown[] | undefined;
      let slices = 0;
      const slice = () => {
        slices++;
        const outcome = vm.run({ fuel: 97 });
        if (outcome.status === 'returned') result = outcome.values;
        else if (outcome.status === 'trapped') throw outcome.trap;
      };
      const { outer } = await trying(createWebAssembly({ engine: a }), [], { good: slice });
      for (let i = 0; result === undefined && i < 1000; i++) t.is(outer(5, 500), 3_001_500);
      t.deepEqual(result, [10 * 3_000_300 + 400]);
      t.true(slices > 20);
    });

test('what an import of a deep stack throws is the host’s own overflow, and the guest goes on', async (t) => {
  for (const engine of ['interpreter', 'native'] as const) {
    const api = createWebAssembly({ engine });
    // Guests and JavaScript call each other, two namespaces in turns, until the host's stack ends.
    const others: Exports[] = [];
    let levels = 0;
    const make = async (next: number) =>
      exportsOf(
        next === 0 ? api : createWebAssembly({ engine }),
        '(import "h" "f" (func $f)) (export "g" (func 1)) (func (call $f))',
        {
          h: {
            f: () => {
              levels++;
              others[next]?.g();
            },
          },
        },
      );
    others.push(await make(1), await make(0));
    for (let round = 0; round < 3; round++) {
      levels = 0;
      t.throws(() => others[0]?.g(), { instanceOf: RangeError, message: 'Maximum call stack size exceeded' });
      t.true(levels > 50);
    }
    const { outer } = await trying(api, []);
    t.is(outer(0, 3000), 3_009_000);
  }
});
