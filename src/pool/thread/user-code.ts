// Code that users name by its URL: job modules, and modules of host functions.

import { UsageError } from '../../spec/errors.ts';
import { messageOf } from '../../spec/told.ts';
import type { Imports } from '../../vm.ts';
import { type Program, plainProgram } from '../told/program.ts';

/** As the host keeps what was loaded: asking it takes as long as a short job. */
const loaded = new Map<string, Record<string, unknown>>();

async function load(url: string): Promise<Record<string, unknown>> {
  const known = loaded.get(url);
  if (known !== undefined) return known;
  try {
    const module = await import(url);
    loaded.set(url, module);
    return module;
  } catch (cause) {
    throw new UsageError(`${url} cannot be loaded: ${messageOf(cause)}`, { cause });
  }
}

export const loadProgram = async (url: string | undefined): Promise<Program> =>
  url === undefined ? plainProgram : load(url);

export async function loadImports(url: string | undefined): Promise<unknown> {
  if (url === undefined) return {};
  const module = await load(url);
  return module.imports ?? module.default ?? {};
}

export const made = (imports: unknown): Imports => (typeof imports === 'function' ? imports() : imports) as Imports;
