// A store becomes data. restore.ts is its pair. Everything is copied, so the store may run on; and everything is brought
// into one form, so that equal states give equal data: dead locals and words that mean nothing are zero.

import type { NamedState } from '../host/state.ts';
import { frameWords } from '../runtime/frame.ts';
import {
  type FuncInst,
  globalWords,
  type InstanceInst,
  limitsFrom,
  type PendingCall,
  type Store,
  type VmLimits,
} from '../runtime/store.ts';
import type { TableInst } from '../runtime/table.ts';
import { hierarchyOf, writeValues } from '../runtime/value.ts';
import { SnapshotError, UsageError } from '../spec/errors.ts';
import { isRef, slotsOf, slotsOfAll, type ValType } from '../spec/types.ts';
import type { FrameShape } from '../validate/frames.ts';
import { isLive, liveAt, planOf } from '../validate/safepoints.ts';
import { bad } from './data/form.ts';
import {
  byKind,
  type SavedCall,
  type SavedInstance,
  type SavedLimits,
  type SnapshotData,
  spaces,
} from './data/format.ts';
import { type Body, visitFrames } from './data/frames.ts';
import { SavedObjects } from './data/heap.ts';
import { saveOrigins } from './data/origins.ts';
import { saveStates } from './data/states.ts';
import { gatherPages } from './pages/memories.ts';

/**
 * Copies a store. `since`: an earlier snapshot of it, with which what did not change is shared. Throws SnapshotError where
 * it holds a value of the host that cannot be copied.
 */
export function saveStore(store: Store, states: readonly NamedState[] = [], since?: SnapshotData): SnapshotData {
  const data = { ...saveWords(store, states), tables: store.tables.map(copyOf) };
  tidyGlobals(data.globals, store);
  return { ...data, ...saveReached(data, store), ...gatherPages(store.memories, since) };
}

/**
 * With no memories; what means nothing is left as it is, unless it has to be found out what is reached. Tables of functions
 * are where the store has them, if others can see that.
 */
export function saveAllButMemories(store: Store, states: readonly NamedState[] = []): SnapshotData {
  const data = {
    ...saveWords(store, states),
    tables: store.tables.map((table) => (hierarchyOf(table.type.ref) === 'func' ? table.offered : copyOf(table))),
  };
  const none = { heap: { types: new Int32Array(0), objects: new Int32Array(0) }, externs: [] };
  return { ...data, ...(store.heap.size === 0 && store.externs.length === 0 ? none : saveReached(data, store)) };
}

/** What is saved only as far as the guest can reach it. */
type Reached = Pick<SnapshotData, 'heap' | 'externs'>;

const copyOf = ({ elements, size }: TableInst): Int32Array => elements.slice(0, size * 2);

/** All but what has to be reached, tables and memories, as it is. */
function saveWords(store: Store, states: readonly NamedState[]): Omit<SnapshotData, keyof Reached | 'tables'> {
  if (store.hostDepth > 0) throw new UsageError('a VM cannot be saved while it runs a host function');
  const hashes = new Map<string, number>();
  const { stack, calls, fuelUsed, debt } = store;
  return {
    ...saveLater(store, states),
    instances: store.instances.map((instance) => saveInstance(instance, hashes)),
    modules: [...hashes.keys()],
    ...saveOrigins(store),
    memories: [],
    pages: new Uint8Array(0),
    globals: store.globalWords.slice(0, store.globals.length * globalWords),
    pending: store.pending && saveCall(store.pending, store),
    frames: stack.frames.slice(0, stack.depth * frameWords),
    slots: stack.words.slice(0, stack.top * 2),
    calls,
    fuelUsed,
    debt,
    limits: saveLimits(store.limits),
  };
}

/** Copies the objects and host values that the data refers to, renumbers the references to them, and tidies the frames. */
function saveReached(data: Omit<SnapshotData, keyof Reached>, store: Store): Reached {
  const objects = new SavedObjects(store);
  store.globals.forEach(({ type }, addr) => {
    if (isRef(type.type)) objects.renumber(data.globals, addr * globalWords);
  });
  for (const words of data.tables) objects.renumberAll(words);
  for (const { elems } of data.instances) for (const words of elems) objects.renumberAll(words);
  if (data.pending !== null) renumberArguments(data.pending, store, objects);
  tidyFrames(data.slots, store, objects);
  return { heap: objects.save(), externs: cloneExterns(objects.hostValues) };
}

function renumberArguments({ func, args }: SavedCall<Int32Array>, store: Store, objects: SavedObjects): void {
  let at = 0;
  for (const type of store.funcType(func).params) {
    if (isRef(type)) objects.renumber(args, at);
    at += slotsOf(type) * 2;
  }
}

