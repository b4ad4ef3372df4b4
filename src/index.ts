/**
 * The public names of wasbox. Nothing here needs Node; thread pools are in `wasbox/pool`.
 *
 * @module wasbox
 */

export type {
  HostBody,
  HostContext,
  HostFunction,
  LaterResultsOf,
  ParamsOf,
  ResultsOf,
  TypeLike,
} from './host/define.ts';
export { asyncHostFunction, hostFunction, notYet, retryHostFunction } from './host/define.ts';
export { HostModule, type HostModuleOptions, hostModule } from './host/module.ts';
export type { NotYet, Waiting } from './host/not-yet.ts';
export type { StateData, StateKind, StateOwner, WholeState } from './host/state.ts';
export { type CodeCache, useCodeCache } from './rewrite/module/code-cache.ts';
export type { Interruption, Outcome, SuspendReason } from './runtime/engine.ts';
export { type FuncLike, Ref, type RefKind, type RefTypes, type Value } from './runtime/heap/ref.ts';
export type { SharedMemory } from './runtime/memory/memory.ts';
export type { Encoding, ReadTextOptions, WriteTextOptions } from './runtime/memory/text.ts';
export type { CompileOptions } from './runtime/module/compiling.ts';
export { type EntityType, Module, type ModuleExport, type ModuleImport } from './runtime/module/module.ts';
export { defaultLimits, type VmLimits } from './runtime/store.ts';
export type { Extras, PlannedCall } from './snapshot/container/extras.ts';
export type { Sent, SnapshotMessage } from './snapshot/send.ts';
export { type DecodeOptions, type EncodeOptions, Snapshot, type SnapshotSummary } from './snapshot/snapshot.ts';
export {
  CrashError,
  type ErrorCode,
  ExhaustionError,
  ExitError,
  GuestError,
  HostError,
  InvalidError,
  LimitError,
  type LimitReached,
  LinkError,
  MalformedError,
  SnapshotError,
  type TraceFrame,
  Trap,
  UsageError,
  WasboxError,
  WorkerError,
} from './spec/errors.ts';
export { type TrapKind, trapKinds } from './spec/traps.ts';
export {
  type AbsHeapType,
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
  type NumType,
  type PackedType,
  type RefType,
  type StorageType,
  type StructType,
  type TableType,
  type TypeName,
  typeName,
  type ValType,
  type VecType,
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
  type LimitOptions,
  MemoryRef,
  type ReceiveOptions,
  type RestoreOptions,
  type Runner,
  type RunOptions,
  type Status,
  TableRef,
  TagRef,
  VM,
  type VmOptions,
} from './vm.ts';
