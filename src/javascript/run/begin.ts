// How programs begin, and what whoever begins one is given.

import { clockOf } from '../../wasi/system/clock.ts';
import { randomOf } from '../../wasi/system/random.ts';
import type { Machine } from '../machine/machine.ts';
import type { RunOptions } from './options.ts';
import { outcomeOf, type ProgramOutcome, type RawOutcome } from './outcome.ts';
import { isAwaitedTool } from './tools.ts';

/** A program that runs: a promise of what it comes to. */
export interface RunningProgram extends Promise<ProgramOutcome> {
  /** Brings it to rest soon: the outcome is `paused`, with a token, unless it was over before. */
  pause(): void;
}

/** Gives the guest its globals, its clock and its random numbers; nothing of it runs yet. */
export function begin(
  machine: Machine,
  options: Pick<RunOptions, 'tools' | 'id' | 'clock' | 'random' | 'input'>,
): void {
  const { tools = {}, id, clock = 'live', random = 'live' } = options;
  Object.assign(machine.state, { clock: clockOf(clock), random: randomOf(random), id: id ?? randomId() });
  const names = Object.entries(tools).map(([name, tool]) => ({ name, awaited: isAwaitedTool(tool) }));
  machine.begin(names, Object.hasOwn(options, 'input') ? { input: options.input } : {});
}

export const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** What drives a program, wherever that runs. */
interface Driver {
  run(): Promise<RawOutcome>;
  pause(): void;
  idOf(number: number): string;
}

/** Runs what is made; what making it throws the promise rejects with. */
export function started(make: () => Driver): RunningProgram {
  let program: Driver | undefined;
  const run = async () => {
    const made = make();
    program = made;
    return outcomeOf(await made.run(), (number) => made.idOf(number));
  };
  return Object.assign(run(), { pause: () => program?.pause() });
}
