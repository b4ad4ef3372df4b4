// Which modules can be rewritten, and what of the engine they need: told by the instructions that they have.

import { InstructionReader } from '../../binary/instruction.ts';
import { hostWasm } from '../../runtime/host-wasm.ts';
import type { Module } from '../../runtime/module.ts';
import { hierarchyOf } from '../../runtime/value.ts';
import type { DefType } from '../../spec/deftypes.ts';
import { type Feature, type Instruction, instructions } from '../../spec/instructions.ts';
import { type TableType, typeName } from '../../spec/types.ts';
import type { ModuleContext } from '../../validate/context.ts';
import { slotOfCode } from '../../validate/rules.ts';
import { mostOf } from './growth.ts';
import { mostValues, type Thunk, thunks } from './index-spaces.ts';

const features: ReadonlySet<Feature> = new Set([
  'mvp',
  'sign-extension',
  'saturating-conversion',
  'bulk-memory',
  'reference-types',
  'tail-call',
  'simd',
  'threads',
  'exceptions',
  'legacy-exceptions',
  'function-references',
  'relaxed-simd',
]);
/** Threads that wait would not be suspended. */
const blocking = /^memory\.atomic\.(wait|notify)/;

export interface Support {
  /** Why the module cannot be rewritten; undefined if it can. */
  readonly lacks: string | undefined;
  readonly thunks: readonly Thunk[];
}

const known = new WeakMap<Module, Support>();

export function supportOf(module: Module): Support {
  const support = known.get(module) ?? examine(module);
  known.set(module, support);
  return support;
}

function examine(module: Module): Support {
  const used = new Set<Thunk>();
  const lacks = lacksInCounts(module) ?? lacksInTypes(module) ?? lacksInCode(module, used);
  return { lacks, thunks: [...used] };
}

let multiple: boolean | undefined;

/** (module (memory 0) (memory 0)) */
function hasMultipleMemories(): boolean {
  multiple ??= hostWasm.validate(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 5, 2, 0, 0, 0, 0));
  return multiple;
}

function lacksInCounts({ context, syntax }: Module): string | undefined {
  const { types, funcs, globals, tables } = context;
  const counts: Record<keyof typeof mostOf, number> = {
    types: types.length,
    functions: funcs.length,
    imports: syntax.imports.length,
    globals: globals.length,
    tables: tables.length,
  };
  for (const [name, most] of Object.entries(mostOf))
    if (counts[name as keyof typeof mostOf] > most) return `more than ${most} ${name}`;
  return undefined;
}

function lacksInTypes({ context, syntax }: Module): string | undefined {
  for (const group of syntax.types) if (group.length > 1) return 'recursive types';
  for (const { comp, final, chain } of context.types) {
    if (comp.kind !== 'func') return `the type of a ${comp.kind}`;
    if (!final || chain.length > 1) return 'subtypes';
    if (comp.params.length > mostValues || comp.results.length > mostValues) return 'very long lists of values';
  }
  if (context.tables.some(({ limits }) => limits.min > mostElements))
    return `tables of more than ${mostElements} elements`;
  const [first] = context.memories;
  if (context.memories.length > 1 && !hasMultipleMemories()) return 'multiple memories, as the host has none';
  for (const { shared, pageLog2 } of context.memories) {
    if (shared !== first?.shared) return 'memories of which some are shared';
    if (pageLog2 !== 16) return 'custom page sizes';
  }
  return undefined;
}

/** The host takes a second for ten million elements of a table, each time that an instance is made. */
export const mostElements = 1_000_000n;

const isOfObjects = ({ ref }: TableType): boolean => hierarchyOf(ref) === 'any';
/** Its rewritten form says less than it does: the engine has to compare it. */
const isVague = ({ comp }: DefType): boolean =>
  comp.kind === 'func' && [...comp.params, ...comp.results].some((type) => typeof type === 'object');
const indirect: ReadonlySet<Instruction['special']> = new Set(['call_indirect', 'return_call_indirect']);

/** Tables that code does not touch may be of any type. */
function lacksInTables({ row, x, y }: InstructionReader, { tables }: ModuleContext): string | undefined {
  for (const [i, kind] of row.immediates.entries()) {
    if (!kind.startsWith('table')) continue;
    const table = tables[i === 0 ? x : y];
    if (table !== undefined && isOfObjects(table)) return `tables of ${typeName(table.ref)}`;
  }
  return undefined;
}

/** Instructions that use what is called after another one. */
const lends: Readonly<Record<string, Thunk>> = {
  try_table: 'catch',
  rethrow: 'throw_ref',
  call_ref: 'callee',
  return_call_ref: 'callee',
};

/** What of the engine a row needs; null where it is not supported. */
function needOf({ name, feature }: Instruction): Thunk | null | undefined {
  if (!features.has(feature) || blocking.test(name)) return null;
  const need = lends[name] ?? name;
  return need in thunks ? (need as Thunk) : undefined;
}

function lacksInCode({ syntax, context }: Module, used: Set<Thunk>): string | undefined {
  for (const row of instructions) {
    if (context.used[slotOfCode(row.code)] === 0) continue;
    const need = needOf(row);
    if (need === null) return `the instruction ${row.name}`;
    if (need !== undefined) used.add(need);
    if (indirect.has(row.special) && context.types.some(isVague)) used.add('resolve');
  }
  if (!context.tables.some(isOfObjects)) return undefined;
  for (const { body } of syntax.funcs) {
    const reader = new InstructionReader(syntax.bytes, body.start, body.end);
    while (reader.pos < reader.end) {
      reader.next();
      const lacks = reader.row.special === undefined ? undefined : lacksInTables(reader, context);
      if (lacks !== undefined) return lacks;
    }
  }
  return undefined;
}
