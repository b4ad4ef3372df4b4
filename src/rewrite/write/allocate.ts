// How objects are made. Where the heap has room, and an address that is free, code does so by itself: all words beyond the
// last object are zero. Else it notes its fuel and asks the engine, which may have it go without fuel, so that it leaves and
// what is dead can be found.

import { Writer } from '../../binary/writer.ts';
import { headers, type Shape } from '../../runtime/heap/shape.ts';
import { cells, placesAt } from '../../runtime/heap/words.ts';
import type { TypeIdx } from '../../spec/types.ts';
import type { Local } from '../read/types.ts';
import type { BodyWriter } from './body-writer.ts';
import { asRef, heapArgument, load, lowOfField, store, storeOf } from './heap-access.ts';
import { code, Op } from './ops.ts';

/** Pushes a number: of the stack's type i32. */
export type Push = (b: BodyWriter) => void;
export const constant =
  (value: number): Push =>
  (b) =>
    b.constant(value);

/**
 * Makes an object of so many words; the local that is given has its first byte. `paid`: the engine charges what an array
 * takes, where it makes it.
 */
export function makeObject(b: BodyWriter, type: TypeIdx, words: Push, length: Push, paid = 0): Local {
  const at = b.take('i32');
  b.index(Op.globalGet, b.env.shape(type));
  words(b);
  b.callAllocate();
  b.index(Op.localTee, at.index);
  b.w.bytes(Uint8Array.of(code['i32.eqz'], Op.if, Op.noType));
  askForObject(b, type, length, paid, at);
  b.w.byte(Op.end);
  return at;
}

/** The engine makes it, or throws. */
export function askForObject(b: BodyWriter, type: TypeIdx, length: Push, paid: number, at: Local): void {
  b.noteFuel();
  b.constant(type);
  length(b);
  b.constant(paid);
  b.thunk('object.new');
  b.index(Op.localSet, at.index);
  b.takeFuel();
}

/** Pushes the reference to the object whose first byte a local has. */
export function pushObject(b: BodyWriter, at: Local): void {
  b.index(Op.localGet, at.index);
  load(b, 'address', 4 * headers.address);
  asRef(b, 'object');
}

/** The values are on the stack. */
export function structNew(b: BodyWriter, type: TypeIdx, { fields, words }: Shape): void {
  const values = b.popInto(fields.map(lowOfField));
  const at = makeObject(b, type, constant(words), constant(0));
  fields.forEach((field, i) => {
    b.index(Op.localGet, at.index);
    b.index(Op.localGet, (values[i] as Local).index);
    store(b, storeOf(field), 4 * field.at);
  });
  pushObject(b, at);
  for (const local of [...values, at]) b.give(local);
}

export const structNewDefault = (b: BodyWriter, type: TypeIdx, { words }: Shape): void => {
  const at = makeObject(b, type, constant(words), constant(0));
  pushObject(b, at);
  b.give(at);
};

const [shape, size, address, place, top] = [0, 1, 2, 3, 4];

/**
 * The function that makes objects, in a module whose memory of that index is the heap: number of the shape and words in,
 * first byte out, or 0 where the engine is to do it.
 */
export function allocateBody(memory: number): Uint8Array {
  const w = new Writer(128);
  const op = (opcode: number, ...rest: number[]) => w.bytes(Uint8Array.of(opcode, ...rest));
  const access = (opcode: number, offset: number) => {
    w.byte(opcode);
    heapArgument(w, memory, offset);
  };
  const get = (local: number) => op(Op.localGet, local);
  const number = (value: number) => op(Op.i32Const, value);
  const cell = (name: keyof typeof cells) => {
    number(0);
    access(code['i32.load'], 4 * cells[name]);
  };
  const put = (name: keyof typeof cells) => access(code['i32.store'], 4 * cells[name]);
  const refuse = () => op(Op.if, Op.noType, Op.i32Const, 0, Op.return, Op.end);
  op(1, 3, 0x7f);
  get(size);
  cell('room');
  op(code['i32.ge_s']);
  refuse();
  cell('free');
  op(Op.localTee, address);
  number(0);
  op(code['i32.lt_s']);
  refuse();
  get(address);
  number(2);
  op(code['i32.shl'], Op.localSet, place);
  number(0);
  get(place);
  access(code['i32.load'], 4 * placesAt);
  number(1);
  op(code['i32.shr_s']);
  put('free');
  cell('top');
  op(Op.localSet, top);
  get(place);
  get(top);
  access(code['i32.store'], 4 * placesAt);
  number(0);
  get(top);
  get(size);
  number(2);
  op(code['i32.shl'], code['i32.add']);
  put('top');
  number(0);
  cell('room');
  get(size);
  op(code['i32.sub']);
  number(1);
  op(code['i32.sub']);
  put('room');
  get(top);
  get(address);
  access(code['i32.store'], 4 * headers.address);
  get(top);
  get(shape);
  access(code['i32.store'], 4 * headers.shape);
  get(top);
  op(Op.end);
  return w.finish();
}
