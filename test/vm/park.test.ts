// A VM goes back to what it was, is forked from there, and rests: whatever is done with it in between, it goes on as if
// nothing had been.

import test from 'ava';
import fc from 'fast-check';
import {
  asyncHostFunction,
  type HostContext,
  hostFunction,
  hostModule,
  type Imports,
  type Module,
  type Outcome,
  Snapshot,
  SnapshotError,
  Trap,
  UsageError,
  VM,
} from '../../src/index.ts';
import { calls, counterModule, counting } from '../host/counter.ts';
import { guest as richGuest, imports as richImports } from '../snapshot/guest.ts';
import { moduleOf } from '../wat.ts';

const engines = ['interpreter', 'native', 'auto'] as const;

const plainGuest = moduleOf(`
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (memory (export "memory") 2 40) (global $sum (export "sum") (mut i32) (i32.const 0))
  (table $t (export "t") 2 9 funcref) (elem (i32.const 0) func $square $twice)
  (elem $spare func $square) (data $text "text")
  (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
  (func $twice (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))
  (func $step (param $n i32)
    (global.set $sum (i32.add (global.get $sum)
      (call_indirect $t (param i32) (result i32) (local.get $n) (i32.and (local.get $n) (i32.const 1)))))
    (i32.store (i32.mul (local.get $n) (i32.const 1900)) (global.get $sum))
    (if (i32.eq (local.get $n) (i32.const 30)) (then
      (table.set $t (i32.const 0) (ref.func $twice))
      (memory.init $text (i32.const 9) (i32.const 0) (i32.const 4)) (data.drop $text)))
    (if (i32.eq (local.get $n) (i32.const 45)) (then (drop (memory.grow (i32.const 3))) (elem.drop $spare)))
    (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 20))) (then
      (global.set $sum (i32.add (global.get $sum) (call $ask (local.get $n)))))))
  (func (export "run") (param $count i32) (result i32) (local $n i32)
    (loop $more
      (call $step (local.get $n))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (local.get $count))))
    (i32.add (global.get $sum) (i32.load (i32.const 19000))))`);

const plainImports: Imports = { env: { ask: asyncHostFunction(['i32'], ['i32'], async (n) => n + 1) } };

interface Guest {
  readonly module: Promise<Module>;
  readonly imports: Imports;
  readonly argument: unknown;
  /** What the host answers the pending call. */
  answer(vm: VM, id: number): void;
  readonly engines: readonly (typeof engines)[number][];
}
const guests: Record<string, Guest> = {
  plain: {
    module: plainGuest,
    imports: plainImports,
    argument: 70,
    answer: (vm, id) => vm.deliver(id, [id * 3]),
    engines,
  },
  'with objects': {
    module: richGuest,
    imports: richImports,
    argument: undefined,
    answer: (vm, id) => vm.deliver(id, [1000n]),
    engines: ['interpreter', 'auto'],
  },
};

async function begun({ module, imports, argument }: Guest, engine: (typeof engines)[number]): Promise<VM> {
  const vm = new VM({ engine });
  vm.start(vm.instantiate(await module, imports).func('run'), [argument as number]);
  return vm;
}

/** To the end, from wherever it is. */
function finished(vm: VM, { answer }: Guest): Outcome {
  for (;;) {
    const outcome = vm.run();
    if (outcome.status !== 'suspended' || outcome.reason.kind !== 'host') return outcome;
    answer(vm, outcome.reason.id);
  }
}

type Act = 'run' | 'save' | 'rewind' | 'fork' | 'fork at' | 'park' | 'hop';
const act = fc.tuple(
  fc.constantFrom<Act>('run', 'run', 'run', 'save', 'save', 'rewind', 'fork', 'fork at', 'park', 'hop'),
  fc.nat(400),
);

