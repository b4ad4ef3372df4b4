// Bulk instructions, chunk by chunk: a loop around the host's own instruction or the engine's, with the operands as its
// parameters. After each chunk they say what is left to do, and the code may be left there (spec/fuel.ts; the interpreter's
// are in interpret/routines/bulk.ts, and do the same).

import { type Bulk, type BulkName, bulk } from '../../spec/fuel.ts';
import type { Local } from '../read/types.ts';
import { memoryAddress, narrow, type Operand, tableAddress } from './addresses.ts';
import type { BodyWriter } from './body-writer.ts';
import { code, Op } from './ops.ts';

/** The operands in locals, addresses as numbers of 32 bits; the last is the count. And what of it is left after this chunk. */
interface Work {
  readonly operands: readonly Local[];
  readonly first: Local;
  readonly second: Local;
  readonly count: Local;
  readonly rest: Local;
}

export interface Form {
  readonly bulk: Bulk;
  readonly operands: readonly Operand[];
  /** Does a chunk and sets the rest. */
  readonly chunk: (b: BodyWriter, work: Work) => void;
  /** Of a copy: which operands are target and source, which move on. */
  readonly moving?: readonly [target: number, source: number];
  /** Of what initialises: which operand is the place in the segment. */
  readonly source?: number;
}

export function writeBulk(b: BodyWriter, { bulk, operands, chunk, moving, source }: Form): void {
  const point = b.point(b.here);
  b.begin(Op.loop, point.own, point.own);
  narrow(b, operands);
  const locals = operands.map((operand) => b.take(operand === 'wide' ? 'i32' : operand));
  const at = (i: number) => locals[i] as Local;
  const count = at(locals.length - 1);
  const rest = b.take('i32');
  for (const local of locals.toReversed()) b.index(Op.localSet, local.index);
  chunk(b, { operands: locals, first: at(0), second: at(1), count, rest });
  const done = b.take('i32');
  b.index(Op.localGet, count.index);
  b.index(Op.localGet, rest.index);
  b.w.byte(code['i32.sub']);
  b.index(Op.localSet, done.index);
  const cost = b.take('i32');
  pay(b, bulk, done, cost);
  if (moving !== undefined) moveOn(b, at(moving[0]), at(moving[1]), done);
  if (source !== undefined) forgetSource(b, at(source), rest);
  locals.forEach((local, i) => {
    push(b, local === count ? rest : local, operands[i] as Operand);
  });
  b.leaveIf(point, 'bulk', cost);
  b.index(Op.localGet, rest.index);
  b.index(Op.brIf, 0);
  b.endLabel();
  for (const local of [...locals, rest, done, cost]) b.give(local);
  for (const _ of operands) b.w.byte(code.drop);
}

function pay(b: BodyWriter, { price, shift }: Bulk, done: Local, cost: Local): void {
  b.index(Op.localGet, b.fuelLocal);
  b.index(Op.localGet, done.index);
  if (price !== 1) {
    b.constant(price);
    b.w.byte(code['i32.mul']);
  }
  if (shift !== 0) {
    b.constant(shift);
    b.w.byte(code['i32.shr_u']);
  }
  b.index(Op.localTee, cost.index);
  b.w.byte(code['i32.sub']);
  b.index(Op.localSet, b.fuelLocal);
}

function push(b: BodyWriter, local: Local, operand: Operand): void {
  b.index(Op.localGet, local.index);
  if (operand === 'wide') b.w.byte(code['i64.extend_i32_u']);
}

/** A copy that goes upwards has done its lower end. */
function moveOn(b: BodyWriter, target: Local, source: Local, done: Local): void {
  b.index(Op.localGet, done.index);
  b.constant(0);
  isUpward(b, target, source);
  b.w.byte(code.select);
  b.index(Op.localSet, done.index);
  for (const local of [target, source]) {
    b.index(Op.localGet, local.index);
    b.index(Op.localGet, done.index);
    b.w.byte(code['i32.add']);
    b.index(Op.localSet, local.index);
  }
}

function isUpward(b: BodyWriter, target: Local, source: Local): void {
  b.index(Op.localGet, target.index);
  b.index(Op.localGet, source.index);
  b.w.byte(code['i32.le_u']);
}

/** A segment that is dropped meanwhile has nothing, from its beginning on, as well. */
function forgetSource(b: BodyWriter, source: Local, rest: Local): void {
  b.index(Op.localGet, source.index);
  b.constant(0);
  b.index(Op.localGet, rest.index);
  b.w.byte(code.select);
  b.index(Op.localSet, source.index);
}

/** What is left after a chunk that is as large as may be. */
function setRest(b: BodyWriter, { chunk }: Bulk, { count, rest }: Work): void {
  b.index(Op.localGet, count.index);
  b.constant(chunk);
  b.w.byte(code['i32.sub']);
  b.constant(0);
  isLong(b, chunk, count);
  b.w.byte(code.select);
  b.index(Op.localSet, rest.index);
}

