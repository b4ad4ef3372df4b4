// What callers of a VM ask for: its limits and budgets, each with its check.

import type { Budget } from '../runtime/engine.ts';
import { defaultLimits, limitNames, type VmLimits } from '../runtime/store.ts';
import { aCount, aNumber, anInteger, type Checks, check, optionsOf, theOptions } from '../spec/options.ts';

export interface RunOptions {
  /** Units of fuel that the run may use; without it there is no bound. */
  readonly fuel?: number | undefined;
  /** Instructions that the run may execute. */
  readonly steps?: number | undefined;
  /** On a SharedArrayBuffer: another thread makes word 0 non-zero to pause the run. */
  readonly pause?: Int32Array | undefined;
}

const runChecks: Checks<RunOptions> = {
  fuel: aCount,
  steps: anInteger(0),
  pause: check((v: Int32Array) => v instanceof Int32Array && v.length > 0, 'an Int32Array, of a word or more'),
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
export function budgetOf(options: RunOptions): Budget {
  runOptions(options, theOptions);
  const { fuel = Infinity, steps, pause } = options;
  return { fuel, steps, pause };
}

/** The same for a run that goes on by itself, which counts no steps. */
export function asyncBudgetOf(options: Omit<RunOptions, 'steps'>): Budget {
  asyncOptions(options, theOptions);
  return budgetOf(options);
}
