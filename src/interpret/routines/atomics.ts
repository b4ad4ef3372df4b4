// Atomic memory accesses: each follows from its name, which tells type, operation and width. They are the host's own
// atomics, so that a memory which other threads share needs nothing else.
// https://webassembly.github.io/threads/core/exec/instructions.html#atomic-memory-instructions

import type { MemoryInst } from '../../runtime/memory/memory.ts';
import { notify, waitClock, waitResults } from '../../runtime/memory/wait.ts';
import { Trap } from '../../spec/errors.ts';
import { bytesAccessed, type Instruction, instructions } from '../../spec/instructions.ts';
import type { Machine } from '../machine/machine.ts';
import { effectiveAddress } from './memory-address.ts';

type Routine = (m: Machine, at: number, base: number) => void;

// Immediates of all routines: the row's code, memory, offset (low, high), lane, bytes accessed.

const memoryAt = (m: Machine, at: number): MemoryInst => m.memories[m.code[at + 1] as number] as MemoryInst;

/** The checked address of an access, as an index of cells of its size. What is both unaligned and outside is unaligned. */
function cellAt(m: Machine, memory: MemoryInst, at: number, base: number): number {
  const { code, I } = m;
  const bytes = code[at + 5] as number;
  const low = (I[base] as number) + (code[at + 2] as number);
  if ((low & (bytes - 1)) !== 0) throw new Trap('unaligned atomic');
  return effectiveAddress(m, memory, at + 2, base, bytes) / bytes;
}

/** Operations by the last part of the mnemonic; each takes cells, an index and up to two operands. */
const operations = {
  load: Atomics.load,
  store: Atomics.store,
  add: Atomics.add,
  sub: Atomics.sub,
  and: Atomics.and,
  or: Atomics.or,
  xor: Atomics.xor,
  xchg: Atomics.exchange,
  cmpxchg: Atomics.compareExchange,
};
type Operate<Cells, N> = (cells: Cells, i: number, b: N, c: N) => N;

/** Cells of up to 32 bits: the low words of the operands, and a result that has nothing in its high word. */
function narrow(bytes: 1 | 2 | 4, operate: Operate<Uint8Array | Uint16Array | Int32Array, number>): Routine {
  return (m, at, base) => {
    const { I } = m;
    const memory = memoryAt(m, at);
    const i = cellAt(m, memory, at, base);
    I[base] = operate(memory.cells[bytes], i, I[base + 2] as number, I[base + 4] as number);
    I[base + 1] = 0;
  };
}

const long = (I: Int32Array, at: number): bigint =>
  (BigInt(I[at + 1] as number) << 32n) | BigInt((I[at] as number) >>> 0);

function wide(operate: Operate<BigInt64Array, bigint>): Routine {
  return (m, at, base) => {
    const { I } = m;
    const memory = memoryAt(m, at);
    const i = cellAt(m, memory, at, base);
    const result = operate(memory.cells[8], i, long(I, base + 2), long(I, base + 4));
    I[base] = Number(BigInt.asIntN(32, result));
    I[base + 1] = Number(result >> 32n);
  };
}

/** A store leaves what it stored where its address was: nothing reads it there. */
function access(name: string, bytes: number): Routine | undefined {
  const operation = /\.atomic\.(?:rmw\d*\.)?([a-z]+)/.exec(name)?.[1];
  const operate: unknown = operations[operation as keyof typeof operations];
  if (operate === undefined) return undefined;
  return bytes === 8 ? wide(operate as never) : narrow(bytes as 1 | 2 | 4, operate as never);
}

/** Thrown where the guest is to wait: what leaves the loop, and no error. */
export const waiting = Symbol('waiting');

/** Waits where the cell holds the expected value: the interpreter ends it, or stops. */
function wait(m: Machine, at: number, base: number): void {
  const { I } = m;
  const memory = memoryAt(m, at);
  const i = cellAt(m, memory, at, base);
  if (!memory.type.shared) throw new Trap('expected shared memory');
  const bytes = m.code[at + 5] === 8 ? 8 : 4;
  const expected = bytes === 8 ? long(I, base + 2) : BigInt(I[base + 2] as number);
  const held = bytes === 8 ? Atomics.load(memory.cells[8], i) : BigInt(Atomics.load(memory.cells[4], i));
  I[base + 1] = 0;
  if (held !== expected) {
    I[base] = waitResults.differs;
    return;
  }
  const timeout = long(I, base + 4);
  m.wait = {
    memory: m.instance.memories[m.code[at + 1] as number] as number,
    address: i * bytes,
    ...{ bytes, expected },
    until: timeout < 0n ? null : waitClock() + Number(timeout) / 1e6,
    woken: false,
  };
  I[base] = waitResults.timedOut;
  throw waiting;
}

/** A memory of one thread is waited for by nobody. */
function notifyCell(m: Machine, at: number, base: number): void {
  const memory = memoryAt(m, at);
  const i = cellAt(m, memory, at, base);
  m.I[base] = memory.type.shared ? notify(memory, i * 4, (m.I[base + 2] as number) >>> 0) : 0;
  m.I[base + 1] = 0;
}

function routineOf(row: Instruction): Routine {
  const { name } = row;
  const made = access(name, bytesAccessed(row));
  if (made !== undefined) return made;
  if (name === 'memory.atomic.notify') return notifyCell;
  return name === 'atomic.fence' ? () => undefined : wait;
}

export const atomicRoutines: Record<string, Routine> = Object.fromEntries(
  instructions.filter(({ feature }) => feature === 'threads').map((row) => [row.name, routineOf(row)]),
);