function saveInstance(instance: InstanceInst, hashes: Map<string, number>): SavedInstance<Int32Array> {
  const { hash } = instance.module;
  if (!hashes.has(hash)) hashes.set(hash, hashes.size);
  return {
    module: hashes.get(hash) as number,
    spaces: byKind((kind) => new Int32Array(spaces[kind].of(instance))),
    elems: instance.elems.map((words) => words.slice()),
    droppedDatas: Int32Array.from([...instance.droppedDatas.keys()].filter((i) => instance.droppedDatas[i] !== 0)),
  };
}

/** What later versions added. Where there is none of it the data is that of an earlier one, for those who know no other. */
function saveLater(
  { wait }: Store,
  states: readonly NamedState[],
): Pick<SnapshotData, 'version' | 'wait' | 'states' | 'blocks'> {
  const version = states.length > 0 ? 4 : wait === null ? 1 : 2;
  return { version, ...(wait && { wait: { ...wait } }), ...saveStates(states) };
}

function saveCall({ id, func, args }: PendingCall, store: Store): SavedCall<Int32Array> {
  const { params } = store.funcType(func);
  const words = new Int32Array(slotsOfAll(params) * 2);
  writeValues(words, 0, params, args, store, 'argument');
  return { id, func, args: words };
}

/** At once where that works, so that what they share stays shared; else one by one, to say which it is. */
function cloneExterns(externs: readonly unknown[]): readonly unknown[] {
  if (externs.length === 0) return [];
  try {
    return structuredClone(externs);
  } catch {
    return externs.map(cloneExtern);
  }
}

function cloneExtern(value: unknown, i: number): unknown {
  try {
    return structuredClone(value);
  } catch (cause) {
    throw new SnapshotError('a value of the host that the guest holds cannot be copied', `extern ${i}`, { cause });
  }
}

/** Whole numbers; no limit at all becomes the largest, because a container's metadata has no infinity. */
function saveLimits(limits: VmLimits): SavedLimits {
  const most = (limit: number) => Math.min(Math.floor(limit), Number.MAX_SAFE_INTEGER);
  return limitsFrom((name) => most(limits[name]));
}

/** How many words of a value mean something. */
const meantWords = (type: ValType): number => (type === 'v128' ? 4 : type === 'i32' || type === 'f32' ? 1 : 2);

function tidyGlobals(words: Int32Array, store: Store): void {
  store.globals.forEach(({ type }, addr) => {
    words.fill(0, addr * globalWords + meantWords(type.type), (addr + 1) * globalWords);
  });
}

function tidyFrames(slots: Int32Array, { stack, funcs }: Store, objects: SavedObjects): void {
  const bodyOf = (frame: number): Body => {
    const func = funcs[stack.func(frame)] as FuncInst;
    if (func.kind !== 'wasm') return bad('is a host function', `frame ${frame}`);
    return { context: func.instance.module.context, index: func.index };
  };
  const byFrame = new Array<Uint8Array | undefined>(stack.depth);
  visitFrames(
    stack.depth,
    bodyOf,
    (frame) => stack.pc(frame),
    (frames, body, pc, shape) => {
      const meant = meantOf(body, pc, shape);
      for (const frame of frames) byFrame[frame] = meant;
    },
  );
  // In their order, in which objects are met and numbered: which places are known already does not show.
  byFrame.forEach((meant, frame) => {
    if (meant !== undefined) tidyFrame(slots, stack.base(frame), stack.end(frame), meant, objects);
  });
}

/** What a word of a frame is: it means nothing, it means something, a reference begins there. */
const meanings = { none: 0, some: 1, reference: 2 } as const;

/** For each word of a frame what it is; for a whole frame, so longer than one that waits. */
function meantOf({ context, index }: Body, pc: number, { locals, operands }: FrameShape): Uint8Array {
  const live = liveAt(planOf(context, index), pc);
  const meant = new Uint8Array((slotsOfAll(locals) + slotsOfAll(operands)) * 2);
  let at = 0;
  const put = (type: ValType, isMeant: boolean) => {
    if (isMeant) meant.fill(meanings.some, at, at + meantWords(type));
    if (isMeant && isRef(type)) meant[at] = meanings.reference;
    at += slotsOf(type) * 2;
  };
  locals.forEach((type, i) => {
    put(type, live === undefined || isLive(live, i));
  });
  for (const type of operands) put(type, true);
  return meant;
}

function tidyFrame(slots: Int32Array, base: number, end: number, meant: Uint8Array, objects: SavedObjects): void {
  for (let i = 0, at = base * 2; at < end * 2; i++, at++) {
    if (meant[i] === meanings.none) slots[at] = 0;
    else if (meant[i] === meanings.reference) objects.renumber(slots, at);
  }
}