function isLong(b: BodyWriter, chunk: number, count: Local): void {
  b.index(Op.localGet, count.index);
  b.constant(chunk);
  b.w.byte(code['i32.gt_u']);
}

/** Pushes an address so much further on; past the end of all addresses it is out of bounds. */
function pushMoved(b: BodyWriter, address: Local, by: () => void): void {
  const moved = b.take('i32');
  b.index(Op.localGet, address.index);
  by();
  b.w.byte(code['i32.add']);
  b.index(Op.localTee, moved.index);
  b.index(Op.localGet, address.index);
  b.w.bytes(Uint8Array.of(code['i32.lt_u'], Op.if, Op.noType));
  b.unreachable();
  b.w.byte(Op.end);
  b.index(Op.localGet, moved.index);
  b.give(moved);
}

function pushDone(b: BodyWriter, { count, rest }: Work): void {
  b.index(Op.localGet, count.index);
  b.index(Op.localGet, rest.index);
  b.w.byte(code['i32.sub']);
}

export function memoryFill(b: BodyWriter): void {
  const address = memoryAddress(b, b.reader.x);
  const chunk = (b: BodyWriter, work: Work) => {
    setRest(b, bulk['memory.fill'], work);
    pushMoved(b, work.first, () => b.index(Op.localGet, work.rest.index));
    b.index(Op.localGet, work.second.index);
    pushDone(b, work);
    b.copy();
  };
  writeBulk(b, { bulk: bulk['memory.fill'], operands: [address, 'i32', address], chunk });
}

export function memoryCopy(b: BodyWriter): void {
  const { x, y } = b.reader;
  const [to, from] = [memoryAddress(b, x), memoryAddress(b, y)];
  const name = 'memory.copy';
  const chunk = (b: BodyWriter, work: Work) => {
    isLong(b, bulk[name].chunk, work.count);
    b.w.bytes(Uint8Array.of(Op.if, Op.noType));
    touchLast(b, x, work.first, work.count);
    touchLast(b, y, work.second, work.count);
    b.w.byte(Op.end);
    setRest(b, bulk[name], work);
    const start = b.take('i32');
    b.constant(0);
    b.index(Op.localGet, work.rest.index);
    isUpward(b, work.first, work.second);
    b.w.byte(code.select);
    b.index(Op.localSet, start.index);
    for (const local of [work.first, work.second]) pushMoved(b, local, () => b.index(Op.localGet, start.index));
    b.give(start);
    pushDone(b, work);
    b.copy();
  };
  writeBulk(b, { bulk: bulk[name], operands: [to, from, lesser(to, from)], chunk, moving: [0, 1] });
}

/** Traps where the last byte of a range is out of bounds, before anything is written. */
function touchLast(b: BodyWriter, memory: number, address: Local, count: Local): void {
  pushMoved(b, address, () => {
    b.index(Op.localGet, count.index);
    b.constant(1);
    b.w.byte(code['i32.sub']);
  });
  b.w.bytes(Uint8Array.of(code['i32.load8_u'], memory === 0 ? 0 : 0x40));
  if (memory !== 0) b.w.u32(memory);
  b.w.bytes(Uint8Array.of(0, code.drop));
}

/** The engine does a chunk and says what is left. */
const byEngine =
  (name: Exclude<BulkName, 'memory.fill' | 'memory.copy' | `array.${string}`>, ...immediates: number[]) =>
  (b: BodyWriter, { first, second, count, rest }: Work): void => {
    for (const local of [first, second, count]) b.index(Op.localGet, local.index);
    b.thunk(name, ...immediates);
    b.index(Op.localSet, rest.index);
  };

export function memoryInit(b: BodyWriter): void {
  const { x, y } = b.reader;
  const chunk = byEngine('memory.init', x, y);
  const operands = [memoryAddress(b, y), 'i32', 'i32'] as const;
  writeBulk(b, { bulk: bulk['memory.init'], operands, chunk, source: 1 });
}

export function tableFill(b: BodyWriter): void {
  const { x } = b.reader;
  const address = tableAddress(b, x);
  const chunk = byEngine('table.fill', x);
  writeBulk(b, { bulk: bulk['table.fill'], operands: [address, 'i64', address], chunk });
}

export function tableCopy(b: BodyWriter): void {
  const { x, y } = b.reader;
  const [to, from] = [tableAddress(b, x), tableAddress(b, y)];
  const chunk = byEngine('table.copy', x, y);
  writeBulk(b, { bulk: bulk['table.copy'], operands: [to, from, lesser(to, from)], chunk, moving: [0, 1] });
}

export function tableInit(b: BodyWriter): void {
  const { x, y } = b.reader;
  const chunk = byEngine('table.init', x, y);
  const operands = [tableAddress(b, y), 'i32', 'i32'] as const;
  writeBulk(b, { bulk: bulk['table.init'], operands, chunk, source: 1 });
}

/** The type of a count that two may take. */
const lesser = (a: Operand, b: Operand): Operand => (a === 'wide' && b === 'wide' ? 'wide' : 'i32');
