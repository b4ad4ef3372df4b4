// Which functions of a module can be rewritten, and what of the engine they need: told by the instructions that they have.

import { InstructionReader } from '../../binary/instruction.ts';
import { hostWasm } from '../../runtime/beneath/host-wasm.ts';
import type { Module } from '../../runtime/module/module.ts';
import { type Feature, type Instruction, instructionNamed, instructions } from '../../spec/instructions.ts';
import { checkDeadline } from '../../spec/patience.ts';
import type { FuncIdx } from '../../spec/types.ts';
import { bodyOf, type ModuleContext } from '../../validate/context.ts';
import { slotOfCode } from '../../validate/rules.ts';
import { mostOf } from './growth.ts';
import { aggregates, isVague, mostValues, type Thunk, thunks } from './index-spaces.ts';

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
  'gc',
]);
/** Instructions that look into the store's heap. */
const ofHeap = /^(struct|array)\.|^(ref\.(test|cast)|br_on_cast)/;
/** Operands that one instruction takes, at the most: each has a local of its own. */
const mostOperands = 500;
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
  /** Whether code reaches the store's heap. */
  readonly usesHeap: boolean;
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
  const usesHeap = lacks === undefined && hasHeap(module);
  if (lacks === undefined) lookAtCode(module, used, natives, usesHeap);
  const isMixed = natives.includes(0, importedFuncs);
  if (isMixed) used.add('cross');
  return { lacks, thunks: [...used], natives, isMixed, usesHeap, bytes: bytesOf(module, natives) };
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
export function hasMultipleMemories(): boolean {
  multiple ??= hostWasm.validate(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 5, 2, 0, 0, 0, 0));
  return multiple;
}

function lacksInCounts({ context, syntax }: Module): string | undefined {
  const { funcs, globals, tables } = context;
  const counts: Record<keyof typeof mostOf, number> = {
    types: aggregates(context).size,
    functions: funcs.length,
    imports: syntax.imports.length,
    globals: globals.length,
    tables: tables.length,
  };
  for (const [name, most] of Object.entries(mostOf))
    if (counts[name as keyof typeof mostOf] > most)
      return `more than ${most} ${name}${name === 'types' ? ' of structures and arrays' : ''}`;
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

const indirect: ReadonlySet<Instruction['special']> = new Set(['call_indirect', 'return_call_indirect']);

/** Instructions that use what is called after another one. */
const lends: Readonly<Record<string, Thunk>> = {
  try_table: 'catch',
  rethrow: 'throw_ref',
  call_ref: 'callee',
  return_call_ref: 'callee',
  'struct.new': 'object.new',
  'struct.new_default': 'object.new',
  'array.new': 'object.new',
  'array.new_default': 'object.new',
  'array.new_fixed': 'object.new',
  'ref.test null': 'ref.test',
  'ref.cast': 'ref.test',
  'ref.cast null': 'ref.test',
  br_on_cast: 'ref.test',
  br_on_cast_fail: 'ref.test',
};

const heapRows = instructions.filter(({ name }) => ofHeap.test(name));

/** Beside memories of the guest's, the heap is one more. */
const hasHeap = ({ context }: Module): boolean =>
  heapRows.some(({ code }) => context.used[slotOfCode(code)] === 1) &&
  (context.memories.length === 0 || hasMultipleMemories());

/** What of the engine a row needs; null where it is not supported. */
function needOf({ name, feature }: Instruction, usesHeap: boolean): Thunk | null | undefined {
  if (!features.has(feature) || blocking.test(name) || (!usesHeap && ofHeap.test(name))) return null;
  const need = lends[name] ?? name;
  return need in thunks ? (need as Thunk) : undefined;
}

/** Whether an instruction takes very many operands. */
function isWide({ row, x, y }: InstructionReader, { types }: ModuleContext): boolean {
  if (row.name === 'array.new_fixed') return y > mostOperands;
  const comp = row.name === 'struct.new' ? types[x]?.comp : undefined;
  return comp?.kind === 'struct' && comp.fields.length > mostOperands;
}
const mayBeWide = ['array.new_fixed', 'struct.new'].map((name) => slotOfCode(instructionNamed(name).code));

/** Notes what the functions need of the engine, and which of them stay interpreted. */
function lookAtCode(module: Module, used: Set<Thunk>, natives: Uint8Array, usesHeap: boolean): void {
  const { context } = module;
  let isWhole = choice.isNative === undefined && !mayBeWide.some((slot) => context.used[slot] === 1);
  for (const row of instructions) {
    if (context.used[slotOfCode(row.code)] === 0) continue;
    const need = needOf(row, usesHeap);
    if (need === null) isWhole = false;
    else if (need !== undefined) used.add(need);
    if (indirect.has(row.special) && context.types.some(isVague)) used.add('resolve');
  }
  if (isWhole) return;
  for (let func = context.importedFuncs; func < natives.length; func++) {
    checkDeadline('rewriting');
    if (!canBeNative(module, func, usesHeap)) natives[func] = 0;
  }
}

function canBeNative(module: Module, func: FuncIdx, usesHeap: boolean): boolean {
  const { context, bytes } = module;
  const { start, end } = bodyOf(context, func);
  const reader = new InstructionReader(bytes, start, end);
  while (reader.pos < reader.end) {
    reader.next();
    if (needOf(reader.row, usesHeap) === null || isWide(reader, context)) return false;
  }
  return choice.isNative?.(module, func) ?? true;
}
