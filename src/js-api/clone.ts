// Modules that can be cloned and posted. The host clones no object of a class of ours, but its own modules: so a module
// of the look-alike is an empty module of the host's, with our prototype, that carries the bytes it stands for. What
// comes out of a clone is a module of the host's again, by which we know it.

import { Writer } from '../binary/writer.ts';
import { hostWasm } from '../runtime/beneath/host-wasm.ts';
import { type Compiled, type CompileOptions, compileOptions } from './builtins.ts';

/** Names of custom sections: the bytes, and the options that they were compiled with, as JSON. */
const bytesName = 'wasbox.module';
const optionsName = 'wasbox.options';
/** Nobody has it, so that the host does not run such a module by mistake. */
const guard = { module: 'wasbox', name: 'a module of wasbox/webassembly runs there only' };

/** An object that structured clones keep, with a prototype. */
export function cloneable({ module, options }: Compiled, prototype: object): object {
  const w = new Writer(module.bytes.length + 200);
  w.bytes(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  section(w, 1, (w) => w.bytes(Uint8Array.of(1, 0x60, 0, 0)));
  section(w, 2, (w) => {
    w.u32(1);
    w.name(guard.module);
    w.name(guard.name);
    w.bytes(Uint8Array.of(0, 0));
  });
  custom(w, optionsName, new TextEncoder().encode(JSON.stringify(toJson(options))));
  custom(w, bytesName, module.bytes);
  return Object.setPrototypeOf(new hostWasm.Module(w.finish() as Uint8Array<ArrayBuffer>), prototype);
}

const toJson = ({ sets, strings }: CompileOptions) => ({ builtins: sets, importedStringConstants: strings });

function custom(w: Writer, name: string, data: Uint8Array): void {
  section(w, 0, (w) => {
    w.name(name);
    w.bytes(data);
  });
}

function section(w: Writer, id: number, write: (w: Writer) => void): void {
  w.byte(id);
  w.sized(write);
}

/** What a clone carries; undefined for anything else. */
export function carried(value: unknown): { readonly bytes: Uint8Array; readonly options: CompileOptions } | undefined {
  if (!(value instanceof hostWasm.Module)) return undefined;
  const [bytes] = hostWasm.Module.customSections(value, bytesName);
  const [options] = hostWasm.Module.customSections(value, optionsName);
  if (bytes === undefined || options === undefined) return undefined;
  return { bytes: new Uint8Array(bytes), options: compileOptions(JSON.parse(new TextDecoder().decode(options))) };
}
