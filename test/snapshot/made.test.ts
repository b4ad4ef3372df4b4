// What a snapshot says that the host made is what an instance imports, for each kind of entity: a restored VM reaches
// nothing of the host's that a fresh one could not.

import test from 'ava';
import { asyncHostFunction, hostFunction, LimitError, Snapshot, SnapshotError, VM } from '../../src/index.ts';
import type { ExternKind } from '../../src/spec/types.ts';
import { moduleOf } from '../wat.ts';
import { type Forged, forged } from './guest.ts';

const engines = ['interpreter', 'native'] as const;

const module = await moduleOf(`
  (type $t (func))
  (import "env" "log" (func $log (param i32)))
  (import "env" "memory" (memory 1 2 shared))
  (table $tab (export "tab") 2 funcref)
  (tag $tag (export "tag") (param i32))
  (global $g (mut i32) (i32.const 7))
  (global $e (mut externref) (ref.null extern))
  (global $x (mut exnref) (ref.null exn))
  (elem declare func $log)
  (func (export "put") (table.set $tab (i32.const 1) (ref.func $log)))
  (func (export "go") (if (i32.eqz (ref.is_null (table.get $tab (i32.const 0))))
    (then (call_indirect $tab (type $t) (i32.const 0)))))
  (func (export "log") (call $log (i32.const 3)))`);

let called: string[] = [];
const shared = () => {
  const donor = new VM();
  return donor.instantiate(donorModule).memory('m').share();
};
const donorModule = await moduleOf('(memory (export "m") 1 2 shared)');
const imports = () => ({
  env: {
    log: hostFunction(['i32'], [], (n) => {
      called.push(`log ${n}`);
    }),
    other: hostFunction([], [], () => {
      called.push('other');
    }),
    memory: shared(),
  },
});

function original(): VM {
  const vm = new VM();
  vm.invoke(vm.instantiate(module, imports()).func('put'));
  return vm;
}

const add = (d: Forged, kind: ExternKind, made: unknown): number => {
  const addr = d.origins[kind].length / 2;
  d.origins[kind] = Int32Array.from([...d.origins[kind], -1, d.made[kind].length]);
  (d.made[kind] as unknown[]).push(made);
  return addr;
};
const sizes = { addr: 'i32', min: 0n, max: null };
const other = { module: 'env', name: 'other', type: { params: [], results: [] } };

const additions: Record<string, (d: Forged) => void> = {
  'a host function of another name, in a table': (d) => {
    const addr = add(d, 'func', other);
    d.tables[0]?.set([addr, 1]);
  },
  'a host function of another name that is called': (d) => {
    d.pending = { id: 0, func: add(d, 'func', other), args: new Int32Array(0) };
  },
  'a host function of the same name and another type': (d) => {
    const addr = add(d, 'func', { ...other, name: 'log' });
    d.tables[0]?.set([addr, 1]);
  },
  'a host function of the same type and another name, in place of the import': (d) => {
    (d.made.func[0] as { name: string }).name = 'other';
  },
  'a host function of another module of imports': (d) => {
    (d.made.func[0] as { module: string }).module = 'wasi';
  },
  'the same host function once more': (d) => {
    add(d, 'func', structuredClone(d.made.func[0]));
  },
  'a table': (d) => {
    add(d, 'table', { ...sizes, ref: 'funcref' });
    d.tables.push(new Int32Array(0));
  },
  'a memory': (d) => {
    add(d, 'memory', { ...sizes, shared: false, pageLog2: 16 });
    d.memories.push({ size: 0, runs: new Int32Array(0) });
  },
  'a shared memory that is waited at': (d) => {
    const memory = add(d, 'memory', { ...sizes, min: 1n, max: 1n, shared: true, pageLog2: 16 });
    d.memories.push({ size: 1, runs: Int32Array.of(16, -1) });
    d.wait = { memory, address: 0, bytes: 4, expected: 0n, until: null, woken: false };
  },
  'a global': (d) => {
    add(d, 'global', { type: 'i32', mutable: true });
    d.globals = Int32Array.from([...d.globals, 0, 0, 0, 0]);
  },
  'a tag, and an exception of it': (d) => {
    const tag = add(d, 'tag', { params: [], results: [] });
    d.heap.types = Int32Array.of(-1, tag);
    d.heap.objects = Int32Array.of(0);
    d.globals.set([0, 5], 8);
  },
  'a value of the host that is not there': (d) => {
    d.globals.set([0, 2], 4);
  },
};

for (const [what, forge] of Object.entries(additions))
  for (const engine of engines)
    test(`${engine}: ${what} is refused`, (t) => {
      const data = forged(original().save());
      const options = { modules: [module], imports: imports(), engine };
      const twin = VM.restore(new Snapshot(structuredClone(data)).encode(), options);
      called = [];
      twin.invoke(twin.instance().func('go'));
      twin.invoke(twin.instance().func('log'));
      t.deepEqual(called, ['log 3']);
      forge(data);
      for (const from of [new Snapshot(data), new Snapshot(data).encode()])
        t.throws(() => VM.restore(from, options), { instanceOf: SnapshotError });
      t.deepEqual(called, ['log 3']);
    });

