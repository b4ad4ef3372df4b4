// The part of a container that is neither words nor pages, as text: structured-clone-es makes records of it, which are
// JSON but for some numbers and byte arrays. Those are written here, and whatever would be lost silently is refused.

import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { deserialize, serialize } from 'structured-clone-es';
import { SnapshotError } from '../../spec/errors.ts';
import { bad } from '../data/form.ts';
import { Cost, checkTree, kinds, type Record } from './records.ts';

const arrays = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;
type ArrayName = keyof typeof arrays;
type ArrayMaker = new (from: ArrayBuffer | readonly unknown[]) => ArrayBufferView & { readonly buffer: ArrayBuffer };
const isArrayName = (name: unknown): name is ArrayName => typeof name === 'string' && Object.hasOwn(arrays, name);

/** Numbers that JSON does not have. */
const oddNumbers: Readonly<{ [name: string]: number }> = {
  NaN: Number.NaN,
  Infinity: Infinity,
  '-Infinity': -Infinity,
};

// Writing.

/** Throws SnapshotError for values within each other deeper than the host's stack allows. */
export function writeMetadata(value: unknown): Uint8Array {
  const records = serialized(value);
  return new TextEncoder().encode(JSON.stringify(records.map(writeRecord)));
}

function serialized(value: unknown): Record[] {
  try {
    return serialize(value) as unknown as Record[];
  } catch (cause) {
    throw new SnapshotError('cannot be written', 'metadata', { cause });
  }
}

function writeRecord(record: Record): Record {
  const [type, value] = record;
  if (type === kinds.primitive && typeof value === 'number' && !Number.isFinite(value))
    return ['number', String(value)];
  if (!isArrayName(type)) return record;
  const array = new (arrays[type] as unknown as ArrayMaker)(value as readonly unknown[]);
  return [type, bytesToHex(new Uint8Array(array.buffer))];
}

/**
 * Whether the metadata keeps a value as `structuredClone` does. structured-clone-es would lose the sign of a zero, what
 * an error is, and what a view is a view of.
 */
export function checkKept(root: unknown, where: string): void {
  const seen = new Set<unknown>();
  const left = [root];
  while (left.length > 0) {
    const value = left.pop();
    if (Object.is(value, -0)) bad('a container cannot hold a negative zero of the host', where);
    if (typeof value === 'function' || typeof value === 'symbol')
      bad(`a container cannot hold a ${typeof value}`, where);
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    for (const part of partsOf(value, where)) left.push(part);
  }
}

function partsOf(value: object, where: string): Iterable<unknown> {
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag === 'Array') return value as unknown[];
  if (tag === 'Map') return [...(value as Map<unknown, unknown>)].flat();
  if (tag === 'Set') return value as Set<unknown>;
  if (tag === 'Object' && !Object.hasOwn(value, '__proto__')) return Object.values(value);
  if (tag === 'RegExp' || isArrayName(tag) || (tag === 'Date' && !Number.isNaN((value as Date).getTime()))) return [];
  if (tag === 'Error' && (value as Error).name === 'Error' && (value as Error).cause === undefined) return [];
  return bad(
    `a container cannot hold ${tag === 'Error' ? `a ${(value as Error).name} with all that is in it` : `this ${tag}`}`,
    where,
  );
}

// Reading.

/** Digits of the longest bigint that is read; longer ones take more than linear time. */
const mostDigits = 10_000;

/**
 * What `writeMetadata` has written, or an object that is plain JSON. Throws SnapshotError for anything else, and for what takes more
 * than `most` bytes.
 */
export function readMetadata(bytes: Uint8Array, most: number): unknown {
  try {
    const cost = new Cost(most);
    cost.addText(bytes);
    const records: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (Object(records) === records && !Array.isArray(records)) return records;
    if (!Array.isArray(records) || records.length === 0) return bad('no records', 'metadata');
    const read = records.map((record) => readRecord(record, records, cost));
    checkTree(read);
    return deserialize(read);
  } catch (cause) {
    if (cause instanceof SnapshotError) throw cause;
    throw new SnapshotError('cannot be read', 'metadata', { cause });
  }
}

function readRecord(record: unknown, all: readonly unknown[], cost: Cost): Record {
  if (!Array.isArray(record)) return bad('not a record', 'metadata');
  const [type, value] = record as [unknown, unknown];
  cost.addRecord(type, value);
  if (type === 'number' && typeof value === 'string' && Object.hasOwn(oddNumbers, value)) return [0, oddNumbers[value]];
  if (isArrayName(type) && typeof value === 'string')
    return [type, new (arrays[type] as unknown as ArrayMaker)(hexToBytes(value).slice().buffer)];
  const read = typeof type === 'number' ? readers.get(type) : undefined;
  if (read === undefined || !read(value, all)) return bad('an unknown record', 'metadata');
  return record as unknown as Record;
}

type Fits = (value: unknown, all: readonly unknown[]) => boolean;
const isIndex: Fits = (value, all) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < all.length;
const indices: Fits = (value, all) => Array.isArray(value) && value.every((index) => isIndex(index, all));
const pairs: Fits = (value, all) =>
  Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2 && indices(pair, all));
const texts =
  (...names: readonly string[]): Fits =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof (value as { [name: string]: unknown })[name] === 'string');

/** A key that would change what the object is, or be no key. */
const isKey = (index: number, all: readonly unknown[]): boolean => {
  const [type, key] = all[index] as [unknown, unknown];
  return type === kinds.primitive && typeof key === 'string' && key !== '__proto__';
};

const readers = new Map<number, Fits>([
  [kinds.undefined, (value) => value === undefined],
  [kinds.primitive, (value) => value === null || typeof value !== 'object'],
  [kinds.array, indices],
  [kinds.object, (value, all) => pairs(value, all) && (value as [number, number][]).every(([key]) => isKey(key, all))],
  [kinds.date, (value) => typeof value === 'string'],
  [kinds.regexp, texts('source', 'flags')],
  [kinds.map, pairs],
  [kinds.set, indices],
  [kinds.error, texts('name', 'message')],
  [kinds.bigint, (value) => typeof value === 'string' && value.length <= mostDigits && /^-?\d+$/.test(value)],
]);
