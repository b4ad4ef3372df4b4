// Deep forgeries of snapshots: fields of the metadata, words of frames, heap and tables, counts and lists are changed, and
// all is encoded again as it should be. Each must be refused with the right error, or be as good as any other: it runs on
// both engines within a bound of fuel, moves from one to the other, and calls no host function that no module imports.

import {
  asyncHostFunction,
  CrashError,
  HostError,
  hostFunction,
  LimitError,
  LinkError,
  type Module,
  Snapshot,
  SnapshotError,
  Trap,
  UsageError,
  VM,
} from '../../src/index.ts';
import { type Forged, forged, guest as richGuest, imports as richImports, waiting } from '../snapshot/guest.ts';
import { moduleOf } from '../wat.ts';
import type { Random } from './random.ts';

const limits = { memory: 2 ** 22, frames: 200, stack: 2 ** 18, tables: 10_000, heap: 2 ** 20, entities: 1000 };

/** Something of everything that native code supports, too. */
const plainText = `
  (type $t (func (param i32) (result i32)))
  (import "env" "add" (func $add (param i32 i32) (result i32)))
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (memory (export "m") 1 3)
  (table $tab (export "tab") 4 8 funcref)
  (elem (table $tab) (i32.const 0) func $twice $deep $asks)
  (elem $spare func $twice $deep)
  (data $d "abc")
  (tag $oops (param i32))
  (global $g (export "g") (mut i64) (i64.const 5))
  (global $f (mut f32) (f32.const nan:0x200001))
  (global $r (mut funcref) (ref.null func))
  (global $x (mut externref) (ref.null extern))
  (func $twice (type $t) (i32.mul (local.get 0) (i32.const 2)))
  (func $asks (type $t) (call $ask (local.get 0)))
  (func $deep (type $t) (local $i i32) (local $sum i64) (local $d f64)
    (loop $l
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_s (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (i32.store (i32.mul (local.get $i) (i32.const 4)) (local.get $i))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 20))))
    (global.set $g (local.get $sum))
    (if (result i32) (i32.eqz (local.get 0))
      (then (call_indirect $tab (type $t) (i32.const 7) (i32.const 2)))
      (else (i32.add (i32.const 1)
        (call_indirect $tab (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))))))
  (func (export "run") (param i32 externref) (result i32)
    (global.set $x (local.get 1))
    (global.set $r (ref.func $twice))
    (drop (table.grow $tab (ref.func $twice) (i32.const 1)))
    (drop (memory.grow (i32.const 1)))
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 2))
    (block $h (result i32) (try_table (result i32) (catch $oops $h) (call $add (i32.const 1) (call $deep (local.get 0))))))
  (func (export "throw") (throw $oops (i32.const 3)))
  (func (export "spin") (loop $l (br $l)))`;

/** Imports of the first instance: tables, memories, globals and tags of another. */
const linkedText = `
  (import "first" "m" (memory 1 3))
  (import "first" "tab" (table 4 8 funcref))
  (import "first" "g" (global (mut i64)))
  (import "first" "run" (func $run (param i32 externref) (result i32)))
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (elem (table 0) (i32.const 3) func $ask)
  (func (export "twice") (param i32) (result i32)
    (i32.add (call $run (local.get 0) (ref.null extern)) (call $run (i32.const 1) (ref.null extern))))`;

const waitText = `(memory 1 1 shared) (global (mut i32) (i32.const 0))
  (func (export "f") (param f64) (result f64)
    (drop (memory.atomic.wait64 (i32.const 16) (i64.const 0) (i64.const -1)))
    (global.set 0 (i32.add (global.get 0) (memory.atomic.wait32 (i32.const 4) (i32.const 0) (i64.const 1000))))
    (f64.add (local.get 0) (f64.const 1)))`;

/** Names of the host functions that were called and that nobody imports. */
const reached: string[] = [];
const strange = (name: string) =>
  hostFunction([], [], () => {
    reached.push(name);
  });

/** Besides what modules import, the host has more. */
const imports = {
  env: {
    ...richImports.env,
    add: hostFunction(['i32', 'i32'], ['i32'], (a, b) => (a as number) + (b as number)),
    ask: asyncHostFunction(['i32'], ['i32'], (a) => a),
    other: strange('other'),
  },
  first: { other: strange('other of first'), run: strange('run of first') },
};
const richOnes = { env: { ...imports.env, ask: richImports.env.ask } };

interface Original {
  readonly modules: readonly Module[];
  readonly imports: object;
  readonly data: Snapshot['data'];
}

