// The store of one VM: everything that its modules allocate, its stack, and the call that it waits for. Plain data: no
// closure of the host, no thread and no engine stands in it, so that it can be saved and moved.
// https://webassembly.github.io/spec/core/exec/runtime.html#store

import { type DefType, heapMatches, topOf } from '../spec/deftypes.ts';
import { LimitError } from '../spec/errors.ts';
import type {
  FuncAddr,
  FuncIdx,
  FuncType,
  GlobalAddr,
  GlobalType,
  HeapType,
  InstanceAddr,
  MemAddr,
  RefType,
  TableAddr,
  TagAddr,
} from '../spec/types.ts';
import { type Counts, checkCounts, listedBy } from './counts.ts';
import { Stack } from './frame.ts';
import { Heap } from './heap/heap.ts';
import { HostValues } from './heap/host-values.ts';
import { funcRefOf, Ref, type RefHome, type RefKind, type RefTypes, refKinds, type Value } from './heap/ref.ts';
import { References } from './heap/references.ts';
import { WeakRows } from './kept/weak-rows.ts';
import type { MemoryBudget, MemoryInst } from './memory/memory.ts';
import type { PendingWait } from './memory/wait.ts';
import type { Module } from './module/module.ts';
import type { TableInst } from './table.ts';

/** What one VM may use. All are counts or bytes over the VM's whole life, not per call. */
export interface VmLimits {
  /** Bytes of all linear memories together. */
  readonly memory: number;
  /** Fuel of one call that a host function makes into the guest: such a call cannot be suspended. */
  readonly innerFuel: number;
  /** Frames on the stack. */
  readonly frames: number;
  /** Bytes of the stack's slots. */
  readonly stack: number;
  /** Elements of all tables together. */
  readonly tables: number;
  /**
   * Bytes of all structures, arrays and exceptions together, of which a sixteenth stays free. Native code may have as much again
   * until its next safe point, and while it waits for a host function that calls the guest.
   */
  readonly heap: number;
  /** Instances of modules. */
  readonly instances: number;
  /** Linear memories. Whatever their size, each takes about ten gigabytes of the process's address space. */
  readonly memoryCount: number;
  /** Tables, whatever their size. */
  readonly tableCount: number;
  /**
   * Functions, tables, globals and tags of the store, and what instances import and have as segments: each takes some
   * ten to a hundred bytes.
   */
  readonly entities: number;
  /** Bytes of the blocks that host modules keep for the VM, together; one that has less counts for 2 KiB. */
  readonly hostState: number;
}

/** What a VM may use unless told. */
export const defaultLimits: VmLimits = {
  innerFuel: 10_000_000_000,
  memory: 4 * 1024 ** 3,
  frames: 131_072,
  stack: 64 * 1024 ** 2,
  tables: 20_000_000,
  heap: 1024 ** 3,
  instances: 10_000,
  memoryCount: 100,
  tableCount: 10_000,
  entities: 2_000_000,
  hostState: 2 * 1024 ** 3,
};

export const limitNames = Object.keys(defaultLimits) as readonly (keyof VmLimits)[];

/** Limits made one by one from their names. */
export const limitsFrom = (of: (name: keyof VmLimits) => number): VmLimits =>
  Object.fromEntries(limitNames.map((name) => [name, of(name)])) as unknown as VmLimits;

/** A module with its addresses in the store. Index spaces are arrays of addresses, imports first. */
export interface InstanceInst {
  readonly addr: InstanceAddr;
  readonly module: Module;
  readonly funcs: readonly FuncAddr[];
  readonly tables: readonly TableAddr[];
  readonly memories: readonly MemAddr[];
  readonly globals: readonly GlobalAddr[];
  readonly tags: readonly TagAddr[];
  /** Element segments as references, two words each; a dropped one is empty. */
  readonly elems: Int32Array[];
  /** Whether a data segment was dropped. */
  readonly droppedDatas: Uint8Array;
}

export type FuncInst =
  | { readonly kind: 'wasm'; readonly type: DefType; readonly instance: InstanceInst; readonly index: FuncIdx }
  /** Known by name and type; what it is bound to is the VM's business. */
  | { readonly kind: 'host'; readonly type: DefType; readonly module: string; readonly name: string };

