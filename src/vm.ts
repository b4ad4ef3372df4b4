// The room vm/ as those above it see it: re-exports only.

export type { Status } from './vm/driver.ts';
export type { FrameView } from './vm/frames.ts';
export type { Importable, Imports } from './vm/imports.ts';
export { type Extern, GlobalRef, Instance, MemoryRef, TableRef, TagRef } from './vm/instance.ts';
export type { RunOptions } from './vm/options.ts';
export type { Runner } from './vm/runner.ts';
export { type InstantiateOptions, type RestoreOptions, VM, type VmOptions } from './vm/vm.ts';
