// What of a store's heap is alive, and when that is found out. Roots are taken for what they look like: a slot that holds
// a number may keep an object alive that nothing refers to. Snapshots (snapshot/heap.ts) look more closely.

import { type Heap, isHeapKind } from './heap.ts';
import { type Shape, sizeOf } from './shape.ts';
import { globalWords, type Store } from './store.ts';
import { refKinds } from './value.ts';

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

/** Frees what nothing refers to. */
export function collect(store: Store, slotWords: number): void {
  const { heap } = store;
  heap.startMarking();
  const scanned = markRows(store, heap, slotWords);
  for (const { kind, payload } of store.liveRefs()) if (isHeapKind(refKinds[kind])) heap.mark(payload);
  heap.sweep(scanned);
}

/** Returns how many words there were. */
function markRows({ stack, globals, globalWords: values, tables, instances }: Store, heap: Heap, slotWords: number): number {
  let scanned = 0;
  const row = (words: Int32Array, length: number) => {
    heap.markRow(words, 0, length);
    scanned += length;
  };
  row(stack.words, slotWords);
  row(values, globals.length * globalWords);
  for (const { elements, size } of tables) row(elements, size * 2);
  for (const { elems } of instances) for (const words of elems) row(words, words.length);
  return scanned;
}
