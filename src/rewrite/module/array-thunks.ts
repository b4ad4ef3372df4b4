// What guest code calls the engine for on arrays: what is made of segments, and work that has a length, a chunk at a time.

import { refKinds } from '../../runtime/heap/ref.ts';
import { type Shape, shapeOf } from '../../runtime/heap/shape.ts';
import type { InstanceInst, Store } from '../../runtime/store.ts';
import type { DefType } from '../../spec/deftypes.ts';
import { Trap } from '../../spec/errors.ts';
import { checkTable, chunk, high, low, wordsToRef } from './passed.ts';
import { theScratch } from './scratch-memory.ts';

/** A range of an array that is there. Throws Trap. */
function rangeOf({ heap }: Store, ref: bigint, start: number, count: number): { address: number; shape: Shape } {
  if (high(ref) === refKinds.null) throw new Trap('null array reference');
  const address = low(ref);
  if (start + count > heap.length(address)) throw new Trap('out of bounds array access');
  return { address, shape: heap.shape(address) };
}

/** The bytes of a data segment; none once it is dropped. */
function dataOf({ module, droppedDatas }: InstanceInst, segment: number): Uint8Array {
  const { start, end } = module.syntax.datas[segment]?.init ?? { start: 0, end: 0 };
  return module.bytes.subarray(start, droppedDatas[segment] === 1 ? start : end);
}

function checkData(start: number, size: number, data: Uint8Array): void {
  if (start + size > data.length) throw new Trap('out of bounds memory access');
}

interface Place {
  readonly address: number;
  readonly shape: Shape;
  readonly index: number;
}

/** Numbers stand in a segment as they do in an array: low bytes first. */
function putData(
  { heap }: Store,
  { address, shape, index }: Place,
  data: Uint8Array,
  from: number,
  count: number,
): void {
  heap.bytes.set(data.subarray(from, from + count * shape.elementBytes), heap.elementAt(address, shape, index));
}

function putElems(
  { heap }: Store,
  { address, shape, index }: Place,
  elem: Int32Array,
  from: number,
  count: number,
): void {
  heap.words.set(elem.subarray(2 * from, 2 * (from + count)), heap.elementAt(address, shape, index) / 4);
}

/** `newObject` makes an array that is paid for by its size. */
export function arrayThunks(
  home: { readonly store: Store; readonly inst: InstanceInst },
  newObject: (shape: Shape, length: number, isPaid: boolean) => number,
) {
  const shapeAt = (type: number) => shapeOf(home.inst.module.context.types[type] as DefType);
  const elemOf = (segment: number) => home.inst.elems[segment] as Int32Array;
  return {
    'array.new_data': (start: number, length: number, type: number, segment: number) => {
      const shape = shapeAt(type);
      const data = dataOf(home.inst, segment);
      checkData(start >>> 0, (length >>> 0) * shape.elementBytes, data);
      const address = newObject(shape, length >>> 0, true);
      putData(home.store, { address, shape, index: 0 }, data, start >>> 0, length >>> 0);
      return wordsToRef(address, refKinds.object);
    },
    'array.new_elem': (start: number, length: number, type: number, segment: number) => {
      const shape = shapeAt(type);
      const elem = elemOf(segment);
      checkTable(start >>> 0, length >>> 0, elem.length / 2);
      const address = newObject(shape, length >>> 0, true);
      putElems(home.store, { address, shape, index: 0 }, elem, start >>> 0, length >>> 0);
      return wordsToRef(address, refKinds.object);
    },
    'array.fill': (ref: bigint, start: number, count: number) => {
      const { address, shape } = rangeOf(home.store, ref, start >>> 0, count >>> 0);
      const { done, rest } = chunk('array.fill', count >>> 0);
      home.store.heap.fill(address, shape, (start >>> 0) + rest, done, theScratch().words, 0);
      return rest;
    },
    'array.copy': (into: bigint, to: number, out: bigint, from: number, count: number) => {
      const { heap } = home.store;
      const target = rangeOf(home.store, into, to >>> 0, count >>> 0);
      const source = rangeOf(home.store, out, from >>> 0, count >>> 0);
      const { done, rest } = chunk('array.copy', count >>> 0);
      const start = to >>> 0 <= from >>> 0 ? 0 : rest;
      const first = heap.elementAt(source.address, source.shape, (from >>> 0) + start);
      const at = heap.elementAt(target.address, target.shape, (to >>> 0) + start);
      heap.bytes.copyWithin(at, first, first + done * source.shape.elementBytes);
      return rest;
    },
    'array.init_data': (ref: bigint, to: number, from: number, count: number, segment: number) => {
      const { address, shape } = rangeOf(home.store, ref, to >>> 0, count >>> 0);
      const data = dataOf(home.inst, segment);
      checkData(from >>> 0, (count >>> 0) * shape.elementBytes, data);
      const { done, rest } = chunk('array.init_data', count >>> 0);
      const start = (from >>> 0) + rest * shape.elementBytes;
      putData(home.store, { address, shape, index: (to >>> 0) + rest }, data, start, done);
      return rest;
    },
    'array.init_elem': (ref: bigint, to: number, from: number, count: number, segment: number) => {
      const { address, shape } = rangeOf(home.store, ref, to >>> 0, count >>> 0);
      const elem = elemOf(segment);
      checkTable(from >>> 0, count >>> 0, elem.length / 2);
      const { done, rest } = chunk('array.init_elem', count >>> 0);
      putElems(home.store, { address, shape, index: (to >>> 0) + rest }, elem, (from >>> 0) + rest, done);
      return rest;
    },
  };
}
