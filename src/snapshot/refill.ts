// A store goes back to what it was, or what one forked from it is, in place: native code that was made for it stays. Only
// the words and pages that differ are written.

import type { MemoryInst } from '../runtime/memory/memory.ts';
import type { InstanceInst, Store } from '../runtime/store.ts';
import type { TableInst } from '../runtime/table.ts';
import { type SavedInstance, type SavedMemory, type SnapshotData, spaces } from './data/format.ts';
import { putPages } from './pages/memories.ts';
import { PageReader } from './pages/rows.ts';
import { addStack, addWait } from './restore.ts';

/** To what the data says; the store must be refillable. */
export function refill(store: Store, data: SnapshotData): void {
  const pages = new PageReader(data);
  store.memories.forEach((memory, addr) => {
    putPages(data.memories[addr] as SavedMemory<Int32Array>, pages, memory, false);
  });
  store.tables.forEach((table, addr) => {
    table.write(0, data.tables[addr] as Int32Array);
  });
  store.globalWords.set(data.globals);
  store.stack.clear();
  addStack(store, data);
  addWait(store, data);
  const { calls, fuelUsed, debt } = data;
  Object.assign(store, { calls, fuelUsed, debt });
}

/**
 * Whether the data, which must be of the store or of one forked from it, fits in it as it is: else what was made since would
 * have to go, or what has grown to shrink.
 */
export function isRefillable(store: Store, data: SnapshotData): boolean {
  const { heap, hostValues, instances, tables, memories } = store;
  const objects = heap.size + hostValues.list.length + data.heap.objects.length + data.externs.length;
  return (
    objects === 0 &&
    store.funcs.length * 2 === data.origins.func.length &&
    store.globals.length * 2 === data.origins.global.length &&
    store.tags.length * 2 === data.origins.tag.length &&
    instances.length === data.instances.length &&
    instances.every((instance, i) => isSame(instance, data.instances[i] as SavedInstance<Int32Array>, data)) &&
    tables.length === data.tables.length &&
    tables.every(({ size }: TableInst, i) => size * 2 === data.tables[i]?.length) &&
    memories.length === data.memories.length &&
    memories.every(({ pages }: MemoryInst, i) => pages === data.memories[i]?.size)
  );
}

function isSame(instance: InstanceInst, saved: SavedInstance<Int32Array>, { modules }: SnapshotData): boolean {
  const dropped = new Uint8Array(instance.droppedDatas.length);
  for (const segment of saved.droppedDatas) dropped[segment] = 1;
  return (
    instance.module.hash === modules[saved.module] &&
    Object.entries(spaces).every(([kind, { of }]) =>
      isEqual(of(instance), saved.spaces[kind as keyof typeof spaces]),
    ) &&
    instance.elems.every((words, i) => isEqual(words, saved.elems[i] ?? [])) &&
    isEqual(instance.droppedDatas, dropped)
  );
}

const isEqual = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
};
