// Runs a test on each engine of wasbox, and on the host's own `WebAssembly`, which keeps the expectations honest.

import test, { type ExecutionContext } from 'ava';
import { createWebAssembly, type WasboxNamespace } from '../../src/js-api/index.ts';
import { bytesOf } from '../wat.ts';

export type Api = WasboxNamespace;
const host = WebAssembly as unknown as Api;
const engines = (['interpreter', 'native'] as const).map((engine) => ({ engine, api: createWebAssembly({ engine }) }));

type Body = (t: ExecutionContext, api: Api) => void | Promise<void>;

/** For what every host that we run on can do. */
export function both(title: string, body: Body): void {
  ours(title, body);
  test(`${title} (host)`, (t) => body(t, host));
}

/** For what only newer hosts can do: on this one too where it can. */
export function whereHostCan(can: (api: Api) => boolean, title: string, body: Body): void {
  ours(title, body);
  if (can(host)) test(`${title} (host)`, (t) => body(t, host));
}

/** For what only newer hosts can do, and no native code of ours. */
export function interpreted(title: string, body: Body): void {
  test(title, (t) => body(t, createWebAssembly({ engine: 'interpreter' })));
}

/** For what only newer hosts can do. */
export function ours(title: string, body: Body): void {
  for (const { engine, api } of engines) test(`${title} (${engine})`, (t) => body(t, api));
}

// biome-ignore lint/suspicious/noExplicitAny: what a module exports is known to the test that wrote it
export type Exports = Record<string, any>;

/** Assembles and instantiates. */
export async function exportsOf(api: Api, fields: string, imports?: object): Promise<Exports> {
  const module = new api.Module(await bytesOf(fields));
  return new api.Instance(module, imports as WebAssembly.Imports).exports;
}

/** An instance's descriptor-like arguments that TypeScript would not let pass. */
export const odd = (value: unknown): never => value as never;
