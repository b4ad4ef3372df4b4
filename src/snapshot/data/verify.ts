// Believes a snapshot, or does not: whatever passes can do nothing that a fresh VM could not. Checked is what engines rely
// on: every address, every reference's type, every frame's place and types, every limit. Whether the guest would ever
// have come to this state by itself is not: whoever can make a snapshot may as well start from any state.
//
// Time and memory are in proportion to the snapshot and to the code of its modules.

import type { ExternType } from '../../link/match.ts';
import { type Counts, checkCounts, countsOf } from '../../runtime/counts.ts';
import type { Module } from '../../runtime/module/module.ts';
import { defaultLimits, globalWords, limitsFrom, type VmLimits } from '../../runtime/store.ts';
import { maxTableSize } from '../../runtime/table.ts';
import { cut } from '../../spec/told.ts';
import { type ExternKind, type GlobalType, isRef, type MemType, type TableType } from '../../spec/types.ts';
import type { ModuleContext } from '../../validate/context.ts';
import { bad, checkForm, isCount } from './form.ts';
import { externKinds, type SnapshotData, spaces } from './format.ts';
import { checkObjects, type FoundObjects, findObjects } from './heap.ts';
import { checkImports, checkMade, checkSpaces, restoreTypes, type StoreTypes } from './origins.ts';
import { Refs } from './refs.ts';
import { checkStack } from './stack.ts';
import { checkStates } from './states.ts';

/** Bytes that a memory has at the most, whatever its type says. */
const maxMemoryBytes = 2 ** 32;

/** What a snapshot says, once it is believed. */
export interface Verified {
  /** By instance. */
  readonly modules: readonly Module[];
  readonly types: StoreTypes;
  readonly limits: VmLimits;
  readonly objects: FoundObjects;
}

/** Throws SnapshotError, LimitError. The contents of memories are not looked at: they may be anything. */
export function verify(data: SnapshotData, modules: readonly Module[], limits: Partial<VmLimits> = {}): Verified {
  checkForm(data);
  const verified = resolve(data, modules, limits);
  const { types, objects } = verified;
  checkStates(data, verified.limits.hostState);
  const refs = new Refs(types.func, data.externs.length, (address) => objects.shapeAt(address));
  checkTables(data, types.table, refs, verified.limits);
  checkMemories(data, types.memory, verified.limits);
  checkGlobals(data, types.global, refs);
  checkObjects(data.heap, objects, refs);
  verified.modules.forEach(({ context }, i) => {
    checkInstance(data, types, i, context, refs);
  });
  checkMade(data, verified.modules, types);
  checkStack(data, types.func, verified.modules, refs, verified.limits, types.memory);
  return verified;
}

/** What data means that a store of ours was saved as, just now and by ourselves. Throws SnapshotError, LimitError. */
export function resolve(data: SnapshotData, modules: readonly Module[], given: Partial<VmLimits> = {}): Verified {
  const limits = effectiveLimits(data.limits, given);
  const ofInstances = instanceModules(data, modules, limits);
  const contexts = ofInstances.map(({ context }) => context);
  checkRoom(data, contexts, limits);
  checkSpaces(data, contexts);
  const types = restoreTypes(data, contexts);
  const objects = findObjects(data.heap, contexts, types.tag, limits.heap);
  return { modules: ofInstances, types, limits, objects };
}

/** Those of whoever restores; where they say nothing, the snapshot's own, but never above the defaults. */
function effectiveLimits(saved: SnapshotData['limits'], given: Partial<VmLimits>): VmLimits {
  return limitsFrom((name) => given[name] ?? Math.min(saved[name] ?? defaultLimits[name], defaultLimits[name]));
}

function instanceModules(data: SnapshotData, modules: readonly Module[], limits: VmLimits): Module[] {
  checkCounts(limits, { ...nothing, instances: data.instances.length });
  if (data.modules.length > data.instances.length) bad('more of them than instances', 'modules');
  const byHash = new Map(modules.map((module) => [module.hash, module]));
  const found = data.modules.map(
    (hash, i) => byHash.get(hash) ?? bad(`the module with the SHA-256 ${cut(hash)} is needed`, `module ${i}`),
  );
  return data.instances.map(({ module }, i) => found[module] ?? bad('of an unknown module', `instance ${i}`));
}

const nothing: Counts = { instances: 0, memoryCount: 0, tableCount: 0, entities: 0 };

