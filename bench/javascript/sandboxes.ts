// Those who run JavaScript in a sandbox, by us and by others: a new program each time, or one that stays.

import { readFileSync } from 'node:fs';
import { newQuickJSWASMModuleFromVariant, type QuickJSSyncVariant } from 'quickjs-emscripten-core';
import { QuickJS } from 'quickjs-wasi';
import { quickjs } from 'wasbox/javascript';

const wasm = new WebAssembly.Module(readFileSync(new URL(import.meta.resolve('quickjs-wasi/quickjs.wasm'))));

/** What each does from a warm start, and what it comes to. */
export const snippet = 'const order = { id: 7, items: [1, 2, 3] }; order.items.map((x) => x * order.id).join()';
export const answer = '7,14,21';

export const restored = 'quickjs-wasi, restore of a snapshot';

export interface Sandbox {
  readonly name: string;
  /** A new program from a warm start. */
  run(code: string): Promise<unknown>;
  /** One that stays once it has run code; gives what ends it. */
  keep(code: string): Promise<() => void>;
}

/** Its types nest its default export once more than it does. */
async function variant(): Promise<QuickJSSyncVariant> {
  const { default: found } = await import('@jitl/quickjs-wasmfile-release-sync');
  return found as unknown as QuickJSSyncVariant;
}

export async function sandboxes(): Promise<Sandbox[]> {
  const js = quickjs();
  const emscripten = await newQuickJSWASMModuleFromVariant(await variant());
  const first = await QuickJS.create({ wasm });
  const snapshot = first.snapshot();
  return [
    {
      name: 'wasbox/javascript',
      run: async (code) => {
        const outcome = await js.run(code, { engine: 'native' });
        return outcome.status === 'done' ? outcome.value : outcome.status;
      },
      keep: async (code) => {
        const session = js.session({ engine: 'native' });
        await session.run(code);
        return () => session.close();
      },
    },
    {
      name: restored,
      run: async (code) => {
        const vm = await QuickJS.restore(snapshot, { wasm });
        const value = vm.evalCode(code).consume((handle) => vm.dump(handle));
        vm.dispose();
        return value;
      },
      keep: async (code) => {
        const vm = await QuickJS.restore(snapshot, { wasm });
        vm.evalCode(code).dispose();
        return () => vm.dispose();
      },
    },
    {
      name: 'quickjs-emscripten, new context',
      run: async (code) => {
        const vm = emscripten.newContext();
        const handle = vm.unwrapResult(vm.evalCode(code));
        const value = vm.dump(handle);
        handle.dispose();
        vm.dispose();
        return value;
      },
      keep: async (code) => {
        const vm = emscripten.newContext();
        vm.unwrapResult(vm.evalCode(code)).dispose();
        return () => vm.dispose();
      },
    },
    ...(await isolates()),
  ];
}

/** What is used of `isolated-vm`, which is native code: it is measured where somebody has installed it beside. */
interface Isolates {
  readonly Isolate: new (options: {
    readonly memoryLimit: number;
  }) => {
    createContextSync(): { evalSync(code: string): unknown };
    dispose(): void;
  };
}

async function isolates(): Promise<Sandbox[]> {
  const name = 'isolated-vm';
  const found = await import(name).catch(() => undefined);
  if (found === undefined) return [];
  const { Isolate } = found.default as Isolates;
  const begun = (code: string) => {
    const isolate = new Isolate({ memoryLimit: 64 });
    return { isolate, value: isolate.createContextSync().evalSync(code) };
  };
  return [
    {
      name: 'isolated-vm, new isolate',
      run: async (code) => {
        const { isolate, value } = begun(code);
        isolate.dispose();
        return value;
      },
      keep: async (code) => {
        const { isolate } = begun(code);
        return () => isolate.dispose();
      },
    },
  ];
}
