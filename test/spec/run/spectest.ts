// The module `spectest` that the suite's scripts import from, and the host functions that it exports again.
// https://github.com/WebAssembly/spec/tree/main/interpreter#spectest-host-module

import { type HostFunction, hostFunction, type TypeLike } from '../../../src/host/define.ts';
import { Module } from '../../../src/runtime/module/module.ts';
import { assembleText } from '../script/assemble.ts';

const prints: Record<string, readonly TypeLike[]> = {
  print: [],
  print_i32: ['i32'],
  print_i64: ['i64'],
  print_f32: ['f32'],
  print_f64: ['f64'],
  print_i32_f32: ['i32', 'f32'],
  print_f64_f64: ['f64', 'f64'],
};

const functions = Object.entries(prints).map(
  ([name, types]) => `(func (export "${name}") (import "host" "${name}") (param ${types.join(' ')}))`,
);

const text = (sharedMemory: string): string => `(module
  ${functions.join('\n  ')}
  (table (export "table") 10 20 funcref)
  (table (export "table64") i64 10 20 funcref)
  (memory (export "memory") 1 2)
  ${sharedMemory}
  (global (export "global_i32") i32 (i32.const 666))
  (global (export "global_i64") i64 (i64.const 666))
  (global (export "global_f32") f32 (f32.const 666.6))
  (global (export "global_f64") f64 (f64.const 666.6)))`;

/** The module; scripts about threads also find a `shared_memory` in it. */
export async function spectest(threads: boolean): Promise<Module> {
  return Module.from(await assembleText(text(threads ? '(memory (export "shared_memory") 1 2 shared)' : '')));
}

/** What the module imports itself. What is printed goes nowhere. */
export const hostImports: { readonly host: Record<string, HostFunction> } = {
  host: Object.fromEntries(
    Object.entries(prints).map(([name, types]) => [name, hostFunction(types, [], () => undefined)]),
  ),
};
