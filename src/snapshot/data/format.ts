// The data of a snapshot, explained field by field: a store as plain data. How it is made is in save.ts, how it is
// believed in verify.ts, how it becomes a store again in restore.ts, and how it stands in bytes in container.ts.

import type { InstanceInst, VmLimits } from '../../runtime/store.ts';
import type { AddrType, ExternKind } from '../../spec/types.ts';
import type { ModuleContext } from '../../validate/context.ts';

/** Counts up whenever the meaning of a field changes. A newer version of wasbox reads all older ones. */
export const formatVersion = 5;

/** Memories are saved in pages of this size, whatever the guest's page size is. */
export const pageBytes = 4096;
/** In a run: these pages are zero. */
export const zeroPage = -1;
/** The first of the two words of an origin: no module of the snapshot declares it. */
export const hostMade = -1;

/**
 * A store as plain data; the stack's invariants are those of runtime/frame.ts, references stand as runtime/value.ts
 * says. `W` is how rows of int32 words are given: as themselves in memory, as their lengths in a container's metadata.
 * Numbers of the guest stand in words only, so that every bit of a NaN is kept.
 */
export interface Saved<W> {
  readonly version: number;
  /** SHA-256 of each module's bytes, hexadecimal, in the order in which instances first use them. */
  readonly modules: readonly string[];
  /** By address. */
  readonly instances: readonly SavedInstance<W>[];
  /**
   * Where each entity of the store comes from, by address: two words, either (instance, index), where the index is of
   * the instance's own and not imported, or (-1, n): then it is the nth of its kind in `made`. Types follow from that.
   */
  readonly origins: Readonly<Record<ExternKind, W>>;
  /** What the host gave to instances; each is imported by one of them, a host function by its own name and type. */
  readonly made: {
    readonly func: readonly SavedHostFunc[];
    readonly table: readonly SavedTableType[];
    readonly memory: readonly SavedMemType[];
    readonly global: readonly SavedGlobalType[];
    readonly tag: readonly SavedSignature[];
  };
  /** Elements of each table, two words each. */
  readonly tables: readonly W[];
  readonly memories: readonly SavedMemory<W>[];
  /** Contents of memories: `pageBytes` each, in no order that matters. Nobody writes to them. */
  readonly pages: Uint8Array;
  /** More rows of them, whose pages are numbered on from there; other snapshots may have the same ones. None in a container. */
  readonly more?: readonly Uint8Array[] | undefined;
  /** Values of all globals, four words each. */
  readonly globals: W;
  /** Structures, arrays and exceptions, as far as anything refers to them. */
  readonly heap: SavedHeap<W>;
  /** Values of the host that the guest holds, by index; they must be cloneable. */
  readonly externs: readonly unknown[];
  /** The stack: three words a frame, two words a slot, nothing beyond what is in use. */
  readonly frames: W;
  readonly slots: W;
  readonly pending: SavedCall<W> | null;
  /** The wait at a cell of a memory, if there is one; version 1 knew none. */
  readonly wait?: SavedWait | undefined;
  /** What host modules keep for the VM, by name, ascending; versions 1 to 3 knew none. */
  readonly states?: readonly SavedState<W>[] | undefined;
  /** The different blocks of bytes of all states; nobody writes to them. They may stand on shared buffers. */
  readonly blocks?: readonly Uint8Array[] | undefined;
  /**
   * Where the blocks stand in a container, whose `blocks` are an empty list; in memory an empty row. For each block its
   * size in bytes, and runs as of memories for all of its pages, whose sources are pages among those of blocks, zeroPage,
   * or -2 - i for page i of the base snapshot's blocks, all of them one after the other.
   */
  readonly blockRuns?: W | undefined;
  /** Host calls so far that had to wait; the pending one is the last of them. */
  readonly calls: number;
  readonly fuelUsed: number;
  /** No more than was used. */
  readonly debt: number;
  /** The limits that the store ran under; a restore never raises them above its own on their account. */
  readonly limits: SavedLimits;
}
export type SnapshotData = Saved<Int32Array>;

export interface SavedInstance<W> {
  /** Index in `modules`. */
  readonly module: number;
  /** Addresses by index, imports first. */
  readonly spaces: Readonly<Record<ExternKind, W>>;
  /** Element segments, two words an element; a dropped one is empty. */
  readonly elems: readonly W[];
  /** Indices of the data segments that were dropped, ascending. */
  readonly droppedDatas: W;
}

