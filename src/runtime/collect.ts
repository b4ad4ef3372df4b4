// What of a store's heap is alive, and when that is found out. Roots are taken for what they look like: a slot that holds
// a number may keep an object alive that nothing refers to. Snapshots (snapshot/data/heap.ts) look more closely.

import type { TagAddr } from '../spec/types.ts';
import { refKinds } from './heap/ref.ts';
import { type Shape, shapeOf, sizeOf } from './heap/shape.ts';
import { globalWords, type Store, type TagInst } from './store.ts';
import { hierarchyOf } from './value.ts';

/**
 * A new object, all zero; returns its address. Where there is no room for it, what is dead goes first; `slotWords` of the
 * stack, from its start, are in use. Throws ExhaustionError.
 */
export function newObject(store: Store, shape: Shape, length: number, slotWords: number): number {
  const { heap } = store;
  const size = sizeOf(shape, length);
  if (!heap.hasRoom(size)) makeRoom(store, size, slotWords);
  return heap.allocate(shape, length);
}

/**
 * The same for native code, whose references are not seen: where there is no room, it gets more for now, and shall leave
 * soon. Where leaving would not help, there is no more.
 */
export function newPinnedObject({ heap }: Store, shape: Shape, length: number): number {
  const size = sizeOf(shape, length);
  if (!heap.hasRoom(size)) {
    if (heap.pinned > 1) heap.checkRoom(size);
    else heap.overdraw(size);
  }
  return heap.allocate(shape, length);
}

/** Where references that the host was handed take the room, most of them are let go of (references.ts). */
export function makeRoom(store: Store, size: number, slotWords: number): void {
  const { heap, references } = store;
  collect(store, slotWords);
  if (heap.pinned === 0 && heap.lacks(size)) {
    references.letGo();
    collect(store, slotWords);
  }
  heap.checkRoom(size);
}

/** A new exception with a tag; the slots of what it carries begin at a word of the stack, and nothing is in use above. */
export function newException(store: Store, tag: TagAddr, base: number): number {
  const { stack } = store;
  const shape = shapeOf((store.tags[tag] as TagInst).type);
  return filled(store, newObject(store, shape, 0, base + shape.slotWords), tag, stack.words, base);
}

/** The same for native code; what it carries stands in a row from its beginning on. */
export function newPinnedException(store: Store, tag: TagAddr, row: Int32Array): number {
  const shape = shapeOf((store.tags[tag] as TagInst).type);
  return filled(store, newPinnedObject(store, shape, 0), tag, row, 0);
}

function filled({ heap }: Store, exception: number, tag: TagAddr, row: Int32Array, at: number): number {
  heap.setTag(exception, tag);
  heap.setFields(exception, heap.shape(exception), row, at);
  return exception;
}

/**
 * Frees what nothing refers to, unless native code runs, which holds references that are not in the store. Where some waits
 * for other code, nothing goes that there was before.
 */
export function collect(store: Store, slotWords: number): void {
  const { heap, references } = store;
  if (heap.pinned > 0) return;
  heap.startMarking();
  const scanned = eachRow(store, slotWords, (words, from, to) => heap.markRow(words, from, to));
  for (const { payload } of references.held()) heap.mark(payload);
  heap.sweep(scanned);
}

/**
 * Forgets values of the host that no word of the store refers to, where there have become many. All that is in use of the
 * stack is below its top, and what stands in objects counts, dead ones too. Nothing happens while native code runs.
 */
export function tidyHostValues(store: Store, slotWords: number = store.stack.top * 2): void {
  if (!store.hostValues.isFull || store.heap.pinned > 0 || store.heap.isPartial) return;
  const { heap, hostValues } = store;
  const marks = new Uint8Array(hostValues.list.length);
  const mark = (words: Int32Array, from: number, to: number) => {
    for (let i = from; i < to; i += 2) if (words[i + 1] === refKinds.extern) marks[words[i] as number] = 1;
  };
  const scanned = eachRow(store, slotWords, mark);
  heap.eachRow(mark);
  hostValues.sweep(marks, scanned + heap.size);
}

type Visit = (words: Int32Array, from: number, to: number) => void;

/** Shows all words outside the heap in which references may stand, in pairs; returns how many they were. */
function eachRow(
  { stack, lifted, globals, globalWords: values, tables, instances }: Store,
  slotWords: number,
  visit: Visit,
): number {
  let scanned = 0;
  const row = (words: Int32Array, length: number) => {
    visit(words, 0, length);
    scanned += length;
  };
  row(stack.words, slotWords);
  for (const words of lifted.live()) row(words, words.length);
  row(values, globals.length * globalWords);
  for (const { type, elements, size } of tables) if (hierarchyOf(type.ref) !== 'func') row(elements, size * 2);
  for (const { elems } of instances) for (const words of elems) row(words, words.length);
  return scanned;
}
