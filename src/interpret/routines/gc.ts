// Routines of structures, arrays, i31 and casts. Their immediates begin with the number of a shape or of a type.
// https://webassembly.github.io/spec/core/exec/instructions.html#aggregate-reference-instructions

import { newObject } from '../../runtime/collect.ts';
import type { Heap } from '../../runtime/heap/heap.ts';
import { refKinds } from '../../runtime/heap/ref.ts';
import type { Field, Shape } from '../../runtime/heap/shape.ts';
import { Trap } from '../../spec/errors.ts';
import { type BulkName, bulk, grown } from '../../spec/fuel.ts';
import type { RefType } from '../../spec/types.ts';
import type { Machine } from '../machine/machine.ts';
import { chunkOf, chunkStart, initialised, pay } from './bulk.ts';
import { type BulkRoutine, dataBytes, imm, type Routine, u32, word } from './routine.ts';

const heapOf = (m: Machine): Heap => m.store.heap;
const shapeAt = (m: Machine, at: number): Shape => m.moduleCode.shapes[imm(m, at)] as Shape;
const elementOf = (shape: Shape): Field => shape.element as Field;

/** An array that was made at once is paid for by its size. */
const payArray = (m: Machine, { elementBytes }: Shape, length: number): void => {
  m.fuel -= Math.ceil((length * elementBytes) / 4) * grown.word;
};

function putI32(m: Machine, index: number, value: number): void {
  m.I[index] = value;
  m.I[index + 1] = 0;
}

function putObject(m: Machine, index: number, address: number): void {
  m.I[index] = address;
  m.I[index + 1] = refKinds.object;
}

/** Makes an object whose operands, `slotWords` of them, are the top ones. Whatever lies above is not in use. */
const make = (m: Machine, shape: Shape, length: number, base: number, slotWords: number): number =>
  newObject(m.store, shape, length, base + slotWords);

// Structures

function structAddress(m: Machine, base: number): number {
  if (word(m, base + 1) === refKinds.null) throw new Trap('null structure reference');
  return word(m, base);
}

function structNew(m: Machine, at: number, base: number): void {
  const shape = shapeAt(m, at);
  const address = make(m, shape, 0, base, shape.slotWords);
  heapOf(m).setFields(address, shape, m.I, base);
  putObject(m, base, address);
}

function structNewDefault(m: Machine, at: number, base: number): void {
  putObject(m, base, make(m, shapeAt(m, at), 0, base, 0));
}

/** Immediates: shape, field, whether the sign is extended. */
function structGet(m: Machine, at: number, base: number): void {
  const field = shapeAt(m, at).fields[imm(m, at + 1)] as Field;
  heapOf(m).getField(structAddress(m, base), field, imm(m, at + 2) !== 0, m.I, base);
}

function structSet(m: Machine, at: number, base: number): void {
  const field = shapeAt(m, at).fields[imm(m, at + 1)] as Field;
  heapOf(m).setField(structAddress(m, base), field, m.I, base + 2);
}

// Arrays

function arrayAddress(m: Machine, base: number): number {
  if (word(m, base + 1) === refKinds.null) throw new Trap('null array reference');
  return word(m, base);
}

/** The address of an array whose reference stands in a slot, and which has a range. */
function arrayWith(m: Machine, base: number, start: number, count: number): number {
  const address = arrayAddress(m, base);
  if (start + count > heapOf(m).length(address)) throw new Trap('out of bounds array access');
  return address;
}

function checkData(start: number, size: number, data: Uint8Array): void {
  if (start + size > data.length) throw new Trap('out of bounds memory access');
}
function checkElem(start: number, count: number, elem: Int32Array): void {
  if (start + count > elem.length / 2) throw new Trap('out of bounds table access');
}

function arrayNew(m: Machine, at: number, base: number): void {
  const shape = shapeAt(m, at);
  const { slotWords } = elementOf(shape);
  const length = u32(m, base + slotWords);
  const address = make(m, shape, length, base, slotWords);
  heapOf(m).fill(address, shape, 0, length, m.I, base);
  putObject(m, base, address);
  payArray(m, shape, length);
}

