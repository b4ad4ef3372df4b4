// Limits that are counts: wherever something is added to a store, and each by its name.

import test from 'ava';
import { LimitError, Snapshot, VM } from '../../src/index.ts';
import { createWebAssembly } from '../../src/js-api/index.ts';
import { countsOf } from '../../src/runtime/counts.ts';
import { defaultLimits } from '../../src/runtime/store.ts';
import { moduleOf } from '../wat.ts';

const fields = {
  memoryCount: '(memory 0)',
  tableCount: '(table 0 funcref)',
  entities: '(func)',
} as const;
type Name = keyof typeof fields;
const names = Object.keys(fields) as Name[];
const engines = ['interpreter', 'native'] as const;

const message = (name: string, most: number) => new RegExp(`over the limit ${name} of ${most}$`);

for (const name of names)
  for (const engine of engines)
    test(`${engine}: ${name}, as instances are made, restored and received`, async (t) => {
      const module = await moduleOf(fields[name]);
      const vm = new VM({ limits: { [name]: 3 }, engine });
      for (let i = 0; i < 3; i++) vm.instantiate(module);
      const error = t.throws(() => vm.instantiate(module), { instanceOf: LimitError });
      t.regex(error?.message ?? '', message(name, 3));
      t.is(vm.store.instances.length, 3);
      const options = { modules: [module], engine };
      const bytes = vm.save().encode();
      t.notThrows(() => VM.restore(bytes, options));
      const limits = { [name]: 2 };
      for (const from of [bytes, Snapshot.decode(bytes)])
        t.throws(() => VM.restore(from, { ...options, limits }), {
          instanceOf: LimitError,
          message: message(name, 2),
        });
      const { message: sent } = vm.offer();
      for (const trusted of [false, true])
        t.throws(() => VM.receive(sent, { ...options, limits, trusted }), { instanceOf: LimitError });
      t.notThrows(() => VM.receive(sent, options));
    });

test('instances, as they are restored', async (t) => {
  const module = await moduleOf('');
  const vm = new VM();
  for (let i = 0; i < 3; i++) vm.instantiate(module);
  t.throws(() => VM.restore(vm.save(), { modules: [module], limits: { instances: 2 } }), {
    instanceOf: LimitError,
    message: message('instances', 2),
  });
});

test('what an instance takes', async (t) => {
  const module = await moduleOf(`(import "m" "f" (func)) (import "m" "m" (memory 1)) (memory 1) (table 1 funcref)
    (global i32 (i32.const 1)) (tag) (func) (elem func 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1) (elem declare func 0) (data "x")`);
  t.deepEqual(countsOf(module.context), { instances: 1, memoryCount: 1, tableCount: 1, entities: 4 + 2 + 3 + 2 });
});

test('a memory that another VM gives counts, too', async (t) => {
  const donor = await moduleOf('(memory (export "m") 1 1 shared)');
  const taker = await moduleOf('(import "d" "m" (memory 1 1 shared))');
  const share = () => new VM().instantiate(donor).memory('m').share();
  const vm = new VM({ limits: { memoryCount: 1 } });
  const m = share();
  vm.instantiate(taker, { d: { m } });
  t.notThrows(() => vm.instantiate(taker, { d: { m } }), 'the same one is there already');
  t.throws(() => vm.instantiate(taker, { d: { m: share() } }), { instanceOf: LimitError });
  t.is(vm.store.memories.length, 1);
});

test('one module does not take all memories of a process', async (t) => {
  const module = await moduleOf(`${'(memory 0)'.repeat(100)}`);
  t.is(defaultLimits.memoryCount, 100);
  const vm = new VM({ engine: 'interpreter' });
  vm.instantiate(module);
  t.throws(() => vm.instantiate(module), { instanceOf: LimitError, message: message('memoryCount', 100) });
  vm.dispose();
});

test('objects of the JavaScript API', async (t) => {
  const module = await moduleOf('(import "m" "f" (func)) (import "m" "g" (global i32))');
  const api = createWebAssembly({ limits: { memoryCount: 1, tableCount: 1, entities: 6 } });
  const refused = (act: () => unknown, name: string, most: number) =>
    t.throws(act, { instanceOf: RangeError, message: message(name, most) });
  new api.Memory({ initial: 1 });
  refused(() => new api.Memory({ initial: 1 }), 'memoryCount', 1);
  new api.Table({ element: 'anyfunc', initial: 1 });
  refused(() => new api.Table({ element: 'anyfunc', initial: 1 }), 'tableCount', 1);
  new api.Global({ value: 'i32' }, 1);
  new api.Tag({ parameters: [] });
  new api.Global({ value: 'i32' }, 1);
  new api.Global({ value: 'i32' }, 1);
  refused(() => new api.Global({ value: 'i32' }, 1), 'entities', 6);
  refused(() => new api.Tag({ parameters: [] }), 'entities', 6);
  const compiled = new api.Module(module.bytes as Uint8Array<ArrayBuffer>);
  refused(() => new api.Instance(compiled, { m: { f: () => 1, g: 1 } }), 'entities', 6);
});