for (const [name, guest] of Object.entries(guests))
  for (const engine of guest.engines)
    test(`back and forth at random, it is each time what it was (${name}, ${engine})`, async (t) => {
      const expected = finished(await begun(guest, engine), guest);
      t.is(expected.status, 'returned');
      await fc.assert(
        fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
          let vm = await begun(guest, engine);
          const nodes: { snapshot: Snapshot; bytes: Uint8Array; fuel: number }[] = [];
          const keep = () => {
            const snapshot = vm.save();
            nodes.push({ snapshot, bytes: snapshot.encode(), fuel: vm.fuelUsed });
          };
          const isAt = (i: number) => {
            const { bytes, fuel } = nodes[i] as (typeof nodes)[number];
            t.deepEqual(vm.save().encode(), bytes);
            t.is(vm.fuelUsed, fuel);
          };
          keep();
          for (const [what, n] of acts) {
            const i = n % nodes.length;
            const at = nodes[i]?.snapshot as Snapshot;
            if (what === 'run' && vm.status !== 'idle') {
              const outcome = vm.run({ fuel: n });
              if (outcome.status === 'suspended' && outcome.reason.kind === 'host') guest.answer(vm, outcome.reason.id);
              if (outcome.status === 'returned') t.deepEqual(outcome, expected);
            } else if (what === 'save' && vm.status !== 'idle') keep();
            else if (what === 'rewind') {
              vm.rewind(at);
              isAt(i);
            } else if (what === 'park') vm.park();
            else if (what === 'fork' || what === 'fork at') {
              const twin = what === 'fork' ? vm.fork() : vm.fork(at);
              vm.dispose();
              vm = twin;
              if (what === 'fork at') isAt(i);
            } else if (what === 'hop') {
              const { imports } = guest;
              vm = VM.restore(vm.save().encode(), { engine, imports, modules: [await guest.module] });
            }
          }
          vm.rewind(nodes[0]?.snapshot as Snapshot);
          t.deepEqual(finished(vm, guest), expected);
          for (const { snapshot } of nodes) {
            const twin = vm.fork(snapshot);
            t.deepEqual(finished(twin, guest), expected);
            twin.dispose();
          }
        }),
        { numRuns: 25 },
      );
    });

/** What is asked of a VM that rests, and of one that does not. */
const asked: Record<string, (vm: VM) => unknown> = {
  status: (vm) => vm.status,
  fuelUsed: (vm) => vm.fuelUsed,
  frames: (vm) => vm.frames().map(({ name, pc }) => [name, pc]),
  save: (vm) => vm.save().encode(),
  fork: (vm) => vm.fork().frames().length,
  instance: (vm) => vm.instance().global('sum').value,
  memory: (vm) => vm.instance().memory('memory').bytes.slice(),
  run: (vm) => vm.run({ fuel: 30 }),
  send: (vm) => vm.send().message.data.frames,
  offer: (vm) => vm.offer().message.data.frames,
  invoke: (vm) => vm.invoke(vm.instance().table('t').get(0) as never, [5]),
  'a second instance': async (vm) => vm.instantiate(await plainGuest, plainImports).addr,
};
for (const engine of engines)
  for (const [name, ask] of Object.entries(asked))
    test(`a VM that rests answers as one that does not: ${name} (${engine})`, async (t) => {
      const guest = guests.plain as Guest;
      const [vm, other] = [await begun(guest, engine), await begun(guest, engine)];
      for (const each of [vm, other]) each.run({ fuel: 200 });
      vm.park();
      t.deepEqual(await ask(vm), await ask(other));
    });

for (const engine of engines) {
  test(`handles stay where it goes back in place, and are refused where it could not (${engine})`, async (t) => {
    const guest = guests.plain as Guest;
    const vm = await begun(guest, engine);
    const {
      memory,
      sum,
      t: table,
    } = vm.instance().exports as never as Record<string, never> & {
      memory: ReturnType<ReturnType<VM['instance']>['memory']>;
      sum: ReturnType<ReturnType<VM['instance']>['global']>;
      t: ReturnType<ReturnType<VM['instance']>['table']>;
    };
    const { bytes } = memory;
    const start = vm.save();
    vm.run();
    vm.deliver(1, [4]);
    vm.run({ fuel: 20 });
    t.is(sum.value, 4);
    vm.rewind(start);
    t.is(sum.value, 0);
    t.is(memory.bytes, bytes);
    t.true(bytes.every((byte) => byte === 0));
    memory.grow(1);
    vm.rewind(start);
    t.is(vm.instance().memory('memory').pages, 2);
    for (const stale of [() => memory.bytes, () => table.get(0)]) t.throws(stale, { instanceOf: UsageError });
    const again = vm.instance().memory('memory');
    vm.park();
    t.throws(() => again.bytes, { instanceOf: UsageError });
    t.is(vm.instance().memory('memory').pages, 2);
  });

  test(`a view of a memory ends when its VM rests (${engine})`, async (t) => {
    const vm = await begun(guests.plain as Guest, engine);
    const { bytes } = vm.instance().memory('memory');
    vm.park();
    t.is(bytes.length, 0);
    vm.run({ fuel: 100 });
    t.is(bytes.length, 0);
  });
}

