// How objects of the heap are laid out: one shape for each type of structure, array and exception. A shape follows from
// its type alone, is shared by all VMs of this thread, and lasts as long as the type.
//
// An object is a row of int32 words (heap.ts says where it stands):
//   0    its address, so that a walk over all objects knows whose words these are
//   1    number of its shape in the heap (heap.ts)
//   2    array: count of elements; exception: address of its tag; structures have their first field here
//   …    fields or elements: i32 and f32 one word, i64 and f64 two, references two (payload, kind), v128 four, low words
//        first. i8 and i16 take a word as a field; as elements they are packed, and the rest of the last word is zero.

import type { DefType } from '../../spec/deftypes.ts';
import { type FieldType, isRef, type StorageType, slotsOf, type ValType } from '../../spec/types.ts';

/** A field of a structure, an element of an array, a value of an exception. */
export interface Field {
  readonly type: StorageType;
  /** First word, from the object's start; of an element: that of the first one. */
  readonly at: number;
  /** Words of the value, in an object and at most as many as in a frame's slots. */
  readonly words: number;
  /** Words that it takes in a frame's slots. */
  readonly slotWords: number;
  /** Bits of an i8 or an i16, otherwise 0. */
  readonly packed: number;
}

export interface Shape {
  readonly type: DefType;
  readonly kind: 'struct' | 'array' | 'exn';
  /** Words of the object; of an array: those before its elements. */
  readonly words: number;
  /** Empty for an array. */
  readonly fields: readonly Field[];
  /** Words that all fields take in a frame's slots. */
  readonly slotWords: number;
  /** What all elements are like; undefined but for an array. */
  readonly element: Field | undefined;
  /** Bytes of an element. */
  readonly elementBytes: number;
  /** Where references stand among the fields. */
  readonly refs: readonly number[];
}

/** Where the first words stand; of an exception the tag is where an array has its count. */
export const headers = { address: 0, shape: 1, count: 2 } as const;
export const structHeader = 2;
/** Where the elements of an array and the values of an exception begin. */
export const longHeader = 3;

const known = new WeakMap<DefType, Shape>();

/** The shape of a structure or array type; of a function type: that of exceptions whose tag has the type. */
export function shapeOf(type: DefType): Shape {
  let shape = known.get(type);
  if (shape === undefined) {
    shape = make(type);
    known.set(type, shape);
  }
  return shape;
}

function make(type: DefType): Shape {
  const { comp } = type;
  if (comp.kind === 'array') return makeArray(type, comp.field);
  const kind = comp.kind === 'struct' ? 'struct' : 'exn';
  const types = comp.kind === 'struct' ? comp.fields.map(({ storage }) => storage) : comp.params;
  const fields: Field[] = [];
  let words = kind === 'struct' ? structHeader : longHeader;
  for (const storage of types) {
    const field = fieldOf(storage, words);
    fields.push(field);
    words += field.words;
  }
  return {
    type,
    kind,
    words,
    fields,
    slotWords: fields.reduce((sum, field) => sum + field.slotWords, 0),
    element: undefined,
    elementBytes: 0,
    refs: fields.filter((field) => typeof field.type === 'object').map(({ at }) => at),
  };
}

function makeArray(type: DefType, { storage }: FieldType): Shape {
  const element = fieldOf(storage, longHeader);
  return {
    type,
    kind: 'array',
    words: longHeader,
    fields: [],
    slotWords: 0,
    element,
    elementBytes: element.packed === 0 ? 4 * element.words : element.packed / 8,
    refs: [],
  };
}

function fieldOf(type: StorageType, at: number): Field {
  if (type === 'i8' || type === 'i16') return { type, at, words: 1, slotWords: 2, packed: type === 'i8' ? 8 : 16 };
  return { type, at, words: valueWords(type), slotWords: 2 * slotsOf(type), packed: 0 };
}

const valueWords = (type: ValType): number => (type === 'i32' || type === 'f32' ? 1 : type === 'v128' ? 4 : 2);

/** Whether the elements are references. */
export const holdsRefs = ({ element }: Shape): boolean =>
  element !== undefined && element.packed === 0 && isRef(element.type as ValType);

/** Words of an object of the shape; `length` counts an array's elements. */
export const sizeOf = ({ words, elementBytes }: Shape, length: number): number =>
  words + Math.ceil((length * elementBytes) / 4);