/** Values stand in `Store.globalWords`, four words each (room for a v128). */
export interface GlobalInst {
  readonly type: GlobalType;
}
export const globalWords = 4;
/** Room for so many is made with the first. */
const firstGlobals = 16;
const noGlobals = new Int32Array(0);

export interface TagInst {
  readonly type: DefType;
}

/** A host call whose results the VM waits for. The top frame is its caller, its arguments already taken. */
export interface PendingCall {
  /** Counts the host calls of this VM, so that a result is delivered once. */
  readonly id: number;
  readonly func: FuncAddr;
  readonly args: readonly Value[];
}

export class Store implements RefHome {
  readonly instances: InstanceInst[] = [];
  readonly funcs: FuncInst[] = [];
  readonly tables: TableInst[] = [];
  readonly memories: MemoryInst[] = [];
  readonly globals: GlobalInst[] = [];
  private ownGlobalWords = noGlobals;
  /** The native engine, while the values of the globals are in its code and not here; it writes them back when asked. */
  globalsAway: { bringBack(): void } | null = null;
  readonly tags: TagInst[] = [];
  /** Values of the host that the guest holds as externref. */
  readonly hostValues = new HostValues();
  readonly stack: Stack;
  /** Slots that were lifted off the stack: what they refer to is in use. */
  readonly lifted = new WeakRows();
  pending: PendingCall | null = null;
  /** The wait at a cell of a memory that the VM is in. */
  wait: PendingWait | null = null;
  /** Host calls made so far that had to wait. */
  calls = 0;
  /** Fuel charged so far. */
  fuelUsed = 0;
  /** Fuel charged beyond what was granted; the next grant pays it first. Never negative. */
  debt = 0;
  /** Depth of host functions that are running now; frames below cannot be suspended while it is above zero. */
  hostDepth = 0;
  /** It is counted among those of its modules (vm/heat.ts). */
  isCounted = false;
  /** Of the fuel that it has used, what has been noted. */
  notedFuel = 0;
  readonly memoryBudget: MemoryBudget;
  readonly heap: Heap;

  /** Entries that instances import, and segments. */
  private listed = 0;
  private tableElements = 0;
  /** What the host was handed. */
  readonly references = new References(this);

  constructor(readonly limits: VmLimits) {
    this.stack = new Stack({ frames: limits.frames, slots: Math.floor(limits.stack / 8) });
    this.memoryBudget = { limit: limits.memory, used: 0 };
    this.heap = new Heap(limits.heap);
  }

  /** Throws LimitError where the store has no room for so much more. */
  checkRoom(more: Partial<Counts>): void {
    checkCounts(this.limits, {
      instances: this.instances.length + (more.instances ?? 0),
      memoryCount: this.memories.length + (more.memoryCount ?? 0),
      tableCount: this.tables.length + (more.tableCount ?? 0),
      entities: this.entities + (more.entities ?? 0),
    });
  }

  /** What counts towards the limit of that name. */
  private get entities(): number {
    const { funcs, tables, globals, tags } = this;
    return funcs.length + tables.length + globals.length + tags.length + this.listed;
  }

  private checkOneMore(): void {
    if (this.entities >= this.limits.entities) this.checkRoom({ entities: 1 });
  }

  /** Its own functions, tables, … are added by themselves. */
  addInstance(instance: InstanceInst): InstanceAddr {
    this.listed += listedBy(instance.module.context);
    return this.instances.push(instance) - 1;
  }

  addFunc(func: FuncInst): FuncAddr {
    this.checkOneMore();
    return this.funcs.push(func) - 1;
  }

  addTable(table: TableInst): TableAddr {
    this.checkOneMore();
    if (this.tables.length >= this.limits.tableCount) this.checkRoom({ tableCount: 1 });
    const sum = this.tableElements + table.size;
    if (sum > this.limits.tables)
      throw new LimitError(`tables of ${sum} elements are over the limit of ${this.limits.tables}`, {
        limit: 'tables',
        value: this.limits.tables,
      });
    this.tableElements = sum;
    return this.tables.push(table) - 1;
  }

  /** Grows a table as `TableInst.grow` does, within the limit of all tables: -1 past it. */
  growTable(table: TableInst, delta: number, lo: number, hi: number): number {
    if (this.tableElements + delta > this.limits.tables) return -1;
    const old = table.grow(delta, lo, hi);
    if (old >= 0) this.tableElements += delta;
    return old;
  }

