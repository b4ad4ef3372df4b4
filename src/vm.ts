// The room vm/ as those above it see it: re-exports only.

export type { Status } from './vm/driver.ts';
export type { FrameView } from './vm/frames.ts';
export { type Extern, GlobalRef, MemoryRef, TableRef, TagRef } from './vm/handles.ts';
export type { Importable, Imports } from './vm/imports.ts';
export { type ExportedFunction, type Exports, type ExportsOf, Instance } from './vm/instance.ts';
export type { InstantiateOptions, RestoreOptions, VmOptions } from './vm/making.ts';
export type { RunOptions } from './vm/options.ts';
export type { Runner } from './vm/runner.ts';
export { VM } from './vm/vm.ts';
