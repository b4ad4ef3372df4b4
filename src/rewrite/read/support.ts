// Which functions of a module can be rewritten, and what of the engine they need: told by the instructions that they have.

import { InstructionReader } from '../../binary/instruction.ts';
import { hostWasm } from '../../runtime/host-wasm.ts';
import type { Module } from '../../runtime/module.ts';
import { hierarchyOf } from '../../runtime/value.ts';
import { type Feature, type Instruction, instructions } from '../../spec/instructions.ts';
import { checkDeadline } from '../../spec/patience.ts';
import type { FuncIdx, TableType } from '../../spec/types.ts';
import { bodyOf, type ModuleContext } from '../../validate/context.ts';
import { slotOfCode } from '../../validate/rules.ts';
import { mostOf } from './growth.ts';
import { isVague, mostValues, type Thunk, thunks } from './index-spaces.ts';

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
  /** Why the module cannot be rewritten; undefined if it can, but for some functions, or all. */
  readonly lacks: string | undefined;
  readonly thunks: readonly Thunk[];
  /** By function index: 1 for those that are rewritten, 0 for imports and for those that stay interpreted. */
  readonly natives: Uint8Array;
  /** Whether some stay interpreted. */
  readonly isMixed: boolean;
  /** Bytes of the code of those that do, and of the others. */
  readonly bytes: readonly [interpreted: number, native: number];
}

/** For tests: also leaves out the functions for which `isNative` is false. To be set before any module is looked at. */
export const choice: { isNative: ((module: Module, func: FuncIdx) => boolean) | undefined } = { isNative: undefined };

const known = new WeakMap<Module, Support>();

export function supportOf(module: Module): Support {
  const support = known.get(module) ?? examine(module);
  known.set(module, support);
  return support;
}

function examine(module: Module): Support {
  const used = new Set<Thunk>();
  const { importedFuncs, funcs } = module.context;
  const natives = new Uint8Array(funcs.length).fill(1, importedFuncs);
  const lacks = lacksInCounts(module) ?? lacksInTypes(module);
  if (lacks === undefined) lookAtCode(module, used, natives);
  const isMixed = natives.includes(0, importedFuncs);
  if (isMixed) used.add('cross');
  return { lacks, thunks: [...used], natives, isMixed, bytes: bytesOf(module, natives) };
}

function bytesOf({ context }: Module, natives: Uint8Array): [number, number] {
  const sums: [number, number] = [0, 0];
  for (let func = context.importedFuncs; func < natives.length; func++) {
    const { start, end } = bodyOf(context, func);
    sums[natives[func] === 1 ? 1 : 0] += end - start;
  }
  return sums;
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

function lacksInTypes({ context }: Module): string | undefined {
  for (const { comp } of context.types)
    if (comp.kind === 'func' && (comp.params.length > mostValues || comp.results.length > mostValues))
      return 'very long lists of values';
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
const indirect: ReadonlySet<Instruction['special']> = new Set(['call_indirect', 'return_call_indirect']);

/** Tables that a function does not touch may be of any type. */
function usesObjectTable({ row, x, y }: InstructionReader, { tables }: ModuleContext): boolean {
  return row.immediates.some((kind, i) => {
    const table = kind.startsWith('table') ? tables[i === 0 ? x : y] : undefined;
    return table !== undefined && isOfObjects(table);
  });
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

/** Notes what the functions need of the engine, and which of them stay interpreted. */
function lookAtCode(module: Module, used: Set<Thunk>, natives: Uint8Array): void {
  const { context } = module;
  let isWhole = choice.isNative === undefined && !context.tables.some(isOfObjects);
  for (const row of instructions) {
    if (context.used[slotOfCode(row.code)] === 0) continue;
    const need = needOf(row);
    if (need === null) isWhole = false;
    else if (need !== undefined) used.add(need);
    if (indirect.has(row.special) && context.types.some(isVague)) used.add('resolve');
  }
  if (isWhole) return;
  for (let func = context.importedFuncs; func < natives.length; func++) {
    checkDeadline('rewriting');
    if (!canBeNative(module, func)) natives[func] = 0;
  }
}

function canBeNative(module: Module, func: FuncIdx): boolean {
  const { context, bytes } = module;
  const { start, end } = bodyOf(context, func);
  const reader = new InstructionReader(bytes, start, end);
  while (reader.pos < reader.end) {
    reader.next();
    const { row } = reader;
    if (needOf(row) === null || (row.special !== undefined && usesObjectTable(reader, context))) return false;
  }
  return choice.isNative?.(module, func) ?? true;
}
