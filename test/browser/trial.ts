// Runs a random program in slices, saved and restored after each, and tells all that can be told of it. The same file runs
// in Node and, bundled, in a browser; so it knows neither.

import { concatBytes } from '@noble/hashes/utils.js';
import { Module, type Outcome, Snapshot, Trap, VM, type VmOptions } from '../../src/index.ts';
import { hashOf } from '../../src/runtime/beneath/sha256.ts';
import { contentsOf, readParts } from '../../src/snapshot/container/parts.ts';
import { Random } from '../fuzz/random.ts';
import type { Signature } from '../fuzz/shape.ts';

export interface Trial {
  readonly seed: number;
  /** The global that bounds its loops and calls. */
  readonly counter: string;
  readonly bytes: readonly number[];
  readonly functions: readonly Signature[];
}

type Engine = NonNullable<VmOptions['engine']>;

/** How long a program may run, in calls and passes of loops; in how many slices, before it goes on to its end. */
const allowance = 2000;
const slices = 6;

const argument = (random: Random, type: Signature['params'][number]): unknown => {
  if (type === 'i32') return random.int();
  if (type === 'i64') return BigInt(random.int()) * 65_537n;
  if (type === 'externref') return null;
  return type === 'f32' ? Math.fround(random.below(1000) / 7) : random.below(1000) / 7;
};

/** A line for each slice: the fuel used and a hash of what is saved, or how the call has ended. Engines take turns. */
export function lines({ seed, counter, bytes, functions }: Trial, engines: readonly Engine[]): string[] {
  const random = new Random(seed);
  const modules = [Module.from(Uint8Array.from(bytes))];
  return functions.flatMap(({ params }, i) => {
    const args = params.map((type) => argument(random, type));
    const start = (vm: VM): void => {
      const instance = vm.instantiate(modules[0] as Module);
      instance.global(counter).value = allowance;
      vm.start(instance.func(`f${i}`), args);
    };
    return [`f${i}`, ...callLines(modules, start, random, engines)];
  });
}

function callLines(
  modules: readonly Module[],
  start: (vm: VM) => void,
  random: Random,
  engines: readonly Engine[],
): string[] {
  const told: string[] = [];
  let vm = new VM({ engine: engines[0] });
  start(vm);
  for (let slice = 1; ; slice++) {
    const outcome = vm.run({ fuel: slice > slices ? Infinity : random.below(300) });
    // Native code that traps does not know what it has used.
    const fuel = outcome.status === 'trapped' ? '' : `, ${vm.fuelUsed} fuel`;
    told.push(`${show(outcome)}${fuel}`);
    if (outcome.status !== 'suspended') break;
    const saved = vm.save().encode();
    told.push(hashOf(contents(saved)));
    vm.dispose();
    const engine = engines[slice % engines.length] as Engine;
    vm = VM.restore(Snapshot.decode(saved), { modules, engine });
  }
  vm.dispose();
  return told;
}

/** What is saved, whoever has packed it. */
function contents(saved: Uint8Array): Uint8Array {
  const parts = readParts(saved);
  const kinds = (['metadata', 'words', 'pages'] as const).map((kind) => contentsOf(parts, kind, Infinity));
  return concatBytes(...kinds);
}

function show(outcome: Outcome): string {
  if (outcome.status === 'suspended') return outcome.reason.kind;
  if (outcome.status === 'returned') return `[${outcome.values.map(showValue).join(', ')}]`;
  if (outcome.status === 'exited') return `exited ${outcome.code}`;
  const { trap } = outcome;
  const frames = trap.frames.map(({ func, pc }) => `${func}@${pc}`).join(' ');
  return `${trap instanceof Trap ? trap.kind : trap.message} at ${frames}`;
}

/** What becomes of a module that is compiled beside other work. */
export async function compiled(bytes: readonly number[]): Promise<string> {
  const module = Uint8Array.from(bytes);
  return Module.compile(module).then(
    ({ hash, exports }) => `${hash} ${exports.map(({ name }) => name).join()}`,
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

const showValue = (value: unknown): string => (Object.is(value, -0) ? '-0' : String(value));
