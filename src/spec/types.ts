// The types of the specification as plain data, and how they are written.
// Type indices are local to a module; `DefType`s (deftypes.ts) are what they mean across modules.
// https://webassembly.github.io/spec/core/syntax/types.html

import type { DefType } from './deftypes.ts';

/** Numbers that must not be mixed up: indices count within a module, addresses within a store. */
type Flavor<F extends string> = number & { readonly _flavor?: F };
export type TypeIdx = Flavor<'typeidx'>;
export type FuncIdx = Flavor<'funcidx'>;
export type TableIdx = Flavor<'tableidx'>;
export type MemIdx = Flavor<'memidx'>;
export type GlobalIdx = Flavor<'globalidx'>;
export type TagIdx = Flavor<'tagidx'>;
export type FuncAddr = Flavor<'funcaddr'>;
export type TableAddr = Flavor<'tableaddr'>;
export type MemAddr = Flavor<'memaddr'>;
export type GlobalAddr = Flavor<'globaladdr'>;
export type TagAddr = Flavor<'tagaddr'>;
export type InstanceAddr = Flavor<'instanceaddr'>;

export type NumType = 'i32' | 'i64' | 'f32' | 'f64';
export type VecType = 'v128';
export type AbsHeapType =
  | 'func'
  | 'nofunc'
  | 'extern'
  | 'noextern'
  | 'any'
  | 'eq'
  | 'i31'
  | 'struct'
  | 'array'
  | 'none'
  | 'exn'
  | 'noexn';

/** Open (as decoded): abstract or a type index. Closed (after validation): abstract or a DefType. */
export type HeapType = AbsHeapType | TypeIdx | DefType;
export interface RefType {
  readonly heap: HeapType;
  readonly nullable: boolean;
}
export type ValType = NumType | VecType | RefType;
export type PackedType = 'i8' | 'i16';
export type StorageType = ValType | PackedType;

export interface FieldType {
  readonly storage: StorageType;
  readonly mutable: boolean;
}
export interface FuncType {
  readonly kind: 'func';
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}
export interface StructType {
  readonly kind: 'struct';
  readonly fields: readonly FieldType[];
}
export interface ArrayType {
  readonly kind: 'array';
  readonly field: FieldType;
}
export type CompType = FuncType | StructType | ArrayType;
export interface SubType {
  readonly final: boolean;
  readonly supers: readonly TypeIdx[];
  readonly comp: CompType;
}
export type RecType = readonly SubType[];

export type AddrType = 'i32' | 'i64';
/** Sizes in pages (memories) or elements (tables). Up to 2^64 - 1 in the binary format, hence bigint. */
export interface Limits {
  readonly min: bigint;
  readonly max?: bigint;
}
export interface MemType {
  readonly addr: AddrType;
  readonly limits: Limits;
  readonly shared: boolean;
  /** log2 of the page size: 16, or 0 with custom page sizes. */
  readonly pageLog2: number;
}
export interface TableType {
  readonly addr: AddrType;
  readonly limits: Limits;
  readonly ref: RefType;
}
export interface GlobalType {
  readonly type: ValType;
  readonly mutable: boolean;
}
export interface TagType {
  readonly type: TypeIdx;
}

export type ExternKind = 'func' | 'table' | 'memory' | 'global' | 'tag';

export const funcref: RefType = { heap: 'func', nullable: true };
export const externref: RefType = { heap: 'extern', nullable: true };

/** The spec's short names for nullable references to abstract heap types, both ways from one list. */
const shorthand = {
  func: 'funcref',
  nofunc: 'nullfuncref',
  extern: 'externref',
  noextern: 'nullexternref',
  any: 'anyref',
  eq: 'eqref',
  i31: 'i31ref',
  struct: 'structref',
  array: 'arrayref',
  none: 'nullref',
  exn: 'exnref',
  noexn: 'nullexnref',
} as const satisfies Record<AbsHeapType, string>;

/** Names of value types that need no index. */
export type RefTypeName = (typeof shorthand)[AbsHeapType] | `(ref ${AbsHeapType})`;
export type TypeName = NumType | VecType | RefTypeName;

export const isRef = (type: ValType): type is RefType => typeof type === 'object';

/** A type as the text format writes it. */
export function typeName(type: StorageType): string {
  if (typeof type === 'string') return type;
  const { heap, nullable } = type;
  if (typeof heap === 'string') return nullable ? shorthand[heap] : `(ref ${heap})`;
  const name = typeof heap === 'number' ? heap : heap.name;
  return nullable ? `(ref null ${name})` : `(ref ${name})`;
}

/** A list of types as the test suite's messages write it: `[i32 i64]`. */
export const typeNames = (types: readonly StorageType[]): string => `[${types.map(typeName).join(' ')}]`;

const named = new Map<string, ValType>([
  ...(['i32', 'i64', 'f32', 'f64', 'v128'] as const).map((name): [string, ValType] => [name, name]),
  ...(Object.keys(shorthand) as AbsHeapType[]).flatMap((heap): [string, ValType][] => [
    [shorthand[heap], { heap, nullable: true }],
    [`(ref ${heap})`, { heap, nullable: false }],
  ]),
]);

/** The type with a name (TypeName): typeName's pair for types without an index. */
export const typeNamed = (name: string): ValType | undefined => named.get(name);

/** How many 8-byte slots a value of the type takes in a frame. */
export const slotsOf = (type: ValType): number => (type === 'v128' ? 2 : 1);
export function slotsOfAll(types: readonly ValType[]): number {
  let slots = 0;
  for (const type of types) slots += slotsOf(type);
  return slots;
}
