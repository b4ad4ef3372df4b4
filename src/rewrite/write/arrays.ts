// How instructions on arrays are written.

import { type Field, headers, longHeader, type Shape, shapeOf } from '../../runtime/heap/shape.ts';
import type { DefType } from '../../spec/deftypes.ts';
import { bulk } from '../../spec/fuel.ts';
import type { Special } from '../../spec/instructions.ts';
import type { Local } from '../read/types.ts';
import { askForObject, constant, makeObject, type Push, pushObject } from './allocate.ts';
import type { BodyWriter } from './body-writer.ts';
import { type Form, writeBulk } from './bulk.ts';
import { checkNull, load, loadOf, lowOfField, popRef, pushPlace, store, storeOf } from './heap-access.ts';
import { code, Op } from './ops.ts';

const first = 4 * longHeader;
const countOffset = 4 * headers.count;
/** Elements that an array has at the most which code makes by itself. */
const fewElements = 1024;

interface ArrayShape extends Shape {
  readonly element: Field;
}
const shapeAt = (b: BodyWriter): ArrayShape => shapeOf(b.context.types[b.reader.x] as DefType) as ArrayShape;

/** Pushes how many bytes the elements before an index take. */
function pushBytes(b: BodyWriter, index: Push, elementBytes: number): void {
  index(b);
  if (elementBytes === 1) return;
  b.constant(Math.log2(elementBytes));
  b.w.byte(code['i32.shl']);
}

const get =
  (local: Local): Push =>
  (b) =>
    b.index(Op.localGet, local.index);

// Elements

/** Pops the index and the array, and pushes the place of the element less that of the first. Traps where there is none. */
function pushElement(b: BodyWriter, elementBytes: number): void {
  const index = b.take('i32');
  b.index(Op.localSet, index.index);
  const ref = popRef(b);
  checkNull(b, ref);
  const at = b.take('i32');
  pushPlace(b, ref);
  b.index(Op.localSet, at.index);
  b.index(Op.localGet, index.index);
  b.index(Op.localGet, at.index);
  load(b, 'i32', countOffset);
  b.w.bytes(Uint8Array.of(code['i32.ge_u'], Op.if, Op.noType));
  outOfBounds(b);
  b.w.byte(Op.end);
  pushBytes(b, get(index), elementBytes);
  b.index(Op.localGet, at.index);
  b.w.byte(code['i32.add']);
  for (const local of [index, ref, at]) b.give(local);
}

/** A trap that is not the one for null: traps.ts tells them apart. */
function outOfBounds(b: BodyWriter): void {
  b.noteFuel();
  b.constant(0);
  b.constant(0);
  b.w.bytes(Uint8Array.of(code['i32.div_u'], code.drop));
}

function arrayGet(b: BodyWriter): void {
  const { element, elementBytes } = shapeAt(b);
  pushElement(b, elementBytes);
  load(b, loadOf(element, b.reader.row.name.endsWith('_s')), first);
}

function arraySet(b: BodyWriter): void {
  const { element, elementBytes } = shapeAt(b);
  const value = b.take(lowOfField(element));
  b.index(Op.localSet, value.index);
  pushElement(b, elementBytes);
  b.index(Op.localGet, value.index);
  store(b, storeOf(element), first);
  b.give(value);
}

function length(b: BodyWriter): void {
  const ref = popRef(b);
  checkNull(b, ref);
  pushPlace(b, ref);
  load(b, 'i32', countOffset);
  b.give(ref);
}

// New ones

/** Makes an array of as many elements as a local says, all zero, and pays for it; the local that is given has its first byte. */
function makeArray(b: BodyWriter, count: Local, elementBytes: number): Local {
  const type = b.reader.x;
  const at = b.take('i32');
  b.index(Op.localGet, count.index);
  b.constant(fewElements);
  b.w.byte(code['i32.le_u']);
  b.begin(Op.if, [], []);
  const words = b.take('i32');
  pushBytes(b, get(count), elementBytes);
  b.constant(3);
  b.w.byte(code['i32.add']);
  b.constant(2);
  b.w.byte(code['i32.shr_u']);
  b.index(Op.localSet, words.index);
  const made = makeObject(
    b,
    type,
    (b) => {
      b.index(Op.localGet, words.index);
      b.constant(longHeader);
      b.w.byte(code['i32.add']);
    },
    get(count),
  );
  b.index(Op.localGet, made.index);
  b.index(Op.localTee, at.index);
  b.index(Op.localGet, count.index);
  store(b, 'i32', countOffset);
  b.index(Op.localGet, b.fuelLocal);
  b.index(Op.localGet, words.index);
  b.w.byte(code['i32.sub']);
  b.index(Op.localSet, b.fuelLocal);
  b.give(made);
  b.give(words);
  b.w.byte(Op.else);
  askForObject(b, type, get(count), 1, at);
  b.endLabel();
  return at;
}