/** VMs of four guests that stop at several places. */
export async function originals(): Promise<Original[]> {
  const [plain, linked, waits] = await Promise.all([plainText, linkedText, waitText].map((text) => moduleOf(text)));
  if (plain === undefined || linked === undefined || waits === undefined) throw new Error('no modules');
  const found: Original[] = [];
  const add = (vm: VM, modules: readonly Module[], given: object) => {
    found.push({ modules, imports: given, data: vm.save().data });
    vm.dispose();
  };
  for (const fuel of [0, 40, 90, 200, 100_000]) {
    const vm = new VM({ limits });
    vm.start(vm.instantiate(plain, imports).func('run'), [3, { gift: [1, 2n, 'x'] }]);
    vm.run({ fuel });
    add(vm, [plain], imports);
    const pair = new VM({ limits });
    const first = pair.instantiate(plain, imports);
    const second = pair.instantiate(linked, { ...imports, first });
    pair.start(second.func('twice'), [2]);
    pair.run(fuel === 40 ? { steps: 31 } : { fuel });
    add(pair, [plain, linked], imports);
  }
  const cell = new VM({ limits });
  cell.start(cell.instantiate(waits).func('f'), [1.5]);
  cell.run();
  add(cell, [waits], {});
  const rich = await waiting({ limits });
  add(rich, [await richGuest], richOnes);
  return found;
}

// Forging

const oddNumbers = [
  0,
  1,
  -1,
  2,
  3,
  4,
  5,
  7,
  8,
  16,
  100,
  255,
  4096,
  65536,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 32,
  2 ** 51,
  2 ** 53,
];
const oddTexts = [
  '',
  'env',
  'first',
  'other',
  'ask',
  'add',
  'run',
  'i32',
  'i64',
  'funcref',
  'externref',
  'anyref',
  'x',
];
const oddBigs = [0n, 1n, -1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n];

/** Fields that say which program it is, and of what form; without them nothing is left to forge. */
const kept = new Set(['version', 'modules', 'pages', 'externs']);

/** Places of the data that can be changed: (object, key). */
function placesIn(value: unknown, places: [object, string | number][], depth = 0): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  for (const key of Object.keys(value)) {
    if (depth === 0 && kept.has(key)) continue;
    places.push([value, key]);
    placesIn((value as Record<string, unknown>)[key], places, depth + 1);
  }
}

/** Changes a few things in the data. */
export function forge(data: Forged, random: Random): void {
  for (let n = 1 + random.below(3); n > 0; n--) {
    const places: [object, string | number][] = [];
    placesIn(data, places);
    const [owner, key] = random.pick(places) as [Record<string | number, unknown>, string];
    owner[key] = forgedValue(owner[key], random, data);
  }
  if (random.chance(8)) addEntity(data, random);
}

function forgedValue(value: unknown, random: Random, data: Forged): unknown {
  if (value instanceof Int32Array) return forgedWords(value, random, data);
  if (typeof value === 'number') return random.chance(3) ? value + random.pick([1, -1, 2]) : random.pick(oddNumbers);
  if (typeof value === 'string') return random.pick(oddTexts);
  if (typeof value === 'bigint') return random.pick(oddBigs);
  if (typeof value === 'boolean') return !value;
  if (Array.isArray(value)) return forgedList(value, random);
  if (value === null) return random.pick([0n, 5n, null]);
  return value;
}

function forgedList(list: readonly unknown[], random: Random): unknown[] {
  const copy = structuredClone(list) as unknown[];
  const at = random.below(copy.length + 1);
  const kind = random.below(3);
  if (kind === 0) copy.splice(at, 1);
  else if (kind === 1 && copy.length > 0) copy.splice(at, 0, structuredClone(random.pick(copy)));
  else copy.reverse();
  return copy;
}

/** Words of all of the data, so that what is forged is often something that is there. */
function anyWord(random: Random, data: Forged): number {
  const rows = [data.frames, data.slots, data.globals, data.heap.objects, data.heap.types, ...data.tables].filter(
    ({ length }) => length > 0,
  );
  return rows.length === 0 ? 0 : random.pick([...random.pick(rows)]);
}

function forgedWords(words: Int32Array, random: Random, data: Forged): Int32Array {
  const copy = words.slice();
  const at = random.below(copy.length + 1);
  switch (random.below(6)) {
    case 0:
      return Int32Array.from([...copy.subarray(0, at), anyWord(random, data), ...copy.subarray(at)]);
    case 1:
      return copy.slice(0, at);
    case 2:
      return Int32Array.from([...copy, ...copy.subarray(at)]);
    case 3:
      return copy.copyWithin(at, random.below(copy.length + 1), copy.length);
    default:
      for (let n = 1 + random.below(3); n > 0 && copy.length > 0; n--)
        copy[random.below(copy.length)] = random.chance(2) ? anyWord(random, data) : random.pick(oddNumbers);
      return copy;
  }
}

