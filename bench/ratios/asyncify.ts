// Asyncify (Binaryen) as the peer: what it makes of a module, and a namespace shaped like `WebAssembly` that gives every
// module to it first. Binaryen takes minutes for a large one, so what it made is kept among the temporary files.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { WebAssemblyNamespace } from 'wasbox/webassembly';
import { packageFile } from '../demo/program.ts';
import { decode, encode } from '../measure/built.ts';
import { fuelAtOnce, fuelExport, withChecks, yieldExport } from './checks.ts';

/**
 * `calls`: any call may unwind, so each is instrumented; nothing is counted, and a loop without calls cannot be left.
 * `preemptible`: the module can be left where our own native code can.
 */
export type Kind = 'calls' | 'preemptible';

/** The number counts the ways in which checks.ts and binaryen-worker.js have made modules. */
const version = `binaryen-${JSON.parse(Buffer.from(packageFile('binaryen', 'package.json')).toString()).version}-1`;
const cache = join(tmpdir(), 'wasbox-bench', version);

async function asyncified(bytes: Uint8Array, kind: Kind): Promise<Uint8Array> {
  const file = join(cache, `${hash(bytes)}-${kind}.wasm`);
  try {
    return readFileSync(file);
  } catch {
    const made = await instrument(bytes, kind);
    mkdirSync(cache, { recursive: true });
    writeFileSync(file, made);
    return made;
  }
}

let binaryen: Worker | undefined;

async function instrument(bytes: Uint8Array, kind: Kind): Promise<Uint8Array> {
  binaryen ??= new Worker(new URL('./binaryen-worker.js', import.meta.url), { execArgv: [] });
  const message =
    kind === 'calls' ? { bytes: withoutCustoms(bytes) } : { bytes: withChecks(bytes), yielding: yieldExport };
  binaryen.postMessage(message);
  const [made] = await once(binaryen, 'message');
  return made as Uint8Array;
}

/** Ends the thread that Binaryen runs on. */
export async function endAsyncify(): Promise<void> {
  await binaryen?.terminate();
  binaryen = undefined;
}

/** Binaryen warns about names that it does not know. */
const withoutCustoms = (bytes: Uint8Array): Uint8Array => encode({ ...decode(bytes), customs: [] });

/** Made ahead, because packages compile their modules in one go. */
export async function asyncifyNamespace(kind: Kind, modules: readonly Uint8Array[]): Promise<WebAssemblyNamespace> {
  const made = new Map<string, Uint8Array>();
  for (const bytes of modules) made.set(hash(bytes), await asyncified(bytes, kind));

  class Module extends WebAssembly.Module {
    constructor(source: BufferSource) {
      const known = made.get(hash(bytesOf(source)));
      if (known === undefined) throw new Error('a module that the task did not name');
      super(known as BufferSource);
    }
  }
  class Instance extends WebAssembly.Instance {
    constructor(module: WebAssembly.Module, imports: WebAssembly.Imports = {}) {
      let fuel: unknown;
      const refill = () => {
        if (fuel instanceof WebAssembly.Global) fuel.value = fuelAtOnce;
      };
      super(module, { ...imports, wasbox: { yield: refill } });
      fuel = this.exports[fuelExport];
    }
  }
  const instantiate = async (source: WebAssembly.Module | BufferSource, imports?: WebAssembly.Imports) => {
    if (source instanceof WebAssembly.Module) return new Instance(source, imports);
    const module = new Module(source);
    return { module, instance: new Instance(module, imports) };
  };
  return Object.create(WebAssembly, {
    Module: { value: Module },
    Instance: { value: Instance },
    compile: { value: async (source: BufferSource) => new Module(source) },
    instantiate: { value: instantiate },
  });
}

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const bytesOf = (source: BufferSource): Uint8Array =>
  ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
