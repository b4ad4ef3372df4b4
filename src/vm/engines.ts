// The engines, by the names that options give them.

import { interpreter } from '../interpret/interpreter.ts';
import type { Engine } from '../runtime/engine.ts';
import { UsageError } from '../spec/errors.ts';

const engines = { auto: interpreter, interpreter } as const satisfies Record<string, Engine>;

export type EngineName = keyof typeof engines;

/** Throws UsageError for a name that is none. */
export function engineNamed(name: EngineName = 'auto'): Engine {
  if (!Object.hasOwn(engines, name)) throw new UsageError(`there is no engine called ${JSON.stringify(name)}`);
  return engines[name];
}
