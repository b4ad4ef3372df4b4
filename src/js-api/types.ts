// The types of the namespace. They are those of TypeScript's DOM library, which not every program has, and which before
// TypeScript 6 knows neither tags nor options of compilation. With newer ones each can stand where the other is expected.
// https://webassembly.github.io/spec/js-api/#webassembly-namespace

import type { EngineName } from '../vm/engines.ts';
import type { LimitOptions } from '../vm/options.ts';

export interface WebAssemblyOptions {
  /** What all instances of the namespace may use together, over its whole life. */
  readonly limits?: LimitOptions | undefined;
  readonly engine?: EngineName | undefined;
}

export type Bytes = ArrayBufferView<ArrayBuffer> | ArrayBuffer;
/** A `Response`, of which only what is used is asked for. */
export interface ResponseLike {
  readonly ok: boolean;
  readonly headers: { get(name: string): string | null };
  arrayBuffer(): Promise<ArrayBuffer>;
}
type Source = ResponseLike | PromiseLike<ResponseLike>;

export interface ValueTypeMap {
  anyfunc: CallableFunction;
  // biome-ignore lint/suspicious/noExplicitAny: as the DOM library has it; a value of the host may be anything
  externref: any;
  f32: number;
  f64: number;
  i32: number;
  i64: bigint;
  v128: never;
}
export type ValueType = keyof ValueTypeMap;
export type ExternalKind = 'function' | 'global' | 'memory' | 'table' | 'tag';

/** A module, which is compiled; nothing in it is to be seen. */
// biome-ignore lint/suspicious/noEmptyInterface: it has no members
export interface ModuleObject {}
export interface InstanceObject {
  readonly exports: Exports;
}
export interface MemoryObject {
  readonly buffer: ArrayBuffer;
  grow(delta: number): number;
  /** There where the host's memories have it, as the other one. */
  toFixedLengthBuffer(): ArrayBuffer;
  toResizableBuffer(): ArrayBuffer;
}
export interface TableObject {
  readonly length: number;
  // biome-ignore lint/suspicious/noExplicitAny: elements are of the table's type
  get(index: number): any;
  grow(delta: number, value?: unknown): number;
  set(index: number, value?: unknown): void;
}
export interface GlobalObject<T extends ValueType = ValueType> {
  value: ValueTypeMap[T];
  valueOf(): ValueTypeMap[T];
}
// biome-ignore lint/suspicious/noEmptyInterface: it has no members
export interface TagObject {}
export interface ExceptionObject {
  readonly stack: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: values are of the tag's types
  getArg(exceptionTag: TagObject, index: number): any;
  is(exceptionTag: TagObject): boolean;
}
export interface Instantiated {
  instance: InstanceObject;
  module: ModuleObject;
}

export type ExportValue = CallableFunction | GlobalObject | MemoryObject | TableObject;
export type Exports = Record<string, ExportValue>;
/** Of a memory less is asked for, as not every library knows all that it has. */
export type ImportValue = Exclude<ExportValue, MemoryObject> | Pick<MemoryObject, 'buffer' | 'grow'> | number;
export type Imports = Record<string, Record<string, ImportValue>>;

export interface CompileOptions {
  builtins?: string[];
  importedStringConstants?: string | null;
}
export interface ExportDescriptor {
  kind: ExternalKind;
  name: string;
}
export interface ImportDescriptor extends ExportDescriptor {
  module: string;
}
export interface ErrorClass {
  readonly prototype: Error;
  new (message?: string): Error;
  (message?: string): Error;
}

/** What every host's namespace has. */
export interface WebAssemblyNamespace {
  readonly Module: {
    readonly prototype: ModuleObject;
    new (bytes: Bytes, options?: CompileOptions): ModuleObject;
    customSections(moduleObject: ModuleObject, sectionName: string): ArrayBuffer[];
    exports(moduleObject: ModuleObject): ExportDescriptor[];
    imports(moduleObject: ModuleObject): ImportDescriptor[];
  };
  readonly Instance: {
    readonly prototype: InstanceObject;
    new (module: ModuleObject, importObject?: Imports): InstanceObject;
  };
  readonly Memory: {
    readonly prototype: MemoryObject;
    new (descriptor: { initial: number; maximum?: number; shared?: boolean; address?: 'i32' | 'i64' }): MemoryObject;
  };
  readonly Table: {
    readonly prototype: TableObject;
    new (
      descriptor: { element: 'anyfunc' | 'externref'; initial: number; maximum?: number; address?: 'i32' | 'i64' },
      value?: unknown,
    ): TableObject;
  };
  readonly Global: {
    readonly prototype: GlobalObject;
    new <T extends ValueType = ValueType>(
      descriptor: { value: T; mutable?: boolean },
      value?: ValueTypeMap[T],
    ): GlobalObject<T>;
  };
  readonly Tag: { readonly prototype: TagObject; new (type: { parameters: ValueType[] }): TagObject };
  readonly Exception: {
    readonly prototype: ExceptionObject;
    new (exceptionTag: TagObject, payload: unknown[], options?: { traceStack?: boolean }): ExceptionObject;
  };
  readonly JSTag: TagObject;
  readonly CompileError: ErrorClass;
  readonly LinkError: ErrorClass;
  readonly RuntimeError: ErrorClass;
  validate(bytes: Bytes, options?: CompileOptions): boolean;
  compile(bytes: Bytes, options?: CompileOptions): Promise<ModuleObject>;
  compileStreaming(source: Source, options?: CompileOptions): Promise<ModuleObject>;
  instantiate(bytes: Bytes, importObject?: Imports, options?: CompileOptions): Promise<Instantiated>;
  instantiate(moduleObject: ModuleObject, importObject?: Imports): Promise<InstanceObject>;
  instantiateStreaming(source: Source, importObject?: Imports, options?: CompileOptions): Promise<Instantiated>;
}

/** An import of the guest that it waits for, where a promising function was called. */
export interface Suspending {
  readonly [Symbol.toStringTag]: string;
}
/** https://github.com/WebAssembly/js-promise-integration */
export interface PromiseIntegration {
  readonly Suspending: { readonly prototype: Suspending; new (func: (...args: never) => unknown): Suspending };
  /** An export as a function that answers with a promise of its result; its imports may be `Suspending`. */
  readonly promising: (func: (...args: never) => unknown) => (...args: unknown[]) => Promise<unknown>;
  readonly SuspendError: ErrorConstructor;
}
/** What ours has: that, and what only newer hosts have. */
export type WasboxNamespace = WebAssemblyNamespace & PromiseIntegration;
