// What validation knows of a module: its index spaces with closed types, imports first. Later rooms read types from
// here, never from the syntax. How it comes about is in module.ts.
// https://webassembly.github.io/spec/core/valid/conventions.html#contexts

import type { Expr, ModuleSyntax } from '../binary/module.ts';
import type { DefType } from '../spec/deftypes.ts';
import { cut } from '../spec/told.ts';
import type { FuncIdx, FuncType, GlobalType, MemType, RefType, TableType, ValType } from '../spec/types.ts';

export interface ModuleContext {
  readonly syntax: ModuleSyntax;
  /** By type index. */
  readonly types: readonly DefType[];
  /** References to each of `types`, one object each: at `2 * typeidx` not null, after it nullable. */
  readonly typeRefs: readonly RefType[];
  readonly funcs: readonly DefType[];
  readonly tables: readonly TableType[];
  readonly memories: readonly MemType[];
  readonly globals: readonly GlobalType[];
  /** Function types, without results. */
  readonly tags: readonly DefType[];
  readonly importedFuncs: number;
  readonly importedTables: number;
  readonly importedMemories: number;
  readonly importedGlobals: number;
  readonly importedTags: number;
  readonly elemTypes: readonly RefType[];
  /** From the data count section; without it no instruction may name a data segment. */
  readonly dataCount: number | undefined;
  /** Functions that `ref.func` may name in a body. */
  readonly refs: ReadonlySet<FuncIdx>;
  /** By slot (rules.ts): 1 for the rows of the table that bodies have, as far as they are validated. */
  readonly used: Uint8Array;
}

/** The type of a function; the index must exist. */
export const funcType = (context: ModuleContext, func: FuncIdx): FuncType => context.funcs[func]?.comp as FuncType;

/** The instructions of a function that is no import. */
export function bodyOf(context: ModuleContext, func: FuncIdx): Expr {
  const body = context.syntax.funcs[func - context.importedFuncs]?.body;
  if (body === undefined) throw new RangeError(`function ${func} has no body`);
  return body;
}

/** A number for a place in the code of a module: no other function and pc has the same. */
export const placeOf = (context: ModuleContext, func: FuncIdx, pc: number): number => bodyOf(context, func).start + pc;

/** Closes a type; undefined where it names a type index that the module does not have. */
export function closeType(context: ModuleContext, type: ValType): ValType | undefined {
  if (typeof type === 'string' || typeof type.heap !== 'number') return type;
  return context.typeRefs[2 * type.heap + (type.nullable ? 1 : 0)];
}

/** The name of a function as errors and traces tell it. */
export const funcName = (syntax: ModuleSyntax, func: FuncIdx): string =>
  cut(syntax.names.funcs.get(func) ?? `func[${func}]`);

/** Whether a local of the type has a default value, so that it may be read before it is set. */
export const isDefaultable = (type: ValType): boolean => typeof type === 'string' || type.nullable;
