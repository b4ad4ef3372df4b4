// What modules import of services, whose answers come from the main thread.

import { asyncHostFunction, type HostFunction } from '../../host/define.ts';
import type { Module } from '../../runtime/module/module.ts';
import type { FuncType, ValType } from '../../spec/types.ts';

/** What a function of a service does: it gets the guest's arguments and the context. */
export type ServiceBody = (...args: unknown[]) => unknown;

/** All functions of the service that the modules import, by their names. */
export function serviceImports(
  service: string,
  modules: readonly Module[],
  bodyOf: (name: string, results: readonly ValType[]) => ServiceBody,
): Readonly<Record<string, HostFunction>> {
  const found = modules.flatMap(({ syntax, context }) =>
    syntax.imports
      .filter(({ desc }) => desc.kind === 'func')
      .map(({ module, name }, i) => ({ module, name, type: context.funcs[i]?.comp as FuncType }))
      .filter(({ module }) => module === service)
      .map(({ name, type: { params, results } }): [string, HostFunction] => [
        name,
        asyncHostFunction(params, results, bodyOf(name, results)),
      ]),
  );
  return Object.fromEntries(found);
}