test('what host modules keep goes back and forth as well', async (t) => {
  const counter = counterModule();
  for (const engine of engines) {
    const vm = await counting(engine, counter);
    calls(vm, 'fill', 0, 70_000, 1_000);
    const at = vm.save();
    vm.state(counter).count = 5;
    calls(vm, 'fill', 10, 70_000, 1_000);
    const blocks = vm.state(counter).blocks.map((block) => block.slice());
    const twin = vm.fork(at);
    t.is(twin.state(counter).count, 0);
    vm.park();
    t.is(vm.state(counter).count, 5);
    t.deepEqual(vm.state(counter).blocks, blocks);
    vm.rewind(at);
    t.deepEqual(vm.state(counter), twin.state(counter));
    t.is(calls(vm, 'count', 3), 3);
    t.is(twin.state(counter).count, 0);
  }
});

test('what is not its own past, and what cannot be now, is refused', async (t) => {
  const guest = guests.plain as Guest;
  const vm = await begun(guest, 'auto');
  const at = vm.save();
  const refused = (act: () => unknown, message: RegExp) => t.throws(act, { instanceOf: UsageError, message });
  const others = [
    (await begun(guests['with objects'] as Guest, 'auto')).save(),
    Snapshot.decode(at.encode()),
    new VM().fork().save(),
  ];
  for (const other of others.slice(0, 2)) {
    refused(() => vm.fork(other), /none that this VM/);
    refused(() => vm.rewind(other), /none that this VM/);
  }
  refused(() => vm.fork({} as never), /a Snapshot/);
  refused(() => vm.rewind(undefined as never), /a Snapshot/);
  t.is(vm.status, 'suspended');
  vm.run();
  t.is(vm.status, 'waiting');
  const answered = vm.answer();
  refused(() => vm.park(), /being answered/);
  vm.rewind(at);
  await answered;
  t.deepEqual(vm.save().encode(), at.encode(), 'the answer of a call that never was is dropped');
  const running = vm.runAsync();
  refused(() => vm.park(), /runAsync/);
  refused(() => vm.rewind(at), /runAsync/);
  t.is((await running).status, 'returned');
  vm.rewind(at);
  vm.dispose();
  for (const act of [() => vm.fork(at), () => vm.rewind(at), () => vm.park(), () => vm.instance()])
    refused(act, /disposed of/);
  const fork = (await begun(guest, 'auto')).fork();
  fork.dispose();
  refused(() => fork.save(), /disposed of/);
});

test('nothing of it rests while a host function runs, or others have its memory', async (t) => {
  const errors: unknown[] = [];
  const vm = new VM({ sharedMemory: true });
  const attempt = hostFunction([], [], () => {
    for (const act of [() => vm.park(), () => vm.rewind(at), () => vm.fork(at)]) {
      try {
        act();
      } catch (error) {
        errors.push(error);
      }
    }
  });
  const module = await moduleOf(
    '(import "env" "f" (func $f)) (memory (export "m") 1 1 shared) (func (export "g") (call $f))',
  );
  const instance = vm.instantiate(module, { env: { f: attempt } });
  const at = vm.save();
  vm.invoke(instance.func('g'));
  t.is(errors.length, 3);
  t.true(errors.every((error) => error instanceof UsageError));
  instance.memory('m').share();
  for (const act of [() => vm.park(), () => vm.rewind(at)])
    t.throws(act, { instanceOf: UsageError, message: /shared with others/ });
});

test('more VMs rest than a process has memories for, and any of them goes on', async (t) => {
  const guest = guests.plain as Guest;
  const expected = finished(await begun(guest, 'auto'), guest);
  const vm = await begun(guest, 'auto');
  vm.run({ fuel: 150 });
  const forks = Array.from({ length: 20_000 }, () => vm.fork());
  for (let i = 0; i < forks.length; i += 1999) {
    const fork = forks[i] as VM;
    fork.run({ fuel: 100 });
    fork.park();
    t.deepEqual(finished(fork, guest), expected);
    fork.dispose();
  }
});

