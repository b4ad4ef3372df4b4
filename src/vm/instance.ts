// An instance as its user sees it, and handles to what it exports. All are views of a store: nothing is kept here.

import { tidyHostValues } from '../runtime/collect.ts';
import { type ExternVal, exported } from '../runtime/instance.ts';
import type { MemoryInst, SharedMemory } from '../runtime/memory.ts';
import type { Module } from '../runtime/module.ts';
import { Ref, type Value } from '../runtime/ref.ts';
import { globalWords, type InstanceInst, type Store } from '../runtime/store.ts';
import type { TableInst } from '../runtime/table.ts';
import { readValue, writeValue } from '../runtime/value.ts';
import { LinkError, UsageError } from '../spec/errors.ts';
import { told } from '../spec/told.ts';
import type { ExternKind, GlobalType, MemType, TableType } from '../spec/types.ts';
import type { Runner } from './runner.ts';

/** What an instance exports and another one of the same VM can import. A function is a `Ref` of kind `func`. */
export type Extern = Ref | MemoryRef | TableRef | GlobalRef | TagRef;

abstract class Handle {
  abstract readonly kind: ExternKind;
  constructor(
    readonly store: Store,
    readonly addr: number,
  ) {}

  protected inStore<T>(list: readonly T[]): T {
    const found = list[this.addr];
    if (found === undefined) throw new UsageError(`the VM of this ${this.kind} was disposed of or sent away`);
    return found;
  }
}

export class MemoryRef extends Handle {
  readonly kind = 'memory';

  private get inst(): MemoryInst {
    return this.inStore(this.store.memories);
  }
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
  /** Grows by so many pages; returns the old size, or -1 where the type or a limit forbids it. */
  grow(pages: number): number {
    return this.inst.grow(size(pages));
  }
  /** What another VM takes as an import to hold this shared memory too; it may be posted to another thread. */
  share(): SharedMemory {
    return this.inst.share();
  }
}

export class TableRef extends Handle {
  readonly kind = 'table';

  private get inst(): TableInst {
    return this.inStore(this.store.tables);
  }
  get type(): TableType {
    return this.inst.type;
  }
  get size(): number {
    return this.inst.size;
  }
  get(index: number): Value {
    return readValue(this.inst.elements, this.within(index), this.inst.type.ref, this.store);
  }
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

export class GlobalRef extends Handle {
  readonly kind = 'global';

  get type(): GlobalType {
    return this.inStore(this.store.globals).type;
  }
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

export class TagRef extends Handle {
  readonly kind = 'tag';
}

const handles = { table: TableRef, memory: MemoryRef, global: GlobalRef, tag: TagRef };

/** The handle to an external value. */
export const externRef = (store: Store, { kind, addr }: ExternVal): Extern =>
  kind === 'func' ? store.ref('func', addr) : new handles[kind](store, addr);

/** What a handle stands for, or undefined for anything else. */
export function externOf(value: unknown): (ExternVal & { readonly store: object }) | undefined {
  if (value instanceof Handle) return value;
  if (!(value instanceof Ref) || value.kind !== 'func') return undefined;
  return { kind: 'func', addr: value.payload, store: value.store };
}

function size(delta: number): number {
  if (Number.isInteger(delta) && delta >= 0) return delta;
  throw new UsageError(`${delta} is no size to grow by`);
}

export class Instance {
  private readonly handles = new Map<string, Extern>();

  constructor(
    readonly vm: Runner,
    private readonly inst: InstanceInst,
  ) {}

  get addr(): number {
    return this.inst.addr;
  }
  get module(): Module {
    return this.inst.module;
  }
  /** Names and kinds, in the module's order. */
  get exports(): { name: string; kind: ExternKind }[] {
    return this.module.syntax.exports.map(({ name, kind }) => ({ name, kind }));
  }

  /** Any export. Throws LinkError for an unknown one. */
  export(name: string): Extern {
    const known = this.handles.get(name) ?? externRef(this.vm.store, this.find(name));
    this.handles.set(name, known);
    return known;
  }
  func(name: string): Ref {
    return this.exportOf('func', name) as Ref;
  }
  memory(name: string): MemoryRef {
    return this.exportOf('memory', name) as MemoryRef;
  }
  table(name: string): TableRef {
    return this.exportOf('table', name) as TableRef;
  }
  global(name: string): GlobalRef {
    return this.exportOf('global', name) as GlobalRef;
  }
  tag(name: string): TagRef {
    return this.exportOf('tag', name) as TagRef;
  }

  private find(name: string): ExternVal {
    const found = exported(this.inst, name);
    if (found === undefined) throw new LinkError(`unknown export ${told(name)}`);
    return found;
  }

  private exportOf(kind: ExternKind, name: string): Extern {
    const found = this.find(name).kind;
    if (found !== kind) throw new LinkError(`unknown export: ${told(name)} is a ${found}, not a ${kind}`);
    return this.export(name);
  }
}
