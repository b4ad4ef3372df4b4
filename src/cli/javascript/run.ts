// `wasbox js FILE`: runs a JavaScript program in a sandbox. Without a file it is a REPL (repl.ts).

import { type ClockOption, quickjs, type RunOptions } from '../../javascript/node/index.ts';
import { parseInteger } from '../../runtime/literals.ts';
import { UsageError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import type { Exit } from '../exit.ts';
import { go } from './go.ts';
import { boundsOf, givenBy, type ProgramGoOptions, parseJson } from './options.ts';
import { readSource } from './source.ts';

export interface JsOptions extends ProgramGoOptions {
  /** JSON. */
  readonly input?: string;
  /** `script` or `module`. */
  readonly type?: string;
  readonly seed?: string;
  readonly clock?: string;
}

export async function js(file: string | undefined, options: JsOptions): Promise<Exit> {
  if (file === undefined) return (await import('./repl.ts')).repl(options);
  const bounds = boundsOf(options);
  const begin = beginning(options);
  const { code, ...source } = await readSource(file, options.type);
  const given = await givenBy(options);
  bounds.timed(() => quickjs().base);
  return go((common) => quickjs().run(code, { ...common, ...source, ...begin }), bounds, given, options);
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
