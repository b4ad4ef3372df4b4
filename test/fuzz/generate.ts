// Makes valid modules at random, from the instruction table itself: whatever row has a plain type is used. Programs end
// (a counter bounds loops and calls), and NaNs are made canonical, so that two engines must agree on every bit.

import { Writer } from '../../src/binary/writer.ts';
import { Body } from './body.ts';
import { type Feature, hostFeatures } from './features.ts';
import type { Random } from './random.ts';
import {
  codes,
  counter,
  dataSize,
  funcIndex,
  globalsOf,
  isReference,
  objectTypes,
  pages,
  type Shape,
  type Signature,
  type Storage,
  shapeOf,
  type Type,
  tableMost,
  tableSize,
  tags,
  typeOfAsk,
  typeOfObject,
  typeOfTag,
} from './shape.ts';

export interface Program {
  readonly bytes: Uint8Array;
  readonly shape: Shape;
}

export const counterName = `g${counter}`;

function section(w: Writer, id: number, write: (w: Writer) => void): void {
  w.byte(id);
  w.sized(write);
}

/** A module that exports its functions as f0, f1, …, its memories as m0, m1, its globals of numbers as g0, g1, …. */
export function generate(random: Random, features: readonly Feature[] = hostFeatures, asks = false): Program {
  const shape = shapeOf(random, features, asks);
  const { functions, memories } = shape;
  const w = new Writer(4096);
  w.bytes(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  section(w, 1, (s) => writeTypes(s, shape));
  if (asks) section(w, 2, (s) => s.list(['ask'], (t, name) => writeImport(t, name, shape)));
  section(w, 3, (s) => s.list([...functions.keys()], (t, i) => t.u32(i)));
  section(w, 4, (s) => writeTables(s, shape));
  section(w, 5, (s) =>
    s.list(memories, (t, type) => t.bytes(Uint8Array.of(type === 'i64' ? 5 : 1, pages.min, pages.max))),
  );
  if (hasTags(shape)) section(w, 13, (s) => writeTags(s, shape));
  section(w, 6, (s) => writeGlobals(s, random, shape));
  section(w, 7, (s) => writeExports(s, shape));
  section(w, 9, (s) => writeElements(s, shape));
  section(w, 12, (s) => s.u32(1));
  section(w, 10, (s) => s.list([...functions.keys()], (t, i) => t.sized((u) => writeBody(u, random, shape, i))));
  section(w, 11, (s) => s.list([0], (t) => writeData(t, random)));
  return { bytes: w.finish(), shape };
}

function writeImport(w: Writer, name: string, shape: Shape): void {
  w.name('h');
  w.name(name);
  w.byte(0);
  w.u32(typeOfAsk(shape));
}

const hasTags = ({ features }: Shape): boolean => features.has('exceptions') || features.has('legacy-exceptions');
const hasObjects = ({ features }: Shape): boolean => features.has('gc');
const tables = (shape: Shape): number => (shape.features.has('references') ? 2 : 1);

function writeTypes(w: Writer, shape: Shape): void {
  const plain: readonly Signature[] = [
    ...shape.functions,
    ...tags.map((params) => ({ params, results: [] })),
    ...tags.map((results) => ({ params: [], results })),
  ];
  w.u32(plain.length + (hasObjects(shape) ? 1 : 0) + (shape.asks ? 1 : 0));
  for (const { params, results } of plain) {
    w.byte(0x60);
    w.list(params, writeType);
    w.list(results, writeType);
  }
  if (hasObjects(shape)) writeObjectTypes(w, shape);
  if (shape.asks) w.bytes(Uint8Array.of(0x60, 1, codes.i32, 1, codes.i32));
}

function writeObjectTypes(w: Writer, shape: Shape): void {
  w.byte(0x4e);
  w.list(objectTypes, (t, { kind, fields, parent }) => {
    t.byte(0x50);
    t.list(parent === undefined ? [] : [parent], (u, place) => u.u32(typeOfObject(shape, place)));
    t.byte(kind === 'struct' ? 0x5f : 0x5e);
    if (kind === 'struct') t.u32(fields.length);
    for (const field of fields) {
      writeType(t, field);
      t.byte(1);
    }
  });
}

const writeType = (w: Writer, type: Type | Storage): void => w.byte(codes[type]);

function writeTables(w: Writer, shape: Shape): void {
  w.u32(tables(shape));
  for (let i = 0; i < tables(shape); i++) w.bytes(Uint8Array.of(0x70, 1, tableSize, tableMost));
}

function writeTags(w: Writer, shape: Shape): void {
  w.list([...tags.keys()], (t, tag) => {
    t.byte(0);
    t.u32(typeOfTag(shape, tag));
  });
}

function writeGlobals(w: Writer, random: Random, shape: Shape): void {
  w.list(globalsOf(shape), (t, type) => {
    writeType(t, type);
    t.byte(1);
    const scratch = new Body(random, shape, -1);
    if (isReference(type)) scratch.op('ref.null', codes[type]);
    else scratch.constant(type, random.int());
    scratch.op('end');
    t.bytes(scratch.w.view());
  });
}

function writeExports(w: Writer, shape: Shape): void {
  const { functions, memories } = shape;
  const named = (count: number, letter: string, kind: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `${letter}${index}`, kind, index }));
  const funcs = named(functions.length, 'f', 0).map((it) => ({ ...it, index: funcIndex(shape, it.index) }));
  const all = [...funcs, ...named(memories.length, 'm', 2), ...named(counter + 1, 'g', 3)];
  w.list(all, (t, { name, kind, index }) => {
    t.name(name);
    t.byte(kind);
    t.u32(index);
  });
}

/** The first table holds the functions, and empty places after them. */
function writeElements(w: Writer, shape: Shape): void {
  const all = [...shape.functions.keys()].map((i) => funcIndex(shape, i));
  w.u32(tables(shape));
  w.bytes(Uint8Array.of(0, 0x41, 0, 0x0b));
  w.list(all, (t, i) => t.u32(i));
  if (tables(shape) === 1) return;
  w.bytes(Uint8Array.of(1, 0));
  w.list(all, (t, i) => t.u32(i));
}

function writeData(w: Writer, random: Random): void {
  w.byte(1);
  w.list([...Array(dataSize).keys()], (t) => t.byte(random.below(256)));
}

function writeBody(w: Writer, random: Random, shape: Shape, index: number): void {
  const body = new Body(random, shape, index);
  body.make();
  const own = [...body.locals, ...body.hidden].slice(shape.functions[index]?.params.length);
  w.list(own, (t, type) => {
    t.u32(1);
    writeType(t, type);
  });
  w.bytes(body.w.view());
}
