// Programs of test/fixtures/wasi, run in all ways that there are.

import { readFileSync } from 'node:fs';
import { type HostFunction, type Imports, Module, notYet, VM, type VmOptions } from '../../src/index.ts';
import { exitCodeOf, type Wasi, type WasiOptions, wasi } from '../../src/wasi/index.ts';

export const program = (name: string): Module =>
  Module.from(readFileSync(new URL(`../fixtures/wasi/${name}.wasm`, import.meta.url)));

export const engines = ['interpreter', 'native'] as const;
export type Way = { readonly engine: VmOptions['engine']; readonly hopping: boolean };
/** On both engines, and from one to the other at each host call. */
export const ways: readonly Way[] = [
  ...engines.map((engine) => ({ engine, hopping: false })),
  { engine: 'interpreter', hopping: true },
];
export const told = ({ engine, hopping }: Way): string => `${engine}${hopping ? ', hopping' : ''}`;

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly vm: VM;
  readonly system: Wasi;
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export function begun(module: Module, imports: Imports, engine: VmOptions['engine']): VM {
  const vm = new VM({ engine });
  vm.start(vm.instantiate(module, imports).func('_start'));
  return vm;
}

/** To its end; what streams of the host come to is theirs to tell. */
export async function run(module: Module, options: WasiOptions, way: Way): Promise<Ended> {
  const system = wasi(options);
  const { vm, code } = await finished(module, system, way);
  const { stdout, stderr } = system.of(vm);
  return { code, stdout: text(stdout), stderr: text(stderr), vm, system };
}

async function finished(module: Module, system: Wasi, { engine, hopping }: Way): Promise<{ vm: VM; code: number }> {
  const imports = hopping ? askedTwice(system.imports) : system.imports;
  let vm = begun(module, imports, engine);
  if (!hopping) return { vm, code: exitCodeOf(await vm.runAsync()) };
  for (let hops = 0; ; hops++) {
    const outcome = vm.run();
    if (outcome.status !== 'suspended') return { vm, code: exitCodeOf(outcome) };
    vm = hopped(vm, module, imports, hops % 2 === 0 ? 'native' : 'interpreter');
    await vm.answer();
  }
}

/** Saved to bytes, and restored. */
export function hopped(vm: VM, module: Module, imports: Imports, engine: VmOptions['engine']): VM {
  const bytes = vm.save().encode();
  vm.dispose();
  return VM.restore(bytes, { modules: [module], imports, engine });
}

/** Each call suspends the VM first, as if it had to wait. */
export const askedTwice = (imports: Wasi['imports']): Imports =>
  Object.fromEntries(
    Object.entries(imports).map(([space, functions]) => [
      space,
      Object.fromEntries(Object.entries(functions).map(([name, host]) => [name, twice(host)])),
    ]),
  );

function twice(host: HostFunction): HostFunction {
  return {
    ...host,
    body: (...args) => {
      const { callId } = args.at(-1) as { callId: number | undefined };
      return callId === undefined ? notYet({ until: 0 }) : host.body(...args);
    },
  };
}
