// How instructions on structures and small integers are written, and what else is done with references to objects.

import { type Shape, shapeOf } from '../../runtime/heap/shape.ts';
import type { DefType } from '../../spec/deftypes.ts';
import type { Special } from '../../spec/instructions.ts';
import { structNew, structNewDefault } from './allocate.ts';
import { arrayLength, arrays } from './arrays.ts';
import type { BodyWriter } from './body-writer.ts';
import { casts } from './casts.ts';
import { asRef, checkNull, load, loadOf, lowOfField, popRef, pushPlace, store, storeOf } from './heap-access.ts';
import { code, Op } from './ops.ts';

/** The shape of the type that the instruction names. */
const shapeAt = (b: BodyWriter): Shape => shapeOf(b.context.types[b.reader.x] as DefType);
const fieldAt = (b: BodyWriter) => shapeAt(b).fields[b.reader.y] as Shape['fields'][number];

function structGet(b: BodyWriter): void {
  const field = fieldAt(b);
  const ref = popRef(b);
  checkNull(b, ref);
  pushPlace(b, ref);
  load(b, loadOf(field, b.reader.row.name.endsWith('_s')), 4 * field.at);
  b.give(ref);
}

function structSet(b: BodyWriter): void {
  const field = fieldAt(b);
  const value = b.take(lowOfField(field));
  b.index(Op.localSet, value.index);
  const ref = popRef(b);
  checkNull(b, ref);
  pushPlace(b, ref);
  b.index(Op.localGet, value.index);
  store(b, storeOf(field), 4 * field.at);
  b.give(value);
  b.give(ref);
}

/** A small integer stands in its reference with its sign. */
function refI31(b: BodyWriter): void {
  b.constant(1);
  b.w.byte(code['i32.shl']);
  b.constant(1);
  b.w.bytes(Uint8Array.of(code['i32.shr_s'], code['i64.extend_i32_u']));
  asRef(b, 'i31');
}

function i31Get(b: BodyWriter): void {
  const ref = popRef(b);
  checkNull(b, ref);
  b.index(Op.localGet, ref.index);
  b.w.byte(code['i32.wrap_i64']);
  if (b.reader.row.name === 'i31.get_u') {
    b.constant(0x7fff_ffff);
    b.w.byte(code['i32.and']);
  }
  b.give(ref);
}

/** A reference keeps its words when it changes its hierarchy. */
const nothing = (): void => undefined;

export const objects = {
  'struct.new': (b) => structNew(b, b.reader.x, shapeAt(b)),
  'struct.new_default': (b) => structNewDefault(b, b.reader.x, shapeAt(b)),
  'struct.get': structGet,
  'struct.set': structSet,
  ...arrays,
  ...casts,
  'ref.i31': refI31,
  'any.convert_extern': nothing,
  'extern.convert_any': nothing,
} satisfies Partial<Record<Special, (b: BodyWriter) => void>>;

/** Instructions without rules of their own, by name. */
export const plainObjects: Readonly<Record<string, (b: BodyWriter) => void>> = {
  'ref.eq': (b) => b.w.byte(code['i64.eq']),
  'array.len': arrayLength,
  'i31.get_s': i31Get,
  'i31.get_u': i31Get,
};