/** What instantiating all that would take, before anything is made of it. Throws LimitError. */
function checkRoom({ made }: SnapshotData, contexts: readonly ModuleContext[], limits: VmLimits): void {
  const { func, table, memory, global, tag } = made;
  let [memoryCount, tableCount] = [memory.length, table.length];
  let entities = func.length + table.length + global.length + tag.length;
  for (const context of contexts) {
    const more = countsOf(context);
    memoryCount += more.memoryCount;
    tableCount += more.tableCount;
    entities += more.entities;
  }
  checkCounts(limits, { instances: contexts.length, memoryCount, tableCount, entities });
}

function checkTables(data: SnapshotData, types: readonly TableType[], refs: Refs, limits: VmLimits): void {
  let left = limits.tables;
  types.forEach(({ ref, limits: { min, max } }, addr) => {
    const words = data.tables[addr] as Int32Array;
    const size = words.length / 2;
    const where = `table ${addr}`;
    if (!isCount(size, maxTableSize) || BigInt(size) < min || (max !== undefined && BigInt(size) > max))
      bad(`its size of ${size} is out of its type's range`, where);
    if (size > left) bad(`tables are over the limit of ${limits.tables} elements`, where);
    left -= size;
    refs.checkAll(words, ref, where);
  });
}

function checkMemories(data: SnapshotData, types: readonly MemType[], limits: VmLimits): void {
  let left = limits.memory;
  types.forEach(({ limits: { min, max }, pageLog2 }, addr) => {
    const size = data.memories[addr]?.size as number;
    const bytes = size * 2 ** pageLog2;
    const where = `memory ${addr}`;
    if (bytes > maxMemoryBytes || BigInt(size) < min || (max !== undefined && BigInt(size) > max))
      bad(`its size of ${size} pages is out of its type's range`, where);
    if (bytes > left) bad(`memories are over the limit of ${limits.memory} bytes`, where);
    left -= bytes;
  });
}

function checkGlobals(data: SnapshotData, types: readonly GlobalType[], refs: Refs): void {
  types.forEach(({ type }, addr) => {
    if (isRef(type)) refs.check(data.globals, addr * globalWords, type, () => `global ${addr}`);
  });
}

function checkInstance(data: SnapshotData, types: StoreTypes, i: number, context: ModuleContext, refs: Refs): void {
  const saved = data.instances[i] as SnapshotData['instances'][number];
  checkImports(data, i, context, (kind, addr) => given(data, types, kind, addr));
  for (const kind of externKinds) checkDeclared(data, i, kind, context);
  const { elems, datas } = context.syntax;
  if (saved.elems.length !== elems.length) bad(`has ${saved.elems.length} element segments`, `instance ${i}`);
  saved.elems.forEach((words, k) => {
    const where = `instance ${i}, element segment ${k}`;
    const { init } = elems[k] as (typeof elems)[number];
    const count = init.kind === 'funcs' ? init.funcs.length : init.exprs.length;
    if (words.length !== 0 && words.length !== 2 * count) bad('neither whole nor dropped', where);
    refs.checkAll(words, context.elemTypes[k] as (typeof context.elemTypes)[number], where);
  });
  saved.droppedDatas.forEach((segment, k) => {
    if (segment < 0 || segment >= datas.length || segment <= (saved.droppedDatas[k - 1] ?? -1))
      bad(`there is no data segment ${segment}, or not here`, `instance ${i}`);
  });
}

/** The type of an entity as it is now, as an import is given it. */
function given(data: SnapshotData, types: StoreTypes, kind: ExternKind, addr: number): ExternType | undefined {
  const type = types[kind][addr];
  if (type === undefined) return undefined;
  if (kind !== 'table' && kind !== 'memory') return { kind, type } as ExternType;
  const { limits } = type as TableType | MemType;
  const size = kind === 'table' ? (data.tables[addr] as Int32Array).length / 2 : (data.memories[addr]?.size as number);
  return { kind, type: { ...type, limits: { ...limits, min: BigInt(size) } } } as ExternType;
}

/** What an instance declares itself comes from there, each from its own place. */
function checkDeclared(data: SnapshotData, instance: number, kind: ExternKind, context: ModuleContext): void {
  const addresses = data.instances[instance]?.spaces[kind] as Int32Array;
  const origins = data.origins[kind];
  for (let i = spaces[kind].imported(context); i < addresses.length; i++) {
    const addr = addresses[i] as number;
    if (origins[addr * 2] !== instance || origins[addr * 2 + 1] !== i)
      bad(`its ${kind} ${i} comes from elsewhere`, `instance ${instance}`);
  }
}
