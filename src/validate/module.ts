// The rules for a whole module; out of them comes the context that all later rooms read types from. Bodies are checked
// by body.ts, constant expressions by const.ts, recursive types by types.ts. How many things a module may hold was
// bounded as it was decoded.
// https://webassembly.github.io/spec/core/valid/modules.html

import type { Elem, Export, ImportDesc, ModuleSyntax } from '../binary/module.ts';
import { type DefType, valMatches } from '../spec/deftypes.ts';
import { InvalidError } from '../spec/errors.ts';
import { instructions } from '../spec/instructions.ts';
import { atOnce, type Steps } from '../spec/patience.ts';
import { quoted } from '../spec/told.ts';
import type { ExternKind, FuncIdx, GlobalType, MemType, RefType, TableType, TypeIdx, ValType } from '../spec/types.ts';
import { validateBody } from './body.ts';
import { validateConst } from './const.ts';
import { closeType, isDefaultable, type ModuleContext } from './context.ts';
import { slotOfCode, slots } from './rules.ts';
import { checkLimits, checkMemory } from './sizes.ts';
import { defineTypes } from './types.ts';

/** A context in the making: validation pushes onto it what it has checked. */
type Draft = { -readonly [K in keyof ModuleContext]: Mutable<ModuleContext[K]> };
type Mutable<T> = T extends readonly (infer E)[] ? E[] : T extends ReadonlySet<infer E> ? Set<E> : T;

/** Checks a module, bodies included. Throws InvalidError, or LimitError where it is merely too much. */
export const validate = (syntax: ModuleSyntax): ModuleContext => atOnce(validateSteps(syntax));

/** The same in steps of a function each. */
export function* validateSteps(syntax: ModuleSyntax): Steps<ModuleContext> {
  const context = validateDeclarations(syntax);
  for (let i = 0; i < syntax.funcs.length; i++) {
    validateBody(context, context.importedFuncs + i);
    yield;
  }
  return context;
}

/** To be raised whenever a module is refused that was taken before: those that were are remembered. */
export const validatorVersion = 1;

/** The same for a module that was validated before, whose bodies have the instructions of these codes. */
export function validateKnown(syntax: ModuleSyntax, codes: readonly number[]): ModuleContext {
  const context = validateDeclarations(syntax);
  for (const code of codes) context.used[slotOfCode(code)] = 1;
  return context;
}

/** The codes of all instructions that a module's bodies have. */
export const codesOf = ({ used }: ModuleContext): number[] =>
  instructions.filter(({ code }) => used[slotOfCode(code)] === 1).map(({ code }) => code);

/** All rules but those for function bodies. */
export function validateDeclarations(syntax: ModuleSyntax): ModuleContext {
  const context = draft(syntax);
  defineTypes(syntax, context.types, context.typeRefs);
  for (const { desc, offset } of syntax.imports) addImport(context, desc, offset);
  for (const { type, typeOffset } of syntax.funcs) context.funcs.push(funcTypeAt(context, type, typeOffset));
  addTables(context);
  for (const { type, offset } of syntax.memories) context.memories.push(checkMemory(type, offset));
  for (const { type, offset } of syntax.tags) context.tags.push(tagType(context, type.type, offset));
  addGlobals(context);
  checkExports(context);
  checkStart(context);
  for (const elem of syntax.elems) addElem(context, elem);
  checkDatas(context);
  return context;
}

function draft(syntax: ModuleSyntax): Draft {
  const imported = (kind: ExternKind) => syntax.imports.filter(({ desc }) => desc.kind === kind).length;
  return {
    syntax,
    types: [],
    typeRefs: [],
    funcs: [],
    tables: [],
    memories: [],
    globals: [],
    tags: [],
    importedFuncs: imported('func'),
    importedTables: imported('table'),
    importedMemories: imported('memory'),
    importedGlobals: imported('global'),
    importedTags: imported('tag'),
    elemTypes: [],
    dataCount: syntax.dataCount,
    refs: new Set(),
    used: new Uint8Array(slots),
  };
}

function invalid(message: string, offset: number): never {
  throw new InvalidError(message, offset);
}

// Types of what the module declares

function addImport(context: Draft, desc: ImportDesc, offset: number): void {
  switch (desc.kind) {
    case 'func':
      context.funcs.push(funcTypeAt(context, desc.type, offset));
      return;
    case 'table':
      context.tables.push(tableType(context, desc.type, offset));
      return;
    case 'memory':
      context.memories.push(checkMemory(desc.type, offset));
      return;
    case 'global':
      context.globals.push(globalType(context, desc.type, offset));
      return;
    case 'tag':
      context.tags.push(tagType(context, desc.type.type, offset));
      return;
    default:
      desc satisfies never;
  }
}

