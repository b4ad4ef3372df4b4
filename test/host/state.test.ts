// State of host modules: saved, restored into either engine, forked, moved, forged.

import { readFile } from 'node:fs/promises';
import test from 'ava';
import {
  ExitError,
  HostError,
  hostFunction,
  hostModule,
  LimitError,
  LinkError,
  Module,
  type Outcome,
  Snapshot,
  SnapshotError,
  UsageError,
  VM,
} from '../../src/index.ts';
import type { SnapshotData } from '../../src/snapshot/data/format.ts';
import { moduleOf } from '../wat.ts';
import { blockBytes, calls, counterModule, counting, engines, guest, other } from './counter.ts';

const counter = counterModule();
const imports = { counter: counter.functions };
const restored = async (from: Snapshot | Uint8Array, options: object = {}): Promise<VM> =>
  VM.restore(from, { modules: [await guest], imports, ...options });
const values = (outcome: Outcome) => (outcome.status === 'returned' ? outcome.values : outcome);

test('a save includes it, in the middle of a call, and a restore into the other engine gives it back', async (t) => {
  for (const engine of engines) {
    let vm = await counting(engine, counter);
    vm.start(vm.instance().func('count'), [50]);
    let hops = 0;
    let outcome = vm.run({ fuel: 5_000 });
    for (let to = other(engine); outcome.status === 'suspended'; to = other(to), hops++) {
      const bytes = vm.save().encode();
      vm.dispose();
      vm = await restored(bytes, { engine: to });
      outcome = vm.run({ fuel: 5_000 });
    }
    t.deepEqual(values(outcome), [50]);
    t.true(hops > 5);
    t.is(vm.state(counter).count, 50);
    t.is(calls(vm, 'count', 1), 51);
  }
});

test('a fork has its own', async (t) => {
  for (const engine of engines) {
    const vm = await counting(engine, counter);
    calls(vm, 'count', 3);
    calls(vm, 'fill', 0, 3 * blockBytes, 1000);
    const twin = vm.fork();
    t.is(calls(vm, 'count', 2), 5);
    t.is(calls(twin, 'count', 1), 4);
    calls(vm, 'fill', 2000, 2001, 1);
    const [ours, theirs] = [vm.state(counter).blocks, twin.state(counter).blocks];
    t.deepEqual(
      ours.map((block, i) => block === theirs[i]),
      [false, true, true],
    );
    t.is(theirs[0]?.[2000], 2000 & 255);
  }
});

test('a move carries it: the bytes go as they are, by their handles', async (t) => {
  for (const engine of engines) {
    const vm = await counting(engine, counter);
    calls(vm, 'count', 7);
    calls(vm, 'fill', 0, 64 * blockBytes, blockBytes / 2);
    const blocks = [...vm.state(counter).blocks];
    for (const act of ['offer', 'send'] as const) {
      const { message, transfer } = vm[act]();
      t.false(transfer.some((part) => blocks.some(({ buffer }) => buffer === part)));
      const sent = structuredClone({ ...message, memories: [] });
      const size = JSON.stringify({ ...sent.data, blocks: [] }, (_, v) => (typeof v === 'bigint' ? 0 : v)).length;
      t.true(size < 20_000, `${size} besides the blocks`);
      const arrived = VM.receive(sent, { modules: [await guest], imports, engine: other(engine) });
      t.is(calls(arrived, 'count', 1), 8);
      t.is(calls(arrived, 'get', 63 * blockBytes), (63 * blockBytes) & 255);
      const first = blocks[0] as Uint8Array;
      first[5] = 77;
      t.is(calls(arrived, 'get', 5), 77, 'the same memory');
      first[5] = 0;
    }
    t.throws(() => vm.state(counter), { instanceOf: UsageError });
  }
});

