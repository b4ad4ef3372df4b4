// Bulk instructions on memories and tables: each does a chunk, charges it, and leaves in its operands what is left to do
// (spec/fuel.ts). What is filled or initialised is so from its end on, so that only the count changes; what is copied moves
// in the direction in which nothing is overwritten that is still to be read. All bounds are checked before anything is
// written, and hold for what is left.

import { type Bulk, type BulkName, bulk, bulkCost } from '../../spec/fuel.ts';
import type { Machine } from '../machine/machine.ts';
import { checkMemory, checkTable, isWide, memoryAt, putSize, sized, tableAt } from './operands.ts';
import { type BulkRoutine, dataBytes, imm, u32, word } from './routine.ts';

/** Items of the next chunk. */
export const chunkOf = ({ chunk }: Bulk, count: number): number => (count < chunk ? count : chunk);

/** Charges a chunk. True where the instruction stays: work is left, or what this chunk cost was too much. */
export function pay(m: Machine, bulk: Bulk, done: number, rest: number): boolean {
  const cost = bulkCost(bulk, done);
  m.fuel -= cost;
  return rest > 0 || (cost > 0 && m.fuel < 0);
}

function memoryFill(m: Machine, at: number, base: number): boolean {
  const memory = memoryAt(m, imm(m, at));
  const start = sized(m, base, isWide(memory));
  const count = sized(m, base + 4, isWide(memory));
  checkMemory(start, count, memory.size);
  const done = chunkOf(bulk['memory.fill'], count);
  const rest = count - done;
  memory.bytes.fill(word(m, base + 2), start + rest, start + count);
  if (!pay(m, bulk['memory.fill'], done, rest)) return false;
  putSize(m, base + 4, rest);
  return true;
}

function memoryInit(m: Machine, at: number, base: number): boolean {
  const memory = memoryAt(m, imm(m, at + 1));
  const data = dataBytes(m.instance, imm(m, at));
  const target = sized(m, base, isWide(memory));
  const source = u32(m, base + 2);
  const count = u32(m, base + 4);
  checkMemory(target, count, memory.size);
  checkMemory(source, count, data.length);
  const done = chunkOf(bulk['memory.init'], count);
  const rest = count - done;
  memory.bytes.set(data.subarray(source + rest, source + count), target + rest);
  return initialised(m, 'memory.init', base, done, rest);
}

/** A segment that is dropped meanwhile has nothing, from its beginning on, as well. */
export function initialised(m: Machine, name: BulkName, base: number, done: number, rest: number): boolean {
  if (!pay(m, bulk[name], done, rest)) return false;
  if (rest === 0) m.I[base + 2] = 0;
  m.I[base + 4] = rest;
  return true;
}

function tableFill(m: Machine, at: number, base: number): boolean {
  const table = tableAt(m, imm(m, at));
  const start = sized(m, base, isWide(table));
  const count = sized(m, base + 4, isWide(table));
  checkTable(start, count, table.size);
  const done = chunkOf(bulk['table.fill'], count);
  const rest = count - done;
  table.fill(start + rest, done, word(m, base + 2), word(m, base + 3));
  if (!pay(m, bulk['table.fill'], done, rest)) return false;
  putSize(m, base + 4, rest);
  return true;
}

function tableInit(m: Machine, at: number, base: number): boolean {
  const table = tableAt(m, imm(m, at + 1));
  const elem = m.instance.elems[imm(m, at)] as Int32Array;
  const target = sized(m, base, isWide(table));
  const source = u32(m, base + 2);
  const count = u32(m, base + 4);
  checkTable(target, count, table.size);
  checkTable(source, count, elem.length / 2);
  const done = chunkOf(bulk['table.init'], count);
  const rest = count - done;
  table.write(target + rest, elem.subarray(2 * (source + rest), 2 * (source + count)));
  return initialised(m, 'table.init', base, done, rest);
}

/** The operands of a copy: target, source and count, and whether they are addresses of 64 bits. */
export interface Copy {
  readonly target: number;
  readonly source: number;
  readonly count: number;
  readonly wideTarget: boolean;
  readonly wideSource: boolean;
}

function copyOf(m: Machine, base: number, wideTarget: boolean, wideSource: boolean): Copy {
  const target = sized(m, base, wideTarget);
  const source = sized(m, base + 2, wideSource);
  return { target, source, count: sized(m, base + 4, wideTarget && wideSource), wideTarget, wideSource };
}

/** How far from target and source the next chunk of a copy begins. */
export const chunkStart = (target: number, source: number, rest: number): number => (target <= source ? 0 : rest);

function copied(m: Machine, name: BulkName, base: number, copy: Copy, done: number): boolean {
  const { target, source, count, wideTarget, wideSource } = copy;
  const rest = count - done;
  if (!pay(m, bulk[name], done, rest)) return false;
  const passed = target <= source ? done : 0;
  putAddress(m, base, target + passed, wideTarget);
  putAddress(m, base + 2, source + passed, wideSource);
  putAddress(m, base + 4, rest, wideTarget && wideSource);
  return true;
}

function putAddress(m: Machine, index: number, value: number, wide: boolean): void {
  if (wide) putSize(m, index, value);
  else m.I[index] = value;
}

function memoryCopy(m: Machine, at: number, base: number): boolean {
  const to = memoryAt(m, imm(m, at));
  const from = memoryAt(m, imm(m, at + 1));
  const copy = copyOf(m, base, isWide(to), isWide(from));
  const { target, source, count } = copy;
  checkMemory(target, count, to.size);
  checkMemory(source, count, from.size);
  const done = chunkOf(bulk['memory.copy'], count);
  const start = chunkStart(target, source, count - done);
  const first = source + start;
  if (to === from) to.bytes.copyWithin(target + start, first, first + done);
  else to.bytes.set(from.bytes.subarray(first, first + done), target + start);
  return copied(m, 'memory.copy', base, copy, done);
}

function tableCopy(m: Machine, at: number, base: number): boolean {
  const to = tableAt(m, imm(m, at));
  const from = tableAt(m, imm(m, at + 1));
  const copy = copyOf(m, base, isWide(to), isWide(from));
  const { target, source, count } = copy;
  checkTable(target, count, to.size);
  checkTable(source, count, from.size);
  const done = chunkOf(bulk['table.copy'], count);
  const start = chunkStart(target, source, count - done);
  // The elements of one table may overlap, which copying between views of one buffer takes care of.
  to.write(target + start, from.elements.subarray(2 * (source + start), 2 * (source + start + done)));
  return copied(m, 'table.copy', base, copy, done);
}

export const bulkRoutines = {
  'memory.fill': memoryFill,
  'memory.copy': memoryCopy,
  'memory.init': memoryInit,
  'table.fill': tableFill,
  'table.copy': tableCopy,
  'table.init': tableInit,
} satisfies Partial<Record<BulkName, BulkRoutine>>;
