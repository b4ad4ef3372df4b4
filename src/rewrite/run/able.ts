// What of a store can run as native code: which modules, which functions, and what is yet to be done for that.

import type { Module } from '../../runtime/module/module.ts';
import type { InstanceInst, Store } from '../../runtime/store.ts';
import { hierarchyOf } from '../../runtime/value.ts';
import { LimitError } from '../../spec/errors.ts';
import type { FuncAddr } from '../../spec/types.ts';
import { mayBeKept } from '../module/code-cache.ts';
import { keptShape } from '../module/continuation.ts';
import { isRewritten, recall, rewritten } from '../module/module.ts';
import { GrowthError } from '../read/growth.ts';
import { pointOf } from '../read/shape.ts';
import { mostElements, supportOf } from '../read/support.ts';
import { hasSharedMemory } from './native.ts';

/** Whether the rewriter can take over the top frame: it is at a safe point, and all code can be rewritten. */
export const canEnter = (store: Store): boolean =>
  canRun(store) && isNative(store, store.stack.func(store.stack.depth - 1)) && isAtPoint(store);

/** Whether the top frame, of native code, is at a safe point. */
export function isAtPoint({ stack, funcs }: Store): boolean {
  const func = funcs[stack.func(stack.depth - 1)];
  if (func?.kind !== 'wasm') return false;
  return pointOf(keptShape(func.instance.module, func.index), stack.pc(stack.depth - 1)) !== undefined;
}

/** By function index: 1 for those of a module that are rewritten, if it can be. */
export const nativesOf = (module: Module): Uint8Array => supportOf(module).natives;

/** Whether a function of the store is rewritten, if its module can be. */
export function isNative({ funcs }: Store, addr: FuncAddr): boolean {
  const func = funcs[addr];
  return func?.kind === 'wasm' && supportOf(func.instance.module).natives[func.index] === 1;
}

/** Whether some functions of the store stay interpreted, where its modules can be rewritten. */
export const isMixed = ({ instances }: Store): boolean => instances.some(({ module }) => supportOf(module).isMixed);

/** Of the bytes of the store's code, the part of the functions that stay interpreted. */
export function interpretedPart({ instances }: Store): number {
  const bytes = instances.map(({ module }) => supportOf(module).bytes);
  const sum = (i: 0 | 1) => bytes.reduce((sum, of) => sum + of[i], 0);
  return sum(0) / Math.max(1, sum(0) + sum(1));
}

/** Whether all code of the store can be rewritten. It is then, where it was not yet. */
export const canRun = (store: Store): boolean =>
  store.instances.every((inst) => supports(inst.module, hasSharedMemory(store, inst)) === true);

/** Whether native code can begin at once: a table that has grown long takes the host long to follow, in each thread anew. */
export const isHandy = ({ tables }: Store): boolean =>
  tables.every(({ type, size }) => size <= mostElements || hierarchyOf(type.ref) !== 'func');

/** Bytes of code that are not rewritten yet, and can be as far as that is known. */
export function bytesToRewrite(store: Store, inst: InstanceInst): number {
  const { module } = inst;
  if (isRewritten(module, hasSharedMemory(store, inst)) || told.has(module)) return 0;
  const { funcs } = module.syntax;
  return (funcs.at(-1)?.body.end ?? 0) - (funcs[0]?.entry ?? 0);
}

/** Modules for which the cache was asked, to no avail if they are not rewritten now. */
const asked = new WeakSet<Module>();

/** Bytes of code that the cache may have rewritten, or that came along so. */
export const bytesToRecall = (store: Store, inst: InstanceInst): number =>
  mayBeKept(inst.module) && !asked.has(inst.module) ? bytesToRewrite(store, inst) : 0;

/** Takes what is kept of a store's code. */
export function recallAll(store: Store): void {
  for (const inst of store.instances) {
    if (bytesToRecall(store, inst) === 0) continue;
    asked.add(inst.module);
    recall(inst.module, hasSharedMemory(store, inst));
  }
}

/** Why not, by module: what is not there can be rewritten. */
const told = new WeakMap<Module, string>();

/** True, or why the module cannot be run natively; it is rewritten then, where it was not yet. */
export function supports(module: Module, shared = false): true | string {
  const lacks = told.get(module) ?? examine(module, shared);
  if (lacks === undefined) return true;
  told.set(module, lacks);
  return lacks;
}

function examine(module: Module, shared: boolean): string | undefined {
  if (isRewritten(module, shared)) return undefined;
  const { lacks } = supportOf(module);
  if (lacks !== undefined) return `the rewriter does not support ${lacks}`;
  try {
    rewritten(module, shared);
    return undefined;
  } catch (error) {
    if (error instanceof GrowthError) return `the rewritten code ${error.message}`;
    if (error instanceof LimitError) throw error;
    return `the host does not compile it: ${error instanceof Error ? error.message : error}`;
  }
}
