// Module objects. https://webassembly.github.io/spec/js-api/#modules

import type { ExternKind } from '../spec/types.ts';
import { type Compiled, compileOptions } from './builtins.ts';
import { cloneable } from './clone.ts';
import { compiled } from './compiled.ts';
import type { Realm } from './realm.ts';
import { asInterface, bufferSource } from './webidl.ts';

const kindName = (kind: ExternKind): WebAssembly.ImportExportKind => (kind === 'func' ? 'function' : kind);

/** Given to the constructor in place of bytes, for a module that is compiled. */
export class Ready {
  constructor(readonly compiled: Compiled) {}
}

export function moduleClass(realm: Realm): typeof WebAssembly.Module {
  class Module {
    constructor(bytes: BufferSource, ...options: [options?: unknown]) {
      const from: unknown = bytes;
      const made = from instanceof Ready ? from.compiled : compiled(bufferSource(from), compileOptions(options[0]));
      const self = cloneable(made, new.target.prototype);
      realm.modules.set(self, made);
      // biome-ignore lint/correctness/noConstructorReturn: the host clones this object, and not what the class makes
      return self as Module;
    }
    /** A clone is one from the moment on that anybody asks. */
    static [Symbol.hasInstance](value: unknown): boolean {
      realm.isModule(value);
      // biome-ignore lint/complexity/noThisInStatic: of a derived class, that one
      return Function.prototype[Symbol.hasInstance].call(this, value);
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
  realm.modulePrototype = Module.prototype;
  return asInterface(Module);
}
