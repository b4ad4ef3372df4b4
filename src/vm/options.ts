// What callers of a VM ask for: its limits and budgets, each with its check.

import { defaultLimits, limitNames, type VmLimits } from '../runtime/store.ts';
import {
  aCount,
  aNumber,
  anInteger,
  aSignal,
  aTime,
  type Checks,
  check,
  optionsOf,
  theOptions,
} from '../spec/options.ts';
import type { InterruptOptions } from './interrupts.ts';

export interface RunOptions extends InterruptOptions {
  /** Units of fuel that the run may use; without it there is no bound. */
  readonly fuel?: number | undefined;
  /** Instructions that the run may execute. */
  readonly steps?: number | undefined;
}

const runChecks: Checks<RunOptions> = {
  fuel: aCount,
  steps: anInteger(0),
  pause: check((v: Int32Array) => v instanceof Int32Array && v.length > 0, 'an Int32Array, of a word or more'),
  signal: aSignal,
  timeout: aTime,
};
const runOptions = optionsOf(runChecks);
const { steps: _, ...asyncChecks } = runChecks;
const asyncOptions = optionsOf<Omit<RunOptions, 'steps'>>(asyncChecks);

export type LimitOptions = { readonly [K in keyof VmLimits]?: VmLimits[K] | undefined };

/** A check for each limit of a VM. */
export const limitChecks = Object.fromEntries(limitNames.map((name) => [name, aNumber(0)])) as Checks<VmLimits>;
export const limitOptions = optionsOf(limitChecks);

/** The limits that are given at all. Throws UsageError. */
export function givenLimits(options: LimitOptions = {}): Partial<VmLimits> {
  limitOptions(options, 'limits');
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

export const vmLimits = (options?: LimitOptions): VmLimits => ({ ...defaultLimits, ...givenLimits(options) });

/** Throws UsageError. */
export const checkRun = (options: RunOptions): void => runOptions(options, theOptions);
/** The same for a run that goes on by itself, which counts no steps. */
export const checkAsyncRun = (options: Omit<RunOptions, 'steps'>): void => asyncOptions(options, theOptions);
