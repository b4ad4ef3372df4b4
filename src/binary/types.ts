// Types in the binary format: each reader beside its writer.
// https://webassembly.github.io/spec/core/binary/types.html

import { CrashError } from '../spec/errors.ts';
import type {
  AbsHeapType,
  CompType,
  FieldType,
  GlobalType,
  HeapType,
  Limits,
  MemType,
  PackedType,
  RecType,
  RefType,
  StorageType,
  SubType,
  TableType,
  TagType,
  ValType,
} from '../spec/types.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/** Codes of abstract heap types, as unsigned bytes of their one-byte s33. */
export const heapCodes: Record<AbsHeapType, number> = {
  noexn: 0x74,
  nofunc: 0x73,
  noextern: 0x72,
  none: 0x71,
  func: 0x70,
  extern: 0x6f,
  any: 0x6e,
  eq: 0x6d,
  i31: 0x6c,
  struct: 0x6b,
  array: 0x6a,
  exn: 0x69,
};
export const numCodes = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
export const refNullCode = 0x63;
export const refCode = 0x64;
const packedCodes: Record<PackedType, number> = { i8: 0x78, i16: 0x77 };
const emptyBlockCode = 0x40;

const compCodes: Record<CompType['kind'], number> = { func: 0x60, struct: 0x5f, array: 0x5e };
const subCode = 0x50;
const subFinalCode = 0x4f;
const recCode = 0x4e;

/** The inverse of a table of codes. */
function byCode<T extends string>(codes: Record<T, number>): (T | undefined)[] {
  const list: (T | undefined)[] = [];
  for (const name of Object.keys(codes) as T[]) list[codes[name]] = name;
  return list;
}
const heaps = byCode(heapCodes);
const packeds = byCode(packedCodes);
const comps = byCode(compCodes);

/** Interned, so that the common reference types are one object each. */
const valTypes: (ValType | undefined)[] = byCode(numCodes);
for (const [heap, code] of Object.entries(heapCodes)) valTypes[code] = { heap: heap as AbsHeapType, nullable: true };

export function readHeapType(r: Reader): HeapType {
  const start = r.pos;
  const abstract = heaps[r.bytes[r.pos] as number];
  if (abstract !== undefined && r.pos < r.end) {
    r.pos++;
    return abstract;
  }
  const index = r.s33();
  return index >= 0 ? index : r.fail('malformed heap type', start);
}

export function writeHeapType(w: Writer, heap: HeapType): void {
  if (typeof heap === 'string') w.byte(heapCodes[heap]);
  else if (typeof heap === 'number') w.s33(heap);
  else throw new CrashError('a closed type has no binary form');
}

export function readValType(r: Reader): ValType {
  const start = r.pos;
  const code = r.code();
  const type = valTypes[code];
  if (type !== undefined) return type;
  if (code === refNullCode || code === refCode) return { heap: readHeapType(r), nullable: code === refNullCode };
  return r.fail('malformed value type', start);
}

export function writeValType(w: Writer, type: ValType): void {
  if (typeof type === 'string') w.byte(numCodes[type]);
  else {
    if (!type.nullable || typeof type.heap !== 'string') w.byte(type.nullable ? refNullCode : refCode);
    writeHeapType(w, type.heap);
  }
}

export function readRefType(r: Reader): RefType {
  const start = r.pos;
  const type = readValType(r);
  return typeof type === 'object' ? type : r.fail('malformed reference type', start);
}

/** What a block takes and gives: nothing or one result, or the type with an index. */
export type BlockType = { readonly result: ValType | undefined } | { readonly type: number };
const empty: BlockType = { result: undefined };
const single = new Map<ValType, BlockType>();

export function readBlockType(r: Reader): BlockType {
  const code = r.pos < r.end ? (r.bytes[r.pos] as number) : -1;
  if (code === emptyBlockCode) {
    r.pos++;
    return empty;
  }
  if (valTypes[code] !== undefined || code === refNullCode || code === refCode) return resultBlock(readValType(r));
  const start = r.pos;
  const index = r.s33();
  return index >= 0 ? { type: index } : r.fail('malformed block type', start);
}

/** One object for each interned type. */
function resultBlock(result: ValType): BlockType {
  const known = single.get(result);
  if (known !== undefined) return known;
  const block = { result };
  if (valTypes.includes(result)) single.set(result, block);
  return block;
}

export function writeBlockType(w: Writer, block: BlockType): void {
  if ('type' in block) w.s33(block.type);
  else if (block.result === undefined) w.byte(emptyBlockCode);
  else writeValType(w, block.result);
}

function readStorageType(r: Reader): StorageType {
  const packed = r.pos < r.end ? packeds[r.bytes[r.pos] as number] : undefined;
  if (packed === undefined) return readValType(r);
  r.pos++;
  return packed;
}

function writeStorageType(w: Writer, type: StorageType): void {
  if (type === 'i8' || type === 'i16') w.byte(packedCodes[type]);
  else writeValType(w, type);
}

function readMutable(r: Reader): boolean {
  const code = r.byte();
  if (code > 1) r.fail('malformed mutability', r.pos - 1);
  return code === 1;
}

function readField(r: Reader): FieldType {
  return { storage: readStorageType(r), mutable: readMutable(r) };
}

