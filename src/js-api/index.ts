/**
 * `wasbox/webassembly`: an object shaped like the host's `WebAssembly`, whose modules run on wasbox. What a package does
 * with the host's it does with this one, unchanged. It runs calls to their end, but those of `promising` functions, which
 * wait for imports that are `Suspending`, on every Node. A program that is to be paused, saved or moved is run by a VM
 * (`wasbox`) instead: a frame of the guest that a host callback crosses cannot be suspended at all.
 *
 * All instances of a namespace live in one store, so that they can share memories, tables and functions. It gives nothing
 * back: what is instantiated, allocated or handed to the guest as an externref lives for as long as the namespace does.
 * `createWebAssembly` makes a namespace that can be let go of as a whole.
 *
 * It differs from the host's in this: what the host made, such as its own `WebAssembly.Memory`, is no more welcome than
 * any other object. Memories have `toResizableBuffer` only where the host's have it. A table gives the exported function
 * where a promising one was put, and a promising function never answers with a thenable, but with what that comes to. A
 * clone of a module belongs to the namespace that sees it first. The native engine has no modules that import functions on
 * strings and arrays; `auto` interprets those.
 *
 * @module wasbox/webassembly
 */

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

/** The look-alike itself: a namespace with a store of its own, its options the defaults. */
const namespace: WasboxNamespace = create();
/** The look-alike itself: a namespace with a store of its own, its options the defaults. */
export default namespace;

export const {
  /** As the host's: a module that was decoded and validated. */
  Module,
  /** As the host's. */
  Instance,
  /** As the host's, with the differences that are told of {@link "wasbox/webassembly" | this module}. */
  Memory,
  /** As the host's, with the differences that are told of {@link "wasbox/webassembly" | this module}. */
  Table,
  /** As the host's. */
  Global,
  /** As the host's. */
  Tag,
  /** As the host's. */
  Exception,
  /** The tag that exceptions of JavaScript have for guests. */
  JSTag,
  /** As the host's. */
  CompileError,
  /** As the host's. */
  LinkError,
  /** As the host's. */
  RuntimeError,
  /** As {@link PromiseIntegration} tells. */
  Suspending,
  /** As {@link PromiseIntegration} tells. */
  SuspendError,
  /** As {@link PromiseIntegration} tells. */
  promising,
  /** As the host's. */
  validate,
  /** As the host's, with the options of V8: `builtins` and `importedStringConstants`. */
  compile,
  /** As the host's. */
  compileStreaming,
  /** As the host's. */
  instantiate,
  /** As the host's. */
  instantiateStreaming,
} = namespace;
