// One face for a program's instance, whoever runs it, so that all run the same.

import { createRequire } from 'node:module';
import { type Importable, Module, VM } from 'wasbox';

export interface Guest {
  /** Calls an export; a single result or none. */
  call(name: string, ...args: unknown[]): unknown;
  memory(): Uint8Array;
}

/** On our interpreter, which is what the rest is compared with. */
export function ourGuest(
  bytes: Uint8Array,
  imports: Record<string, Record<string, Importable>> = {},
): Guest & { vm: VM } {
  const vm = new VM({ engine: 'interpreter' });
  const instance = vm.instantiate(Module.from(bytes), imports);
  return {
    vm,
    call: (name, ...args) => vm.invoke(instance.func(name), args)[0],
    memory: () => instance.memory('memory').bytes,
  };
}

type Exports = Record<string, (...args: unknown[]) => unknown>;
const guestOf = (exports: Exports): Guest => ({
  call: (name, ...args) => exports[name]?.(...args),
  memory: () => new Uint8Array((exports.memory as unknown as WebAssembly.Memory).buffer),
});

/** On the host's own WebAssembly. */
export const hostGuest = (bytes: Uint8Array): Guest => guestIn(WebAssembly, bytes);

/** In a namespace shaped like the host's. */
export function guestIn(wasm: Pick<typeof WebAssembly, 'Module' | 'Instance'>, bytes: Uint8Array): Guest {
  const module = new wasm.Module(new Uint8Array(bytes));
  return guestOf(new wasm.Instance(module, {}).exports as Exports);
}

interface OtherInterpreter {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Exports } }>;
}

/** On the interpreter of the npm package `webassembly-interpreter`. */
export async function otherGuest(bytes: Uint8Array): Promise<Guest> {
  const other = createRequire(import.meta.url)('webassembly-interpreter') as OtherInterpreter;
  const { instance } = await other.instantiate(new Uint8Array(bytes), {});
  return guestOf(instance.exports);
}
