// What a module may be compiled to import from nowhere: the functions on strings, and strings as constants.
// https://github.com/WebAssembly/js-string-builtins

import type { Import } from '../binary/module.ts';
import { type ExternType, importTypes } from '../link/match.ts';
import { Ref, type Value } from '../runtime/heap/ref.ts';
import type { Module } from '../runtime/module/module.ts';
import type { Store } from '../runtime/store.ts';
import { type DefType, defineArray, defineFunc, refMatches } from '../spec/deftypes.ts';
import { Trap } from '../spec/errors.ts';
import { externref, isRef, type RefType, type ValType } from '../spec/types.ts';
import { CompileError } from './errors.ts';
import { isObject } from './webidl.ts';

/** A function on strings; arguments and result are as the store has them. Throws Trap, or what JavaScript throws. */
export interface Builtin {
  readonly type: DefType;
  readonly act: (store: Store, args: readonly Value[]) => Value;
}

/** What an import is given when the module is compiled: a function, or its own name as a string. */
export type Provided = Builtin | 'string';

export interface CompileOptions {
  /** Names of known sets. */
  readonly sets: readonly string[];
  /** The module whose imports are strings. */
  readonly strings: string | undefined;
}

export const noOptions: CompileOptions = { sets: [], strings: undefined };

/** A module as it was compiled. */
export interface Compiled {
  readonly module: Module;
  readonly options: CompileOptions;
  /** By import; undefined for those that an instance is given. */
  readonly provided: readonly (Provided | undefined)[];
}

/** Options that are no objects are passed over, as by the host; so is whatever has not the type that it should have. */
export function compileOptions(value: unknown): CompileOptions {
  if (!isObject(value)) return noOptions;
  const { builtins, importedStringConstants } = value as Record<string, unknown>;
  return {
    sets: isObject(builtins) ? Object.keys(sets).filter((set) => Array.prototype.includes.call(builtins, set)) : [],
    strings: typeof importedStringConstants === 'string' ? importedStringConstants : undefined,
  };
}

/** Finds what the options say of a module's imports. Throws CompileError for an import of another type. */
export function withBuiltins(module: Module, options: CompileOptions): Compiled {
  const types = importTypes(module);
  const provided = module.syntax.imports.map((what, i) => providedFor(what, types[i] as ExternType, options));
  return { module, options, provided };
}

function providedFor({ module, name }: Import, type: ExternType, { sets: names, strings }: CompileOptions) {
  if (module === strings) {
    if (isConstantString(type)) return 'string';
    throw new CompileError(`string constant ${JSON.stringify(name)} must be an immutable global subtyping externref`);
  }
  if (type.kind !== 'func') return undefined;
  const found = names.map((set) => sets[set as keyof typeof sets]).find((set) => set.module === module)?.functions;
  if (found === undefined || !Object.hasOwn(found, name)) return undefined;
  const builtin = found[name] as Builtin;
  if (builtin.type === type.type) return builtin;
  throw new CompileError(
    `imported builtin function ${JSON.stringify(module)} ${JSON.stringify(name)} has incorrect signature`,
  );
}

const isConstantString = ({ kind, type }: ExternType): boolean =>
  kind === 'global' && !type.mutable && isRef(type.type) && refMatches(string, type.type);

// The functions

const string: RefType = { heap: 'extern', nullable: false };
const codeUnits: RefType = { heap: defineArray({ storage: 'i16', mutable: true }), nullable: true };

function text(value: Value): string {
  if (typeof value !== 'string') throw new Trap('cast failure');
  return value;
}

/** A code unit's place in a string. */
function within(value: string, index: number): number {
  if (index >>> 0 >= value.length) throw new Trap('out of bounds string access');
  return index;
}

/** The elements of an array from one to another, to read or to write. */
function units({ heap }: Store, array: Value, start: number, end: number): Int16Array {
  if (!(array instanceof Ref)) throw new Trap('null array reference');
  const { payload } = array;
  if (start > end || end > heap.length(payload)) throw new Trap('out of bounds array access');
  const first = heap.elementAt(payload, heap.shape(payload), 0) / 2;
  return heap.shorts.subarray(first + start, first + end);
}

/** At a time, as arguments of a call. */
const mostUnits = 4096;

function fromUnits(units: Int16Array): string {
  let made = '';
  for (let at = 0; at < units.length; at += mostUnits)
    made += String.fromCharCode(...units.subarray(at, at + mostUnits));
  return made;
}

function intoUnits(store: Store, value: string, array: Value, start: number): number {
  const to = units(store, array, start, start + value.length);
  for (let i = 0; i < value.length; i++) to[i] = value.charCodeAt(i);
  return value.length;
}

function codePoint(code: number): string {
  if (code > 0x10ffff) throw new Trap('invalid code point', String(code));
  return String.fromCodePoint(code);
}

function equal(a: Value, b: Value): boolean {
  for (const value of [a, b]) if (value !== null) text(value);
  return a === b;
}

const compared = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

type Act = (args: readonly Value[], store: Store) => Value;
const builtin = (params: readonly ValType[], result: ValType, act: Act): Builtin => ({
  type: defineFunc(params, [result]),
  act: (store, args) => act(args, store),
});
const num = (value: Value): number => (value as number) >>> 0;

const jsString: Readonly<Record<string, Builtin>> = {
  cast: builtin([externref], string, ([s]) => text(s)),
  test: builtin([externref], 'i32', ([s]) => Number(typeof s === 'string')),
  fromCharCodeArray: builtin([codeUnits, 'i32', 'i32'], string, ([array, start, end], store) =>
    fromUnits(units(store, array, num(start), num(end))),
  ),
  intoCharCodeArray: builtin([externref, codeUnits, 'i32'], 'i32', ([s, array, start], store) =>
    intoUnits(store, text(s), array, num(start)),
  ),
  fromCharCode: builtin(['i32'], string, ([code]) => String.fromCharCode(num(code))),
  fromCodePoint: builtin(['i32'], string, ([code]) => codePoint(num(code))),
  charCodeAt: builtin([externref, 'i32'], 'i32', ([s, i]) => text(s).charCodeAt(within(text(s), num(i)))),
  codePointAt: builtin([externref, 'i32'], 'i32', ([s, i]) => text(s).codePointAt(within(text(s), num(i)))),
  length: builtin([externref], 'i32', ([s]) => text(s).length),
  concat: builtin([externref, externref], string, ([a, b]) => text(a) + text(b)),
  substring: builtin([externref, 'i32', 'i32'], string, ([s, start, end]) =>
    text(s).substring(Math.min(num(start), num(end)), num(end)),
  ),
  equals: builtin([externref, externref], 'i32', ([a, b]) => Number(equal(a, b))),
  compare: builtin([externref, externref], 'i32', ([a, b]) => compared(text(a), text(b))),
};

const sets = { 'js-string': { module: 'wasm:js-string', functions: jsString } } as const;
