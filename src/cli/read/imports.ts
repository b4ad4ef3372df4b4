// What the host must give to a program, told before anything is made: all that is missing at once.

import { describe, importTypes } from '../../link/match.ts';
import type { Module } from '../../runtime/module/module.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { LinkError } from '../../spec/errors.ts';
import { attempt, cut } from '../../spec/told.ts';
import type { Imports } from '../../vm.ts';

interface Wanted {
  readonly module: string;
  readonly name: string;
  readonly what: string;
}

/** Throws LinkError naming what of the module's imports is not there. */
export function checkImports(module: Module, imports: Imports, host: string | undefined): void {
  const types = importTypes(module);
  const wanted = module.syntax.imports.map(({ module: from, name }, i) => ({
    ...{ module: from, name },
    what: describe(types[i] as (typeof types)[number]),
  }));
  check(wanted, imports, host);
}

/** The same for the host functions of a snapshot. */
export function checkHosts({ data }: Snapshot, imports: Imports, host: string | undefined): void {
  const wanted = data.made.func.map(({ module, name }) => ({ module, name, what: 'a function' }));
  check(wanted, imports, host);
}

const mostTold = 20;

function check(wanted: readonly Wanted[], imports: Imports, host: string | undefined): void {
  const missing = wanted.filter(({ module, name }) => !isThere(imports[module], name));
  if (missing.length === 0) return;
  const names = [...new Set(missing.map(({ module, name, what }) => `${cut(module)}.${cut(name)} (${cut(what)})`))];
  const more = names.length > mostTold ? `, and ${names.length - mostTold} more` : '';
  const many = names.length === 1 ? 'an import is missing' : `${names.length} imports are missing`;
  const them = names.length === 1 ? 'it' : 'them';
  const remedy = missing.every(({ module }) => module === 'wasbox')
    ? 'a member of a group has what `wasbox` gives (`Group` of wasbox/talk)'
    : host === undefined
      ? `give ${them} with --host FILE`
      : `${host} does not give ${them}`;
  throw new LinkError(`${many}: ${names.slice(0, mostTold).join(', ')}${more}; ${remedy}`);
}

/** Reading what is no object, or has getters that throw, is left to whoever links. */
const isThere = (space: unknown, name: string): boolean =>
  space !== undefined && space !== null && attempt(() => (space as Record<string, unknown>)[name] !== undefined, true);
