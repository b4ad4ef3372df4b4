// The table's rows as validation reads them: looked up by code in an array, with the stack type of a plain row ready
// for both address types, and the check of its immediates.

import {
  bytesAccessed,
  type Immediate,
  type Instruction,
  instructions,
  type OperandType,
} from '../spec/instructions.ts';
import type { AddrType } from '../spec/types.ts';
import type { Machine, Signature } from './machine.ts';
import { specials } from './specials.ts';

export interface Rule {
  /** Types the instruction; absent for a plain row. */
  readonly special: ((v: Machine) => void) | undefined;
  /** Checks the immediates of a plain row and gives the address type of its memory; absent if it has none to check. */
  readonly checks: ((v: Machine) => AddrType) | undefined;
  /** The stack type where addresses are i32, and where they are i64. */
  readonly narrow: Signature;
  readonly wide: Signature;
}

const withAddr = (types: readonly OperandType[], addr: AddrType) => types.map((t) => (t === 'addr' ? addr : t));
const signature = (row: Instruction, addr: AddrType): Signature => ({
  params: withAddr(row.params, addr),
  results: withAddr(row.results, addr),
});

/** Prefixed codes follow the one-byte ones, 512 to a prefix. */
export const slotOfCode = (code: number): number => (code < 0x100 ? code : ((code >>> 16) - 0xfa) * 512 + (code & 511));

/** How many there are. */
export const slots = 5 * 512;

type Check = (v: Machine) => AddrType;

/** One function for all immediates of a row, memories first; the address type comes from the one that names a memory. */
function checksOf(row: Instruction): Check | undefined {
  const found = row.immediates.map((kind, i) => checkOf(row, kind, i)).filter((check) => check !== undefined);
  const [first, second] = row.immediates[0] === 'data' ? found.reverse() : found;
  if (first === undefined || second === undefined) return first;
  return (v) => {
    const addr = first(v);
    second(v);
    return addr;
  };
}

function checkOf(row: Instruction, kind: Immediate, i: number): Check | undefined {
  if (kind.startsWith('memarg')) return memargCheck(bytesAccessed(row), row.feature === 'threads');
  if (kind === 'memory') return i === 0 ? (v) => v.memoryAt(v.reader.x).addr : (v) => v.memoryAt(v.reader.y).addr;
  if (kind === 'data') return dataCheck;
  if (kind === 'lane') return laneCheck(lanesOf(row));
  if (kind === 'lanes16') return shuffleCheck;
  return undefined;
}

/** https://webassembly.github.io/spec/core/valid/instructions.html#memory-instructions */
function memargCheck(natural: number, atomic: boolean): Check {
  const log2 = Math.log2(natural);
  return (v) => {
    const { x, align, offsetHi } = v.reader;
    const { addr } = v.memoryAt(x);
    if (align > log2) v.fail('alignment must not be larger than natural');
    if (atomic && align < log2) v.fail('atomic alignment must be natural');
    if (addr === 'i32' && offsetHi !== 0) v.fail('offset out of range');
    return addr;
  };
}

const dataCheck: Check = (v) => {
  v.checkData(v.reader.x);
  return 'i32';
};

/** How many lanes the row's shape has: told by the shape in its name, or by how much of the vector it loads. */
function lanesOf(row: Instruction): number {
  const shape = /x(\d+)\./.exec(row.name)?.[1];
  return shape === undefined ? 16 / bytesAccessed(row) : Number(shape);
}

const laneCheck =
  (lanes: number): Check =>
  (v) =>
    v.reader.lane < lanes ? 'i32' : v.fail(`invalid lane index ${v.reader.lane}`);

const shuffleCheck: Check = (v) => (v.reader.lanes.every((lane) => lane < 32) ? 'i32' : v.fail('invalid lane index'));

const rules: Rule[] = [];
for (const row of instructions) {
  const special = row.special === undefined ? undefined : specials[row.special];
  const checks = special === undefined ? checksOf(row) : undefined;
  rules[slotOfCode(row.code)] = { special, checks, narrow: signature(row, 'i32'), wide: signature(row, 'i64') };
}

export const ruleAt = (slot: number): Rule => rules[slot] as Rule;
