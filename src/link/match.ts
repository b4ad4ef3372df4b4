// Import matching: does what an import is given suit its type? Finding out what it is given is vm.ts's.
// https://webassembly.github.io/spec/core/valid/matching.html

import type { Import } from '../binary/module.ts';
import type { ExternVal } from '../runtime/instance.ts';
import type { Module } from '../runtime/module/module.ts';
import type { Store } from '../runtime/store.ts';
import { type DefType, defMatches, refMatches, valEquals, valMatches } from '../spec/deftypes.ts';
import { LinkError } from '../spec/errors.ts';
import { quoted } from '../spec/told.ts';
import { type GlobalType, type Limits, type MemType, type TableType, typeName, typeNames } from '../spec/types.ts';

/** What an import asks for, closed. */
export type ExternType =
  | { readonly kind: 'func'; readonly type: DefType }
  | { readonly kind: 'table'; readonly type: TableType }
  | { readonly kind: 'memory'; readonly type: MemType }
  | { readonly kind: 'global'; readonly type: GlobalType }
  | { readonly kind: 'tag'; readonly type: DefType };

/** The types of a module's imports, in their order. */
export function importTypes(module: Module): ExternType[] {
  const { funcs, tables, memories, globals, tags } = module.context;
  const types = { func: funcs, table: tables, memory: memories, global: globals, tag: tags };
  const next = { func: 0, table: 0, memory: 0, global: 0, tag: 0 };
  return module.syntax.imports.map(({ desc: { kind } }) => ({ kind, type: types[kind][next[kind]++] }) as ExternType);
}

type ImportName = Pick<Import, 'module' | 'name'>;

const importName = ({ module, name }: ImportName): string => `${quoted(module)}.${quoted(name)}`;

/** The wording of the test suite, then which import it is. */
export const unknownImport = (what: ImportName): LinkError => new LinkError(`unknown import: ${importName(what)}`);

export const incompatible = (what: ImportName, expected: ExternType, given: string): LinkError =>
  new LinkError(`incompatible import type: ${importName(what)} must be ${describe(expected)}, ${given} was given`);

/** Throws LinkError where the external value does not suit the import. */
export function matchImport(store: Store, what: ImportName, expected: ExternType, given: ExternVal): void {
  const actual = typeOf(store, given);
  if (!externMatches(actual, expected)) throw incompatible(what, expected, describe(actual));
}

/** The type of an external value as it is now: tables and memories have grown perhaps. */
function typeOf(store: Store, { kind, addr }: ExternVal): ExternType {
  switch (kind) {
    case 'func':
      return { kind, type: at(store.funcs, addr).type };
    case 'table': {
      const { type, size } = at(store.tables, addr);
      return { kind, type: { ...type, limits: { ...type.limits, min: BigInt(size) } } };
    }
    case 'memory': {
      const { type, pages } = at(store.memories, addr);
      return { kind, type: { ...type, limits: { ...type.limits, min: BigInt(pages) } } };
    }
    case 'global':
      return { kind, type: at(store.globals, addr).type };
    case 'tag':
      return { kind, type: at(store.tags, addr).type };
    default:
      return kind satisfies never;
  }
}

function at<T>(list: readonly T[], addr: number): T {
  const found = list[addr];
  if (found === undefined) throw new LinkError('an import is given what its VM no longer has');
  return found;
}

/** https://webassembly.github.io/spec/core/valid/matching.html#external-types */
export function externMatches(a: ExternType, b: ExternType): boolean {
  if (a.kind === 'func' && b.kind === 'func') return defMatches(a.type, b.type);
  if (a.kind === 'tag' && b.kind === 'tag') return a.type === b.type;
  if (a.kind === 'table' && b.kind === 'table') return tableMatches(a.type, b.type);
  if (a.kind === 'memory' && b.kind === 'memory') return memoryMatches(a.type, b.type);
  if (a.kind === 'global' && b.kind === 'global') return globalMatches(a.type, b.type);
  return false;
}

const limitsMatch = (a: Limits, b: Limits): boolean =>
  a.min >= b.min && (b.max === undefined || (a.max !== undefined && a.max <= b.max));

const tableMatches = (a: TableType, b: TableType): boolean =>
  a.addr === b.addr && limitsMatch(a.limits, b.limits) && refMatches(a.ref, b.ref) && refMatches(b.ref, a.ref);

const memoryMatches = (a: MemType, b: MemType): boolean =>
  a.addr === b.addr && a.shared === b.shared && a.pageLog2 === b.pageLog2 && limitsMatch(a.limits, b.limits);

const globalMatches = (a: GlobalType, b: GlobalType): boolean =>
  a.mutable === b.mutable && (a.mutable ? valEquals(a.type, b.type) : valMatches(a.type, b.type));

/** Types as messages tell them. */
export function describe(extern: ExternType): string {
  switch (extern.kind) {
    case 'func':
      return `a function ${signature(extern.type)}`;
    case 'tag':
      return `a tag ${signature(extern.type)}`;
    case 'table':
      return `a table of ${typeName(extern.type.ref)}${limitsText(extern.type)}`;
    case 'memory':
      return `a ${extern.type.shared ? 'shared ' : ''}memory${limitsText(extern.type)}`;
    case 'global':
      return `a ${extern.type.mutable ? 'mutable' : 'constant'} global of ${typeName(extern.type.type)}`;
    default:
      return extern satisfies never;
  }
}

export function signature(type: DefType): string {
  const { comp } = type;
  const text = comp.kind === 'func' ? `${typeNames(comp.params)} -> ${typeNames(comp.results)}` : type.name;
  return type.final && type.chain.length === 1 ? text : `${text} (${type.name})`;
}

const limitsText = ({ addr, limits: { min, max } }: MemType | TableType): string =>
  ` (${addr}, ${max === undefined ? `${min} or more` : `${min} to ${max}`})`;