/** One more of what the host made, right in all but that nobody has it. */
function addEntity(data: Forged, random: Random): void {
  const type = { params: [], results: [] };
  const made = {
    func: { module: random.pick(['env', 'first']), name: random.pick(['other', 'run', 'ask']), type },
    tag: type,
    global: { type: 'i32', mutable: true },
  };
  const kind = random.pick(['func', 'tag', 'global'] as const);
  const addr = data.origins[kind].length / 2;
  data.origins[kind] = Int32Array.from([...data.origins[kind], -1, data.made[kind].length]);
  (data.made[kind] as unknown[]).push(made[kind]);
  if (kind === 'global') data.globals = Int32Array.from([...data.globals, 1, 0, 0, 0]);
  if (kind !== 'func') return;
  if (random.chance(2)) data.tables[0]?.set([addr, 1], 0);
  else data.pending = { id: data.calls, func: addr, args: new Int32Array(0) };
}

// Judging

type Verdict = 'refused' | 'ran';
const isRefusal = (error: unknown): boolean =>
  error instanceof SnapshotError || error instanceof LimitError || error instanceof LinkError;

/** Runs on one engine and then on another, as far as fuel goes; host calls that wait are answered. */
function runOn(vm: VM, original: Original): void {
  let current = vm;
  for (let hop = 0; hop < 4 && current.status !== 'idle'; hop++) {
    const outcome = runOnce(current);
    if (outcome === 'over') break;
    const engine = hop % 2 === 0 ? 'native' : 'interpreter';
    const from = current.save().encode();
    current.dispose();
    current = restored(from, original, supports(original) ? engine : 'interpreter');
  }
  callExports(current, original);
  current.dispose();
}

function runOnce(vm: VM): 'over' | 'goes on' {
  const outcome = vm.run({ fuel: 300 });
  if (outcome.status === 'trapped') checkError(outcome.trap);
  if (outcome.status !== 'suspended') return 'over';
  if (outcome.reason.kind === 'wait') vm.wake();
  if (outcome.reason.kind !== 'host') return 'goes on';
  const { results } = vm.store.funcType(vm.store.pending?.func ?? 0);
  vm.deliver(
    outcome.reason.id,
    results.map((type) => (type === 'i64' ? 1n : type === 'i32' ? 1 : type === 'v128' ? new Uint8Array(16) : null)),
  );
  return 'over';
}

function callExports(vm: VM, { modules }: Original): void {
  if (vm.status !== 'idle') return;
  for (const { name } of modules[0]?.syntax.exports.filter(({ kind }) => kind === 'func') ?? []) {
    if (vm.status !== 'idle') return;
    const func = vm.instance().func(name);
    const { params } = vm.store.funcType(func.payload);
    vm.start(
      func,
      params.map((type) => (type === 'i32' ? 2 : type === 'f64' ? 1.5 : type === 'i64' ? 1n : null)),
    );
    const outcome = vm.run({ fuel: 300 });
    if (outcome.status === 'trapped') checkError(outcome.trap);
  }
}

function checkError(error: unknown): void {
  if (error instanceof CrashError || !(error instanceof Trap || error instanceof HostError)) throw error;
}

const supports = ({ modules }: Original): boolean => !modules.some(({ context }) => usesHeap(context));
const usesHeap = ({ types, memories }: Module['context']): boolean =>
  types.some(({ comp }) => comp.kind !== 'func') || memories.some(({ shared }) => shared);

const restored = (from: Uint8Array | Snapshot, original: Original, engine: 'native' | 'interpreter'): VM =>
  VM.restore(from, { modules: original.modules, imports: original.imports as never, limits, engine });

/** What became of forged data. Throws where it is neither refused as it should be nor as good as any other. */
export function judgeForged(original: Original, data: Forged): Verdict {
  let verdict: Verdict = 'refused';
  for (const engine of supports(original) ? (['interpreter', 'native'] as const) : (['interpreter'] as const)) {
    let vm: VM;
    try {
      vm = restored(encodedOf(data) ?? new Snapshot(structuredClone(data) as never), original, engine);
    } catch (error) {
      if (isRefusal(error)) continue;
      throw error;
    }
    verdict = 'ran';
    try {
      runOn(vm, original);
    } catch (error) {
      if (!(error instanceof LimitError || error instanceof UsageError)) throw error;
    }
  }
  if (reached.length > 0) throw new Error(`host functions were reached that nobody imports: ${reached.splice(0)}`);
  return verdict;
}

/** The bytes, or undefined where the data has not the form that can be written at all. */
function encodedOf(data: Forged): Uint8Array | undefined {
  try {
    return new Snapshot(structuredClone(data) as never).encode();
  } catch {
    return undefined;
  }
}

/** A forgery by its seed. */
export function forgery(list: readonly Original[], random: Random): readonly [Original, Forged] {
  const original = random.pick(list);
  const data = forged({ data: original.data } as Snapshot);
  forge(data, random);
  return [original, data];
}
