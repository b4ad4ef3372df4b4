// Runs a program on the host's WebAssembly and on ours, at once and hopping, and tells the first difference.

import { Module, Snapshot, Trap, VM } from '../../src/index.ts';
import type { Program, Type } from './generate.ts';
import type { Random } from './random.ts';

/** How long a program may run, in calls and passes of loops. */
const allowance = 3000;
const counterName = 'g4';

/** What a call came to: its results, or the kind of trap. */
type Ending = { values: readonly unknown[] } | { trap: string };

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
  [/memory access out of bounds/, ['out of bounds memory access']],
  [/table index is out of bounds|index out of bounds/, ['undefined element']],
  [/null function or function signature|signature mismatch/, ['uninitialized element', 'indirect call type mismatch']],
  [/Maximum call stack/, ['call stack exhausted']],
];

function hostTrap(error: unknown): readonly string[] {
  const message = error instanceof Error ? error.message : String(error);
  return trapKinds.find(([pattern]) => pattern.test(message))?.[1] ?? [message];
}

type Exports = Record<string, WebAssembly.Global & WebAssembly.Memory & ((...args: unknown[]) => unknown)>;

function onHost(
  exports: Exports,
  name: string,
  args: readonly unknown[],
): { values: unknown[] } | { traps: readonly string[] } {
  try {
    const value = exports[name]?.(...args);
    return { values: value === undefined ? [] : Array.isArray(value) ? value : [value] };
  } catch (error) {
    return { traps: hostTrap(error) };
  }
}

/** One of our VMs with the program in it; restored ones take its place. */
interface Ours {
  vm: VM;
}

const instanceOf = ({ vm }: Ours) => vm.instance(0);

function atOnce(ours: Ours, name: string, args: readonly unknown[]): Ending {
  try {
    return { values: ours.vm.invoke(instanceOf(ours).func(name), args) };
  } catch (error) {
    if (error instanceof Trap) return { trap: error.kind };
    throw error;
  }
}

/** Suspends again and again at random places; now and then saves, throws away and restores. */
function hopping(ours: Ours, module: Module, name: string, args: readonly unknown[], random: Random): Ending {
  ours.vm.start(instanceOf(ours).func(name), args);
  for (let hops = 0; ; hops++) {
    const budget = hops > 40 ? {} : random.chance(2) ? { steps: random.below(30) } : { fuel: random.below(200) };
    const outcome = ours.vm.run(budget);
    if (outcome.status === 'returned') return { values: outcome.values };
    if (outcome.status === 'trapped') {
      if (outcome.trap instanceof Trap) return { trap: outcome.trap.kind };
      throw outcome.trap;
    }
    if (random.chance(3)) restore(ours, module);
  }
}

function restore(ours: Ours, module: Module): void {
  const bytes = ours.vm.save().encode();
  ours.vm.dispose();
  ours.vm = VM.restore(Snapshot.decode(bytes).encode(), { modules: [module] });
}

const argument = (random: Random, type: Type): unknown => {
  if (type === 'i32') return random.int();
  if (type === 'i64') return BigInt.asIntN(64, (BigInt(random.int()) << 32n) | BigInt(random.int() >>> 0));
  const [lo, hi] = random.double();
  const value = new Float64Array(Int32Array.of(lo, hi).buffer)[0] as number;
  return Number.isNaN(value) ? NaN : type === 'f32' ? Math.fround(value) : value;
};

const show = (values: readonly unknown[]): string =>
  `[${values.map((v) => (typeof v === 'bigint' ? `${v}n` : Object.is(v, -0) ? '-0' : String(v))).join(', ')}]`;

/** Compares a program's calls one after the other, and the state that they leave; undefined where all is equal. */
export function compare(program: Program, random: Random): Difference | undefined {
  const host = new WebAssembly.Instance(new WebAssembly.Module(program.bytes as BufferSource), {})
    .exports as unknown as Exports;
  const module = Module.from(program.bytes);
  const runners = [
    { how: 'at once', ours: create(module), call: atOnce },
    {
      how: 'hopping',
      ours: create(module),
      call: (ours: Ours, name: string, args: readonly unknown[]) => hopping(ours, module, name, args, random),
    },
  ];
  try {
    for (const [i, { params }] of program.functions.entries()) {
      const args = params.map((type) => argument(random, type));
      const name = `f${i}`;
      (host[counterName] as WebAssembly.Global).value = allowance;
      const expected = onHost(host, name, args);
      for (const { how, ours, call } of runners) {
        instanceOf(ours).global(counterName).value = allowance;
        const difference = differing(expected, call(ours, name, args)) ?? stateDiffers(host, ours);
        if (difference !== undefined) return { ...difference, what: `${name}${show(args)} ${how}: ${difference.what}` };
      }
    }
    return undefined;
  } finally {
    for (const { ours } of runners) ours.vm.dispose();
  }
}

function create(module: Module): Ours {
  const vm = new VM();
  vm.instantiate(module);
  return { vm };
}

function differing(expected: ReturnType<typeof onHost>, got: Ending): Difference | undefined {
  const want = 'values' in expected ? show(expected.values) : expected.traps.join(' or ');
  const have = 'values' in got ? show(got.values) : got.trap;
  const same =
    'values' in expected ? 'values' in got && want === have : 'trap' in got && expected.traps.includes(got.trap);
  return same ? undefined : { what: 'outcome', expected: want, got: have };
}

function stateDiffers(host: Exports, ours: Ours): Difference | undefined {
  for (let g = 0; g < 5; g++) {
    const [want, have] = [host[`g${g}`]?.value, instanceOf(ours).global(`g${g}`).value];
    if (!Object.is(want, have)) return { what: `global ${g}`, expected: show([want]), got: show([have]) };
  }
  const [want, have] = [
    Buffer.from((host.m as WebAssembly.Memory).buffer),
    Buffer.from(instanceOf(ours).memory('m').bytes),
  ];
  if (want.equals(have)) return undefined;
  const at = want.findIndex((byte, i) => byte !== have[i]);
  return { what: `memory at ${at}`, expected: String(want[at]), got: String(have[at]) };
}
