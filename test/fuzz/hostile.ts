// Damaged modules: each must be refused with the right error, or be as good as any other: instantiated, and its exports
// called within a bound of fuel. `npm run hostile -- --count N --snapshots N --seed S` damages modules of the test suite, and
// forges snapshots (forge.ts).

import { parseArgs } from 'node:util';
import {
  CrashError,
  HostError,
  LimitError,
  LinkError,
  Module,
  Trap,
  UsageError,
  VM,
  WasboxError,
} from '../../src/index.ts';
import { InvalidError, MalformedError } from '../../src/spec/errors.ts';
import { suiteModules } from '../binary/modules.ts';
import { forgery, judgeForged, originals } from './forge.ts';
import { Random } from './random.ts';

const limits = { memory: 2 ** 24, frames: 200, stack: 2 ** 20, tables: 100_000, heap: 2 ** 22 };
/** What may come of making a module, of making an instance, and of a call. */
const refusals = [MalformedError, InvalidError, LimitError];
const linking = [LinkError, LimitError, Trap, HostError];

/** A copy with bits flipped, bytes changed, or the end cut off. */
export function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice(0, random.chance(10) ? random.below(bytes.length + 1) : bytes.length);
  for (let n = 1 + random.below(4); n > 0 && copy.length > 8; n--) {
    const at = 8 + random.below(copy.length - 8);
    if (random.chance(2)) copy[at] = (copy[at] as number) ^ (1 << random.below(8));
    else copy[at] = random.pick([0, 1, 0x0b, 0x40, 0x7f, 0x80, 0xff, random.below(256)]);
  }
  return copy;
}

const isOneOf = (error: unknown, classes: readonly (abstract new (...args: never[]) => unknown)[]): boolean =>
  !(error instanceof CrashError) && classes.some((c) => error instanceof c);

function attempt<T>(allowed: typeof linking | typeof refusals, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (isOneOf(error, allowed as readonly (abstract new (...args: never[]) => unknown)[])) return undefined;
    throw error;
  }
}

const argument = (type: string): unknown => (type === 'i64' ? 1n : type === 'v128' ? new Uint8Array(16) : 1);

/** What became of one: how far it got. Throws where an error is not of the kind that it should be. */
export function judge(bytes: Uint8Array): 'refused' | 'unlinked' | 'ran' {
  const module = attempt(refusals, () => Module.from(bytes));
  if (module === undefined) return 'refused';
  const vm = new VM({ limits });
  try {
    const instance = attempt(linking, () => vm.instantiate(module, {}, { start: 'defer' }));
    if (instance === undefined) return 'unlinked';
    vm.status === 'suspended' && vm.run({ fuel: 500 });
    for (const { name, kind } of module.syntax.exports) if (kind === 'func') callExport(vm, instance.func(name));
    return 'ran';
  } finally {
    vm.dispose();
  }
}

function callExport(vm: VM, func: ReturnType<ReturnType<VM['instance']>['func']>): void {
  if (vm.status !== 'idle') return;
  const { params } = vm.store.funcType(func.payload);
  const args = params.map((type) => (typeof type === 'string' ? argument(type) : null));
  attempt([...linking, UsageError] as typeof linking, () => vm.start(func, args));
  if (vm.status === 'idle') return;
  const outcome = vm.run({ fuel: 500 });
  if (outcome.status === 'trapped' && !(outcome.trap instanceof WasboxError)) throw outcome.trap;
}

type Judge = (random: Random) => string;

/** Judges by seed; tells what it finds, and how many that were. */
function rounds(what: string, first: number, count: number, judgeOne: Judge): number {
  const tally: Record<string, number> = {};
  let found = 0;
  let slowest = { ms: 0, seed: 0 };
  for (let seed = first; seed < first + count; seed++) {
    const start = performance.now();
    try {
      const verdict = judgeOne(new Random(seed));
      tally[verdict] = (tally[verdict] ?? 0) + 1;
    } catch (error) {
      found++;
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.stack : '';
      console.log(`${what}, seed ${seed}: ${error instanceof Error ? `${error.stack}\n${cause}` : error}`);
    }
    const ms = performance.now() - start;
    if (ms > slowest.ms) slowest = { ms, seed };
  }
  console.log(
    `${count} ${what}: ${JSON.stringify(tally)}, ${found} findings; the slowest took ${Math.round(slowest.ms)} ms (seed ${slowest.seed})`,
  );
  return found;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '10000' },
      snapshots: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const modules = (await suiteModules()).filter(({ type, bytes }) => type === 'module' && bytes.length > 8);
  const first = Number(values.seed);
  const saved = await originals();
  const found =
    rounds('damaged modules', first, Number(values.count), (random) =>
      judge(damaged(random.pick(modules).bytes, random)),
    ) + rounds('forged snapshots', first, Number(values.snapshots), (random) => judgeForged(...forgery(saved, random)));
  if (found > 0) process.exitCode = 1;
}

if (process.argv[1]?.endsWith('hostile.ts')) await main();
