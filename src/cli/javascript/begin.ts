// What the command line says of a program, or a session, that begins.

import type { ClockOption, RunOptions } from '../../javascript/node/index.ts';
import { parseInteger } from '../../runtime/literals.ts';
import { UsageError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import { type ProgramGoOptions, parseJson } from './options.ts';

export interface JsOptions extends ProgramGoOptions {
  /** JSON. */
  readonly input?: string;
  /** `script` or `module`. */
  readonly type?: string;
  readonly seed?: string;
  readonly clock?: string;
}

/** What a program or a session begins with. Throws UsageError. */
export function beginning({ input, seed, clock }: JsOptions): Pick<RunOptions, 'input' | 'random' | 'clock'> {
  return {
    ...(input !== undefined && { input: parseJson(input, '--input') }),
    ...(seed !== undefined && { random: seedOf(seed) }),
    ...(clock !== undefined && { clock: clockOf(clock) }),
  };
}

function seedOf(text: string): bigint {
  const seed = parseInteger(text);
  if (seed === undefined) throw new UsageError(`--seed must be a whole number, ${quoted(text)} is not`);
  return seed;
}

function clockOf(text: string): ClockOption {
  const start = new Date(text);
  if (start.getTime() >= 0) return { start };
  throw new UsageError(`--clock must be a time since 1970 such as 2026-01-31T12:00:00Z, ${quoted(text)} is not`);
}
