// How instructions without rules of their own are written: they are copied, but for those that the store must know of,
// and for conversions that trap for more than one reason.

import { bytesAccessed, instructionNamed } from '../../spec/instructions.ts';
import type { Low } from '../read/types.ts';
import { memoryGrow, memorySize, writeAccess } from './addresses.ts';
import type { BodyWriter } from './body-writer.ts';
import { memoryFill, memoryInit } from './bulk.ts';
import { plainObjects } from './objects.ts';
import { code, Op } from './ops.ts';
import { writeRelaxed } from './relaxed.ts';

type Write = (b: BodyWriter) => void;

/** Instructions that trap for some floating-point numbers, by code: the operand's type. */
export const truncations: ReadonlyMap<number, Low> = new Map(
  (['f32', 'f64'] as const).flatMap((from) =>
    (['i32', 'i64'] as const).flatMap((to) =>
      ['s', 'u'].map((sign): [number, Low] => [instructionNamed(`${to}.trunc_${from}_${sign}`).code, from]),
    ),
  ),
);

export function writePlain(b: BodyWriter): void {
  const { row } = b.reader;
  if (row.feature === 'gc') (plainObjects[row.name] as Write)(b);
  else if (row.feature === 'relaxed-simd') writeRelaxed(b);
  else if (row.immediates.length === 0) numeric(b);
  else if (bytesAccessed(row) > 0) writeAccess(b);
  else (own[row.name] ?? copy)(b);
}

const copy: Write = (b) => b.copy();
const own: Readonly<Record<string, Write>> = {
  'memory.size': memorySize,
  'memory.grow': memoryGrow,
  'memory.fill': memoryFill,
  'memory.init': memoryInit,
  'data.drop': (b) => b.thunk('data.drop', b.reader.x),
};

function numeric(b: BodyWriter): void {
  const type = truncations.get(b.reader.row.code);
  if (type !== undefined) refuseNan(b, type);
  b.copy();
}

/** The host has one trap for NaN and for numbers out of range: here NaN has one of its own. traps.ts knows. */
function refuseNan(b: BodyWriter, type: Low): void {
  const value = b.take(type);
  b.index(Op.localTee, value.index);
  b.index(Op.localGet, value.index);
  b.index(Op.localGet, value.index);
  b.w.byte(code[type === 'f32' ? 'f32.ne' : 'f64.ne']);
  b.w.byte(Op.if);
  b.w.byte(Op.noType);
  b.unreachable();
  b.w.byte(Op.end);
  b.give(value);
}