test('equal blocks are written once, those that are zero not at all, and with a base what has changed', async (t) => {
  const vm = await counting('interpreter', counter);
  let seed = 1;
  const random = Uint8Array.from({ length: blockBytes }, () => {
    seed = Math.imul(seed, 1664525) + 1013904223;
    return seed >>> 24;
  });
  const block = () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(blockBytes));
    bytes.set(random);
    return bytes;
  };
  vm.state(counter).blocks.push(...Array.from({ length: 50 }, block), new Uint8Array(blockBytes));
  const base = vm.save();
  const bytes = base.encode();
  t.true(bytes.length > blockBytes / 2 && bytes.length < 1.5 * blockBytes, `${bytes.length}`);
  const again = Snapshot.decode(bytes);
  t.deepEqual((await restored(again)).state(counter).blocks, vm.state(counter).blocks);
  t.deepEqual(again.encode(), bytes, 'equal states give equal bytes');

  calls(vm, 'fill', 10 * blockBytes, 10 * blockBytes + 1, 1);
  const next = vm.save();
  const changed = next.encode({ base });
  t.true(changed.length < 12_000, `${changed.length} bytes for a page of a block`);
  for (const from of [base, again]) {
    t.deepEqual((await restored(Snapshot.decode(changed, { base: from }))).state(counter).blocks, [
      ...vm.state(counter).blocks,
    ]);
    t.true(next.encode({ base: from }).length < 12_000);
  }
  t.throws(() => Snapshot.decode(changed), { instanceOf: SnapshotError, message: /base snapshot is needed/ });
  t.throws(() => Snapshot.decode(changed, { base: next }), { instanceOf: SnapshotError, message: /another one/ });
  t.deepEqual(base.summary().states, [{ name: 'counter', bytes: 51 * blockBytes }]);
});

test('a snapshot without state is of the version before it; without its host module it is refused', async (t) => {
  const plain = new VM();
  plain.instantiate(await moduleOf('(func (export "f"))'));
  t.is(plain.save().data.version, 1);
  const vm = await counting('interpreter', counter);
  const snapshot = vm.save();
  t.is(snapshot.data.version, 4);
  const bare = Object.fromEntries(
    Object.entries(counter.functions).map(([name, { kind, params, results, body }]) => [
      name,
      { kind, params, results, body },
    ]),
  );
  await t.throwsAsync(restored(snapshot, { imports: { counter: bare } }), {
    instanceOf: LinkError,
    message: /state of the host module "counter", none of whose functions is among the imports/,
  });
});

test('small blocks count for 2 KiB each', async (t) => {
  const vm = await counting('interpreter', counter, { hostState: 20_480 });
  vm.state(counter).blocks.push(...Array.from({ length: 10 }, () => new Uint8Array(1)));
  t.is(vm.save().data.blocks?.length, 10);
  vm.state(counter).blocks.push(new Uint8Array(0));
  for (const act of [() => vm.save(), () => vm.fork(), () => vm.send()])
    t.like(t.throws(act, { instanceOf: LimitError }), { limit: 'hostState', value: 20_480 });
});

test('two host modules of one name are none', async (t) => {
  const module = await moduleOf('(import "a" "next" (func (result i32))) (import "b" "next" (func (result i32)))');
  const vm = new VM();
  const given = { a: counter.functions, b: counterModule().functions };
  t.throws(() => vm.instantiate(module, given), { instanceOf: LinkError, message: /two host modules.*"counter"/ });
  t.throws(() => vm.state(counter), { instanceOf: UsageError, message: /no instance of the VM imports/ });
  t.deepEqual(vm.save().data.states, undefined, 'nothing is left of it');
  vm.instantiate(module, { a: counter.functions, b: counterModule('other').functions });
  t.deepEqual(
    vm.save().data.states?.map(({ name }) => name),
    ['counter', 'other'],
  );
});

