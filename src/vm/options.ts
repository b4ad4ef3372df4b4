// Checks what callers ask for: limits and budgets, known options only.

import type { Budget } from '../runtime/engine.ts';
import { defaultLimits, type VmLimits } from '../runtime/store.ts';
import { UsageError } from '../spec/errors.ts';

export interface RunOptions {
  /** Units of fuel that the run may use; without it there is no bound. */
  readonly fuel?: number | undefined;
  /** Instructions that the run may execute. */
  readonly steps?: number | undefined;
  /** On a SharedArrayBuffer: another thread makes word 0 non-zero to pause the run. */
  readonly pause?: Int32Array | undefined;
}

const runKeys = ['fuel', 'steps', 'pause'] as const satisfies readonly (keyof RunOptions)[];

/** Throws UsageError for an option that is none of `keys`. */
export function checkKeys(options: object, keys: readonly string[]): void {
  for (const key of Object.keys(options))
    if (!keys.includes(key)) throw new UsageError(`there is no option ${JSON.stringify(key)}, only ${keys.join(', ')}`);
}

function atLeastZero(what: string, value: number | undefined): number {
  if (typeof value !== 'number' || !(value >= 0)) throw new UsageError(`${what} must be a number, zero or more`);
  return value;
}

export type LimitOptions = { readonly [K in keyof VmLimits]?: VmLimits[K] | undefined };

/** The limits that are given at all. */
export function givenLimits(options: LimitOptions = {}): Partial<VmLimits> {
  checkKeys(options, Object.keys(defaultLimits));
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([key, value]) => [key, atLeastZero(`limit ${JSON.stringify(key)}`, value)]));
}

export const vmLimits = (options?: LimitOptions): VmLimits => ({ ...defaultLimits, ...givenLimits(options) });

export function budgetOf(options: RunOptions): Budget {
  checkKeys(options, runKeys);
  const { fuel = Infinity, steps, pause } = options;
  if (steps !== undefined && !Number.isInteger(steps)) throw new UsageError('steps must be an integer');
  if (fuel !== Infinity && !Number.isInteger(fuel)) throw new UsageError('fuel must be a whole number');
  if (pause !== undefined && !(pause instanceof Int32Array && pause.length > 0))
    throw new UsageError('pause must be an Int32Array, of a word or more');
  return {
    fuel: atLeastZero('fuel', fuel),
    steps: steps === undefined ? undefined : atLeastZero('steps', steps),
    pause,
  };
}