function arrayNew(b: BodyWriter): void {
  const { element, elementBytes } = shapeAt(b);
  const count = b.take('i32');
  b.index(Op.localSet, count.index);
  const value = b.take(lowOfField(element));
  b.index(Op.localSet, value.index);
  const at = makeArray(b, count, elementBytes);
  const end = b.take('i32');
  const to = b.take('i32');
  b.index(Op.localGet, at.index);
  b.index(Op.localTee, to.index);
  pushBytes(b, get(count), elementBytes);
  b.w.byte(code['i32.add']);
  b.index(Op.localSet, end.index);
  b.begin(Op.block, [], []);
  b.begin(Op.loop, [], []);
  b.index(Op.localGet, to.index);
  b.index(Op.localGet, end.index);
  b.w.byte(code['i32.ge_u']);
  b.index(Op.brIf, 1);
  b.index(Op.localGet, to.index);
  b.index(Op.localGet, value.index);
  store(b, storeOf(element), first);
  b.index(Op.localGet, to.index);
  b.constant(elementBytes);
  b.w.byte(code['i32.add']);
  b.index(Op.localSet, to.index);
  b.index(Op.br, 0);
  b.endLabel();
  b.endLabel();
  pushObject(b, at);
  for (const local of [count, value, at, end, to]) b.give(local);
}

function arrayNewDefault(b: BodyWriter): void {
  const count = b.take('i32');
  b.index(Op.localSet, count.index);
  const at = makeArray(b, count, shapeAt(b).elementBytes);
  pushObject(b, at);
  b.give(count);
  b.give(at);
}

/** What it takes was charged with the way to it. */
function arrayNewFixed(b: BodyWriter): void {
  const { element, elementBytes, words } = shapeAt(b);
  const { x, y: count } = b.reader;
  const values = b.popInto(Array.from({ length: count }, () => lowOfField(element)));
  const at = makeObject(b, x, constant(words + Math.ceil((count * elementBytes) / 4)), constant(count));
  b.index(Op.localGet, at.index);
  b.constant(count);
  store(b, 'i32', countOffset);
  values.forEach((value, i) => {
    b.index(Op.localGet, at.index);
    b.index(Op.localGet, value.index);
    store(b, storeOf(element), first + i * elementBytes);
  });
  pushObject(b, at);
  for (const local of [...values, at]) b.give(local);
}

/** The engine makes it of a segment, and charges it. */
function arrayNewOf(b: BodyWriter, name: 'array.new_data' | 'array.new_elem'): void {
  b.noteFuel();
  b.thunk(name, b.reader.x, b.reader.y);
  b.takeFuel();
}

// Bulk instructions

/** The engine does a chunk, and says what is left; the fuel is noted, as it may be a trap. */
function byEngine(
  b: BodyWriter,
  name: 'array.fill' | 'array.copy' | 'array.init_data' | 'array.init_elem',
  operands: readonly Local[],
  immediates: readonly number[],
  rest: Local,
): void {
  b.noteFuel();
  for (const local of operands) b.index(Op.localGet, local.index);
  b.thunk(name, ...immediates);
  b.index(Op.localSet, rest.index);
  b.takeFuel();
}

function arrayFill(b: BodyWriter): void {
  const low = lowOfField(shapeAt(b).element);
  const chunk: Form['chunk'] = (b, { operands: [array, start, value], count, rest }) => {
    b.index(Op.localGet, (value as Local).index);
    b.constant(0);
    b.scratch(b.w, `set_${low}`);
    byEngine(b, 'array.fill', [array, start, count] as Local[], [], rest);
  };
  writeBulk(b, { bulk: bulk['array.fill'], operands: ['i64', 'i32', low, 'i32'], chunk });
}

const chunkByEngine =
  (name: 'array.copy' | 'array.init_data' | 'array.init_elem', ...immediates: number[]): Form['chunk'] =>
  (b, { operands, rest }) => {
    byEngine(b, name, operands, immediates, rest);
  };

function arrayCopy(b: BodyWriter): void {
  const operands = ['i64', 'i32', 'i64', 'i32', 'i32'] as const;
  writeBulk(b, { bulk: bulk['array.copy'], operands, chunk: chunkByEngine('array.copy'), moving: [1, 3] });
}

function arrayInit(b: BodyWriter, name: 'array.init_data' | 'array.init_elem'): void {
  const chunk = chunkByEngine(name, b.reader.y);
  writeBulk(b, { bulk: bulk[name], operands: ['i64', 'i32', 'i32', 'i32'], chunk, source: 2 });
}

export const arrays = {
  'array.new': arrayNew,
  'array.new_default': arrayNewDefault,
  'array.new_fixed': arrayNewFixed,
  'array.new_data': (b) => arrayNewOf(b, 'array.new_data'),
  'array.new_elem': (b) => arrayNewOf(b, 'array.new_elem'),
  'array.get': arrayGet,
  'array.set': arraySet,
  'array.fill': arrayFill,
  'array.copy': arrayCopy,
  'array.init_data': (b) => arrayInit(b, 'array.init_data'),
  'array.init_elem': (b) => arrayInit(b, 'array.init_elem'),
} satisfies Partial<Record<Special, (b: BodyWriter) => void>>;

export const arrayLength = length;
