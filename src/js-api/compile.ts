// The functions of the namespace that compile and instantiate. Those that answer later do their work in one go, too, but
// not before the caller has gone on. https://webassembly.github.io/spec/js-api/#webassembly-namespace

import { CompileError } from './errors.ts';
import { Exports, type Instantiation } from './instance.ts';
import { compiled } from './module.ts';
import type { Realm } from './realm.ts';
import { bufferSource } from './webidl.ts';

interface Classes {
  readonly Module: typeof WebAssembly.Module;
  readonly Instance: typeof WebAssembly.Instance;
}
type Source = Response | PromiseLike<Response>;

/** The functions, ready to stand in a namespace. */
export type Functions = Pick<
  typeof WebAssembly,
  'validate' | 'compile' | 'instantiate' | 'compileStreaming' | 'instantiateStreaming'
>;

export function functions(realm: Realm, { Module, Instance }: Classes, instantiation: Instantiation): Functions {
  /** The bytes as they are now, compiled later. */
  const moduleOf = async (bytes: unknown): Promise<WebAssembly.Module> => {
    const copy = bufferSource(bytes).slice();
    await undefined;
    return new Module(compiled(copy) as never);
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
  const named = {
    validate: (bytes: BufferSource): boolean => isValid(bufferSource(bytes)),
    compile: async (bytes: BufferSource) => moduleOf(bytes),
    instantiate: async (source: unknown, ...imports: [importObject?: unknown]) =>
      realm.modules.has(source as object)
        ? instanceOf(source as WebAssembly.Module, imports[0])
        : both(moduleOf(source), imports[0]),
    compileStreaming: async (source: Source) => moduleOf(await bodyOf(source)),
    instantiateStreaming: async (source: Source, ...imports: [importObject?: unknown]) =>
      both(bodyOf(source).then(moduleOf), imports[0]),
  };
  return named as unknown as Functions;
}

function isValid(bytes: Uint8Array): boolean {
  try {
    compiled(bytes);
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