for (const kind of ['func', 'table', 'memory', 'global', 'tag'] as const)
  test(`more of a module's ${kind}s than it declares`, (t) => {
    const data = forged(original().save());
    const addr = data.origins[kind].length / 2;
    const index = data.instances[0]?.spaces[kind].length as number;
    data.origins[kind] = Int32Array.from([...data.origins[kind], 0, index]);
    const instance = data.instances[0] as { spaces: Record<ExternKind, Int32Array> };
    instance.spaces[kind] = Int32Array.from([...instance.spaces[kind], addr]);
    if (kind === 'table') data.tables.push(new Int32Array(2));
    if (kind === 'memory') data.memories.push({ size: 0, runs: new Int32Array(0) });
    if (kind === 'global') data.globals = Int32Array.from([...data.globals, 0, 0, 0, 0]);
    t.throws(() => VM.restore(new Snapshot(data), { modules: [module], imports: imports() }), {
      instanceOf: SnapshotError,
      message: /expected/,
    });
  });

test('what hosts do give stays: functions in tables, passed on to other instances, of several imports', async (t) => {
  const second = await moduleOf(`(import "first" "tab" (table 2 funcref)) (import "first" "tag" (tag (param i32)))
    (import "first" "again" (func (param i32))) (type $t (func (param i32)))
    (func (export "go") (call_indirect (type $t) (i32.const 5) (i32.const 1)) (call 0 (i32.const 6)))`);
  const first = await moduleOf(`(import "env" "log" (func (param i32))) (table (export "tab") 2 funcref)
    (tag (export "tag") (param i32)) (export "again" (func 0))`);
  for (const engine of engines) {
    const vm = new VM({ engine });
    const one = vm.instantiate(first, imports());
    one.table('tab').set(1, one.func('again'));
    vm.instantiate(second, { first: one });
    const twin = VM.restore(vm.save().encode(), { modules: [first, second], imports: imports(), engine });
    called = [];
    twin.invoke(twin.instance(1).func('go'));
    t.deepEqual(called, ['log 5', 'log 6']);
  }
});

test('an instance that fails leaves no host function and no memory behind', async (t) => {
  const vm = new VM({ limits: { memory: 3 * 65536 } });
  const tooMuch = await moduleOf(`(import "env" "log" (func (param i32))) (import "env" "memory" (memory 1 2 shared))
    (memory 3)`);
  const given = imports();
  t.throws(() => vm.instantiate(tooMuch, given), { instanceOf: LimitError });
  t.deepEqual([vm.store.funcs.length, vm.store.memories.length, vm.store.memoryBudget.used], [0, 0, 0]);
  const fits = await moduleOf('(import "env" "log" (func (param i32))) (export "log" (func 0))');
  const instance = vm.instantiate(fits, given);
  const twin = VM.restore(vm.save().encode(), { modules: [fits], imports: given });
  called = [];
  vm.invoke(instance.func('log'), [1]);
  twin.invoke(twin.instance().func('log'), [2]);
  t.deepEqual(called, ['log 1', 'log 2']);
});

// Counts

const counter = await moduleOf('(func (export "f") (result i32) (i32.add (i32.const 1) (i32.const 2)))');

function stepped(): Forged {
  const vm = new VM();
  vm.start(vm.instantiate(counter).func('f'));
  vm.run({ steps: 1 });
  return forged(vm.save());
}

for (const engine of [...engines, 'auto'] as const)
  test(`${engine}: a debt where none can be charged is paid first`, (t) => {
    const data = stepped();
    Object.assign(data, { debt: 2_500, fuelUsed: 2_500 });
    const vm = VM.restore(new Snapshot(data).encode(), { modules: [counter], engine });
    t.like(vm.run({ fuel: 1000 }), { status: 'suspended', reason: { kind: 'fuel' } });
    t.like(vm.run({ fuel: 1000 }), { status: 'suspended', reason: { kind: 'fuel' } });
    t.is(vm.store.debt, 500);
    t.like(vm.run({ fuel: 1000 }), { status: 'returned', values: [3] });
    t.is(vm.fuelUsed, 2_500);
  });

const counts: readonly (readonly [object, RegExp])[] = [
  [{ debt: 5 }, /5 units are owed/],
  [{ debt: 2 ** 53, fuelUsed: 2 ** 53 }, /debt|fuelUsed/],
  [{ fuelUsed: 2 ** 52 + 1 }, /fuelUsed/],
  [{ calls: 2 ** 52 + 1 }, /calls/],
  [{ calls: 1.5 }, /calls/],
];
for (const [lie, told] of counts)
  test(`a count that is none: ${JSON.stringify(lie)}`, (t) => {
    const data = Object.assign(stepped(), lie);
    t.throws(() => VM.restore(new Snapshot(data), { modules: [counter] }), {
      instanceOf: SnapshotError,
      message: told,
    });
  });

test('a pending call is the last that was made', async (t) => {
  const asking = await moduleOf('(import "env" "ask" (func (result i32))) (func (export "f") (result i32) (call 0))');
  const given = { env: { ask: asyncHostFunction([], ['i32'], () => 1) } };
  const vm = new VM();
  vm.start(vm.instantiate(asking, given).func('f'));
  vm.run();
  const data = forged(vm.save());
  t.notThrows(() => VM.restore(new Snapshot(data), { modules: [asking], imports: given }));
  data.calls = 2;
  t.throws(() => VM.restore(new Snapshot(data), { modules: [asking], imports: given }), { instanceOf: SnapshotError });
});

test('limits that an older snapshot does not tell are the defaults', (t) => {
  const data = stepped();
  const { limits } = data;
  for (const name of ['memoryCount', 'tableCount', 'entities'] as const) Reflect.deleteProperty(limits, name);
  const vm = VM.restore(new Snapshot(data).encode(), { modules: [counter] });
  t.deepEqual(vm.store.limits, new VM().store.limits);
});