function arrayNewDefault(m: Machine, at: number, base: number): void {
  const shape = shapeAt(m, at);
  const length = u32(m, base);
  putObject(m, base, make(m, shape, length, base, 0));
  payArray(m, shape, length);
}

/** Immediates: shape, count of elements. */
function arrayNewFixed(m: Machine, at: number, base: number): void {
  const shape = shapeAt(m, at);
  const { slotWords } = elementOf(shape);
  const length = imm(m, at + 1);
  const address = make(m, shape, length, base, length * slotWords);
  for (let i = 0; i < length; i++) heapOf(m).setElement(address, shape, i, m.I, base + i * slotWords);
  putObject(m, base, address);
}

function arrayNewData(m: Machine, at: number, base: number): void {
  const shape = shapeAt(m, at);
  const data = dataBytes(m.instance, imm(m, at + 1));
  const [start, length] = [u32(m, base), u32(m, base + 2)];
  checkData(start, length * shape.elementBytes, data);
  const address = make(m, shape, length, base, 0);
  copyData(m, address, shape, 0, data, start, length);
  putObject(m, base, address);
  payArray(m, shape, length);
}

function arrayNewElem(m: Machine, at: number, base: number): void {
  const shape = shapeAt(m, at);
  const elem = m.instance.elems[imm(m, at + 1)] as Int32Array;
  const [start, length] = [u32(m, base), u32(m, base + 2)];
  checkElem(start, length, elem);
  const address = make(m, shape, length, base, 0);
  copyElem(m, address, shape, 0, elem, start, length);
  putObject(m, base, address);
  payArray(m, shape, length);
}

/** Numbers stand in a segment as they do in an array: low bytes first. */
function copyData(
  m: Machine,
  address: number,
  shape: Shape,
  to: number,
  data: Uint8Array,
  from: number,
  count: number,
): void {
  const heap = heapOf(m);
  heap.bytes.set(data.subarray(from, from + count * shape.elementBytes), heap.elementAt(address, shape, to));
}

function copyElem(
  m: Machine,
  address: number,
  shape: Shape,
  to: number,
  elem: Int32Array,
  from: number,
  count: number,
): void {
  const heap = heapOf(m);
  heap.words.set(elem.subarray(2 * from, 2 * (from + count)), heap.elementAt(address, shape, to) / 4);
}

/** Immediates: shape, whether the sign is extended. */
function arrayGet(m: Machine, at: number, base: number): void {
  const index = u32(m, base + 2);
  const address = arrayWith(m, base, index, 1);
  heapOf(m).getElement(address, shapeAt(m, at), index, imm(m, at + 1) !== 0, m.I, base);
}

function arraySet(m: Machine, at: number, base: number): void {
  const index = u32(m, base + 2);
  const address = arrayWith(m, base, index, 1);
  heapOf(m).setElement(address, shapeAt(m, at), index, m.I, base + 4);
}

// Bulk instructions, in chunks (bulk.ts)

/** Notes in the count's slot what is left, if the instruction stays. */
function filled(m: Machine, name: BulkName, done: number, rest: number, count: number): boolean {
  if (!pay(m, bulk[name], done, rest)) return false;
  m.I[count] = rest;
  return true;
}

function arrayFill(m: Machine, at: number, base: number): boolean {
  const shape = shapeAt(m, at);
  const start = u32(m, base + 2);
  const counted = base + 4 + elementOf(shape).slotWords;
  const count = u32(m, counted);
  const address = arrayWith(m, base, start, count);
  const done = chunkOf(bulk['array.fill'], count);
  const rest = count - done;
  heapOf(m).fill(address, shape, start + rest, done, m.I, base + 4);
  return filled(m, 'array.fill', done, rest, counted);
}