function writeField(w: Writer, field: FieldType): void {
  writeStorageType(w, field.storage);
  w.byte(Number(field.mutable));
}

function readCompType(r: Reader): CompType {
  const start = r.pos;
  const kind = comps[r.code()] ?? r.fail('malformed definition type', start);
  switch (kind) {
    case 'func':
      return { kind, params: r.list('parameters', readValType), results: r.list('results', readValType) };
    case 'struct':
      return { kind, fields: r.list('fields', readField) };
    case 'array':
      return { kind, field: readField(r) };
    default:
      return kind satisfies never;
  }
}

function writeCompType(w: Writer, comp: CompType): void {
  w.byte(compCodes[comp.kind]);
  switch (comp.kind) {
    case 'func':
      w.list(comp.params, writeValType);
      w.list(comp.results, writeValType);
      break;
    case 'struct':
      w.list(comp.fields, writeField);
      break;
    case 'array':
      writeField(w, comp.field);
      break;
    default:
      comp satisfies never;
  }
}

const readIndex = (r: Reader) => r.u32();

function readSubType(r: Reader): SubType {
  const code = r.bytes[r.pos];
  if (r.pos >= r.end || (code !== subCode && code !== subFinalCode))
    return { final: true, supers: [], comp: readCompType(r) };
  r.pos++;
  return { final: code === subFinalCode, supers: r.list('supertypes', readIndex), comp: readCompType(r) };
}

function writeSubType(w: Writer, type: SubType): void {
  if (!type.final || type.supers.length > 0) {
    w.byte(type.final ? subFinalCode : subCode);
    w.list(type.supers, (_, index) => w.u32(index));
  }
  writeCompType(w, type.comp);
}

export function readRecType(r: Reader): RecType {
  if (r.pos >= r.end || r.bytes[r.pos] !== recCode) return [readSubType(r)];
  r.pos++;
  return r.list('types in a recursive group', readSubType);
}

export function writeRecType(w: Writer, group: RecType): void {
  if (group.length === 1) writeSubType(w, group[0] as SubType);
  else {
    w.byte(recCode);
    w.list(group, writeSubType);
  }
}

/** Bits of the byte before limits. https://webassembly.github.io/spec/core/binary/types.html#limits */
const limitFlags = { max: 1, shared: 2, addr64: 4, pageSize: 8 } as const;
const tableFlags = limitFlags.max | limitFlags.addr64;
const memoryFlags = tableFlags | limitFlags.shared | limitFlags.pageSize;
const defaultPageLog2 = 16;

function readFlags(r: Reader, allowed: number): number {
  const flags = r.byte();
  if ((flags & ~allowed) !== 0) r.fail('malformed limits flags', r.pos - 1);
  return flags;
}

/** In the core specification always u64, whatever the address type: too large a size is invalid, not malformed. */
function readLimits(r: Reader, flags: number): Limits {
  const min = r.bigU64();
  return flags & limitFlags.max ? { min, max: r.bigU64() } : { min };
}

function writeLimits(w: Writer, limits: Limits): void {
  w.bigU64(limits.min);
  if (limits.max !== undefined) w.bigU64(limits.max);
}

function readPageLog2(r: Reader): number {
  const start = r.pos;
  const log2 = r.u32();
  return log2 < 64 ? log2 : r.fail('invalid custom page size', start);
}

export function readTableType(r: Reader): TableType {
  const ref = readRefType(r);
  const flags = readFlags(r, tableFlags);
  return { addr: flags & limitFlags.addr64 ? 'i64' : 'i32', limits: readLimits(r, flags), ref };
}

export function writeTableType(w: Writer, type: TableType): void {
  writeValType(w, type.ref);
  const max = type.limits.max === undefined ? 0 : limitFlags.max;
  w.byte(max | (type.addr === 'i64' ? limitFlags.addr64 : 0));
  writeLimits(w, type.limits);
}

export function readMemType(r: Reader): MemType {
  const flags = readFlags(r, memoryFlags);
  return {
    addr: flags & limitFlags.addr64 ? 'i64' : 'i32',
    shared: (flags & limitFlags.shared) !== 0,
    limits: readLimits(r, flags),
    pageLog2: flags & limitFlags.pageSize ? readPageLog2(r) : defaultPageLog2,
  };
}

export function writeMemType(w: Writer, type: MemType): void {
  const max = type.limits.max === undefined ? 0 : limitFlags.max;
  const shared = type.shared ? limitFlags.shared : 0;
  const pageSize = type.pageLog2 === defaultPageLog2 ? 0 : limitFlags.pageSize;
  w.byte(max | shared | pageSize | (type.addr === 'i64' ? limitFlags.addr64 : 0));
  writeLimits(w, type.limits);
  if (pageSize !== 0) w.u32(type.pageLog2);
}

export function readGlobalType(r: Reader): GlobalType {
  return { type: readValType(r), mutable: readMutable(r) };
}

export function writeGlobalType(w: Writer, type: GlobalType): void {
  writeValType(w, type.type);
  w.byte(Number(type.mutable));
}

/** The zero stands for an exception, the one kind of tag there is. */
export function readTagType(r: Reader): TagType {
  r.zero();
  return { type: r.u32() };
}

export function writeTagType(w: Writer, type: TagType): void {
  w.byte(0);
  w.u32(type.type);
}