  /** What is in the store now, for `rollBack`. */
  mark(): readonly number[] {
    return this.lists.map((list) => list.length);
  }

  /** Forgets all that was added since the mark. Nothing may refer to it: no segment was copied, no code has run. */
  rollBack(mark: readonly number[]): void {
    const [instances, tables, memories] = mark as readonly [number, number, number];
    for (const { module } of this.instances.slice(instances)) this.listed -= listedBy(module.context);
    for (const { size } of this.tables.slice(tables)) this.tableElements -= size;
    for (const memory of this.memories.slice(memories)) memory.release();
    this.lists.forEach((list, i) => {
      list.length = mark[i] as number;
    });
    this.globalWords.fill(0, this.globals.length * globalWords);
  }

  private get lists(): readonly unknown[][] {
    return [this.instances, this.tables, this.memories, this.funcs, this.globals, this.tags];
  }

  addTag(type: DefType): TagAddr {
    this.checkOneMore();
    return this.tags.push({ type }) - 1;
  }

  /** There must be room for it (`checkRoom`). */
  addMemory(memory: MemoryInst): MemAddr {
    return this.memories.push(memory) - 1;
  }

  /** Adds a global; its words are zero until the caller writes them at `addr * globalWords`. */
  addGlobal(type: GlobalType): GlobalAddr {
    this.checkOneMore();
    const addr = this.globals.push({ type }) - 1;
    if ((addr + 1) * globalWords > this.globalWords.length) {
      const wider = new Int32Array(Math.max(firstGlobals * globalWords, this.globalWords.length * 2));
      wider.set(this.globalWords);
      this.ownGlobalWords = wider;
    }
    return addr;
  }

  /** Values of the globals. Whoever keeps the array asks anew after a run of an engine or a call of the host. */
  get globalWords(): Int32Array {
    if (this.globalsAway !== null) this.globalsAway.bringBack();
    return this.ownGlobalWords;
  }

  funcType(addr: FuncAddr): FuncType {
    return (this.funcs[addr] as FuncInst).type.comp as FuncType;
  }

  /** The reference to something, for the host. */
  ref<K extends RefKind>(kind: K, payload: number): Ref<K> {
    return this.references.to(kind, payload) as Ref<K>;
  }

  /** The type of what a reference of this store refers to. */
  typeOf<K extends RefKind>({ kind, payload }: Ref<K>): RefTypes[K] {
    const types: { [K in RefKind]: () => RefTypes[RefKind] } = {
      func: () => this.funcType(payload),
      object: () => this.heap.shape(payload).type.comp as RefTypes['object'],
      exn: () => this.heap.shape(payload).type.comp as FuncType,
      i31: () => 'i31',
    };
    return types[kind]() as RefTypes[K];
  }

  /** Values of the host, by place. */
  get externs(): readonly unknown[] {
    return this.hostValues.list;
  }

  /** What a reference that is not null refers to. A value of the host has no type but the top one. */
  heapType(payload: number, kind: number): HeapType {
    switch (kind) {
      case refKinds.func:
        return (this.funcs[payload] as FuncInst).type;
      case refKinds.object:
        return this.heap.shape(payload).type;
      case refKinds.i31:
        return 'i31';
      case refKinds.exn:
        return 'exn';
      default:
        return 'any';
    }
  }

  /**
   * Whether the words (payload, kind), a reference of the type's hierarchy, are of the type. A reference of any kind can
   * become an extern, and then an any.
   */
  isOfType(payload: number, kind: number, { heap, nullable }: RefType): boolean {
    if (kind === refKinds.null) return nullable;
    return heap === 'extern' || heap === 'any' || heapMatches(this.heapType(payload, kind), heap);
  }

  /** The words of a host value as a reference of the type, or undefined where it is none. */
  refWords(value: Value, type: RefType): readonly [number, number] | undefined {
    if (value === null) return type.nullable ? [0, refKinds.null] : undefined;
    const ref: Ref | undefined =
      value instanceof Ref ? value : topOf(type.heap) === 'func' ? funcRefOf(value) : undefined;
    if (ref !== undefined) {
      const kind = refKinds[ref.kind];
      return ref.store === this && this.isOfType(ref.payload, kind, type) ? [ref.payload, kind] : undefined;
    }
    return type.heap === 'extern' || type.heap === 'any'
      ? [this.hostValues.placeOf(value), refKinds.extern]
      : undefined;
  }
}