function arrayCopy(m: Machine, at: number, base: number): boolean {
  const heap = heapOf(m);
  const shape = shapeAt(m, at);
  const [to, from, count] = [u32(m, base + 2), u32(m, base + 6), u32(m, base + 8)];
  const target = arrayWith(m, base, to, count);
  const source = arrayWith(m, base + 4, from, count);
  const done = chunkOf(bulk['array.copy'], count);
  const start = chunkStart(to, from, count - done);
  const first = heap.elementAt(source, shape, from + start);
  heap.bytes.copyWithin(heap.elementAt(target, shape, to + start), first, first + done * shape.elementBytes);
  const passed = to <= from ? done : 0;
  m.I[base + 2] = to + passed;
  m.I[base + 6] = from + passed;
  return filled(m, 'array.copy', done, count - done, base + 8);
}

function arrayInitData(m: Machine, at: number, base: number): boolean {
  const shape = shapeAt(m, at);
  const data = dataBytes(m.instance, imm(m, at + 1));
  const [to, from, count] = [u32(m, base + 2), u32(m, base + 4), u32(m, base + 6)];
  const address = arrayWith(m, base, to, count);
  checkData(from, count * shape.elementBytes, data);
  const done = chunkOf(bulk['array.init_data'], count);
  const rest = count - done;
  copyData(m, address, shape, to + rest, data, from + rest * shape.elementBytes, done);
  return initialised(m, 'array.init_data', base + 2, done, rest);
}

function arrayInitElem(m: Machine, at: number, base: number): boolean {
  const shape = shapeAt(m, at);
  const elem = m.instance.elems[imm(m, at + 1)] as Int32Array;
  const [to, from, count] = [u32(m, base + 2), u32(m, base + 4), u32(m, base + 6)];
  const address = arrayWith(m, base, to, count);
  checkElem(from, count, elem);
  const done = chunkOf(bulk['array.init_elem'], count);
  const rest = count - done;
  copyElem(m, address, shape, to + rest, elem, from + rest, done);
  return initialised(m, 'array.init_elem', base + 2, done, rest);
}

// i31: the payload is the number with its sign, so that equal ones have equal words

function i31(m: Machine, base: number): number {
  if (word(m, base + 1) === refKinds.null) throw new Trap('null i31 reference');
  return word(m, base);
}

function refI31(m: Machine, _at: number, base: number): void {
  m.I[base] = (word(m, base) << 1) >> 1;
  m.I[base + 1] = refKinds.i31;
}

// Casts

function isOfType(m: Machine, at: number, base: number): boolean {
  return m.store.isOfType(word(m, base), word(m, base + 1), m.moduleCode.refTypes[imm(m, at)] as RefType);
}

export const gcRoutines = {
  'struct.new': structNew,
  'struct.new_default': structNewDefault,
  'struct.get': structGet,
  'struct.set': structSet,
  'array.new': arrayNew,
  'array.new_default': arrayNewDefault,
  'array.new_fixed': arrayNewFixed,
  'array.new_data': arrayNewData,
  'array.new_elem': arrayNewElem,
  'array.get': arrayGet,
  'array.set': arraySet,
  'array.len': (m, _at, base) => putI32(m, base, heapOf(m).length(arrayAddress(m, base)) | 0),
  'array.fill': arrayFill,
  'array.copy': arrayCopy,
  'array.init_data': arrayInitData,
  'array.init_elem': arrayInitElem,
  'ref.i31': refI31,
  'i31.get_s': (m, _at, base) => putI32(m, base, i31(m, base)),
  'i31.get_u': (m, _at, base) => putI32(m, base, i31(m, base) & 0x7fffffff),
  'ref.test': (m, at, base) => putI32(m, base, isOfType(m, at, base) ? 1 : 0),
  'ref.cast': (m, at, base) => {
    if (!isOfType(m, at, base)) throw new Trap('cast failure');
  },
} satisfies Record<string, Routine | BulkRoutine>;