test('what one of them makes of a value of the host, no other one sees', async (t) => {
  const module = await moduleOf('(global (export "g") (mut externref) (ref.null extern))');
  const vm = new VM();
  vm.instantiate(module).global('g').value = { seen: 0 };
  const held = (of: VM) => of.instance().global('g').value as { seen: number };
  const at = vm.save();
  for (const other of [vm.fork(at), VM.restore(at, { modules: [module] }), vm.fork(at)]) {
    t.deepEqual(held(other), { seen: 0 });
    held(other).seen++;
    other.rewind(at);
    t.deepEqual(held(other), { seen: 0 });
    held(other).seen++;
  }
});

test('what host modules keep of a VM that rests is each fork’s own', async (t) => {
  const states: { list: number[] }[] = [];
  const lists = hostModule<{ list: number[] }>({
    name: 'lists',
    state: {
      create: () => ({ list: [] }),
      save: ({ list }) => ({ data: list }),
      restore: ({ data }) => {
        if (data === 'no') throw new Error('it cannot be restored');
        states.push({ list: data as number[] });
        return states.at(-1) as { list: number[] };
      },
    },
    functions: {
      add: hostFunction(['i32'], [], (n, { state }: HostContext<{ list: number[] }>) => state.list.push(n)),
    },
  });
  const module = await moduleOf('(import "lists" "add" (func $add (param i32))) (export "add" (func $add))');
  const vm = new VM();
  vm.instantiate(module, { lists: lists.functions });
  vm.invoke(vm.instance().func('add'), [1]);
  vm.park();
  const twins = [vm.fork(), vm.fork()];
  for (const twin of twins) twin.invoke(twin.instance().func('add'), [2]);
  t.deepEqual(
    [...twins, vm].map((each) => each.state(lists).list),
    [[1, 2], [1, 2], [1]],
  );
});

test('one that cannot go back is where it was to go, and says why', async (t) => {
  let isBroken = false;
  const fragile = hostModule<{ n: number }>({
    name: 'fragile',
    state: {
      create: () => ({ n: 0 }),
      save: ({ n }) => ({ data: n }),
      restore: ({ data }) => {
        if (isBroken) throw new Error('not now');
        return { n: data as number };
      },
    },
    functions: { next: hostFunction([], ['i32'], ({ state }: HostContext<{ n: number }>) => ++state.n) },
  });
  const module = await moduleOf('(import "fragile" "next" (func $next (result i32))) (export "next" (func $next))');
  const vm = new VM();
  vm.instantiate(module, { fragile: fragile.functions });
  const next = () => vm.invoke(vm.instance().func('next'))[0];
  t.is(next(), 1);
  const at = vm.save();
  t.is(next(), 2);
  isBroken = true;
  t.throws(() => vm.rewind(at), { instanceOf: SnapshotError, message: /not now/ });
  t.throws(next, { instanceOf: SnapshotError, message: /not now/ });
  isBroken = false;
  t.is(next(), 2);
});

for (const engine of engines)
  test(`segments that were dropped on another way are there again (${engine})`, async (t) => {
    const module = await moduleOf(`
      (memory (export "m") 1) (data $a "a") (data $b "b")
      (func (export "drop_a") (data.drop $a)) (func (export "drop_b") (data.drop $b))
      (func (export "init_a") (memory.init $a (i32.const 0) (i32.const 0) (i32.const 1)))
      (func (export "init_b") (memory.init $b (i32.const 0) (i32.const 0) (i32.const 1)))`);
    const vm = new VM({ engine });
    vm.instantiate(module);
    const call = (name: string) => vm.invoke(vm.instance().func(name));
    const start = vm.save();
    call('drop_a');
    const withoutA = vm.save();
    vm.rewind(start);
    call('drop_b');
    vm.rewind(withoutA);
    t.notThrows(() => call('init_b'));
    t.throws(() => call('init_a'), { instanceOf: Trap });
    vm.rewind(start);
    for (const name of ['init_a', 'init_b']) t.notThrows(() => call(name), name);
  });
