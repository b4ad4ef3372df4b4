// `wasbox/webassembly`: an object shaped like the host's `WebAssembly`, whose modules run on wasbox. What a package does
// with the host's it does with this one, unchanged. It runs calls to their end and never suspends them: a frame of the
// guest that a host callback crosses cannot be suspended at all. A program that is to be paused, saved or moved is run by
// a VM (`wasbox`) instead.
//
// All instances of a namespace live in one store, so that they can share memories, tables and functions. It gives nothing
// back: what is instantiated, allocated or handed to the guest as an externref lives for as long as the namespace does.
// `createWebAssembly` makes a namespace that can be let go of as a whole.
//
// It differs from the host's in this: there are no resizable buffers and no compile options (JS string builtins are not
// known), and what the host made, such as its own `WebAssembly.Memory`, is no more welcome than any other object.

import { createWebAssembly } from './namespace.ts';

export {
  createWebAssembly,
  type WasboxNamespace,
  type WebAssemblyNamespace,
  type WebAssemblyOptions,
} from './namespace.ts';
export type { PromiseIntegration, Suspending as SuspendingImport } from './promising.ts';

const namespace = createWebAssembly();
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
