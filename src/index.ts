// The public names of wasbox. Nothing here needs Node; thread pools are in `wasbox/pool`.

export type {
  HostBody,
  HostContext,
  HostFunction,
  LaterResultsOf,
  ParamsOf,
  ResultsOf,
  TypeLike,
} from './host/define.ts';
export { asyncHostFunction, hostFunction } from './host/define.ts';
export { type CodeCache, useCodeCache } from './rewrite/module/code-cache.ts';
export type { Interruption, Outcome, SuspendReason } from './runtime/engine.ts';
export { type EntityType, Module, type ModuleExport, type ModuleImport } from './runtime/module.ts';
export { type FuncLike, Ref, type RefKind, type RefTypes, type Value } from './runtime/ref.ts';
export { defaultLimits, type VmLimits } from './runtime/store.ts';
export type { Encoding, ReadTextOptions, WriteTextOptions } from './runtime/text.ts';
export { Snapshot } from './snapshot/snapshot.ts';
export {
  CrashError,
  type ErrorCode,
  ExhaustionError,
  GuestError,
  HostError,
  InvalidError,
  LimitError,
  LinkError,
  MalformedError,
  SnapshotError,
  type TraceFrame,
  Trap,
  UsageError,
  WasboxError,
} from './spec/errors.ts';
export { type TrapKind, trapKinds } from './spec/traps.ts';
export {
  type AddrType,
  type ArrayType,
  type ExternKind,
  externref,
  type FieldType,
  type FuncType,
  funcref,
  type GlobalType,
  type HeapType,
  type Limits,
  type MemType,
  type RefType,
  type StorageType,
  type StructType,
  type TableType,
  type TypeName,
  typeName,
  type ValType,
} from './spec/types.ts';
export {
  type ExportedFunction,
  type Exports,
  type ExportsOf,
  type Extern,
  type FrameView,
  GlobalRef,
  type Importable,
  type Imports,
  Instance,
  type InstantiateOptions,
  MemoryRef,
  type RestoreOptions,
  type Runner,
  type RunOptions,
  type Status,
  TableRef,
  TagRef,
  VM,
  type VmOptions,
} from './vm.ts';
