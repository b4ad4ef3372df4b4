// Bytes to a compiled module.

import { hashOf } from '../runtime/beneath/sha256.ts';
import { Module } from '../runtime/module/module.ts';
import { WasboxError } from '../spec/errors.ts';
import { type Compiled, type CompileOptions, withBuiltins } from './builtins.ts';
import { CompileError } from './errors.ts';

/** By hash, those of this thread that are still in use: scripts compile the same bytes again for each instance. */
const known = new Map<string, WeakRef<Module>>();
const forgotten = new FinalizationRegistry<string>((hash) => {
  if (known.get(hash)?.deref() === undefined) known.delete(hash);
});

/** Decodes and validates, then finds what the options give. Throws CompileError. */
export const compiled = (bytes: Uint8Array, options: CompileOptions): Compiled => withBuiltins(decoded(bytes), options);

function decoded(bytes: Uint8Array): Module {
  const hash = hashOf(bytes);
  const same = known.get(hash)?.deref();
  if (same !== undefined) return same;
  try {
    const made = Module.from(bytes);
    known.set(hash, new WeakRef(made));
    forgotten.register(made, hash);
    return made;
  } catch (error) {
    throw error instanceof WasboxError ? new CompileError(error.message, { cause: error }) : error;
  }
}
