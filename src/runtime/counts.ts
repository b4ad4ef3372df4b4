// The limits of a store that are counts of what is in it: how much of them an instance takes, and whether it is too much.

import { LimitError } from '../spec/errors.ts';
import type { ModuleContext } from '../validate/context.ts';

/** By the names of the limits. */
export interface Counts {
  readonly instances: number;
  readonly memoryCount: number;
  readonly tableCount: number;
  readonly entities: number;
}

const told = {
  instances: 'instances',
  memoryCount: 'memories',
  tableCount: 'tables',
  entities: 'functions, tables, globals, tags, imports and segments',
} as const satisfies Record<keyof Counts, string>;

/** Throws LimitError that names the first limit that is passed. */
export function checkCounts(limits: Counts, counts: Counts): void {
  for (const name of Object.keys(told) as (keyof Counts)[])
    if (counts[name] > limits[name])
      throw new LimitError(`${counts[name]} ${told[name]} are over the limit ${name} of ${limits[name]}`, {
        limit: name,
        value: limits[name],
      });
}

/** What an instance of the module adds to a store. */
export function countsOf(context: ModuleContext): Counts {
  const { funcs, globals, tags, memories, tables } = context;
  const { importedFuncs, importedGlobals, importedTags, importedMemories, importedTables } = context;
  const tableCount = tables.length - importedTables;
  const own = funcs.length - importedFuncs + globals.length - importedGlobals + tags.length - importedTags;
  return {
    instances: 1,
    memoryCount: memories.length - importedMemories,
    tableCount,
    entities: own + tableCount + listedBy(context),
  };
}

/** What an instance of the module imports, and has as segments; of those that it keeps, eight elements count as one. */
export function listedBy({ syntax: { imports, elems, datas } }: ModuleContext): number {
  let kept = 0;
  for (const { mode, init } of elems)
    if (mode.kind === 'passive') kept += (init.kind === 'funcs' ? init.funcs : init.exprs).length >>> 3;
  return imports.length + elems.length + datas.length + kept;
}
