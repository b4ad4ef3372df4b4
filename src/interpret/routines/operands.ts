// How routines read and write operands that are sizes or addresses of memories and tables, of either address type.

import type { MemoryInst } from '../../runtime/memory/memory.ts';
import type { TableInst } from '../../runtime/table.ts';
import { Trap } from '../../spec/errors.ts';
import type { Machine } from '../machine/machine.ts';
import { u32 } from './routine.ts';

const high = 0x1_0000_0000;

/** An address or length of either type as a number; above 2^53 it is not exact, but no bound is that high. */
const u64 = (m: Machine, index: number): number => u32(m, index + 1) * high + u32(m, index);
export const sized = (m: Machine, index: number, wide: boolean): number => (wide ? u64(m, index) : u32(m, index));

/** Writes a size or an old size, -1 for failure, as the address type wants it. */
export function putSize(m: Machine, index: number, value: number): void {
  m.I[index] = value | 0;
  m.I[index + 1] = value < 0 ? -1 : Math.floor(value / high);
}

export const memoryAt = (m: Machine, index: number): MemoryInst => m.memories[index] as MemoryInst;
export const tableAt = (m: Machine, index: number): TableInst => m.tables[index] as TableInst;
export const isWide = (it: MemoryInst | TableInst): boolean => it.type.addr === 'i64';

export const checkMemory = (start: number, count: number, size: number): void => {
  if (start + count > size) throw new Trap('out of bounds memory access');
};
export const checkTable = (start: number, count: number, size: number): void => {
  if (start + count > size) throw new Trap('out of bounds table access');
};