function funcTypeAt(context: Draft, index: TypeIdx, offset: number): DefType {
  const type = context.types[index] ?? invalid(`unknown type ${index}`, offset);
  return type.comp.kind === 'func' ? type : invalid(`non-function type ${index}`, offset);
}

/** https://webassembly.github.io/spec/core/valid/types.html#tag-types */
function tagType(context: Draft, index: TypeIdx, offset: number): DefType {
  const type = funcTypeAt(context, index, offset);
  if (type.comp.kind === 'func' && type.comp.results.length > 0) invalid('non-empty tag result type', offset);
  return type;
}

const closed = (context: Draft, type: ValType, offset: number): ValType =>
  closeType(context, type) ?? invalid(`unknown type ${(type as RefType).heap}`, offset);

function tableType(context: Draft, { addr, limits, ref }: TableType, offset: number): TableType {
  checkLimits(limits, addr === 'i32' ? 2n ** 32n - 1n : 2n ** 64n - 1n, 'table size', offset);
  return { addr, limits, ref: closed(context, ref, offset) as RefType };
}

const globalType = (context: Draft, { type, mutable }: GlobalType, offset: number): GlobalType => ({
  type: closed(context, type, offset),
  mutable,
});

/** Initializers of tables see imported globals only, for the globals come later. */
function addTables(context: Draft): void {
  for (const { type, init, offset } of context.syntax.tables) {
    const table = tableType(context, type, offset);
    if (init !== undefined) validateConst(context, init, table.ref, context.refs);
    else if (!isDefaultable(table.ref)) invalid('type mismatch: the table needs an initializer', offset);
    context.tables.push(table);
  }
}

/** Each initializer sees the globals before it. */
function addGlobals(context: Draft): void {
  for (const { type, init, offset } of context.syntax.globals) {
    const global = globalType(context, type, offset);
    validateConst(context, init, global.type, context.refs);
    context.globals.push(global);
  }
}

// Exports, start, segments

const spaces = {
  func: { name: 'function', of: (c) => c.funcs },
  table: { name: 'table', of: (c) => c.tables },
  memory: { name: 'memory', of: (c) => c.memories },
  global: { name: 'global', of: (c) => c.globals },
  tag: { name: 'tag', of: (c) => c.tags },
} as const satisfies Record<ExternKind, { name: string; of: (context: ModuleContext) => readonly unknown[] }>;

function checkIndex(context: Draft, { kind, index, offset }: Pick<Export, 'kind' | 'index' | 'offset'>): void {
  const { name, of } = spaces[kind];
  if (index >= of(context).length) invalid(`unknown ${name} ${index}`, offset);
}

function checkExports(context: Draft): void {
  const names = new Set<string>();
  for (const item of context.syntax.exports) {
    checkIndex(context, item);
    if (item.kind === 'func') context.refs.add(item.index);
    if (names.has(item.name)) invalid(`duplicate export name ${quoted(item.name)}`, item.offset);
    names.add(item.name);
  }
}

function checkStart(context: Draft): void {
  const { start } = context.syntax;
  if (start === undefined) return;
  checkIndex(context, { kind: 'func', index: start.func, offset: start.offset });
  const { comp } = context.funcs[start.func] as DefType;
  if (comp.kind === 'func' && comp.params.length + comp.results.length > 0) {
    invalid('start function must take and give nothing', start.offset);
  }
}

/** https://webassembly.github.io/spec/core/valid/modules.html#element-segments */
function addElem(context: Draft, { type, init, mode, offset }: Elem): void {
  const elem = closed(context, type, offset) as RefType;
  if (init.kind === 'funcs') for (const func of init.funcs) addElemFunc(context, func, offset);
  else for (const expr of init.exprs) validateConst(context, expr, elem, context.refs);
  if (mode.kind === 'active') {
    checkIndex(context, { kind: 'table', index: mode.table, offset });
    const { ref, addr } = context.tables[mode.table] as TableType;
    if (!valMatches(elem, ref)) invalid('type mismatch: the segment holds other references than the table', offset);
    validateConst(context, mode.at, addr, context.refs);
  }
  context.elemTypes.push(elem);
}

function addElemFunc(context: Draft, index: FuncIdx, offset: number): void {
  checkIndex(context, { kind: 'func', index, offset });
  context.refs.add(index);
}

/** https://webassembly.github.io/spec/core/valid/modules.html#data-segments */
function checkDatas(context: Draft): void {
  for (const { mode, offset } of context.syntax.datas) {
    if (mode.kind === 'passive') continue;
    checkIndex(context, { kind: 'memory', index: mode.memory, offset });
    validateConst(context, mode.at, (context.memories[mode.memory] as MemType).addr, context.refs);
  }
}
