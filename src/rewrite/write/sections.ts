// Puts sections together to a binary module: what all modules that the rewriter makes have in common.

import { concatBytes } from '@noble/hashes/utils.js';
import { magic, version } from '../../binary/decode.ts';
import { Writer } from '../../binary/writer.ts';
import { codeOfLow, type Low, type TypeSection } from '../read/types.ts';
import { code as codes, Op } from './ops.ts';

export type ImportKind =
  | { readonly kind: 'func'; readonly type: number }
  | { readonly kind: 'table' }
  | { readonly kind: 'memory'; readonly pages: number; readonly max: number; readonly shared: boolean }
  | { readonly kind: 'global'; readonly type: Low; readonly mutable: boolean };

export interface ImportEntry {
  readonly module: string;
  readonly name: string;
  readonly is: ImportKind;
}
export interface ExportEntry {
  readonly name: string;
  readonly kind: 'func' | 'table' | 'memory' | 'global';
  readonly index: number;
}
const funcref = 0x70;
const kinds = { func: 0, table: 1, memory: 2, global: 3 } as const;

/** Functions as they are written, one after the other. */
export class Code {
  readonly types: number[] = [];
  private readonly offsets: number[] = [];
  private readonly w: Writer;

  /** For about so many bytes. */
  constructor(capacity = 256) {
    this.w = new Writer(capacity);
  }

  /** Adds a function: the index of its type, its locals and instructions. */
  add(type: number, bytes: Uint8Array): void {
    this.types.push(type);
    this.w.u32(bytes.length);
    this.offsets.push(this.w.length);
    this.w.bytes(bytes);
  }

  /** Writes what the section begins with. */
  begin(w: Writer): void {
    const count = new Writer(5);
    count.u32(this.types.length);
    w.byte(10);
    w.u32(count.length + this.w.length);
    w.bytes(count.view());
  }

  /** The rest of the section: many megabytes, it may be. */
  view(): Uint8Array {
    return this.w.view();
  }

  /** Where each function's body begins, if the first function is at an offset. */
  offsetsFrom(at: number): Int32Array {
    return Int32Array.from(this.offsets, (offset) => offset + at);
  }
}

export interface Parts {
  /** Tells modules apart in stack traces. */
  readonly name: string;
  readonly types: TypeSection;
  readonly imports: readonly ImportEntry[];
  readonly code: Code;
  /** A table that has all of so many functions, from a first one on, and its index. */
  readonly table?: { readonly index: number; readonly first: number; readonly count: number };
  /** Pages of a memory of its own. */
  readonly memory?: number;
  /** All mutable, and zero to begin with. */
  readonly globals: readonly Low[];
  readonly exports: readonly ExportEntry[];
}

export interface Assembled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each function's body begins in the bytes. */
  readonly offsets: Int32Array;
}

export function assemble(parts: Parts): Assembled {
  const { code } = parts;
  const head = new Writer(1024 + 16 * code.types.length);
  head.fixed32(magic);
  head.fixed32(version);
  section(head, 1, (w) => parts.types.write(w));
  section(head, 2, (w) => w.list(parts.imports, writeImport));
  section(head, 3, (w) => w.list(code.types, (w, type) => w.u32(type)));
  if (parts.table !== undefined) writeTable(head, parts.table.count);
  if (parts.memory !== undefined) writeMemory(head, parts.memory);
  section(head, 6, (w) => w.list(parts.globals, writeGlobal));
  section(head, 7, (w) => w.list(parts.exports, writeExport));
  if (parts.table !== undefined) writeElements(head, parts.table);
  code.begin(head);
  const tail = new Writer();
  section(tail, 0, (w) => writeName(w, parts.name));
  return { bytes: concatBytes(head.view(), code.view(), tail.view()), offsets: code.offsetsFrom(head.length) };
}

function section(w: Writer, id: number, write: (w: Writer) => void): void {
  w.byte(id);
  w.sized(write);
}

function writeTable(w: Writer, count: number): void {
  section(w, 4, (w) => {
    w.u32(1);
    w.bytes(Uint8Array.of(funcref, 0));
    w.u32(count);
  });
}

/** An active segment of function indices. */
function writeElements(w: Writer, { index, first, count }: Required<Parts>['table']): void {
  section(w, 9, (w) => {
    w.u32(1);
    w.byte(2);
    w.u32(index);
    w.bytes(Uint8Array.of(Op.i32Const, 0, Op.end, 0));
    w.u32(count);
    for (let i = 0; i < count; i++) w.u32(first + i);
  });
}

function writeMemory(w: Writer, pages: number): void {
  section(w, 5, (w) => {
    w.u32(1);
    w.byte(1);
    w.u32(pages);
    w.u32(pages);
  });
}

function writeImport(w: Writer, { module, name, is }: ImportEntry): void {
  w.name(module);
  w.name(name);
  w.byte(kinds[is.kind]);
  if (is.kind === 'func') w.u32(is.type);
  else if (is.kind === 'global') {
    w.byte(codeOfLow(is.type));
    w.byte(is.mutable ? 1 : 0);
  } else if (is.kind === 'table') w.bytes(Uint8Array.of(funcref, 0, 0));
  else {
    w.byte(is.shared ? 3 : 1);
    w.u32(is.pages);
    w.u32(is.max);
  }
}

function writeGlobal(w: Writer, type: Low): void {
  w.byte(codeOfLow(type));
  w.byte(1);
  writeZero(w, type);
  w.byte(Op.end);
}

function writeExport(w: Writer, { name, kind, index }: ExportEntry): void {
  w.name(name);
  w.byte(kinds[kind]);
  w.u32(index);
}

function writeName(w: Writer, name: string): void {
  w.name('name');
  w.byte(0);
  w.sized((w) => w.name(name));
}

/** Pushes a zero. */
export function writeZero(w: Writer, type: Low): void {
  if (type === 'v128') {
    w.bytes(Uint8Array.of(0xfd, 0x0c));
    w.bytes(new Uint8Array(16));
    return;
  }
  w.byte(codes[`${type}.const`]);
  w.bytes(new Uint8Array(zeroBytes[type]));
}
const zeroBytes = { i32: 1, i64: 1, f32: 4, f64: 8 } as const;
