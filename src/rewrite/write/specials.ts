// How instructions that are not simply copied are written.

import type { DefType } from '../../spec/deftypes.ts';
import type { Special } from '../../spec/instructions.ts';
import { isOpenTable, isVague } from '../read/index-spaces.ts';
import type { Local } from '../read/types.ts';
import { narrowElement, tables } from './addresses.ts';
import { openBlock } from './blocks.ts';
import type { BodyWriter } from './body-writer.ts';
import { memoryCopy, tableCopy, tableFill, tableInit } from './bulk.ts';
import { catchThrown, closeBlock, exceptions } from './exceptions.ts';
import { objects } from './objects.ts';
import { code, Op } from './ops.ts';
import { references } from './references.ts';

type Write = (b: BodyWriter) => void;

function branch(b: BodyWriter): void {
  b.index(b.reader.row.code, b.label(b.reader.x));
}

function branchTable(b: BodyWriter): void {
  const { labels } = b.reader;
  b.w.byte(Op.brTable);
  b.w.u32(labels.length - 1);
  for (const label of labels) b.w.u32(b.label(label));
  b.skipDead();
}

function callIndirect(b: BodyWriter, tail: boolean): void {
  const { x, y } = b.reader;
  narrowElement(b, y);
  const vague = isVague(b.context.types[x] as DefType);
  const element = b.take('i32');
  if (vague) {
    b.thunk('resolve', x, y);
    b.index(Op.localSet, element.index);
  } else {
    b.index(Op.localTee, element.index);
    b.index(Op.globalSet, b.env.own('element'));
    if (isOpenTable(b.context, y)) {
      b.index(Op.globalGet, b.env.own('self'));
      b.index(Op.globalSet, b.env.asker());
    }
  }
  if (tail) b.pushTailDepthAndFuel();
  else b.pushDepthAndFuel();
  b.index(Op.localGet, element.index);
  b.give(element);
  b.w.byte(tail && !b.rest ? Op.returnCallIndirect : Op.callIndirect);
  b.w.u32(b.env.guestType(x));
  b.w.u32(vague ? b.env.found() : b.env.table(y));
  afterCall(b, tail);
}

/** The function is an element of a table: where it is none yet, the engine makes it one. */
function callRef(b: BodyWriter, tail: boolean): void {
  const element = callee(b);
  if (tail) b.pushTailDepthAndFuel();
  else b.pushDepthAndFuel();
  b.index(Op.localGet, element.index);
  b.give(element);
  b.w.byte(tail && !b.rest ? Op.returnCallIndirect : Op.callIndirect);
  b.w.u32(b.env.guestType(b.reader.x));
  b.w.u32(b.env.found());
  afterCall(b, tail);
}

/** Pops a reference to a function; the local that is given says which element of the table it is. */
function callee(b: BodyWriter): Local {
  const ref = b.take('i64');
  const element = b.take('i32');
  const { w } = b;
  b.index(Op.localTee, ref.index);
  w.byte(code['i32.wrap_i64']);
  b.constant(1);
  w.byte(code['i32.add']);
  b.index(Op.localSet, element.index);
  b.begin(Op.block, [], []);
  b.begin(Op.block, [], []);
  b.index(Op.localGet, ref.index);
  w.byte(code['i64.eqz']);
  b.index(Op.brIf, 0);
  b.index(Op.localGet, element.index);
  w.bytes(Op.tableSize);
  w.u32(b.env.found());
  w.byte(code['i32.ge_u']);
  b.index(Op.brIf, 0);
  b.index(Op.localGet, element.index);
  b.index(Op.tableGet, b.env.found());
  w.bytes(Uint8Array.of(Op.isNull, code['i32.eqz']));
  b.index(Op.brIf, 1);
  b.endLabel();
  b.index(Op.localGet, ref.index);
  b.thunk('callee');
  b.index(Op.localSet, element.index);
  b.endLabel();
  b.give(ref);
  return element;
}

function call(b: BodyWriter, tail: boolean): void {
  if (tail) b.pushTailDepthAndFuel();
  else b.pushDepthAndFuel();
  b.index(tail && !b.rest ? Op.returnCall : Op.call, b.env.func(b.reader.x));
  afterCall(b, tail);
}

/** The fuel that is left is on the stack. If the callee left, so does this. */
function afterCall(b: BodyWriter, tail: boolean): void {
  if (tail) {
    if (b.rest) b.afterTailCall();
    b.skipDead();
    return;
  }
  b.index(Op.localSet, b.fuelLocal);
  catchThrown(b);
  b.leaveIf(b.point(b.pc), 'call');
}

const local: Write = (b) => b.index(b.reader.row.code, b.local(b.reader.x));
const global: Write = (b) => b.index(b.reader.row.code, b.env.global(b.reader.x));
const ends =
  (write: Write): Write =>
  (b) => {
    write(b);
    b.skipDead();
  };

export const specialWriters = {
  unreachable: ends((b) => b.unreachable()),
  block: openBlock,
  loop: openBlock,
  if: openBlock,
  else: (b) => b.w.byte(Op.else),
  end: closeBlock,
  br: ends(branch),
  br_if: branch,
  br_table: branchTable,
  return: ends((b) => b.index(Op.br, b.bodyLabel)),
  call: (b) => call(b, false),
  call_indirect: (b) => callIndirect(b, false),
  call_ref: (b) => callRef(b, false),
  return_call_ref: (b) => callRef(b, true),
  return_call: (b) => call(b, true),
  return_call_indirect: (b) => callIndirect(b, true),
  drop: (b) => b.copy(),
  select: (b) => b.copy(),
  'select t': (b) => b.w.byte(code.select),
  'local.get': local,
  'local.set': local,
  'local.tee': local,
  'global.get': global,
  'global.set': global,
  ...tables,
  'table.fill': tableFill,
  'table.copy': tableCopy,
  'table.init': tableInit,
  'elem.drop': (b) => b.thunk('elem.drop', b.reader.x),
  'memory.copy': memoryCopy,
  ...references,
  ...objects,
  ...exceptions,
  try_table: openBlock,
  try: openBlock,
} satisfies Record<Special, Write>;
