// Runs a program on the host's WebAssembly and on both of our engines, at once, hopping, and hopping from engine to engine,
// and tells the first difference, also in the fuel that a call took. Which NaN an operation gives is the host's choice; the
// programs make each one canonical.

import { type Imports, Module, Snapshot, Trap, UsageError, VM, type VmOptions } from '../../src/index.ts';
import { counterName, type Program } from './generate.ts';
import type { Random } from './random.ts';
import { counter, type Shape, type Type } from './shape.ts';

/** How long a program may run, in calls and passes of loops. */
const allowance = 2000;

/** What a call came to: its results, or the kind of trap. */
export type Ending = { values: readonly unknown[] } | { trap: string };

export interface Difference {
  readonly what: string;
  readonly expected: string;
  readonly got: string;
}

/** What V8 says when it traps, and which of our kinds that may be. */
const trapKinds: readonly (readonly [RegExp, readonly string[]])[] = [
  [/unreachable/, ['unreachable']],
  [/divide by zero|remainder by zero/, ['integer divide by zero']],
  [/divide result unrepresentable/, ['integer overflow']],
  [/float unrepresentable/, ['integer overflow', 'invalid conversion to integer']],
  // Of an atomic access that is unaligned too, V8 11 says one or the other; V8 13 this if it is outside at any index.
  [/memory access out of bounds/, ['out of bounds memory access', 'unaligned atomic']],
  [/table index is out of bounds|index out of bounds/, ['undefined element', 'out of bounds table access']],
  [/array element access out of bounds|array index/, ['out of bounds array access']],
  [/dereferencing a null pointer/, ['null reference', 'null function reference', 'null structure reference']],
  [/rethrowing null|dereferencing a null/, ['null exception reference']],
  [/illegal cast/, ['cast failure']],
  [/unaligned access/, ['unaligned atomic']],
  [/null function or function signature|signature mismatch/, ['uninitialized element', 'indirect call type mismatch']],
  [/Maximum call stack/, ['call stack exhausted']],
];

export function hostTrap(error: unknown): readonly string[] {
  if (error instanceof WebAssembly.Exception) return ['uncaught exception'];
  const message = error instanceof Error ? error.message : String(error);
  return trapKinds.find(([pattern]) => pattern.test(message))?.[1] ?? [message];
}

export type Exports = Record<string, WebAssembly.Global & WebAssembly.Memory & ((...args: unknown[]) => unknown)>;

export function onHost(
  exports: Exports,
  name: string,
  args: readonly unknown[],
  trapsOf = hostTrap,
): { values: unknown[] } | { traps: readonly string[] } {
  try {
    const value = exports[name]?.(...args);
    return { values: value === undefined ? [] : Array.isArray(value) ? value : [value] };
  } catch (error) {
    return { traps: trapsOf(error) };
  }
}

/** What was done, over all programs. `features`: modules that had each. */
export const newTally = () => ({
  modules: 0,
  calls: 0,
  traps: 0,
  interpreter: 0,
  native: 0,
  suspended: 0,
  restored: 0,
  /** Inner calls that failed, and slices of programs beside. */
  inner: 0,
  beside: 0,
  features: {} as Record<string, number>,
});
export type Tally = ReturnType<typeof newTally>;

export type EngineName = 'interpreter' | 'native';

/** One of our VMs with the program in it; restored ones take its place. */
export interface Ours {
  vm: VM;
  readonly module: Module;
  /** The engines that it may be restored in. */
  readonly engines: readonly EngineName[];
  readonly tally: Tally;
  readonly imports: Imports;
  readonly limits: VmOptions['limits'];
}

export const instanceOf = ({ vm }: Ours) => vm.instance(0);

export function atOnce(ours: Ours, name: string, args: readonly unknown[]): Ending {
  try {
    return { values: ours.vm.invoke(instanceOf(ours).func(name), args) };
  } catch (error) {
    if (error instanceof Trap) return { trap: error.kind };
    throw error;
  }
}

/** Suspends again and again at random places; now and then saves, throws away and restores. */
export function hopping(ours: Ours, name: string, args: readonly unknown[], random: Random): Ending {
  ours.vm.start(instanceOf(ours).func(name), args);
  // Where native code goes on in the midst of a function, the host compiles what is left of it.
  const mostHops = ours.engines.includes('native') ? 6 : 40;
  for (let hops = 0; ; hops++) {
    const budget = hops > mostHops ? {} : random.chance(2) ? { steps: random.below(30) } : { fuel: random.below(200) };
    const outcome = ours.vm.run(budget);
    if (outcome.status === 'returned') return { values: outcome.values };
    if (outcome.status === 'trapped') {
      if (outcome.trap instanceof Trap) return { trap: outcome.trap.kind };
      throw outcome.trap;
    }
    ours.tally.suspended++;
    if (random.chance(3)) restore(ours, random);
  }
}

export function restore(ours: Ours, random: Random): void {
  const bytes = ours.vm.save().encode();
  ours.vm.dispose();
  const engine = random.pick(ours.engines);
  const { module, imports, limits } = ours;
  ours.vm = VM.restore(Snapshot.decode(bytes).encode(), { modules: [module], engine, imports, limits });
  ours.tally.restored++;
}

