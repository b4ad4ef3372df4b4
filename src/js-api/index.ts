// `wasbox/webassembly`: an object shaped like the host's `WebAssembly`, whose modules run on wasbox. What a package does
// with the host's it does with this one, unchanged. It runs calls to their end, but those of `promising` functions, which
// wait for imports that are `Suspending`, on every Node. A program that is to be paused, saved or moved is run by a VM
// (`wasbox`) instead: a frame of the guest that a host callback crosses cannot be suspended at all.
//
// All instances of a namespace live in one store, so that they can share memories, tables and functions. It gives nothing
// back: what is instantiated, allocated or handed to the guest as an externref lives for as long as the namespace does.
// `createWebAssembly` makes a namespace that can be let go of as a whole.
//
// It differs from the host's in this: what the host made, such as its own `WebAssembly.Memory`, is no more welcome than
// any other object. Memories have `toResizableBuffer` only where the host's have it. A table gives the exported function
// where a promising one was put, and a promising function never answers with a thenable, but with what that comes to. A
// clone of a module belongs to the namespace that sees it first. The native engine has no modules that import functions on
// strings and arrays; `auto` interprets those.

import { createWebAssembly as create } from './namespace.ts';
import type { WasboxNamespace, WebAssemblyOptions } from './types.ts';

export type {
  PromiseIntegration,
  Suspending as SuspendingImport,
  WasboxNamespace,
  WebAssemblyNamespace,
  WebAssemblyOptions,
} from './types.ts';

/** A namespace with a store of its own: what it makes is foreign to every other one. Throws UsageError for its options. */
export const createWebAssembly: (options?: WebAssemblyOptions) => WasboxNamespace = create;

const namespace: WasboxNamespace = create();
export default namespace;

export const {
  Module,
  Instance,
  Memory,
  Table,
  Global,
  Tag,
  Exception,
  JSTag,
  CompileError,
  LinkError,
  RuntimeError,
  Suspending,
  SuspendError,
  promising,
  validate,
  compile,
  compileStreaming,
  instantiate,
  instantiateStreaming,
} = namespace;
