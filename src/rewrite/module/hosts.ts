// Host functions as guest code sees them: a function of the rewritten type, whose code passes the arguments to the engine
// through the scratch memory and takes the results from there.

import { hostWasm } from '../../runtime/beneath/host-wasm.ts';
import { bounds, compiledBytes } from '../../runtime/kept/bounds.ts';
import { Lru } from '../../runtime/kept/lru.ts';
import type { FuncType } from '../../spec/types.ts';
import { type ScratchFunc, scratchFunc } from '../read/index-spaces.ts';
import { functionParams, functionResults, lowAll, TypeSection } from '../read/types.ts';
import { handOver } from '../write/hand-over.ts';
import { assemble, Code, type ImportEntry } from '../write/sections.ts';
import { theScratch } from './scratch-memory.ts';

/**
 * Calls the host: depth and fuel of the caller in, and what code was charged beyond its fuel; out the fuel that is left, or
 * what says why code is to leave.
 */
export type CallHost = (depth: number, fuel: number, owed: number) => number;

/** By the rewritten types. */
const modules = new Lru<string, WebAssembly.Module>(() => bounds.hostWrappers);

/** What this thread keeps of them, in bytes. */
export const keptWrappers = (): number => modules.bytes;

const keyOf = ({ params, results }: FuncType): string => `${lowAll(params).join(' ')}>${lowAll(results).join(' ')}`;

/** Functions of the types, each of which calls the host by one of `calls`: all of one instance, for an instance is much. */
export function hostWrappers(types: readonly FuncType[], calls: readonly CallHost[]): CallableFunction[] {
  const key = types.map(keyOf).join(';');
  const module = modules.get(key) ?? compiled(key, wrapperModule(types));
  const host = Object.fromEntries(calls.map((call, i) => [String(i), call]));
  const { exports } = new hostWasm.Instance(module, { scratch: theScratch().exports, host });
  return types.map((_, i) => exports[String(i)] as CallableFunction);
}

const compiled = (key: string, bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module =>
  modules.set(key, new hostWasm.Module(bytes), compiledBytes(bytes.length));

/** The one global that it imports: what is owed. */
const owed = 0;

function wrapperModule(all: readonly FuncType[]): Uint8Array<ArrayBuffer> {
  const types = new TypeSection();
  const imports: ImportEntry[] = [];
  const numbers = new Map<ScratchFunc, number>();
  const call = { kind: 'func', type: types.index(['i32', 'i32', 'i32'], ['i32']) } as const;
  all.forEach((_, i) => {
    imports.push({ module: 'host', name: String(i), is: call });
  });
  const scratch = (name: ScratchFunc): number => {
    const known = numbers.get(name);
    if (known !== undefined) return known;
    const { params, results } = scratchFunc(name);
    const is = { kind: 'func', type: types.index(params, results) } as const;
    const number = imports.push({ module: 'scratch', name, is }) - 1;
    numbers.set(name, number);
    return number;
  };
  const bodies = all.map((type, i) => handOver(type, { scratch, owed, call: i }));
  const code = new Code();
  all.forEach((type, i) => {
    code.add(types.index(functionParams(type), functionResults(type)), bodies[i] as Uint8Array);
  });
  const exports = all.map((_, i) => ({ name: String(i), kind: 'func' as const, index: imports.length + i }));
  const global = { kind: 'global', type: 'i32', mutable: true } as const;
  const withOwed = [...imports, { module: 'scratch', name: 'owed', is: global }];
  return assemble({ name: 'host', types, imports: withOwed, code, globals: [], exports }).bytes;
}