test('forged states are refused, each with what is wrong', async (t) => {
  const vm = await counting('interpreter', counter);
  calls(vm, 'fill', 0, 2 * blockBytes, 999);
  const { data } = vm.save();
  const state = data.states?.[0] as NonNullable<SnapshotData['states']>[number];
  const block = data.blocks?.[0] as Uint8Array;
  const cases: [Partial<SnapshotData>, RegExp][] = [
    [{ states: [{ ...state, data: { count: 0.5 } }] }, /no count/],
    [{ states: [{ ...state, data: undefined }] }, /no count/],
    [{ states: [{ ...state, blocks: new Int32Array([0, 2]) }] }, /its block 1 is not there/],
    [{ states: [{ ...state, blocks: new Int32Array([-1]) }] }, /its block 0 is not there/],
    [{ states: [state, state] }, /not in the order of names/],
    [{ states: [{ ...state, name: '' }] }, /not in the order of names/],
    [{ states: [{ ...state, name: 'env' }] }, /state of the host module "env"/],
    [{ states: {} as never }, /a list expected/],
    [{ states: [{ ...state, name: 5 as never }] }, /a text expected/],
    [{ blocks: [new Int32Array(4) as never] }, /bytes expected/],
    [{ blocks: [block.subarray(1)] }, /its block 1 is not there/],
    [{ blockRuns: new Int32Array([1, 1, 0]) }, /of a container/],
  ];
  for (const [forgery, message] of cases) {
    const error = await t.throwsAsync(restored(new Snapshot({ ...data, ...forgery })), { message });
    t.true(error instanceof SnapshotError || error instanceof LinkError, `${error}`);
  }
  const more = { ...data, states: [{ ...state, blocks: new Int32Array(100).fill(1) }] };
  await t.throwsAsync(restored(new Snapshot(more), { limits: { hostState: 99 * blockBytes } }), {
    instanceOf: LimitError,
    message: /over the limit hostState of/,
  });
  t.is(
    (await restored(new Snapshot(more), { limits: { hostState: 100 * blockBytes } })).state(counter).blocks.length,
    100,
  );
});

test('a container holds no more than it may unpack to', async (t) => {
  const vm = await counting('interpreter', counter);
  vm.state(counter).blocks.push(...Array.from({ length: 1000 }, () => new Uint8Array(blockBytes)));
  const bytes = vm.save().encode();
  t.true(bytes.length < 20_000, `${bytes.length}`);
  const limits = { hostState: 999 * blockBytes };
  await t.throwsAsync(restored(bytes, { limits }), { instanceOf: SnapshotError, message: /blocks take more than/ });
  t.throws(() => Snapshot.decode(bytes, { maxState: 1000 * blockBytes - 1 }), { instanceOf: SnapshotError });
  t.is((await restored(bytes)).state(counter).blocks.length, 1000);
});

test('what a module cannot save, restore or copy is told', async (t) => {
  const broken = (state: object) => {
    const counts = { create: () => 1, save: () => ({ data: 1 }), restore: () => 1, ...state };
    const functions = { f: hostFunction([], [], () => undefined) };
    return hostModule({ name: 'broken', state: counts, functions });
  };
  const module = await moduleOf('(import "x" "f" (func))');
  const vmOf = (state: object) => {
    const vm = new VM();
    vm.instantiate(module, { x: broken(state).functions });
    return vm;
  };
  const snapshot = vmOf({}).save();
  const boom = () => {
    throw new TypeError('boom');
  };
  t.throws(() => vmOf({ save: () => ({ data: () => 1 }) }).save(), {
    instanceOf: SnapshotError,
    message: /cannot be copied/,
  });
  t.throws(
    () =>
      vmOf({ save: () => ({ data: -0 }) })
        .save()
        .encode(),
    {
      instanceOf: SnapshotError,
      message: /negative zero/,
    },
  );
  const error = t.throws(
    () => VM.restore(snapshot, { modules: [module], imports: { x: broken({ restore: boom }).functions } }),
    { instanceOf: SnapshotError, message: /cannot be restored: boom/ },
  );
  t.true(error?.cause instanceof TypeError);
  t.throws(() => hostModule({ name: '', state: snapshot as never, functions: {} }), { instanceOf: UsageError });
  t.throws(() => hostModule({ name: 'x', state: {} as never, functions: {} }), { instanceOf: UsageError });
  const { functions } = broken({});
  t.throws(() => hostModule({ name: 'x', state: counter.state, functions }), {
    instanceOf: UsageError,
    message: /of the host module "broken"/,
  });
});

test('shared parts within a state are one, and a state may hold what it likes of plain values', async (t) => {
  const kept = { map: new Map([[1n, new Set(['a'])]]), list: [undefined, Number.NaN, new Float64Array([1, 2])] };
  const both = { first: kept, second: kept, externs: [kept], data: kept };
  const module = hostModule({
    name: 'plain',
    state: { create: () => ({ all: both }), save: (all) => ({ data: all }), restore: ({ data }) => data as never },
    functions: { f: hostFunction([], [], () => undefined) },
  });
  const vm = new VM();
  const wasm = await moduleOf('(import "x" "f" (func))');
  vm.instantiate(wasm, { x: module.functions });
  const twin = VM.restore(vm.save().encode(), { modules: [wasm], imports: { x: module.functions } });
  const { all } = twin.state(module) as { all: typeof both };
  t.deepEqual(all, both);
  t.is(all.first, all.second);
});

