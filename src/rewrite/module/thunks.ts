// What guest code calls the engine for: instructions whose effect the store must know of. An instance has its own.
// https://webassembly.github.io/spec/core/exec/instructions.html

import { newPinnedObject } from '../../runtime/collect.ts';
import { refKinds } from '../../runtime/heap/ref.ts';
import { type Shape, shapeOf } from '../../runtime/heap/shape.ts';
import type { MemoryInst } from '../../runtime/memory/memory.ts';
import type { FuncInst, InstanceInst, Store } from '../../runtime/store.ts';
import type { TableInst } from '../../runtime/table.ts';
import type { DefType } from '../../spec/deftypes.ts';
import { Trap } from '../../spec/errors.ts';
import { grown } from '../../spec/fuel.ts';
import type { FuncAddr, FuncIdx, TableAddr, TagAddr, TypeIdx } from '../../spec/types.ts';
import type { Thunk } from '../read/index-spaces.ts';
import { arrayThunks } from './array-thunks.ts';
import { checkTable, chunk, high, low, wordsToRef } from './passed.ts';

/** Whom the code of an instance works for: once they are gone, others of the same module may take their place. */
export interface Home {
  store: Store;
  inst: InstanceInst;
}

/** What the engine is told. */
export interface Told {
  /** A table of the store has changed: what native code sees of it is to follow. */
  readonly tableChanged: (table: TableAddr) => void;
  /** Code that has noted its fuel is to pay for something. */
  readonly spend: (units: number) => void;
  /** Code that has noted its fuel goes without: it leaves soon, so that what is dead can be found. */
  readonly forgo: () => void;
  /** Code calls a function that stays interpreted. */
  readonly cross: (func: FuncIdx, depth: number, fuel: number, owed: number) => number;
}
/** Makes a function an element of the table `found`, and says which. */
export type Found = (func: FuncAddr) => number;

/** What is thrown and caught (thrown.ts). */
export interface Exceptions {
  throw(tag: TagAddr): void;
  throwAgain(exception: number): void;
  catch(tag: TagAddr): boolean;
}

/** The function in an element of a table, checked to be of the type. */
export function resolve(store: Store, inst: InstanceInst, element: number, type: TypeIdx, table: number): FuncAddr {
  const { elements, size } = tableOf(store, inst, table);
  const i = element >>> 0;
  if (i >= size) throw new Trap('undefined element', String(i));
  if (elements[2 * i + 1] === refKinds.null) throw new Trap('uninitialized element', String(i));
  const addr = elements[2 * i] as FuncAddr;
  const { chain } = (store.funcs[addr] as FuncInst).type;
  if (!chain.includes(inst.module.context.types[type] as DefType)) throw new Trap('indirect call type mismatch');
  return addr;
}

const tableOf = (store: Store, inst: InstanceInst, index: number): TableInst =>
  store.tables[inst.tables[index] as number] as TableInst;