/** A function type: that of an instance's function (for a tag: tag) at an index, or in the short names of its types. */
export type SavedSignature =
  | { readonly instance: number; readonly index: number }
  | { readonly params: readonly string[]; readonly results: readonly string[] };

/** Bound again by its name when the snapshot is restored. */
export interface SavedHostFunc {
  readonly module: string;
  readonly name: string;
  readonly type: SavedSignature;
}

interface SavedSizes {
  readonly addr: AddrType;
  readonly min: bigint;
  readonly max: bigint | null;
}
export interface SavedTableType extends SavedSizes {
  readonly ref: string;
}
export interface SavedMemType extends SavedSizes {
  readonly shared: boolean;
  readonly pageLog2: number;
}
export interface SavedGlobalType {
  readonly type: string;
  readonly mutable: boolean;
}

export interface SavedMemory<W> {
  /** Its size, in pages of its type. */
  readonly size: number;
  /** Its contents from the start to the end, two words a run: (count, first of that many pages, or -1: zero). */
  readonly runs: W;
}

export interface SavedHeap<W> {
  /** Two words each: (instance, type index) of structures and arrays; (-1, tag address) of exceptions. */
  readonly types: W;
  /**
   * All objects by address: each an index in `types`, for an array the count of its elements, then its fields, elements
   * or values as runtime/heap/shape.ts says.
   */
  readonly objects: W;
}

/** A host call that waits for its results. */
export interface SavedCall<W> {
  readonly id: number;
  readonly func: number;
  /** The arguments as slots, by the types of the function's parameters. */
  readonly args: W;
}

/** A wait as runtime/memory/wait.ts explains it. A restored VM waits again; who notified meanwhile has not woken it. */
export interface SavedWait {
  readonly memory: number;
  readonly address: number;
  readonly bytes: 4 | 8;
  readonly expected: bigint;
  readonly until: number | null;
  readonly woken: boolean;
}

/** What one host module keeps (host/state.ts). */
export interface SavedState<W> {
  readonly name: string;
  /** As the module saved it; it must be cloneable. */
  readonly data: unknown;
  /** Its blocks, as places in the snapshot's `blocks`. */
  readonly blocks: W;
}

/** Older snapshots lack those that came later. */
export type SavedLimits = { readonly [K in keyof VmLimits]?: number };

export const externKinds = ['func', 'table', 'memory', 'global', 'tag'] as const satisfies readonly ExternKind[];

/** Where the addresses of a kind stand in an instance, and how many of them are imported. */
export const spaces = {
  func: { of: (i) => i.funcs, types: (c) => c.funcs, imported: (c) => c.importedFuncs },
  table: { of: (i) => i.tables, types: (c) => c.tables, imported: (c) => c.importedTables },
  memory: { of: (i) => i.memories, types: (c) => c.memories, imported: (c) => c.importedMemories },
  global: { of: (i) => i.globals, types: (c) => c.globals, imported: (c) => c.importedGlobals },
  tag: { of: (i) => i.tags, types: (c) => c.tags, imported: (c) => c.importedTags },
} satisfies Record<
  ExternKind,
  {
    of(instance: InstanceInst): readonly number[];
    types(context: ModuleContext): readonly unknown[];
    imported(context: ModuleContext): number;
  }
>;

export function byKind<T>(make: (kind: ExternKind) => T): Record<ExternKind, T> {
  return { func: make('func'), table: make('table'), memory: make('memory'), global: make('global'), tag: make('tag') };
}

/**
 * The same snapshot with each row of words given in another way. The rows come in an order that is part of the
 * container's format.
 */
export function mapWords<A, B>({ states, blockRuns, ...saved }: Saved<A>, map: (words: A) => B): Saved<B> {
  return {
    ...saved,
    instances: saved.instances.map((i) => ({
      module: i.module,
      spaces: byKind((kind) => map(i.spaces[kind])),
      elems: i.elems.map(map),
      droppedDatas: map(i.droppedDatas),
    })),
    origins: byKind((kind) => map(saved.origins[kind])),
    tables: saved.tables.map(map),
    memories: saved.memories.map(({ size, runs }) => ({ size, runs: map(runs) })),
    globals: map(saved.globals),
    heap: { types: map(saved.heap.types), objects: map(saved.heap.objects) },
    frames: map(saved.frames),
    slots: map(saved.slots),
    pending: saved.pending && { ...saved.pending, args: map(saved.pending.args) },
    ...(states && { states: states.map((state) => ({ ...state, blocks: map(state.blocks) })) }),
    ...(blockRuns !== undefined && { blockRuns: map(blockRuns) }),
  };
}
