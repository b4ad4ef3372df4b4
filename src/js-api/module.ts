// Module objects. https://webassembly.github.io/spec/js-api/#modules

import { Module as Decoded } from '../runtime/module.ts';
import { hashOf } from '../runtime/sha256.ts';
import { WasboxError } from '../spec/errors.ts';
import type { ExternKind } from '../spec/types.ts';
import { type Compiled, type CompileOptions, compileOptions, withBuiltins } from './builtins.ts';
import { CompileError } from './errors.ts';
import type { Realm } from './realm.ts';
import { asInterface, bufferSource } from './webidl.ts';

const kindName = (kind: ExternKind): WebAssembly.ImportExportKind => (kind === 'func' ? 'function' : kind);

/** By hash, those of this thread that are still in use: scripts compile the same bytes again for each instance. */
const known = new Map<string, WeakRef<Decoded>>();
const forgotten = new FinalizationRegistry<string>((hash) => {
  if (known.get(hash)?.deref() === undefined) known.delete(hash);
});

/** Decodes and validates, then finds what the options give. Throws CompileError. */
export const compiled = (bytes: Uint8Array, options: CompileOptions): Compiled => withBuiltins(decoded(bytes), options);

function decoded(bytes: Uint8Array): Decoded {
  const hash = hashOf(bytes);
  const same = known.get(hash)?.deref();
  if (same !== undefined) return same;
  try {
    const made = Decoded.from(bytes);
    known.set(hash, new WeakRef(made));
    forgotten.register(made, hash);
    return made;
  } catch (error) {
    throw error instanceof WasboxError ? new CompileError(error.message, { cause: error }) : error;
  }
}

/** Given to the constructor in place of bytes, for a module that is compiled. */
export class Ready {
  constructor(readonly compiled: Compiled) {}
}

export function moduleClass(realm: Realm): typeof WebAssembly.Module {
  class Module {
    constructor(bytes: BufferSource, ...options: [options?: unknown]) {
      const from: unknown = bytes;
      const made = from instanceof Ready ? from.compiled : compiled(bufferSource(from), compileOptions(options[0]));
      realm.modules.set(this, made);
    }
    static exports(moduleObject: WebAssembly.Module): WebAssembly.ModuleExportDescriptor[] {
      return realm.module(moduleObject).module.syntax.exports.map(({ name, kind }) => ({ name, kind: kindName(kind) }));
    }
    static imports(moduleObject: WebAssembly.Module): WebAssembly.ModuleImportDescriptor[] {
      const { module, provided } = realm.module(moduleObject);
      return module.syntax.imports
        .filter((_, i) => provided[i] === undefined)
        .map(({ module, name, desc }) => ({ module, name, kind: kindName(desc.kind) }));
    }
    static customSections(moduleObject: WebAssembly.Module, sectionName: string): ArrayBuffer[] {
      const { customs, bytes } = realm.module(moduleObject).module.syntax;
      if (sectionName === undefined) throw new TypeError('the name of a section is expected');
      const wanted = `${sectionName}`;
      return customs
        .filter(({ name }) => name === wanted)
        .map(({ data }) => new Uint8Array(bytes.subarray(data.start, data.end)).buffer);
    }
  }
  return asInterface(Module);
}
