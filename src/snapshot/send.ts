// A store moves to another thread. It is sent as it is: as data for structured clone, with shared memories as handles and
// private ones as their bytes. What was sent is gone here.

import type { NamedState } from '../host/state.ts';
import { type HostMemory, hostWasm } from '../runtime/beneath/host-wasm.ts';
import { adoptMemory, allocateMemory, type MemoryInst } from '../runtime/memory/memory.ts';
import { leave } from '../runtime/memory/wait.ts';
import type { Store } from '../runtime/store.ts';
import type { MemType } from '../spec/types.ts';
import { bad } from './data/form.ts';
import { mapWords, type SavedMemory, type SnapshotData } from './data/format.ts';
import { resolve, type Verified, verify } from './data/verify.ts';
import { buildStore, type RestoreStoreOptions } from './restore.ts';
import { saveAllButMemories } from './save.ts';

/** For `postMessage`; not for storage: use a Snapshot for that. */
export interface SnapshotMessage {
  /** No page is in it. @hidden */
  readonly data: SnapshotData;
  /** The memories: a shared one by its handle, a private one by its bytes. */
  readonly memories: readonly (HostMemory | Uint8Array<ArrayBuffer>)[];
  /** Of which of them nobody else has a view: a memory by its handle can be used again once its VM is gone. */
  readonly unseen: readonly boolean[];
}

/**
 * Takes the store apart. The message holds all of it; it must be posted with the transfer list, once. Throws
 * SnapshotError, and then the store is as before.
 */
export function sendStore(store: Store, states: readonly NamedState[] = []): Sent {
  const sent = messageOf(store, states, sendMemory);
  if (store.wait !== null) leave(store.memories[store.wait.memory] as MemoryInst, store.wait);
  store.wait = null;
  store.memories.length = 0;
  store.stack.clear();
  store.pending = null;
  return sent;
}

/** The same, but the store stays as it is: it may go on, or another one that receives the message, but not both. */
export const offerStore = (store: Store, states: readonly NamedState[] = []): Sent =>
  messageOf(store, states, (memory) => bytesOf(memory) ?? memory.offer());

/** What is posted to another thread: the message, and the list of what is transferred with it. */
export interface Sent {
  readonly message: SnapshotMessage;
  readonly transfer: ArrayBuffer[];
}

function messageOf(
  store: Store,
  states: readonly NamedState[],
  give: (memory: MemoryInst) => SnapshotMessage['memories'][number],
): Sent {
  const bare = saveAllButMemories(store, states);
  const sizes = store.memories.map(({ pages }) => ({ size: pages, runs: new Int32Array(0) }));
  const message = {
    data: { ...bare, memories: sizes },
    memories: store.memories.map(give),
    unseen: store.memories.map(({ isSeen }) => !isSeen),
  };
  return { message, transfer: transferOf(message) };
}

/** Those of a private memory, copied: the host does not let go of them. */
const bytesOf = (memory: MemoryInst): Uint8Array<ArrayBuffer> | undefined =>
  memory.shared ? undefined : new Uint8Array(memory.bytes);

function sendMemory(memory: MemoryInst): HostMemory | Uint8Array<ArrayBuffer> {
  if (memory.shared) {
    memory.forget();
    return memory.host;
  }
  const bytes = bytesOf(memory) as Uint8Array<ArrayBuffer>;
  memory.release();
  return bytes;
}

/** Smaller rows are copied: that is faster than to transfer them. */
const worthTransfer = 2 ** 16;

function transferOf({ data, memories }: SnapshotMessage): ArrayBuffer[] {
  const transfer: ArrayBuffer[] = [];
  const add = ({ buffer, byteLength }: Uint8Array | Int32Array) => {
    if (byteLength >= worthTransfer && buffer instanceof ArrayBuffer) transfer.push(buffer);
  };
  mapWords(data, add);
  for (const memory of memories) if (memory instanceof Uint8Array) add(memory);
  return transfer;
}

/** Builds the store again. A message may be forged like any snapshot, so it is verified. Throws SnapshotError. */
export function receiveStore(
  message: SnapshotMessage,
  { modules, limits = {}, sharedMemory = false, trusted = false }: RestoreStoreOptions,
): Store {
  const { memories, unseen } = message;
  const data = trusted ? message.data : ownTables(message.data);
  const verified = (trusted ? resolve : verify)(data, modules, limits);
  if (!Array.isArray(memories) || memories.length !== data.memories.length) bad('not all of them came', 'memories');
  data.memories.forEach(({ size }, addr) => {
    checkMemory(memories[addr], size, memType(verified, addr), `memory ${addr}`);
  });
  return buildStore(data, verified, (addr, store) => {
    const { size } = data.memories[addr] as SavedMemory<Int32Array>;
    const type = memType(verified, addr);
    const memory = memories[addr];
    if (memory instanceof hostWasm.Memory)
      return adoptMemory(type, memory, size * 2 ** type.pageLog2, store.memoryBudget, unseen?.[addr] !== true);
    const ours = allocateMemory(type, sharedMemory, store.memoryBudget, size);
    ours.bytes.set(memory as Uint8Array);
    return ours;
  });
}

/** What is verified must not change after that, by the hands of whoever sent it. */
function ownTables(data: SnapshotData): SnapshotData {
  const tables: unknown = data?.tables;
  if (!Array.isArray(tables)) return data;
  const own = (words: unknown) =>
    words instanceof Int32Array && !(words.buffer instanceof ArrayBuffer) ? words.slice() : words;
  return { ...data, tables: tables.map(own) as SnapshotData['tables'] };
}

const memType = ({ types }: Verified, addr: number): MemType => types.memory[addr] as MemType;

function checkMemory(memory: unknown, size: number, type: MemType, where: string): void {
  const bytes = size * 2 ** type.pageLog2;
  if (memory instanceof hostWasm.Memory) checkHandle(memory.buffer, bytes, where);
  else if (!(memory instanceof Uint8Array) || memory.length !== bytes) bad('not the bytes of its size', where);
}

function checkHandle(buffer: ArrayBufferLike, bytes: number, where: string): void {
  if (buffer instanceof ArrayBuffer) bad('a private memory cannot have come from another thread', where);
  if (buffer.byteLength < bytes) bad('it is smaller than its size', where);
}
