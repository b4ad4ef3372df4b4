// Programs at rest that are like many others: tokens are packed beside them. They follow from the base alone, so that whoever
// has it has them too, and an image brings them along.

import type { Snapshot } from '../../snapshot/snapshot.ts';
import { CrashError } from '../../spec/errors.ts';
import { type Base, vmOf } from './base.ts';
import { Machine } from './machine.ts';

/** Each calls a tool, once, and waits for it; the last is the one that most tokens are like. */
export const sampleSources = [
  `new Promise((resolve) => setTimeout(resolve, 1e9));
const list = function* () { yield tool(1); };
for (const each of list()) break;`,
  'const order = tool(7)',
] as const;

const memoryBytes = 2 ** 28;

const known = new WeakMap<Base, () => readonly Snapshot[]>();

/** The base comes with them: `read` is called when they are needed. */
export function bringSamples(base: Base, read: () => readonly Snapshot[]): void {
  known.set(base, read);
}

export function samplesOf(base: Base): readonly Snapshot[] {
  const read = known.get(base);
  const samples = read === undefined ? sampleSources.map((source) => sampleOf(base, source)) : read();
  known.set(base, () => samples);
  return samples;
}

/** With the clock and the random numbers that a state has by itself: both stand still. */
function sampleOf(base: Base, source: string): Snapshot {
  const machine = new Machine(base, vmOf(base, base.snapshot, 'auto', memoryBytes), 'sample');
  const { vm, state } = machine;
  machine.begin([{ name: 'tool', awaited: false }], {});
  machine.evaluate(source, 'main.js', 'script');
  const outcome = vm.run();
  if (outcome.status !== 'suspended' || outcome.reason.kind !== 'host')
    throw new CrashError(`a sample ends ${outcome.status}`, { cause: outcome });
  state.calls = 1;
  state.current = 1;
  const saved = machine.save();
  vm.dispose();
  return saved;
}
