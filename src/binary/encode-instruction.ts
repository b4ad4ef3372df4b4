// Writes one instruction, immediates as the table's row says. instruction.ts is the pair: whoever changes what the
// reader holds (an index, say) and then writes it has rewritten the instruction.
// https://webassembly.github.io/spec/core/binary/instructions.html

import type { Immediate } from '../spec/instructions.ts';
import { type Catch, catchKinds, type InstructionReader, multiMemory } from './instruction.ts';
import { writeBlockType, writeHeapType, writeValType } from './types.ts';
import type { Writer } from './writer.ts';

/** Writes the instruction that the reader holds. */
export function encodeInstruction(r: InstructionReader, w: Writer): void {
  const { code, immediates } = r.row;
  if (code > 0xff) {
    w.byte(code >>> 16);
    w.u32(code & 0xffff);
  } else w.byte(code);
  for (let i = 0; i < immediates.length; i++) writers[immediates[i] as Immediate](r, w, i);
}

type WriteImmediate = (r: InstructionReader, w: Writer, i: number) => void;
const index: WriteImmediate = (r, w, i) => w.u32(i === 0 ? r.x : r.y);

const writers: Record<Immediate, WriteImmediate> = {
  label: index,
  func: index,
  type: index,
  type2: index,
  table: index,
  table2: index,
  local: index,
  global: index,
  memory: index,
  memory2: index,
  data: index,
  elem: index,
  tag: index,
  field: index,
  count: index,
  memarg1: writeMemarg,
  memarg2: writeMemarg,
  memarg4: writeMemarg,
  memarg8: writeMemarg,
  memarg16: writeMemarg,
  i32: (r, w) => w.s32(r.x),
  i64: (r, w) => w.s64(r.x, r.y),
  f32: (r, w) => w.fixed32(r.x),
  f64: (r, w) => {
    w.fixed32(r.x);
    w.fixed32(r.y);
  },
  v128: (r, w) => {
    for (const part of r.vector) w.fixed32(part);
  },
  lane: (r, w) => w.byte(r.lane),
  lanes16: (r, w) => {
    for (const lane of r.lanes) w.byte(lane);
  },
  block: (r, w) => writeBlockType(w, r.block),
  labels: writeLabels,
  types: (r, w) => w.list(r.types, writeValType),
  heap: (r, w) => writeHeapType(w, r.heap),
  cast: writeCast,
  catches: (r, w) => w.list(r.catches, writeCatch),
  fence: (_, w) => w.byte(0),
};

function writeMemarg(r: InstructionReader, w: Writer): void {
  w.u32(r.x === 0 ? r.align : r.align | multiMemory);
  if (r.x !== 0) w.u32(r.x);
  w.u64(r.offsetLo, r.offsetHi);
}

/** The count leaves out the default label, which comes last. */
function writeLabels({ labels }: InstructionReader, w: Writer): void {
  w.u32(labels.length - 1);
  for (const label of labels) w.u32(label);
}

function writeCast({ x, from, to }: InstructionReader, w: Writer): void {
  w.byte(Number(from.nullable) | (Number(to.nullable) << 1));
  w.u32(x);
  writeHeapType(w, from.heap);
  writeHeapType(w, to.heap);
}

function writeCatch(w: Writer, { kind, tag, label }: Catch): void {
  w.byte(catchKinds.indexOf(kind));
  if (kind === 'catch' || kind === 'catch_ref') w.u32(tag);
  w.u32(label);
}
