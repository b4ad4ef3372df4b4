// Handles to what lives in a store: memories, tables, globals, tags. They are views of it: nothing is kept here.

import { tidyHostValues } from '../runtime/collect.ts';
import { funcRefOf, type Ref, type Value } from '../runtime/heap/ref.ts';
import type { ExternVal } from '../runtime/instance.ts';
import type { MemoryInst, SharedMemory } from '../runtime/memory/memory.ts';
import { type ReadTextOptions, readText, type WriteTextOptions, writeText } from '../runtime/memory/text.ts';
import { globalWords, type Store } from '../runtime/store.ts';
import type { TableInst } from '../runtime/table.ts';
import { readValue, writeValue } from '../runtime/value.ts';
import { UsageError } from '../spec/errors.ts';
import type { ExternKind, FuncType, GlobalType, MemType, TableType } from '../spec/types.ts';

/** What an instance exports and another one of the same VM can import. A function is a `Ref` of kind `func`. */
export type Extern = Ref<'func'> | MemoryRef | TableRef | GlobalRef | TagRef;

abstract class Handle {
  abstract readonly kind: ExternKind;
  /** @hidden */
  constructor(
    /** @hidden */
    readonly store: Store,
    readonly addr: number,
  ) {}

  protected inStore<T>(list: readonly T[]): T {
    const found = list[this.addr];
    if (found === undefined)
      throw new UsageError(
        `the VM of this ${this.kind} was disposed of or sent away, or has been at rest; ask it again`,
      );
    return found;
  }
}

/** A linear memory of a VM. */
export class MemoryRef extends Handle {
  readonly kind = 'memory';

  private get inst(): MemoryInst {
    return this.inStore(this.store.memories);
  }
  /** As the module declares it. */
  get type(): MemType {
    return this.inst.type;
  }
  /**
   * The bytes as they are now; a view of before the memory grew no longer shows them. It ends with its VM: no other VM's
   * memory is ever seen in it.
   */
  get bytes(): Uint8Array {
    return this.inst.show();
  }
  /** Size in pages of the memory's type. */
  get pages(): number {
    return this.inst.pages;
  }
  /**
   * The text at an address: of `length` bytes, or up to the first NUL. `encoding` is `utf-8` or `utf-16`. Addresses may be
   * negative, as the guest's i32 are. Throws UsageError where it is not in the memory, LimitError past 256 MiB.
   */
  readString(address: number | bigint, options?: ReadTextOptions): string {
    return readText(this.inst.bytes, address, options);
  }
  /**
   * Writes a text; returns how many bytes it has, without the NUL that follows if it is to be `terminated`. Throws
   * UsageError, and writes nothing, where it does not fit in the memory, or in as much `room` as is given.
   */
  writeString(address: number | bigint, text: string, options?: WriteTextOptions): number {
    return writeText(this.inst.bytes, address, text, options);
  }
  /** Grows by so many pages; returns the old size, or -1 where the type or a limit forbids it. */
  grow(pages: number): number {
    return this.inst.grow(size(pages));
  }
  /** What another VM takes as an import to hold this shared memory too; it may be posted to another thread. */
  share(): SharedMemory {
    return this.inst.share();
  }
}

/** A table of a VM. */
export class TableRef extends Handle {
  readonly kind = 'table';

  private get inst(): TableInst {
    return this.inStore(this.store.tables);
  }
  /** As the module declares it. */
  get type(): TableType {
    return this.inst.type;
  }
  /** How many elements it has now. */
  get size(): number {
    return this.inst.size;
  }
  /** The element at an index. Throws UsageError for one that is not there. */
  get(index: number): Value {
    return readValue(this.inst.elements, this.within(index), this.inst.type.ref, this.store);
  }
  /** Puts an element there. Throws UsageError for an index that is not there, and for what is of another type. */
  set(index: number, value: Value): void {
    const words = new Int32Array(2);
    tidyHostValues(this.store);
    writeValue(words, 0, this.inst.type.ref, value, this.store, 'the element');
    this.inst.write(this.within(index), words);
  }
  /** Grows by so many elements; returns the old size, or -1 where the type or a limit forbids it. */
  grow(elements: number, value: Value = null): number {
    const words = new Int32Array(2);
    tidyHostValues(this.store);
    writeValue(words, 0, this.inst.type.ref, value, this.store, 'the element');
    return this.store.growTable(this.inst, size(elements), words[0] as number, words[1] as number);
  }

  private within(index: number): number {
    if (Number.isInteger(index) && index >= 0 && index < this.size) return index;
    throw new UsageError(`element ${index} is not in a table of ${this.size}`);
  }
}

/** A global of a VM. */
export class GlobalRef extends Handle {
  readonly kind = 'global';

  /** As the module declares it. */
  get type(): GlobalType {
    return this.inStore(this.store.globals).type;
  }
  /** What it holds now. Setting it throws UsageError where it is constant, and for what is of another type. */
  get value(): Value {
    return readValue(this.store.globalWords, this.slot, this.type.type, this.store);
  }
  set value(value: Value) {
    if (!this.type.mutable) throw new UsageError('the global is constant');
    tidyHostValues(this.store);
    writeValue(this.store.globalWords, this.slot, this.type.type, value, this.store, 'the global');
  }

  /** Where a slot has two words. */
  private get slot(): number {
    return (this.addr * globalWords) / 2;
  }
}

/** A tag of exceptions of a VM. */
export class TagRef extends Handle {
  readonly kind = 'tag';

  /** That of a function with the exception's values as parameters. */
  get type(): FuncType {
    return this.inStore(this.store.tags).type.comp as FuncType;
  }
}

const handles = { table: TableRef, memory: MemoryRef, global: GlobalRef, tag: TagRef };

/** The handle to an external value. */
export const externRef = (store: Store, { kind, addr }: ExternVal): Extern =>
  kind === 'func' ? store.ref('func', addr) : new handles[kind](store, addr);

/** What a handle stands for, or undefined for anything else. */
export function externOf(value: unknown): (ExternVal & { readonly store: object }) | undefined {
  if (value instanceof Handle) return value;
  const ref = funcRefOf(value);
  return ref === undefined ? undefined : { kind: 'func', addr: ref.payload, store: ref.store };
}

function size(delta: number): number {
  if (Number.isInteger(delta) && delta >= 0) return delta;
  throw new UsageError(`${delta} is no size to grow by`);
}
