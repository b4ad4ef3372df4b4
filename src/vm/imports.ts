// Finds what each import of a module is given, and which host function stands for which name.

import type { HostFunction } from '../host/define.ts';
import type { Port } from '../host/port.ts';
import {
  describe,
  type ExternType,
  externMatches,
  importTypes,
  incompatible,
  matchImport,
  signature,
  unknownImport,
} from '../link/match.ts';
import type { FuncLike } from '../runtime/heap/ref.ts';
import type { ExternVal } from '../runtime/instance.ts';
import { borrowMemory, isSharedMemory, type SharedMemory } from '../runtime/memory/memory.ts';
import type { Module } from '../runtime/module/module.ts';
import type { Store } from '../runtime/store.ts';
import { compMatches, defineFunc } from '../spec/deftypes.ts';
import { type Extern, externOf } from './handles.ts';
import { Instance } from './instance.ts';

/**
 * What an import can be given: a host function, what an instance of the same VM exports, or a memory that another VM
 * shares.
 */
export type Importable = HostFunction | FuncLike | Extern | SharedMemory;
/** By module name, then name. Read by property access, so that proxies and getters may make up what they hold. */
export type Imports = Readonly<Record<string, Readonly<Record<string, Importable>> | Instance<unknown>>>;

interface Name {
  readonly module: string;
  readonly name: string;
}
type Found = ExternVal | { readonly host: HostFunction } | { readonly shared: SharedMemory };

/** What the module's imports are given, in their order. Getters may run; the store is not changed. Throws LinkError. */
export function findImports(store: Store, module: Module, imports: Imports): Found[] {
  const types = importTypes(module);
  return module.syntax.imports.map((what, i) => find(store, what, types[i] as ExternType, imports));
}

/** Adds to the store what was found and is not in it. What was added must be undone where not all of it fits. */
export function addImports(store: Store, port: Port, module: Module, found: readonly Found[]): ExternVal[] {
  const types = importTypes(module);
  return found.map((given, i) => {
    if ('shared' in given) return { kind: 'memory', addr: borrowed(store, given.shared) };
    if (!('host' in given)) return given;
    const what = module.syntax.imports[i] as Name;
    const type = types[i] as ExternType;
    if (type.kind !== 'func') throw incompatible(what, type, 'a host function');
    return { kind: 'func', addr: port.provide(what.module, what.name, type.type, given.host) };
  });
}

function find(store: Store, what: Name, type: ExternType, imports: Imports): Found {
  const value = lookUp(what, imports);
  if (isHostFunction(value)) {
    checkSignature(what, type, value);
    return { host: value };
  }
  if (isSharedMemory(value)) {
    const min = BigInt(value.memory.buffer.byteLength / 65536);
    const actual: ExternType = { kind: 'memory', type: { ...value.type, limits: { ...value.type.limits, min } } };
    if (!externMatches(actual, type)) throw incompatible(what, type, describe(actual));
    return { shared: value };
  }
  const given = externOf(value);
  if (given === undefined) throw incompatible(what, type, told(value));
  if (given.store !== store) throw incompatible(what, type, `a ${given.kind} of another VM`);
  matchImport(store, what, type, given);
  return given;
}

/** A store has a memory once, however often it is given. */
function borrowed(store: Store, shared: SharedMemory): number {
  const known = store.memories.findIndex(({ host }) => host === shared.memory);
  if (known >= 0) return known;
  store.checkRoom({ memoryCount: 1 });
  return store.addMemory(borrowMemory(shared, store.memoryBudget));
}

function lookUp(what: Name, imports: Imports): unknown {
  const space: unknown = imports[what.module];
  if (space instanceof Instance) {
    if (space.module.exportNamed(what.name) !== undefined) return space.export(what.name);
  } else if (space !== undefined && space !== null) {
    const value = (space as Record<string, unknown>)[what.name];
    if (value !== undefined) return value;
  }
  throw unknownImport(what);
}

const hostKinds: readonly string[] = ['sync', 'async', 'retry'] satisfies HostFunction['kind'][];

function isHostFunction(value: unknown): value is HostFunction {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, body, params, results } = value as Partial<HostFunction>;
  return hostKinds.includes(kind as string) && typeof body === 'function' && [params, results].every(Array.isArray);
}

function checkSignature(what: Name, type: ExternType, host: HostFunction): void {
  const given = defineFunc(host.params, host.results);
  if (type.kind !== 'func' || !compMatches(given.comp, type.type.comp))
    throw incompatible(what, type, `a host function ${signature(given)}`);
}

function told(value: unknown): string {
  if (typeof value === 'function') return 'a plain function, which hostFunction makes a host function,';
  return value === null ? 'null' : `a ${typeof value}`;
}

/** Binds the host functions of a restored store by their names. Throws LinkError naming the first that does not fit. */
export function bindHosts(store: Store, port: Port, imports: Imports): void {
  store.funcs.forEach((func, addr) => {
    if (func.kind !== 'host') return;
    const host = lookUp(func, imports);
    const type: ExternType = { kind: 'func', type: func.type };
    if (!isHostFunction(host)) throw incompatible(func, type, told(host));
    checkSignature(func, type, host);
    port.bind(addr, host);
  });
}
