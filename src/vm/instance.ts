// An instance as its user sees it: what it exports, as handles and as functions that can be called.

import type { Ref, Value } from '../runtime/heap/ref.ts';
import { type ExternVal, exported } from '../runtime/instance.ts';
import { LateMap } from '../runtime/kept/late-map.ts';
import type { Module } from '../runtime/module/module.ts';
import type { InstanceInst } from '../runtime/store.ts';
import { LinkError } from '../spec/errors.ts';
import { calledFrom } from '../spec/stacks.ts';
import { cut, told } from '../spec/told.ts';
import type { ExternKind, FuncType } from '../spec/types.ts';
import { type Extern, externRef, type GlobalRef, type MemoryRef, type TableRef, type TagRef } from './handles.ts';
import type { Runner } from './runner.ts';

/**
 * An exported function, to be called: it runs to its end and cannot be suspended, as by `VM.invoke`. One result is
 * returned as it is, several as a list, none as undefined.
 */
export interface ExportedFunction {
  (...args: Value[]): Value;
  /** For `VM.start` and wherever else a function is a value. */
  readonly ref: Ref<'func'>;
  readonly type: FuncType;
}
/** All that an instance exports, by name. */
export interface Exports {
  readonly [name: string]: ExportedFunction | MemoryRef | TableRef | GlobalRef | TagRef;
}
/** Exports of the types that their user states, which are not checked: functions have a `ref` and a `type` besides. */
export type ExportsOf<E> = {
  readonly [K in keyof E]: E[K] extends (...args: never[]) => unknown
    ? E[K] & Pick<ExportedFunction, 'ref' | 'type'>
    : E[K];
};

function exportedFunction(vm: Runner, name: string, ref: Ref<'func'>): ExportedFunction {
  const call = (...args: Value[]): Value =>
    calledFrom(call, () => {
      const values = vm.invoke(ref, args);
      return values.length > 1 ? values : values[0];
    });
  const { type } = ref;
  return Object.freeze(
    Object.defineProperties(call, {
      name: { value: cut(name) },
      length: { value: type.params.length },
      ref: { value: ref, enumerable: true },
      type: { value: type, enumerable: true },
    }),
  ) as unknown as ExportedFunction;
}

/** `E`: what it exports, where its user knows; see `ExportsOf`. */
export class Instance<E = Exports> {
  private readonly handles = new LateMap<string, Extern>();
  private known: ExportsOf<E> | undefined;

  /** @hidden */
  constructor(
    /** The VM that it is in. */
    readonly vm: Runner,
    private readonly inst: InstanceInst,
  ) {}

  /** Counts the instances of the VM, from 0. */
  get addr(): number {
    return this.inst.addr;
  }
  /** What it is an instance of. */
  get module(): Module {
    return this.inst.module;
  }
  /** All exports by name: functions to be called, and handles. `module.exports` tells their order and their types. */
  get exports(): ExportsOf<E> {
    this.known ??= this.makeExports() as ExportsOf<E>;
    return this.known;
  }

  private makeExports(): object {
    const exports: Record<string, unknown> = Object.create(null);
    for (const { name, kind } of this.module.syntax.exports) {
      const value = this.export(name);
      exports[name] = kind === 'func' ? exportedFunction(this.vm, name, value as Ref<'func'>) : value;
    }
    return Object.freeze(exports);
  }

  /** Any export, a function as a reference. Throws LinkError for an unknown one. */
  export(name: string): Extern {
    const known = this.handles.get(name) ?? externRef(this.vm.store, this.find(name));
    this.handles.set(name, known);
    return known;
  }
  /** An exported function. Throws LinkError where there is none of that name. */
  func(name: string): Ref<'func'> {
    return this.exportOf('func', name) as Ref<'func'>;
  }
  /** An exported memory. Throws LinkError where there is none of that name. */
  memory(name: string): MemoryRef {
    return this.exportOf('memory', name) as MemoryRef;
  }
  /** An exported table. Throws LinkError where there is none of that name. */
  table(name: string): TableRef {
    return this.exportOf('table', name) as TableRef;
  }
  /** An exported global. Throws LinkError where there is none of that name. */
  global(name: string): GlobalRef {
    return this.exportOf('global', name) as GlobalRef;
  }
  /** An exported tag. Throws LinkError where there is none of that name. */
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
