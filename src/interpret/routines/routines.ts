// What the loop leaves to routines: instructions that are rare, long, or work on more than the stack.
// https://webassembly.github.io/spec/core/exec/instructions.html

import type { MemoryInst } from '../../runtime/memory.ts';
import { refKinds } from '../../runtime/ref.ts';
import type { TableInst } from '../../runtime/table.ts';
import { Trap } from '../../spec/errors.ts';
import type { Machine } from '../machine/machine.ts';
import { access } from './access.ts';
import { atomicRoutines } from './atomics.ts';
import { gcRoutines } from './gc.ts';
import { effectiveAddress } from './memory-address.ts';
import { dataBytes, imm, type Routine, u32, word } from './routine.ts';
import { wideRoutines } from './wide-arithmetic.ts';

/** An address or length of either type as a number; above 2^53 it is not exact, but no bound is that high. */
const u64 = (m: Machine, index: number): number => u32(m, index + 1) * 0x1_0000_0000 + u32(m, index);
const sized = (m: Machine, index: number, wide: boolean): number => (wide ? u64(m, index) : u32(m, index));

/** Writes a size or an old size, -1 for failure, as the address type wants it. */
function putSize(m: Machine, index: number, value: number): void {
  m.I[index] = value | 0;
  m.I[index + 1] = value < 0 ? -1 : Math.floor(value / 0x1_0000_0000);
}

const memoryAt = (m: Machine, index: number): MemoryInst => m.memories[index] as MemoryInst;
const tableAt = (m: Machine, index: number): TableInst => m.tables[index] as TableInst;
const isWide = (it: MemoryInst | TableInst): boolean => it.type.addr === 'i64';

const checkMemory = (start: number, count: number, size: number): void => {
  if (start + count > size) throw new Trap('out of bounds memory access');
};
const checkTable = (start: number, count: number, size: number): void => {
  if (start + count > size) throw new Trap('out of bounds table access');
};

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
  putSize(m, base, memory.grow(sized(m, base, isWide(memory))));
  m.refreshMemory();
}

function memoryFill(m: Machine, at: number, base: number): void {
  const memory = memoryAt(m, imm(m, at));
  const start = sized(m, base, isWide(memory));
  const count = sized(m, base + 4, isWide(memory));
  checkMemory(start, count, memory.size);
  memory.bytes.fill(word(m, base + 2), start, start + count);
}

function memoryCopy(m: Machine, at: number, base: number): void {
  const to = memoryAt(m, imm(m, at));
  const from = memoryAt(m, imm(m, at + 1));
  const target = sized(m, base, isWide(to));
  const source = sized(m, base + 2, isWide(from));
  const count = sized(m, base + 4, isWide(to) && isWide(from));
  checkMemory(target, count, to.size);
  checkMemory(source, count, from.size);
  if (to === from) to.bytes.copyWithin(target, source, source + count);
  else to.bytes.set(from.bytes.subarray(source, source + count), target);
}

function memoryInit(m: Machine, at: number, base: number): void {
  const memory = memoryAt(m, imm(m, at + 1));
  const data = dataBytes(m.instance, imm(m, at));
  const target = sized(m, base, isWide(memory));
  const source = u32(m, base + 2);
  const count = u32(m, base + 4);
  checkMemory(target, count, memory.size);
  checkMemory(source, count, data.length);
  memory.bytes.set(data.subarray(source, source + count), target);
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
  putSize(m, base, m.store.growTable(table, delta, word(m, base), word(m, base + 1)));
}

function tableFill(m: Machine, at: number, base: number): void {
  const table = tableAt(m, imm(m, at));
  const start = sized(m, base, isWide(table));
  const count = sized(m, base + 4, isWide(table));
  checkTable(start, count, table.size);
  table.fill(start, count, word(m, base + 2), word(m, base + 3));
}

function tableCopy(m: Machine, at: number, base: number): void {
  const to = tableAt(m, imm(m, at));
  const from = tableAt(m, imm(m, at + 1));
  const target = sized(m, base, isWide(to));
  const source = sized(m, base + 2, isWide(from));
  const count = sized(m, base + 4, isWide(to) && isWide(from));
  checkTable(target, count, to.size);
  checkTable(source, count, from.size);
  // The elements of one table may overlap, which copying between views of one buffer takes care of.
  to.write(target, from.elements.subarray(2 * source, 2 * (source + count)));
}

function tableInit(m: Machine, at: number, base: number): void {
  const table = tableAt(m, imm(m, at + 1));
  const elem = m.instance.elems[imm(m, at)] as Int32Array;
  const target = sized(m, base, isWide(table));
  const source = u32(m, base + 2);
  const count = u32(m, base + 4);
  checkTable(target, count, table.size);
  checkTable(source, count, elem.length / 2);
  table.write(target, elem.subarray(2 * source, 2 * (source + count)));
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
  'memory.fill': memoryFill,
  'memory.copy': memoryCopy,
  'memory.init': memoryInit,
  'data.drop': (m, at) => {
    m.instance.droppedDatas[imm(m, at)] = 1;
  },
  'table.get': tableGet,
  'table.set': tableSet,
  'table.size': (m, at, base) => putSize(m, base, tableAt(m, imm(m, at)).size),
  'table.grow': tableGrow,
  'table.fill': tableFill,
  'table.copy': tableCopy,
  'table.init': tableInit,
  'elem.drop': (m, at) => {
    m.instance.elems[imm(m, at)] = new Int32Array(0);
  },
  carry,
  'ref.func': refFunc,
  'ref.as_non_null': asNonNull,
  'global.get v128': globalGetWide,
  'global.set v128': globalSetWide,
  ...gcRoutines,
} satisfies Record<string, Routine>;

const names = Object.keys(routines);
/** By number; the loop calls them so. */
export const rare: readonly Routine[] = Object.values(routines);
const numbers = new Map(names.map((name, i) => [name, i]));

/** The number of a routine, or undefined where there is none of that name. */
export const rareNumber = (name: string): number | undefined => numbers.get(name);
