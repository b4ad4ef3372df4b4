// QuickJS as a guest of a VM, with nothing of a host around it: what it is asked to evaluate, it evaluates.

import { readFileSync } from 'node:fs';
import type { Instance, Module, VM } from 'wasbox';
import { packagePath } from '../demo/program.ts';

type Wasbox = typeof import('wasbox');

export const quickjsBytes = new Uint8Array(readFileSync(packagePath('quickjs-wasi', 'quickjs.wasm')));

/** All that it imports answers zero. */
const imports = {
  env: {
    host_get_timezone_offset: ['i32', 'i32'],
    host_interrupt: [],
    host_promise_rejection: ['i32', 'i32', 'i32'],
    host_module_normalize: ['i32', 'i32'],
    host_module_load: ['i32', 'i32'],
    host_call: ['i32', 'i32', 'i32', 'i32', 'i32'],
  },
  wasi_snapshot_preview1: {
    clock_time_get: ['i32', 'i64', 'i32'],
    fd_close: ['i32'],
    fd_fdstat_get: ['i32', 'i32'],
    fd_seek: ['i32', 'i64', 'i32', 'i32'],
    fd_write: ['i32', 'i32', 'i32', 'i32'],
    random_get: ['i32', 'i32'],
  },
} as const;
const resultless: readonly string[] = ['host_promise_rejection'];

export function quickjs({ VM: Vm, hostFunction }: Wasbox, module: Module): VM {
  const vm = new Vm({ engine: 'native' });
  const bound = Object.entries(imports).map(([space, functions]) => [
    space,
    Object.fromEntries(
      Object.entries(functions).map(([name, params]) => [
        name,
        hostFunction([...params], resultless.includes(name) ? [] : ['i32'], () => 0 as never),
      ]),
    ),
  ]);
  const instance = vm.instantiate(module, Object.fromEntries(bound));
  vm.invoke(instance.func('_initialize'));
  if (vm.invoke(instance.func('qjs_init'))[0] !== 0) throw new Error('QuickJS did not begin');
  evaluate(vm, instance, 'const a = []; for (let i = 0; i < 1000; i++) a.push({ i, s: "x" + i }); globalThis.a = a;');
  return vm;
}

export function evaluate(vm: VM, instance: Instance, code: string): void {
  const { length } = new TextEncoder().encode(code);
  const [text] = vm.invoke(instance.func('wasm_malloc'), [length + 1]) as [number];
  const [file] = vm.invoke(instance.func('wasm_malloc'), [2]) as [number];
  const { bytes } = instance.memory('memory');
  bytes.set(new TextEncoder().encode(`${code}\0`), text);
  bytes.set([0x61, 0], file);
  vm.invoke(instance.func('qjs_eval'), [text, length, file, 0]);
}

/** A small step of the guest. */
export const step = (vm: VM): void => evaluate(vm, vm.instance(), 'a[7].i++');
