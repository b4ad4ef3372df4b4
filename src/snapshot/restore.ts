// Data becomes a store again, once it is believed. save.ts is its pair.

import { frameWords } from '../runtime/frame.ts';
import { allocateMemory, type MemoryInst } from '../runtime/memory/memory.ts';
import { join } from '../runtime/memory/wait.ts';
import type { Module } from '../runtime/module/module.ts';
import { defaultLimits, type FuncInst, type InstanceInst, Store, type VmLimits } from '../runtime/store.ts';
import { TableInst } from '../runtime/table.ts';
import { readValues } from '../runtime/value.ts';
import type { DefType } from '../spec/deftypes.ts';
import { bad } from './data/form.ts';
import { hostMade, pageBytes, type SavedMemory, type SnapshotData } from './data/format.ts';
import { restoreObjects } from './data/heap.ts';
import { resolve, type Verified, verify } from './data/verify.ts';
import { checkRuns, putPages } from './pages/memories.ts';
import { countOf, PageReader, rowsOf } from './pages/rows.ts';

export interface RestoreStoreOptions {
  /** Found by their hash; more than are needed may be given. */
  readonly modules: readonly Module[];
  /** Limits that are left out are the snapshot's own, where those are not above the defaults. */
  readonly limits?: Partial<VmLimits> | undefined;
  /** Whether memories can cross threads without a copy. */
  readonly sharedMemory?: boolean | undefined;
  /** The data was saved just now, by ourselves: it is taken as it is. */
  readonly trusted?: boolean | undefined;
}

/** Throws SnapshotError for data that no store of ours could hold; LimitError where the host has no memory left. */
export function restoreStore(
  data: SnapshotData,
  { modules, limits = {}, sharedMemory = false, trusted = false }: RestoreStoreOptions,
): Store {
  const verified = (trusted ? resolve : verify)(data, modules, limits);
  const { types } = verified;
  checkContents(data, verified);
  const pages = new PageReader(data);
  // Others are restored from the same data, or this one again, and whoever gets a value may change it.
  const externs = data.externs.length === 0 ? [] : structuredClone(data.externs);
  return buildStore({ ...data, externs }, verified, (addr, store) => {
    const { size } = data.memories[addr] as SavedMemory<Int32Array>;
    const type = types.memory[addr] as (typeof types.memory)[number];
    const memory = allocateMemory(type, sharedMemory, store.memoryBudget, size);
    putPages(data.memories[addr] as SavedMemory<Int32Array>, pages, memory, true);
    return memory;
  });
}

/** Throws SnapshotError for data that no store of ours could hold. */
export function checkData(data: SnapshotData, modules: readonly Module[], limits: Partial<VmLimits>): void {
  checkContents(data, verify(data, modules, limits));
}

/** What a snapshot of a VM with these limits unpacks to at the most, as `Snapshot.decode` is told it. */
export function mostOfSnapshot(given: Partial<VmLimits> = {}): {
  readonly maxBytes: number;
  readonly maxState: number;
} {
  const { memory, stack, heap, tables, frames, entities, hostState } = { ...defaultLimits, ...given };
  const words = stack + heap + 8 * tables + 4 * frameWords * frames + 128 * entities;
  return { maxBytes: memory + hostState + words + roomBesides, maxState: hostState };
}
/** For the metadata. */
const roomBesides = 2 ** 24;

function checkContents(data: SnapshotData, { types }: Verified): void {
  if (rowsOf(data).some(({ length }) => length % pageBytes !== 0)) bad('its size is not one of whole pages', 'pages');
  const pages = countOf(data);
  data.memories.forEach(({ size, runs }, addr) => {
    const bytes = size * 2 ** (types.memory[addr]?.pageLog2 ?? 0);
    checkRuns(runs, bytes, pages, `memory ${addr}`);
  });
}

/** Builds a store of verified data. Gives memories back if it cannot be finished. */
export function buildStore(
  data: SnapshotData,
  verified: Verified,
  memoryOf: (addr: number, store: Store) => MemoryInst,
): Store {
  const store = new Store(verified.limits);
  try {
    data.memories.forEach((_, addr) => {
      store.addMemory(memoryOf(addr, store));
    });
  } catch (error) {
    for (const memory of store.memories) memory.release();
    throw error;
  }
  addInstances(store, data, verified);
  addEntities(store, data, verified);
  restoreObjects(store, data.heap, verified.objects);
  store.hostValues.restore(data.externs);
  addStack(store, data);
  addWait(store, data);
  const { calls, fuelUsed, debt } = data;
  return Object.assign(store, { calls, fuelUsed, debt });
}

function addInstances(store: Store, data: SnapshotData, { modules, types }: Verified): void {
  data.instances.forEach(({ spaces, elems, droppedDatas }, addr) => {
    const module = modules[addr] as Module;
    const instance: InstanceInst = {
      addr,
      module,
      funcs: [...spaces.func],
      tables: [...spaces.table],
      memories: [...spaces.memory],
      globals: [...spaces.global],
      tags: [...spaces.tag],
      elems: elems.map((words) => words.slice()),
      droppedDatas: new Uint8Array(module.syntax.datas.length),
    };
    for (const segment of droppedDatas) instance.droppedDatas[segment] = 1;
    store.addInstance(instance);
  });
  types.func.forEach((type, addr) => {
    store.addFunc(funcInst(store, data, addr, type));
  });
}

function funcInst(store: Store, { origins, made }: SnapshotData, addr: number, type: DefType): FuncInst {
  const [instance, index] = [origins.func[addr * 2] as number, origins.func[addr * 2 + 1] as number];
  if (instance !== hostMade) return { kind: 'wasm', type, instance: store.instances[instance] as InstanceInst, index };
  const { module, name } = made.func[index] as (typeof made.func)[number];
  return { kind: 'host', type, module, name };
}

function addEntities(store: Store, data: SnapshotData, { types }: Verified): void {
  types.table.forEach((type, addr) => {
    store.addTable(TableInst.over(type, data.tables[addr] as Int32Array));
  });
  for (const type of types.global) store.addGlobal(type);
  store.globalWords.set(data.globals);
  for (const type of types.tag) store.addTag(type);
}

export function addWait(store: Store, { wait }: SnapshotData): void {
  if (wait === undefined) return;
  store.wait = { ...wait };
  if (!wait.woken) join(store.memories[wait.memory] as MemoryInst, store.wait);
}

export function addStack(store: Store, { frames, slots, pending }: SnapshotData): void {
  const { stack } = store;
  const depth = frames.length / frameWords;
  stack.reserveFrames(depth);
  stack.frames.set(frames);
  stack.depth = depth;
  stack.reserveSlots(slots.length / 2);
  stack.words.set(slots);
  stack.top = slots.length / 2;
  if (pending === null) return;
  const { params } = store.funcType(pending.func);
  store.pending = { id: pending.id, func: pending.func, args: readValues(pending.args, 0, params, store) };
}
