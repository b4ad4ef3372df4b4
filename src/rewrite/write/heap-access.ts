// How code reaches objects: the store's heap is a memory (runtime/heap/words.ts). A reference is the address of an object and
// its kind; the object's first byte stands in the place that the address has.

import type { Writer } from '../../binary/writer.ts';
import { refKinds } from '../../runtime/heap/ref.ts';
import type { Field } from '../../runtime/heap/shape.ts';
import { cells, placesAt } from '../../runtime/heap/words.ts';
import { type Local, type Low, lowOf } from '../read/types.ts';
import type { BodyWriter } from './body-writer.ts';
import { code, Op } from './ops.ts';

/** Opcodes of loads and stores, by what they are of. */
const vector = 0xfd;
const loads = {
  i32: [code['i32.load']],
  i64: [code['i64.load']],
  f32: [code['f32.load']],
  f64: [code['f64.load']],
  v128: [vector, 0],
  i8_s: [code['i32.load8_s']],
  i8_u: [code['i32.load8_u']],
  i16_s: [code['i32.load16_s']],
  i16_u: [code['i32.load16_u']],
  /** The low word of an i64. */
  address: [code['i64.load32_u']],
} as const;
const stores = {
  i32: [code['i32.store']],
  i64: [code['i64.store']],
  f32: [code['f32.store']],
  f64: [code['f64.store']],
  v128: [vector, 11],
  i8: [code['i32.store8']],
  i16: [code['i32.store16']],
} as const;

/** The immediates of a load or store. Whatever the host knows of memories, one that is the only one is written as always. */
export function heapArgument(w: Writer, memory: number, offset: number): void {
  w.byte(memory === 0 ? 0 : 0x40);
  if (memory !== 0) w.u32(memory);
  w.u32(offset);
}

function access(b: BodyWriter, opcodes: readonly number[], offset: number): void {
  for (const opcode of opcodes) b.w.byte(opcode % 0x100);
  heapArgument(b.w, b.env.heap(), offset);
}

/** An address is on the stack; it is replaced by what stands there. */
export const load = (b: BodyWriter, what: keyof typeof loads, offset: number): void => access(b, loads[what], offset);
/** An address and a value are on the stack. */
export const store = (b: BodyWriter, what: keyof typeof stores, offset: number): void =>
  access(b, stores[what], offset);

/** The type of the rewritten module's values that a field's are of. */
export const lowOfField = ({ type }: Field): Low => (type === 'i8' || type === 'i16' ? 'i32' : lowOf(type));

export const loadOf = ({ type, packed }: Field, signed: boolean): keyof typeof loads =>
  packed !== 0 ? `${type as 'i8' | 'i16'}_${signed ? 's' : 'u'}` : lowOf(type as 'i32');
export const storeOf = ({ type, packed }: Field): keyof typeof stores =>
  packed !== 0 ? (type as 'i8' | 'i16') : lowOf(type as 'i32');

/** Pushes one of the words at the heap's beginning. */
export function pushCell(b: BodyWriter, cell: keyof typeof cells): void {
  b.constant(0);
  load(b, 'i32', 4 * cells[cell]);
}

/** Pushes the kind of the reference in a local. */
export function pushKind(b: BodyWriter, ref: Local): void {
  b.index(Op.localGet, ref.index);
  b.w.bytes(Uint8Array.of(code['i64.const'], 32, code['i64.shr_u'], code['i32.wrap_i64']));
}

/** Pushes the first byte of the object that the reference in a local is to. */
export function pushPlace(b: BodyWriter, ref: Local): void {
  b.index(Op.localGet, ref.index);
  b.w.byte(code['i32.wrap_i64']);
  b.constant(2);
  b.w.byte(code['i32.shl']);
  load(b, 'i32', 4 * placesAt);
}

/** Replaces the number of 64 bits on the stack, an address, by a reference. */
export function asRef(b: BodyWriter, kind: 'object' | 'i31'): void {
  b.w.byte(code['i64.const']);
  b.w.s64(0, refKinds[kind]);
  b.w.byte(code['i64.or']);
}

/** Traps where the reference in a local is null; traps.ts tells what for. */
export function checkNull(b: BodyWriter, ref: Local): void {
  b.index(Op.localGet, ref.index);
  b.w.bytes(Uint8Array.of(code['i64.eqz'], Op.if, Op.noType));
  b.unreachable();
  b.w.byte(Op.end);
}

/** Pops the reference on the stack into a local. */
export function popRef(b: BodyWriter): Local {
  const ref = b.take('i64');
  b.index(Op.localSet, ref.index);
  return ref;
}
