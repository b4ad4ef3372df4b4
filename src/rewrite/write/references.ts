// How instructions on typed references are written. A reference is an i64, and null is zero.

import { refKinds } from '../../runtime/heap/ref.ts';
import type { Special } from '../../spec/instructions.ts';
import type { Low } from '../read/types.ts';
import type { BodyWriter } from './body-writer.ts';
import { code, Op } from './ops.ts';

/** Sets the value on top of the stack aside, and says where. */
function aside(b: BodyWriter, type: Low): number {
  const local = b.take(type);
  b.index(Op.localSet, local.index);
  b.give(local);
  return local.index;
}

/** Goes on where the value of a local is not null, and traps otherwise; traps.ts tells what for. */
function asNonNull(b: BodyWriter): void {
  const ref = aside(b, 'i64');
  b.index(Op.localGet, ref);
  b.w.bytes(Uint8Array.of(code['i64.eqz'], Op.if, Op.noType));
  b.unreachable();
  b.w.byte(Op.end);
  b.index(Op.localGet, ref);
}

function brOnNull(b: BodyWriter): void {
  const ref = aside(b, 'i64');
  b.index(Op.localGet, ref);
  b.w.byte(code['i64.eqz']);
  b.index(Op.brIf, b.label(b.reader.x));
  b.index(Op.localGet, ref);
}

function brOnNonNull(b: BodyWriter): void {
  const ref = aside(b, 'i64');
  b.index(Op.localGet, ref);
  b.index(Op.localGet, ref);
  b.w.bytes(Uint8Array.of(code['i64.eqz'], code['i32.eqz']));
  b.index(Op.brIf, b.label(b.reader.x));
  b.w.byte(code.drop);
}

/** An imported function may be anywhere. */
function refFunc(b: BodyWriter): void {
  const { x } = b.reader;
  if (x < b.context.importedFuncs) return b.thunk('ref.func', x);
  b.index(Op.globalGet, b.env.own('funcs'));
  b.constant(x);
  b.w.bytes(Uint8Array.of(code['i32.add'], code['i64.extend_i32_u'], code['i64.const']));
  b.w.s64(0, refKinds.func);
  b.w.byte(code['i64.or']);
}

export const references = {
  'ref.null': (b) => {
    b.w.byte(code['i64.const']);
    b.w.byte(0);
  },
  'ref.is_null': (b) => b.w.byte(code['i64.eqz']),
  'ref.func': refFunc,
  'ref.as_non_null': asNonNull,
  br_on_null: brOnNull,
  br_on_non_null: brOnNonNull,
} satisfies Partial<Record<Special, (b: BodyWriter) => void>>;
