// The functions of the namespace that compile and instantiate. Those that answer later do their work in one go, too, but
// not before the caller has gone on. https://webassembly.github.io/spec/js-api/#webassembly-namespace

import { type CompileOptions, compileOptions } from './builtins.ts';
import { compiled } from './compiled.ts';
import { CompileError } from './errors.ts';
import { Exports, type Instantiation } from './instance.ts';
import { Ready } from './module.ts';
import type { Realm } from './realm.ts';
import { bufferSource } from './webidl.ts';

interface Classes {
  readonly Module: typeof WebAssembly.Module;
  readonly Instance: typeof WebAssembly.Instance;
}
type Optional = [options?: unknown];
type Source = Response | PromiseLike<Response>;

/** The functions, ready to stand in a namespace. */
export type Functions = Pick<
  typeof WebAssembly,
  'validate' | 'compile' | 'instantiate' | 'compileStreaming' | 'instantiateStreaming'
>;

export function functions(realm: Realm, { Module, Instance }: Classes, instantiation: Instantiation): Functions {
  /** The bytes as they are now, compiled later. */
  const moduleOf = async (bytes: unknown, options: CompileOptions): Promise<WebAssembly.Module> => {
    const copy = bufferSource(bytes).slice();
    await undefined;
    return new Module(new Ready(compiled(copy, options)) as never);
  };
  const instanceOf = async (module: WebAssembly.Module, imports: unknown): Promise<WebAssembly.Instance> => {
    const source = realm.module(module);
    const given = instantiation.readImports(source, imports);
    await undefined;
    return new Instance(new Exports(instantiation.instantiate(source, given)) as never);
  };
  const both = async (made: Promise<WebAssembly.Module>, imports: unknown) => {
    const module = await made;
    return { module, instance: await instanceOf(module, imports) };
  };
  const streamed = async (source: Source, options: CompileOptions) => moduleOf(await bodyOf(source), options);
  const named = {
    validate: (bytes: BufferSource, ...[options]: Optional): boolean =>
      isValid(bufferSource(bytes), compileOptions(options)),
    compile: async (bytes: BufferSource, ...[options]: Optional) => moduleOf(bytes, compileOptions(options)),
    instantiate: async (source: unknown, ...[imports, options]: [importObject?: unknown, options?: unknown]) =>
      realm.isModule(source)
        ? instanceOf(source as WebAssembly.Module, imports)
        : both(moduleOf(source, compileOptions(options)), imports),
    compileStreaming: async (source: Source, ...[options]: Optional) => streamed(source, compileOptions(options)),
    instantiateStreaming: async (source: Source, ...[imports, options]: [importObject?: unknown, options?: unknown]) =>
      both(streamed(source, compileOptions(options)), imports),
  };
  return named as unknown as Functions;
}

function isValid(bytes: Uint8Array, options: CompileOptions): boolean {
  try {
    compiled(bytes, options);
    return true;
  } catch (error) {
    if (error instanceof CompileError) return false;
    throw error;
  }
}

/** https://webassembly.github.io/spec/web-api/#streaming-modules */
async function bodyOf(source: Source): Promise<ArrayBuffer> {
  const response = await source;
  if (!(response instanceof Response)) throw new TypeError('a Response is expected');
  const type = response.headers.get('content-type')?.trim().toLowerCase();
  if (type !== 'application/wasm') throw new TypeError(`a Response of type application/wasm is expected, not ${type}`);
  if (!response.ok) throw new TypeError(`the Response has status ${response.status}`);
  return response.arrayBuffer();
}
