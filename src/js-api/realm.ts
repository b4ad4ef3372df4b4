// What the objects of one namespace share: the store that all of its instances live in, the engine that runs them, and
// which JavaScript object stands for what of the store. What each of those objects can do is in their own files.

import type { Engine } from '../runtime/engine.ts';
import type { Ref } from '../runtime/heap/ref.ts';
import type { ExternVal } from '../runtime/instance.ts';
import { hasResizableBuffers, type MemoryInst } from '../runtime/memory/memory.ts';
import { Store, type VmLimits } from '../runtime/store.ts';
import { defineFunc } from '../spec/deftypes.ts';
import { type ExternKind, externref, type TagAddr } from '../spec/types.ts';
import type { Compiled } from './builtins.ts';
import { carried } from './clone.ts';
import { compiled } from './compiled.ts';

/** What a constructor of the namespace is given in place of a descriptor, for an object that the store has already. */
export class Address {
  constructor(readonly addr: number) {}
}

/** A function of JavaScript. */
export type Callable = (...args: unknown[]) => unknown;

type Makers = Record<ExternKind, (addr: number) => object>;

export class Realm {
  readonly store: Store;
  /** The tag of all that JavaScript throws and that is no `WebAssembly.Exception`. */
  readonly jsTag: TagAddr;
  /** How each kind of object is made; the namespace fills it in. */
  readonly makers = {} as Makers;
  /** Memories whose buffers JavaScript may resize. */
  readonly resizable = new Set<MemoryInst>();
  exceptionPrototype: object = Object.prototype;
  modulePrototype: object = Object.prototype;
  readonly modules = new WeakMap<object, Compiled>();
  /** `Suspending` objects, and the functions that they stand for. */
  readonly suspending = new WeakMap<object, Callable>();
  /** Exception objects, and what they stand for. */
  readonly exceptions = new Pairs();
  /** Objects that stand for structures and arrays of the guest. */
  readonly structures = new Pairs();
  /** Errors that come from traps: guests cannot catch them. */
  private readonly traps = new WeakSet<object>();
  private readonly addresses = new WeakMap<object, ExternVal>();
  private readonly objects: Record<ExternKind, object[]> = { func: [], table: [], memory: [], global: [], tag: [] };

  constructor(
    limits: VmLimits,
    readonly engine: Engine,
  ) {
    this.store = new Store(limits);
    this.store.memoryBudget.ownMaxima = hasResizableBuffers;
    this.jsTag = this.store.addTag(defineFunc([externref], []));
  }

  /** The one object for what stands at an address. */
  object(kind: ExternKind, addr: number): object {
    return this.objects[kind][addr] ?? this.bind(this.makers[kind](addr), kind, addr);
  }

  /** Lets an object stand for what is at an address. */
  bind<T extends object>(object: T, kind: ExternKind, addr: number): T {
    this.objects[kind][addr] = object;
    return this.bindToo(object, kind, addr);
  }

  /** Lets an object stand for what is at an address beside the one that is given out for it. */
  bindToo<T extends object>(object: T, kind: ExternKind, addr: number): T {
    this.addresses.set(object, { kind, addr });
    return object;
  }

  /** The address of what a value stands for, or undefined if it is no such object of this namespace. */
  addrOf(value: unknown, kind: ExternKind): number | undefined {
    const found = this.addresses.get(value as object);
    return found?.kind === kind ? found.addr : undefined;
  }

  /** As `addrOf`, but throws TypeError. */
  addr(value: unknown, kind: ExternKind, name: string): number {
    const addr = this.addrOf(value, kind);
    if (addr === undefined) throw new TypeError(`a WebAssembly.${name} of this namespace is expected`);
    return addr;
  }

  /** Whether it is a module of this namespace, or a clone of one of any. */
  isModule(value: unknown): boolean {
    return this.modules.has(value as object) || this.adopt(value) !== undefined;
  }

  /** A clone of a module becomes one of this namespace. */
  private adopt(value: unknown): Compiled | undefined {
    const found = carried(value);
    if (found === undefined) return undefined;
    const made = compiled(found.bytes, found.options);
    Object.setPrototypeOf(value, this.modulePrototype);
    this.modules.set(value as object, made);
    return made;
  }

  module(value: unknown): Compiled {
    const module = this.modules.get(value as object) ?? this.adopt(value);
    if (module === undefined) throw new TypeError('a WebAssembly.Module of this namespace is expected');
    return module;
  }

  /** Sees what JavaScript has resized. */
  refresh(): void {
    for (const memory of this.resizable) memory.refresh();
  }

  uncatchable<T extends Error>(error: T): T {
    this.traps.add(error);
    return error;
  }

  isUncatchable(value: unknown): boolean {
    return this.traps.has(value as object);
  }
}

/** Objects and the references that they stand for: each keeps the other alive, and nothing else keeps them. */
class Pairs {
  private readonly objects = new WeakMap<Ref, object>();
  private readonly refs = new WeakMap<object, Ref>();

  set(object: object, ref: Ref): void {
    this.objects.set(ref, object);
    this.refs.set(object, ref);
  }

  object(ref: Ref): object | undefined {
    return this.objects.get(ref);
  }

  ref(value: unknown): Ref | undefined {
    return this.refs.get(value as object);
  }
}