export const argument = (random: Random, type: Type): unknown => {
  if (type === 'externref') return random.pick([null, 7, 'seven']);
  if (type === 'i32') return random.int();
  if (type === 'i64') return BigInt.asIntN(64, (BigInt(random.int()) << 32n) | BigInt(random.int() >>> 0));
  const [lo, hi] = random.double();
  const value = new Float64Array(Int32Array.of(lo, hi).buffer)[0] as number;
  return Number.isNaN(value) ? NaN : type === 'f32' ? Math.fround(value) : value;
};

export const show = (values: readonly unknown[]): string =>
  `[${values.map((v) => (typeof v === 'bigint' ? `${v}n` : Object.is(v, -0) ? '-0' : String(v))).join(', ')}]`;

/** How the calls are run: in these engines, at once or hopping. */
export const ways = [
  { how: 'interpreted', engines: ['interpreter'], hops: false },
  { how: 'interpreted, hopping', engines: ['interpreter'], hops: true },
  { how: 'native', engines: ['native'], hops: false },
  { how: 'native, hopping', engines: ['native'], hops: true },
  { how: 'hopping between the engines', engines: ['native', 'interpreter'], hops: true },
] as const;

/** Compares a program's calls one after the other, and the state that they leave; undefined where all is equal. */
export function compare(program: Program, random: Random, tally = newTally()): Difference | undefined {
  const host = new WebAssembly.Instance(new WebAssembly.Module(program.bytes as BufferSource), {})
    .exports as unknown as Exports;
  const module = Module.from(program.bytes);
  const { shape } = program;
  const runners = ways.flatMap((way) => {
    const ours = create(module, way.engines, tally);
    return ours === undefined ? [] : [{ ...way, ours }];
  });
  tally.modules++;
  for (const feature of shape.features) tally.features[feature] = (tally.features[feature] ?? 0) + 1;
  try {
    for (const [i, { params }] of shape.functions.entries()) {
      const args = params.map((type) => argument(random, type));
      const name = `f${i}`;
      (host[counterName] as WebAssembly.Global).value = allowance;
      const expected = onHost(host, name, args);
      tally.calls++;
      if ('traps' in expected) tally.traps++;
      let fuel: number | undefined;
      for (const { how, hops, engines, ours } of runners) {
        instanceOf(ours).global(counterName).value = allowance;
        const before = ours.vm.fuelUsed;
        const ending = hops ? hopping(ours, name, args, random) : atOnce(ours, name, args);
        const used = ours.vm.fuelUsed - before;
        fuel ??= used;
        for (const engine of engines) tally[engine]++;
        const difference =
          differing(expected, ending) ??
          stateDiffers(host, exportsOf(ours, shape), shape) ??
          fuelDiffers(ending, fuel, used);
        if (difference !== undefined) return { ...difference, what: `${name}${show(args)} ${how}: ${difference.what}` };
      }
    }
    return undefined;
  } finally {
    for (const { ours } of runners) ours.vm.dispose();
  }
}

/** Undefined where the engine does not support the module. */
export function create(
  module: Module,
  engines: readonly EngineName[],
  tally: Tally,
  imports: Imports = {},
  limits: VmOptions['limits'] = {},
): Ours | undefined {
  const vm = new VM({ engine: engines[0], limits });
  try {
    vm.instantiate(module, imports);
    return { vm, module, engines, tally, imports, limits };
  } catch (error) {
    vm.dispose();
    if (error instanceof UsageError && engines[0] === 'native') return undefined;
    throw error;
  }
}

/** Native code that traps says more than it has used. */
export function fuelDiffers(ending: Ending, expected: number, used: number): Difference | undefined {
  if ('trap' in ending || used === expected) return undefined;
  return { what: 'fuel', expected: String(expected), got: String(used) };
}

export function differing(expected: ReturnType<typeof onHost>, got: Ending): Difference | undefined {
  const want = 'values' in expected ? show(expected.values) : expected.traps.join(' or ');
  const have = 'values' in got ? show(got.values) : got.trap;
  const same =
    'values' in expected ? 'values' in got && want === have : 'trap' in got && expected.traps.includes(got.trap);
  return same ? undefined : { what: 'outcome', expected: want, got: have };
}

/** As the host shows what an instance exports, for comparing state. */
export function exportsOf(ours: Ours, { memories }: Shape): Exports {
  const names = Array.from({ length: counter + 1 }, (_, g) => `g${g}`);
  const shown: Record<string, object> = {};
  for (const name of names)
    shown[name] = {
      get value() {
        return instanceOf(ours).global(name).value;
      },
      set value(value: unknown) {
        instanceOf(ours).global(name).value = value as number;
      },
    };
  for (const m of memories.keys())
    shown[`m${m}`] = {
      get buffer() {
        return instanceOf(ours).memory(`m${m}`).bytes.buffer;
      },
    };
  return shown as unknown as Exports;
}

export function stateDiffers(host: Exports, ours: Exports, { memories }: Shape): Difference | undefined {
  for (let g = 0; g <= counter; g++) {
    const [want, have] = [host[`g${g}`]?.value, ours[`g${g}`]?.value];
    if (!Object.is(want, have)) return { what: `global ${g}`, expected: show([want]), got: show([have]) };
  }
  for (const m of memories.keys()) {
    const [want, have] = [
      Buffer.from((host[`m${m}`] as WebAssembly.Memory).buffer),
      Buffer.from((ours[`m${m}`] as WebAssembly.Memory).buffer),
    ];
    if (want.equals(have)) continue;
    const at = want.findIndex((byte, i) => byte !== have[i]);
    return { what: `memory ${m} at ${at}`, expected: String(want[at]), got: String(have[at]) };
  }
  return undefined;
}
