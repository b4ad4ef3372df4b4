// Reads one instruction after the other, immediates as the table's row says. One mutable cursor, no object per
// instruction: validation and lowering read megabytes of these.
// https://webassembly.github.io/spec/core/binary/instructions.html

import { type Immediate, type Instruction, instructionNamed, oneByte, prefixed } from '../spec/instructions.ts';
import type { HeapType, ValType } from '../spec/types.ts';
import { Reader } from './reader.ts';
import { type BlockType, readBlockType, readHeapType, readValType } from './types.ts';

/** A clause of `try_table`. */
export interface Catch {
  readonly kind: 'catch' | 'catch_ref' | 'catch_all' | 'catch_all_ref';
  /** Present for `catch` and `catch_ref`. */
  readonly tag: number;
  readonly label: number;
}
export const catchKinds = ['catch', 'catch_ref', 'catch_all', 'catch_all_ref'] as const;
export const multiMemory = 0x40;

export class InstructionReader extends Reader {
  /** Row of the instruction just read. */
  row: Instruction = instructionNamed('nop');
  /** Byte offset (in `bytes`) of its opcode. `pos` is past its last byte. */
  start = 0;

  /**
   * The first index immediate: label, func, type, table, local, global, memory, data, elem, tag, lane; for a memarg
   * the memory; the value of i32.const; the bits of f32.const; the low half of i64.const and f64.const.
   */
  x = 0;
  /** The second index immediate (table2, memory2, type2, field, count, …), or the high half of a 64-bit constant. */
  y = 0;
  /** memarg: log2 of the alignment. `offset` is its offset, exact below 2^53; `offsetHi`/`offsetLo` its int32 halves. */
  align = 0;
  offset = 0;
  offsetLo = 0;
  offsetHi = 0;
  lane = 0;
  block: BlockType = { result: undefined };
  /** br_table: all labels, the default one last. */
  labels: number[] = [];
  /** select t. */
  types: ValType[] = [];
  heap: HeapType = 'any';
  /** br_on_cast: source and target reference type; `x` is the label. */
  from: { heap: HeapType; nullable: boolean } = { heap: 'any', nullable: true };
  to: { heap: HeapType; nullable: boolean } = { heap: 'any', nullable: true };
  catches: Catch[] = [];
  /** v128.const as four int32, or the 16 lanes of a shuffle. */
  readonly vector = new Int32Array(4);
  lanes: number[] = [];

  /** Reads the next instruction; throws MalformedError with its offset. */
  next(): void {
    this.start = this.pos;
    const code = this.byte();
    const row = oneByte[code] ?? this.prefixedRow(code);
    this.row = row;
    const immediates = row.immediates;
    for (let i = 0; i < immediates.length; i++) this.immediate(immediates[i] as Immediate, i);
  }

  private prefixedRow(code: number): Instruction {
    const rows = prefixed.get(code);
    if (rows === undefined) return this.fail(`illegal opcode ${code.toString(16).padStart(2, '0')}`, this.start);
    const sub = this.u32();
    const text = `${code.toString(16)} ${sub.toString(16).padStart(2, '0')}`;
    return rows[sub] ?? this.fail(`illegal opcode ${text}`, this.start);
  }

  private immediate(kind: Immediate, i: number): void {
    switch (kind) {
      case 'label':
      case 'func':
      case 'type':
      case 'table':
      case 'local':
      case 'global':
      case 'memory':
      case 'data':
      case 'elem':
      case 'tag':
      case 'field':
      case 'count':
      case 'type2':
      case 'table2':
      case 'memory2':
        if (i === 0) this.x = this.u32();
        else this.y = this.u32();
        return;
      case 'memarg1':
      case 'memarg2':
      case 'memarg4':
      case 'memarg8':
      case 'memarg16':
        this.memarg();
        return;
      case 'i32':
        this.x = this.s32();
        return;
      case 'i64':
        this.x = this.s64();
        this.y = this.hi;
        return;
      case 'f32':
        this.x = this.fixed32();
        return;
      case 'f64':
        this.x = this.fixed32();
        this.y = this.fixed32();
        return;
      case 'v128':
        for (let k = 0; k < 4; k++) this.vector[k] = this.fixed32();
        return;
      case 'block':
        this.block = readBlockType(this);
        return;
      case 'labels':
        this.readLabels();
        return;
      case 'types':
        this.types = this.list('types', readValType);
        return;
      case 'heap':
        this.heap = readHeapType(this);
        return;
      case 'cast':
        this.cast();
        return;
      case 'catches':
        this.catches = this.list('catch clauses', readCatch);
        return;
      case 'lane':
        this.lane = this.byte();
        return;
      case 'lanes16':
        this.lanes = Array.from({ length: 16 }, () => this.byte());
        return;
      case 'fence':
        this.zero();
        return;
      default:
        kind satisfies never;
    }
  }

  private memarg(): void {
    const at = this.pos;
    let align = this.u32();
    this.x = 0;
    if (align >= multiMemory && align < 2 * multiMemory) {
      align -= multiMemory;
      this.x = this.u32();
    }
    if (align >= multiMemory) this.fail('malformed memop flags', at);
    this.align = align;
    this.offsetLo = this.u64();
    this.offsetHi = this.hi;
    this.offset = (this.offsetHi >>> 0) * 0x1_0000_0000 + (this.offsetLo >>> 0);
  }

  private readLabels(): void {
    this.labels = this.list('br_table labels', readIndex);
    this.labels.push(this.u32());
  }

  private cast(): void {
    const flags = this.byte();
    if (flags > 3) this.fail('malformed br_on_cast flags', this.pos - 1);
    this.x = this.u32();
    this.from = { heap: readHeapType(this), nullable: (flags & 1) !== 0 };
    this.to = { heap: readHeapType(this), nullable: (flags & 2) !== 0 };
  }
}

const readIndex = (r: Reader) => r.u32();

function readCatch(r: Reader): Catch {
  const kind = catchKinds[r.byte()] ?? r.fail('malformed catch clause', r.pos - 1);
  const tag = kind === 'catch' || kind === 'catch_ref' ? r.u32() : -1;
  return { kind, tag, label: r.u32() };
}
