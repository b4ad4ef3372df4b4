// A module as plain data, in the spec's words. Nothing here is checked beyond being well formed.
// https://webassembly.github.io/spec/core/syntax/modules.html

import type {
  FuncIdx,
  GlobalType,
  MemIdx,
  MemType,
  RecType,
  RefType,
  TableIdx,
  TableType,
  TagType,
  TypeIdx,
  ValType,
} from '../spec/types.ts';

/** A range of the module's bytes: [start, end). */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** An instruction sequence, kept as the bytes it came in; `end` is past its closing `end` (0x0b). */
export type Expr = Span;

export interface Import {
  readonly module: string;
  readonly name: string;
  readonly desc: ImportDesc;
  /** How it stands in a compact group with its neighbours of the same module; absent for one that stands by itself. */
  readonly compact?: keyof typeof compactCodes;
  /** Byte offset of the import, for errors. */
  readonly offset: number;
}
/**
 * What follows an empty name where a group of imports of one module begins: each has its own description, or all have
 * the first one's. https://github.com/WebAssembly/compact-import-section
 */
export const compactCodes = { each: 0x7f, alike: 0x7e } as const;
export type ImportDesc =
  | { readonly kind: 'func'; readonly type: TypeIdx }
  | { readonly kind: 'table'; readonly type: TableType }
  | { readonly kind: 'memory'; readonly type: MemType }
  | { readonly kind: 'global'; readonly type: GlobalType }
  | { readonly kind: 'tag'; readonly type: TagType };

/** A function of the module itself: its type from the function section, the rest from the code section. */
export interface Func {
  readonly type: TypeIdx;
  /** Byte offset of its entry in the code section, after the size: where its locals are declared. */
  readonly entry: number;
  /** Runs of equal locals, as in the binary format; parameters are not among them. */
  readonly locals: readonly { readonly count: number; readonly type: ValType }[];
  /** The instruction sequence. A pc counts from its start. */
  readonly body: Expr;
  /** Of the type index in the function section, for errors. */
  readonly typeOffset: number;
}
export interface Table {
  readonly type: TableType;
  /** Absent: `ref.null` of the element type. */
  readonly init?: Expr;
  readonly offset: number;
}
export interface Memory {
  readonly type: MemType;
  readonly offset: number;
}
export interface Tag {
  readonly type: TagType;
  readonly offset: number;
}
export interface Global {
  readonly type: GlobalType;
  readonly init: Expr;
  readonly offset: number;
}
export interface Export {
  readonly name: string;
  readonly kind: Import['desc']['kind'];
  readonly index: number;
  readonly offset: number;
}
export type ElemMode =
  | { readonly kind: 'passive' }
  | { readonly kind: 'declarative' }
  | { readonly kind: 'active'; readonly table: TableIdx; readonly at: Expr };
export interface Elem {
  readonly type: RefType;
  /** Given as function indices or as constant expressions, as in the binary. */
  readonly init:
    | { readonly kind: 'funcs'; readonly funcs: readonly FuncIdx[] }
    | { readonly kind: 'exprs'; readonly exprs: readonly Expr[] };
  readonly mode: ElemMode;
  readonly offset: number;
}
export type DataMode =
  | { readonly kind: 'passive' }
  | { readonly kind: 'active'; readonly memory: MemIdx; readonly at: Expr };
export interface Data {
  readonly init: Span;
  readonly mode: DataMode;
  readonly offset: number;
}
export interface Custom {
  readonly name: string;
  readonly data: Span;
  /** Index in spec/sections.ts of the first section that may still follow it, so that encoding keeps its place. */
  readonly place: number;
}

/** The name section, as far as it could be read; unreadable parts are left out, never an error, and long names cut. */
export interface Names {
  readonly module?: string;
  readonly funcs: ReadonlyMap<FuncIdx, string>;
  /** By function index, then local index. */
  readonly locals: ReadonlyMap<FuncIdx, ReadonlyMap<number, string>>;
}

export interface ModuleSyntax {
  /** What was decoded. Spans point into it; callers must not change it. */
  readonly bytes: Uint8Array;
  readonly types: readonly RecType[];
  /** Byte offset of each recursive group, for errors. */
  readonly typeOffsets: readonly number[];
  readonly imports: readonly Import[];
  readonly funcs: readonly Func[];
  readonly tables: readonly Table[];
  readonly memories: readonly Memory[];
  readonly tags: readonly Tag[];
  readonly globals: readonly Global[];
  readonly exports: readonly Export[];
  readonly start?: { readonly func: FuncIdx; readonly offset: number };
  readonly elems: readonly Elem[];
  readonly datas: readonly Data[];
  /** From the data count section, where there is one. */
  readonly dataCount?: number;
  readonly customs: readonly Custom[];
  readonly names: Names;
}
