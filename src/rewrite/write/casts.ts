// How types of references are looked at. Those of structures and arrays are by the row that the heap has for the shape
// of an object; a few others are asked of the engine.

import { refKinds } from '../../runtime/heap/ref.ts';
import { headers } from '../../runtime/heap/shape.ts';
import { rowKinds, rowWords } from '../../runtime/heap/words.ts';
import type { DefType } from '../../spec/deftypes.ts';
import type { HeapType, TypeIdx } from '../../spec/types.ts';
import type { Local } from '../read/types.ts';
import type { BodyWriter } from './body-writer.ts';
import { load, popRef, pushCell, pushKind, pushPlace } from './heap-access.ts';
import { code, Op } from './ops.ts';

/** Pushes whether the reference in a local is of a type. */
function test(b: BodyWriter, ref: Local, heap: HeapType, nullable: boolean): void {
  if (typeof heap === 'number') return testDefined(b, ref, heap, nullable);
  switch (heap) {
    case 'i31':
      return testKind(b, ref, nullable, () => {
        b.constant(refKinds.i31);
        b.w.byte(code['i32.eq']);
      });
    case 'eq':
      return testKind(b, ref, nullable, () => {
        b.constant(refKinds.object);
        b.w.byte(code['i32.sub']);
        b.constant(2);
        b.w.byte(code['i32.lt_u']);
      });
    case 'struct':
    case 'array':
      return testObject(b, ref, nullable, () => {
        pushRow(b, ref);
        load(b, 'i32', 4 * (rowWords - 1));
        b.constant(rowKinds[heap]);
        b.w.byte(code['i32.eq']);
      });
    case 'none':
    case 'nofunc':
    case 'noextern':
    case 'noexn':
      return nullable ? pushIsNull(b, ref) : b.constant(0);
    default:
      if (nullable) return b.constant(1);
      pushIsNull(b, ref);
      b.w.byte(code['i32.eqz']);
  }
}

function pushIsNull(b: BodyWriter, ref: Local): void {
  b.index(Op.localGet, ref.index);
  b.w.byte(code['i64.eqz']);
}

/** `matches` replaces the kind on the stack by whether it is good. */
function testKind(b: BodyWriter, ref: Local, nullable: boolean, matches: () => void): void {
  pushKind(b, ref);
  matches();
  if (!nullable) return;
  pushIsNull(b, ref);
  b.w.byte(code['i32.or']);
}

/** `matches` pushes whether the object is of the type. */
function testObject(b: BodyWriter, ref: Local, nullable: boolean, matches: () => void): void {
  pushKind(b, ref);
  b.constant(refKinds.object);
  b.w.byte(code['i32.eq']);
  b.begin(Op.if, [], ['i32']);
  matches();
  b.w.byte(Op.else);
  if (nullable) pushIsNull(b, ref);
  else b.constant(0);
  b.endLabel();
}

/** Pushes the number of an object's shape. */
function pushShape(b: BodyWriter, ref: Local): void {
  pushPlace(b, ref);
  load(b, 'i32', 4 * headers.shape);
}

/** Pushes the first byte of the row of an object's shape. */
function pushRow(b: BodyWriter, ref: Local): void {
  pushShape(b, ref);
  rowOf(b);
}

/** Replaces the number of a shape by the first byte of its row. */
function rowOf(b: BodyWriter): void {
  b.constant(Math.log2(4 * rowWords));
  b.w.byte(code['i32.shl']);
  pushCell(b, 'rows');
  b.w.byte(code['i32.add']);
}

function testDefined(b: BodyWriter, ref: Local, index: number, nullable: boolean): void {
  const type = b.context.types[index] as DefType;
  const depth = type.chain.length - 1;
  if (type.comp.kind === 'func' || (!type.final && depth >= rowWords - 1)) return ask(b, ref, index, nullable);
  testObject(b, ref, nullable, () => {
    pushShape(b, ref);
    if (!type.final) return testAncestor(b, index, depth);
    b.index(Op.globalGet, b.env.shape(index));
    b.w.byte(code['i32.eq']);
  });
}

/** Replaces the number of a shape by whether it is the type's, as it mostly is, or the type is above it. */
function testAncestor(b: BodyWriter, index: number, depth: number): void {
  const shape = b.take('i32');
  b.index(Op.localTee, shape.index);
  b.index(Op.globalGet, b.env.shape(index));
  b.w.byte(code['i32.eq']);
  b.begin(Op.if, [], ['i32']);
  b.constant(1);
  b.w.byte(Op.else);
  b.index(Op.localGet, shape.index);
  rowOf(b);
  load(b, 'i32', 4 * depth);
  b.index(Op.globalGet, b.env.shape(index));
  b.w.byte(code['i32.eq']);
  b.endLabel();
  b.give(shape);
}

function ask(b: BodyWriter, ref: Local, type: TypeIdx, nullable: boolean): void {
  b.index(Op.localGet, ref.index);
  b.thunk('ref.test', type, nullable ? 1 : 0);
}

const isNullable = (b: BodyWriter): boolean => b.reader.row.name.endsWith(' null');

function refTest(b: BodyWriter): void {
  const ref = popRef(b);
  test(b, ref, b.reader.heap, isNullable(b));
  b.give(ref);
}

/** Traps where it is none; traps.ts tells what for. */
function refCast(b: BodyWriter): void {
  const ref = popRef(b);
  test(b, ref, b.reader.heap, isNullable(b));
  b.w.bytes(Uint8Array.of(code['i32.eqz'], Op.if, Op.noType));
  b.unreachable();
  b.w.byte(Op.end);
  b.index(Op.localGet, ref.index);
  b.give(ref);
}

/** The reference stays on the stack either way. */
function brOnCast(b: BodyWriter, onFail: boolean): void {
  const { to, x } = b.reader;
  const ref = popRef(b);
  b.index(Op.localGet, ref.index);
  test(b, ref, to.heap, to.nullable);
  if (onFail) b.w.byte(code['i32.eqz']);
  b.index(Op.brIf, b.label(x));
  b.give(ref);
}

export const casts = {
  'ref.test': refTest,
  'ref.cast': refCast,
  br_on_cast: (b: BodyWriter) => brOnCast(b, false),
  br_on_cast_fail: (b: BodyWriter) => brOnCast(b, true),
};