test('a function that cannot answer yet is asked again, wherever the VM is by then', async (t) => {
  for (const engine of engines) {
    let ready: (() => void) | undefined;
    const event = () =>
      new Promise<void>((resolve) => {
        ready = resolve;
      });
    const waiting = counterModule('counter', event);
    const vm = await counting(engine, waiting);
    vm.start(vm.instance().func('ask'), [2]);
    const outcome = vm.run();
    t.like(outcome, { status: 'suspended', reason: { kind: 'host', module: 'counter', name: 'ask', args: [2] } });
    t.not(vm.retry(), undefined);
    const bytes = vm.save().encode();

    const done = vm.runAsync();
    await null;
    vm.state(waiting).count = 2;
    ready?.();
    t.deepEqual(values(await done), [101], 'it was told the id of the call');

    const there = VM.restore(bytes, {
      modules: [await guest],
      imports: { counter: waiting.functions },
      engine: other(engine),
    });
    t.not(there.retry(), undefined);
    there.state(waiting).count = 3;
    t.is(there.retry(), undefined);
    t.deepEqual(values(there.run()), [101]);
    t.throws(() => there.retry(), { instanceOf: UsageError });
  }
});

test('a module is told when its VM is gone', async (t) => {
  for (const end of ['dispose', 'send'] as const) {
    const vm = await counting('interpreter', counter);
    calls(vm, 'fill', 0, 10, 1);
    const state = vm.state(counter);
    t.is(state.blocks.length, 1);
    if (end === 'send') vm.offer();
    t.is(state.blocks.length, 1);
    vm[end]();
    t.is(state.blocks.length, 0);
  }
});

test('time ends a wait, too; whoever waits is told when the VM is gone', async (t) => {
  const vm = await counting('interpreter', counter);
  vm.start(vm.instance().func('ask'), [1]);
  const done = vm.runAsync();
  setTimeout(() => {
    vm.state(counter).count = 1;
  }, 5);
  t.deepEqual(values(await done), [101]);

  const never = counterModule('counter', () => new Promise(() => {}));
  for (const end of ['dispose', 'send', 'deliver'] as const) {
    const lost = await counting('interpreter', never);
    lost.start(lost.instance().func('ask'), [1]);
    lost.run();
    const answered = lost.answer();
    await null;
    if (end === 'deliver') lost.deliver(1, [5]);
    else lost[end]();
    t.is(await answered, undefined, end);
  }
  const inner = await counting('interpreter', never);
  t.throws(() => calls(inner, 'ask', 1), { instanceOf: UsageError, message: /cannot wait for it/ });
});

test('to exit is an outcome, which no handler of the guest sees; where there can be none it is ExitError', async (t) => {
  for (const engine of engines) {
    const vm = await counting(engine, counter);
    vm.start(vm.instance().func('quit'), [-2]);
    t.deepEqual(vm.run(), { status: 'exited', code: 2 ** 32 - 2 });
    t.is(vm.status, 'idle');
    const error = t.throws(() => calls(vm, 'quit', 7), { instanceOf: ExitError });
    t.is(error?.exitCode, 7);
    t.is(calls(vm, 'count', 1), 1, 'the VM can be used again');
  }
});

test('what another VM within a host function ends with is an error of that function', async (t) => {
  const inner = await counting('interpreter', counter);
  const vm = new VM();
  const within = hostFunction([], [], () => calls(inner, 'quit', 3));
  const instance = vm.instantiate(await moduleOf('(import "x" "f" (func $f)) (func (export "g") (call $f))'), {
    x: { f: within },
  });
  const error = t.throws(() => vm.invoke(instance.func('g')), { instanceOf: HostError });
  t.true(error?.cause instanceof ExitError);
});

test('a snapshot of the first version with state still restores', async (t) => {
  const file = (extension: string) => readFile(new URL(`../fixtures/snapshot-v4.${extension}`, import.meta.url));
  const modules = [Module.from(await file('wasm'))];
  for (const engine of engines) {
    const vm = VM.restore(await file('wbx'), { modules, imports, engine });
    t.is(vm.store.instances.length, 1);
    t.deepEqual(values(vm.run()), [50]);
    t.is(calls(vm, 'get', 69_000), 69_000 & 255);
  }
});
