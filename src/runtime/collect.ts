// What of a store's heap is alive, and when that is found out. Roots are taken for what they look like: a slot that holds
// a number may keep an object alive that nothing refers to. Snapshots (snapshot/heap.ts) look more closely.

import type { TagAddr } from '../spec/types.ts';
import { type Heap, isHeapKind } from './heap.ts';
import { refKinds } from './ref.ts';
import { type Shape, shapeOf, sizeOf } from './shape.ts';
import { globalWords, type Store, type TagInst } from './store.ts';
import { hierarchyOf } from './value.ts';

/**
 * A new object, all zero; returns its address. Where there is no room for it, what is dead goes first; `slotWords` of the
 * stack, from its start, are in use. Throws ExhaustionError.
 */
export function newObject(store: Store, shape: Shape, length: number, slotWords: number): number {
  const { heap } = store;
  const size = sizeOf(shape, length);
  if (!heap.hasRoom(size)) {
    collect(store, slotWords);
    heap.checkRoom(size);
  }
  return heap.allocate(shape, length);
}

/** A new exception with a tag; the slots of what it carries begin at a word of the stack, and nothing is in use above. */
export function newException(store: Store, tag: TagAddr, base: number): number {
  const { heap, stack } = store;
  const shape = shapeOf((store.tags[tag] as TagInst).type);
  const address = newObject(store, shape, 0, base + shape.slotWords);
  heap.setTag(address, tag);
  heap.setFields(address, shape, stack.words, base);
  return address;
}

/** Frees what nothing refers to, unless somebody holds references that are not in the store. */
export function collect(store: Store, slotWords: number): void {
  const { heap } = store;
  if (heap.pinned > 0) return;
  heap.startMarking();
  const scanned = markRows(store, heap, slotWords);
  for (const { kind, payload } of store.liveRefs()) if (isHeapKind(refKinds[kind])) heap.mark(payload);
  heap.sweep(scanned);
}

/** Returns how many words there were. */
function markRows(
  { stack, lifted, globals, globalWords: values, tables, instances }: Store,
  heap: Heap,
  slotWords: number,
): number {
  let scanned = 0;
  const row = (words: Int32Array, length: number) => {
    heap.markRow(words, 0, length);
    scanned += length;
  };
  row(stack.words, slotWords);
  for (const words of lifted.live()) row(words, words.length);
  row(values, globals.length * globalWords);
  for (const { type, elements, size } of tables) if (hierarchyOf(type.ref) !== 'func') row(elements, size * 2);
  for (const { elems } of instances) for (const words of elems) row(words, words.length);
  return scanned;
}
