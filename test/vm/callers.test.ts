// Whose memory a host function sees: that of the instance whose code called it, by whatever way, on either engine; and
// where another host function called it, that one's caller.

import test from 'ava';
import { asyncHostFunction, type HostContext, hostFunction, type Ref, VM } from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

const engines = ['interpreter', 'native'] as const;

/** What stands at address 16 of a memory tells whose it is. */
const memory = (mark: number): string =>
  `(memory (export "memory") 1) (data (i32.const 16) "\\${mark.toString(16).padStart(2, '0')}")`;

const look = hostFunction([], ['i32'], (context) => context.memory()[16] as number);

for (const engine of engines) {
  test(`a host function that another one calls has that one's caller (${engine})`, async (t) => {
    const module = await moduleOf(`
      (import "env" "look" (func $look (result i32)))
      (import "env" "by" (func $by (param i32 funcref) (result i32)))
      (import "env" "twice" (func $twice (result i32)))
      ${memory(7)} (table (export "t") 1 funcref) (elem (i32.const 0) $look) (elem declare func $look)
      (export "look" (func $look)) (export "twice" (func $twice))
      (func (export "go") (param i32) (result i32) (call $by (local.get 0) (ref.func $look)))
      (func (export "tail") (param i32) (result i32) (return_call $by (local.get 0) (ref.func $look)))`);
    const vm = new VM({ engine });
    const ways: ((func: Ref | null, context: HostContext) => unknown)[] = [
      (_, context) => context.call('look')[0],
      (_, context) => context.call('twice')[0],
      () => vm.invoke(vm.instance(0).func('look'))[0],
      () => vm.invoke(vm.instance(0).table('t').get(0) as Ref)[0],
      (func) => vm.invoke(func as Ref)[0],
    ];
    const instance = vm.instantiate(module, {
      env: {
        look,
        by: hostFunction(
          ['i32', 'funcref'],
          ['i32'],
          (way, func, context) => (ways[way] as (typeof ways)[number])(func, context) as number,
        ),
        twice: hostFunction([], ['i32'], (context) => context.call('look')[0] as number),
      },
    });
    for (const name of ['go', 'tail'])
      for (const way of ways.keys()) t.deepEqual(vm.invoke(instance.func(name), [way]), [7], `${name} ${way}`);
    t.throws(() => vm.invoke(instance.func('look')), { message: /was not called by a module/ });
  });

  test(`each instance that calls through a table is the caller (${engine})`, async (t) => {
    const vm = new VM({ engine });
    const call = (name: string) => `(func (export "${name}") (result i32) (call_indirect (type $f) (i32.const 0)))`;
    const bare = await moduleOf(`
      (type $f (func (result i32))) (import "env" "look" (func $look (result i32)))
      (table (export "t") 2 funcref) (elem (i32.const 0) $look) (export "look" (func $look))`);
    const first = vm.instantiate(bare, { env: { look } });
    const user = (mark: number) => `
      (type $f (func (result i32))) (import "first" "t" (table 2 funcref)) ${memory(mark)} ${call('go')}
      (func (export "tail") (result i32) (return_call_indirect (type $f) (i32.const 0)))
      (func (export "ref") (param funcref) (result i32) (call_indirect (type $f) (i32.const 1)))
      (func (export "put") (table.set (i32.const 1) (ref.func $own))) (elem declare func $own)
      (func $own (result i32) (i32.add (i32.const 100) (call_indirect (type $f) (i32.const 0))))`;
    const imports = { first };
    const instances = [];
    for (const mark of [3, 4, 5]) instances.push({ mark, it: vm.instantiate(await moduleOf(user(mark)), imports) });
    for (let round = 0; round < 2; round++)
      for (const { mark, it } of instances) {
        t.deepEqual(vm.invoke(it.func('go')), [mark]);
        t.deepEqual(vm.invoke(it.func('tail')), [mark]);
        vm.invoke(it.func('put'));
        // Code of the one calls code of the other, which calls the host.
        for (const other of instances) t.deepEqual(vm.invoke(other.it.func('ref'), [null]), [100 + mark]);
      }
  });

  test(`a private table has its instance's caller, whoever imported the function first (${engine})`, async (t) => {
    const vm = new VM({ engine });
    const text = (mark: number) => `
      (type $f (func (result i32))) (import "env" "look" (func $look (result i32))) ${memory(mark)}
      (table 1 funcref) (elem (i32.const 0) $look)
      (func (export "go") (result i32) (call_indirect (type $f) (i32.const 0)))
      (func (export "ref") (result i32) (call_ref $f (ref.func $look))) (elem declare func $look)`;
    for (const mark of [1, 2, 3]) {
      const it = vm.instantiate(await moduleOf(text(mark)), { env: { look } });
      t.deepEqual(vm.invoke(it.func('go')), [mark]);
      t.deepEqual(vm.invoke(it.func('ref')), [mark]);
    }
  });

  test(`a host function as the start function sees the memory of the instance that starts (${engine})`, async (t) => {
    const module = await moduleOf(`(import "env" "begin" (func $begin)) ${memory(9)} (start $begin)
      (func (export "go") (call $begin))`);
    const seen: unknown[] = [];
    const begin = hostFunction([], [], (context) => void seen.push(context.memory()[16]));
    const vm = new VM({ engine });
    vm.instantiate(module, { env: { begin } });
    vm.instantiate(module, { env: { begin } }, { start: 'defer' });
    t.is(vm.run().status, 'returned');
    t.deepEqual(seen, [9, 9]);
    // In the midst of a host function of another instance.
    const outer = await moduleOf(`(import "env" "make" (func $make)) ${memory(8)} (func (export "go") (call $make))`);
    const make = hostFunction([], [], (context) => {
      vm.instantiate(module, { env: { begin } });
      seen.push(context.memory()[16]);
    });
    vm.invoke(vm.instantiate(outer, { env: { make } }).func('go'));
    t.deepEqual(seen, [9, 9, 9, 8]);
  });

  test(`what answers later has its caller, and so has what it calls (${engine})`, async (t) => {
    const module = await moduleOf(`
      (import "env" "later" (func $later (result i32))) (import "env" "look" (func $look (result i32)))
      ${memory(6)} (export "look" (func $look)) (func (export "go") (result i32) (call $later))`);
    const vm = new VM({ engine });
    const later = asyncHostFunction([], ['i32'], async (context) => {
      const before = context.call('look')[0] as number;
      await undefined;
      const invoked = vm.invoke(vm.instance(0).func('look'))[0] as number;
      return before + invoked + (context.call('look')[0] as number) + (context.memory()[16] as number);
    });
    const instance = vm.instantiate(module, { env: { later, look } });
    vm.start(instance.func('go'));
    const outcome = await vm.runAsync();
    t.deepEqual(outcome.status === 'returned' && outcome.values, [24]);
  });
}
