// What the loop leaves to routines: instructions that are rare, long, or work on more than the stack.
// https://webassembly.github.io/spec/core/exec/instructions.html

import { refKinds } from '../../runtime/heap/ref.ts';
import { Trap } from '../../spec/errors.ts';
import { grown } from '../../spec/fuel.ts';
import type { Machine } from '../machine/machine.ts';
import { access } from './access.ts';
import { atomicRoutines } from './atomics.ts';
import { bulkRoutines } from './bulk.ts';
import { gcRoutines } from './gc.ts';
import { effectiveAddress } from './memory-address.ts';
import { checkTable, isWide, memoryAt, putSize, sized, tableAt } from './operands.ts';
import { type BulkRoutine, imm, type Routine, word } from './routine.ts';
import { wideRoutines } from './wide-arithmetic.ts';

// Memories

/** Immediates: the row's code, memory, offset (low, high), lane, bytes accessed. */
function load(m: Machine, at: number, base: number): void {
  const memory = memoryAt(m, imm(m, at + 1));
  access(imm(m, at), memory.view, effectiveAddress(m, memory, at + 2, base, imm(m, at + 5)), m.I, base);
}
function store(m: Machine, at: number, base: number): void {
  const memory = memoryAt(m, imm(m, at + 1));
  access(imm(m, at), memory.view, effectiveAddress(m, memory, at + 2, base, imm(m, at + 5)), m.I, base + 2);
}

function memoryGrow(m: Machine, at: number, base: number): void {
  const memory = memoryAt(m, imm(m, at));
  const delta = sized(m, base, isWide(memory));
  const old = memory.grow(delta);
  putSize(m, base, old);
  m.refreshMemory();
  if (old >= 0) m.fuel -= delta * grown.page;
}

// Tables

function tableGet(m: Machine, at: number, base: number): void {
  const table = tableAt(m, imm(m, at));
  const i = sized(m, base, isWide(table));
  checkTable(i, 1, table.size);
  m.I[base] = table.elements[2 * i] as number;
  m.I[base + 1] = table.elements[2 * i + 1] as number;
}

function tableSet(m: Machine, at: number, base: number): void {
  const table = tableAt(m, imm(m, at));
  const i = sized(m, base, isWide(table));
  checkTable(i, 1, table.size);
  table.fill(i, 1, word(m, base + 2), word(m, base + 3));
}

function tableGrow(m: Machine, at: number, base: number): void {
  const table = tableAt(m, imm(m, at));
  const delta = sized(m, base + 2, isWide(table));
  const old = m.store.growTable(table, delta, word(m, base), word(m, base + 1));
  putSize(m, base, old);
  if (old >= 0) m.fuel -= delta * grown.element;
}

// Operands

/** Immediates: by how many words down, and how many words. */
function carry(m: Machine, at: number, base: number): void {
  m.I.copyWithin(base - imm(m, at), base, base + imm(m, at + 1));
}

// References and globals

function refFunc(m: Machine, at: number, base: number): void {
  m.I[base] = m.instance.funcs[imm(m, at)] as number;
  m.I[base + 1] = refKinds.func;
}

function asNonNull(m: Machine, _at: number, base: number): void {
  if (word(m, base + 1) === refKinds.null) throw new Trap('null reference');
}

const globalGetWide: Routine = (m, at, base) => {
  const g = m.globalAt[imm(m, at)] as number;
  m.I.set(m.G.subarray(g, g + 4), base);
};
const globalSetWide: Routine = (m, at, base) => {
  m.G.set(m.I.subarray(base, base + 4), m.globalAt[imm(m, at)] as number);
};

const routines = {
  ...atomicRoutines,
  ...wideRoutines,
  load,
  store,
  'memory.size': (m, at, base) => putSize(m, base, memoryAt(m, imm(m, at)).pages),
  'memory.grow': memoryGrow,
  'data.drop': (m, at) => {
    m.instance.droppedDatas[imm(m, at)] = 1;
  },
  'table.get': tableGet,
  'table.set': tableSet,
  'table.size': (m, at, base) => putSize(m, base, tableAt(m, imm(m, at)).size),
  'table.grow': tableGrow,
  'elem.drop': (m, at) => {
    m.instance.elems[imm(m, at)] = new Int32Array(0);
  },
  carry,
  'ref.func': refFunc,
  'ref.as_non_null': asNonNull,
  'global.get v128': globalGetWide,
  'global.set v128': globalSetWide,
  ...bulkRoutines,
  ...gcRoutines,
} satisfies Record<string, Routine | BulkRoutine>;

const names = Object.keys(routines);
/** By number; the loop calls them so. */
export const rare: readonly (Routine | BulkRoutine)[] = Object.values(routines);
const numbers = new Map(names.map((name, i) => [name, i]));

/** The number of a routine, or undefined where there is none of that name. */
export const rareNumber = (name: string): number | undefined => numbers.get(name);
