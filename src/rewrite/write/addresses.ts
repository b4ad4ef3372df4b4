// Addresses of 64 bits. No memory and no table here has as many as 2^32 elements, so they are cut to 32 bits, of which
// hosts know them all; what does not fit is out of bounds. Also, which of several memories or tables is meant.

import { bytesAccessed } from '../../spec/instructions.ts';
import type { Thunk } from '../read/index-spaces.ts';
import type { Local, Low } from '../read/types.ts';
import type { BodyWriter } from './body-writer.ts';
import { code, Op } from './ops.ts';

/** An operand: its type, or that it is an address of 64 bits. */
export type Operand = Low | 'wide';

/** The address type of a memory or a table. */
const addressOf = (of: { readonly addr: 'i32' | 'i64' } | undefined): Operand => (of?.addr === 'i64' ? 'wide' : 'i32');
export const memoryAddress = (b: BodyWriter, index: number): Operand => addressOf(b.context.memories[index]);
export const tableAddress = (b: BodyWriter, index: number): Operand => addressOf(b.context.tables[index]);

/** Cuts the wide ones of the operands on top of the stack. */
export function narrow(b: BodyWriter, operands: readonly Operand[]): void {
  const lowest = operands.indexOf('wide');
  if (lowest < 0) return;
  const above: Local[] = [];
  for (let i = operands.length - 1; i > lowest; i--) {
    const operand = operands[i] as Operand;
    if (operand === 'wide') cut(b);
    const local = b.take(operand === 'wide' ? 'i32' : operand);
    b.index(Op.localSet, local.index);
    above.unshift(local);
  }
  cut(b);
  for (const local of above) {
    b.index(Op.localGet, local.index);
    b.give(local);
  }
}

/** Traps where it does not fit; traps.ts tells what for. */
function cut(b: BodyWriter): void {
  const local = b.take('i64');
  b.index(Op.localTee, local.index);
  b.w.bytes(Uint8Array.of(code['i64.const'], 32, code['i64.shr_u'], code['i64.eqz'], code['i32.eqz']));
  b.w.bytes(Uint8Array.of(Op.if, Op.noType));
  b.unreachable();
  b.w.byte(Op.end);
  b.index(Op.localGet, local.index);
  b.w.byte(code['i32.wrap_i64']);
  b.give(local);
}

/** Cuts what is not to trap: too much is as much as can be said. */
function cutDelta(b: BodyWriter): void {
  const local = b.take('i64');
  b.index(Op.localSet, local.index);
  b.constant(-1);
  b.index(Op.localGet, local.index);
  b.w.byte(code['i32.wrap_i64']);
  b.index(Op.localGet, local.index);
  b.w.bytes(Uint8Array.of(code['i64.const'], 32, code['i64.shr_u'], code['i64.eqz'], code['i32.eqz'], code.select));
  b.give(local);
}

/** An access to a memory: its address is below the row's other operands. */
export function writeAccess(b: BodyWriter): void {
  const { row, x, offsetHi } = b.reader;
  if (row.feature === 'threads' && bytesAccessed(row) > 1) return writeAtomic(b);
  if (memoryAddress(b, x) === 'i32') return b.copy();
  narrow(
    b,
    row.params.map((type) => (type === 'addr' ? 'wide' : (type as Low))),
  );
  if (offsetHi === 0) return b.encode();
  b.unreachable();
  b.skipDead();
}

/**
 * Of an access that is both unaligned and out of bounds, compilers of the host tell one or the other: so its alignment is
 * looked at before it, and traps.ts knows what the trap is for.
 */
function writeAtomic(b: BodyWriter): void {
  const { row, x, offsetLo, offsetHi } = b.reader;
  const isWide = memoryAddress(b, x) === 'wide';
  const others = row.params.slice(1).map((type) => b.take(type as Low));
  for (const local of others.toReversed()) b.index(Op.localSet, local.index);
  const address = b.take(isWide ? 'i64' : 'i32');
  b.index(Op.localSet, address.index);
  const low = () => {
    b.index(Op.localGet, address.index);
    if (isWide) b.w.byte(code['i32.wrap_i64']);
  };
  low();
  b.constant(offsetLo);
  b.w.byte(code['i32.add']);
  b.constant(bytesAccessed(row) - 1);
  b.w.bytes(Uint8Array.of(code['i32.and'], Op.if, Op.noType));
  b.unreachable();
  b.w.byte(Op.end);
  low();
  if (isWide) outsideIfWide(b, address);
  for (const local of others) b.index(Op.localGet, local.index);
  for (const local of [...others, address]) b.give(local);
  if (offsetHi === 0) return b.encode();
  outside(b, x);
  b.skipDead();
}

/** Replaces a cut address by one that is out of bounds, as aligned as it was, where something was cut. */
function outsideIfWide(b: BodyWriter, address: Local): void {
  b.constant(0);
  b.constant(-8);
  b.index(Op.localGet, address.index);
  b.w.bytes(Uint8Array.of(code['i64.const'], 32, code['i64.shr_u'], code['i64.eqz'], code.select, code['i32.or']));
}

/** An access that is out of bounds of any memory. */
function outside(b: BodyWriter, index: number): void {
  b.constant(-1);
  b.w.bytes(Uint8Array.of(code['i32.load'], index === 0 ? 0 : 0x40));
  if (index !== 0) b.w.u32(index);
  b.w.u32(0xffff_ffff);
  b.w.byte(Op.unreachable);
}

export function memorySize(b: BodyWriter): void {
  b.copy();
  if (memoryAddress(b, b.reader.x) === 'wide') b.w.byte(code['i64.extend_i32_u']);
}

export function memoryGrow(b: BodyWriter): void {
  grow(b, memoryAddress(b, b.reader.x), 'memory.grow');
}

/** Gives -1 in either type. The engine takes what it costs from the fuel. */
function grow(b: BodyWriter, address: Operand, name: 'memory.grow' | 'table.grow'): void {
  if (address === 'wide') cutDelta(b);
  b.noteFuel();
  b.thunk(name, b.reader.x);
  b.takeFuel();
  if (address === 'wide') b.w.byte(code['i64.extend_i32_s']);
}

/** The element that a call asks for: one that no table has, where it does not fit. */
export function narrowElement(b: BodyWriter, index: number): void {
  if (tableAddress(b, index) === 'wide') cutDelta(b);
}

/** Instructions on a table, whose operands are told by its address type. */
const onTable =
  (name: Thunk, operands: (address: Operand) => readonly Operand[]): ((b: BodyWriter) => void) =>
  (b) => {
    narrow(b, operands(tableAddress(b, b.reader.x)));
    b.thunk(name, b.reader.x);
  };

export const tables = {
  'table.get': onTable('table.get', (address) => [address]),
  'table.set': onTable('table.set', (address) => [address, 'i64']),
  'table.size': (b: BodyWriter) => {
    b.thunk('table.size', b.reader.x);
    if (tableAddress(b, b.reader.x) === 'wide') b.w.byte(code['i64.extend_i32_u']);
  },
  'table.grow': (b: BodyWriter) => grow(b, tableAddress(b, b.reader.x), 'table.grow'),
};