export function makeThunks(
  home: Home,
  { tableChanged, spend, forgo, cross }: Told,
  found: Found,
  exceptions: Exceptions,
) {
  const table = (index: number) => tableOf(home.store, home.inst, index);
  const changed = (index: number) => tableChanged(home.inst.tables[index] as TableAddr);
  const memory = (index: number) => home.store.memories[home.inst.memories[index] as number] as MemoryInst;
  const shape = (type: number) => shapeOf(home.inst.module.context.types[type] as DefType);
  const newObject = (of: Shape, length: number, isPaid: boolean): number => {
    const address = newPinnedObject(home.store, of, length);
    if (isPaid) spend(Math.ceil((length * of.elementBytes) / 4) * grown.word);
    if (!home.store.heap.hasRoom(0)) forgo();
    return address;
  };
  return {
    'memory.grow': (delta: number, m: number) => {
      const old = memory(m).grow(delta >>> 0);
      if (old >= 0) spend((delta >>> 0) * grown.page);
      return old;
    },
    'memory.init': (target: number, source: number, count: number, segment: number, m: number) =>
      initMemory(home.inst, memory(m), segment, target >>> 0, source >>> 0, count >>> 0),
    'data.drop': (segment: number) => {
      home.inst.droppedDatas[segment] = 1;
    },
    'table.get': (i: number, t: number) => {
      const { elements, size } = table(t);
      checkTable(i >>> 0, 1, size);
      return wordsToRef(elements[2 * (i >>> 0)] as number, elements[2 * (i >>> 0) + 1] as number);
    },
    'table.set': (i: number, ref: bigint, t: number) => {
      const it = table(t);
      checkTable(i >>> 0, 1, it.size);
      it.fill(i >>> 0, 1, low(ref), high(ref));
      changed(t);
    },
    'table.size': (t: number) => table(t).size,
    'table.grow': (ref: bigint, delta: number, t: number) => {
      const it = table(t);
      const old = home.store.growTable(it, delta >>> 0, low(ref), high(ref));
      changed(t);
      if (old >= 0) spend((delta >>> 0) * grown.element);
      return old;
    },
    'table.fill': (i: number, ref: bigint, count: number, t: number) => {
      const it = table(t);
      checkTable(i >>> 0, count >>> 0, it.size);
      const { done, rest } = chunk('table.fill', count >>> 0);
      it.fill((i >>> 0) + rest, done, low(ref), high(ref));
      changed(t);
      return rest;
    },
    'table.copy': (target: number, source: number, count: number, to: number, from: number) => {
      const [into, out] = [table(to), table(from)];
      checkTable(target >>> 0, count >>> 0, into.size);
      checkTable(source >>> 0, count >>> 0, out.size);
      const { done, rest } = chunk('table.copy', count >>> 0);
      const start = target >>> 0 <= source >>> 0 ? 0 : rest;
      const first = (source >>> 0) + start;
      into.write((target >>> 0) + start, out.elements.subarray(2 * first, 2 * (first + done)));
      changed(to);
      return rest;
    },
    'table.init': (target: number, source: number, count: number, segment: number, t: number) => {
      const it = table(t);
      const elem = home.inst.elems[segment] as Int32Array;
      checkTable(target >>> 0, count >>> 0, it.size);
      checkTable(source >>> 0, count >>> 0, elem.length / 2);
      const { done, rest } = chunk('table.init', count >>> 0);
      const first = (source >>> 0) + rest;
      it.write((target >>> 0) + rest, elem.subarray(2 * first, 2 * (first + done)));
      changed(t);
      return rest;
    },
    'elem.drop': (segment: number) => {
      home.inst.elems[segment] = new Int32Array(0);
    },
    throw: (tag: number) => exceptions.throw(home.inst.tags[tag] as TagAddr),
    throw_ref: (ref: bigint) => {
      if (high(ref) === refKinds.null) throw new Trap('null exception reference');
      exceptions.throwAgain(low(ref));
    },
    catch: (tag: number) => (exceptions.catch(home.inst.tags[tag] as TagAddr) ? 1 : 0),
    'ref.func': (index: number) => wordsToRef(home.inst.funcs[index] as number, refKinds.func),
    callee: (ref: bigint) => {
      if (high(ref) === refKinds.null) throw new Trap('null function reference');
      return found(low(ref));
    },
    'object.new': (type: number, length: number, isPaid: number) =>
      4 * home.store.heap.at(newObject(shape(type), length >>> 0, isPaid === 1)),
    'ref.test': (ref: bigint, type: number, nullable: number) => {
      const heap = home.inst.module.context.types[type] as DefType;
      return home.store.isOfType(low(ref), high(ref), { heap, nullable: nullable === 1 }) ? 1 : 0;
    },
    ...arrayThunks(home, newObject),
    cross,
    resolve: (element: number, type: number, t: number) => found(resolve(home.store, home.inst, element, type, t)),
  } satisfies Record<Thunk, unknown>;
}

function initMemory(
  { module, droppedDatas }: InstanceInst,
  { bytes, size }: MemoryInst,
  segment: number,
  target: number,
  source: number,
  count: number,
): number {
  const { start, end } = module.syntax.datas[segment]?.init ?? { start: 0, end: 0 };
  const length = droppedDatas[segment] === 1 ? 0 : end - start;
  if (target + count > size || source + count > length) throw new Trap('out of bounds memory access');
  const { rest } = chunk('memory.init', count);
  bytes.set(module.bytes.subarray(start + source + rest, start + source + count), target + rest);
  return rest;
}
