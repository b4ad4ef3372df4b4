// What may stay that nobody asked to keep: caches and reserves, each with the most that it may hold. All of these bounds
// are told here, and nowhere else. They are for a thread unless they say otherwise.
//
// What has no row here lasts as long as what it was made for, and is gone with it: what is known of a module (its plans,
// targets, shapes, layouts, compiled main module) goes with the module, and a type goes with the last module or store
// that has it. What a store has (its entities, native instances, wrappers of host functions) goes with the store, and
// has the store's limits (store.ts).

const KiB = 1024;
const MiB = 1024 * KiB;

/** Not constant, so that tests need not fill them. */
export const bounds = {
  /**
   * Bytes of the interpreter's code, with what is known of it, of all modules. Past it, all code is lowered again. A VM
   * whose own modules need more gets more while it runs.
   */
  loweredCode: 128 * MiB,
  /** Bytes that the host is taken to need for continuations of native code; those unused the longest go. */
  continuations: 64 * MiB,
  /** Bytes that the host is taken to need for what calls host functions from native code, by signature. */
  hostWrappers: 4 * MiB,
  /** Bytes of what frames at a place of a function look like: programs come to rest at few places. */
  frameShapes: 2 * MiB,
  /** Bytes of memories that were given back and wait for their next use, */
  spareMemories: 64 * MiB,
  /** how many there may be, each with gigabytes of address space, */
  spareMemoryCount: 64,
  /** and bytes of one of them: to clear a larger one costs more than a new one. */
  spareMemory: 4 * MiB,
  /** Arrays of stacks that are gone, of 9 KiB each, for the next ones. */
  spareStacks: 64,
  /** Bytes that the host is taken to need for instances of native code whose stores are gone, with their memories, */
  spareNatives: 32 * MiB,
  /** and how many there may be. */
  spareNativeCount: 16,
  /** For each store: references to objects of its heap that the host was handed in one job of JavaScript. */
  references: 100_000,
  /** For each store: those of them that stay whatever the guest needs. */
  surestReferences: 1_000,
  /** For each store: references to small integers. */
  smallReferences: 1_000,
  /** For each store: values of the host that may be there before those that the guest let go of are looked for. */
  idleHostValues: 1_000,
};

/** Bytes that the host is taken to need for a compiled module: its text, and code of both of V8's compilers. */
export const compiledBytes = (moduleBytes: number): number => 20 * KiB + 10 * moduleBytes;
