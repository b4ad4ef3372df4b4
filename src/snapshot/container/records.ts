// The records of a container's metadata, before anything is built of them: what they will take, and that they list nothing
// twice. What each of them means is metadata.ts's.

import { bad } from '../data/form.ts';

/** A record: its type, and a value that holds indices of other records. What the types mean is structured-clone-es's. */
export type Record = readonly [type: number | string, value?: unknown];
export const kinds = {
  undefined: -1,
  primitive: 0,
  array: 1,
  object: 2,
  date: 3,
  regexp: 4,
  map: 5,
  set: 6,
  error: 7,
  bigint: 8,
};

/** Bytes that text becomes once it is JavaScript's: as itself, decoded and cut into pieces; a list, an item, a text. */
const textCosts = { byte: 3, list: 64, item: 16, text: 24 };
/** What records of a type become takes so much more. An expression is compiled, which also takes its time. */
const recordCosts = new Map<unknown, number>([
  [kinds.date, 128],
  [kinds.regexp, 4096],
  [kinds.map, 256],
  [kinds.set, 256],
  [kinds.error, 2048],
]);
const viewCost = 512;
/** Of each character of a regular expression. */
const sourceCost = 64;

const characters = { quote: 0x22, comma: 0x2c, backslash: 0x5c, bracket: 0x5b, brace: 0x7b };

/** Adds up what reading metadata takes, in bytes, and throws SnapshotError where that is too much. */
export class Cost {
  private sum = 0;

  constructor(private readonly most: number) {}

  private add(bytes: number): void {
    this.sum += bytes;
    if (this.sum > this.most) bad(`takes more than ${this.most} bytes`, 'metadata');
  }

  /** Of JSON, whole or not: what parsing it makes. */
  addText(bytes: Uint8Array): void {
    this.add(bytes.length * textCosts.byte);
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      if (byte === characters.bracket || byte === characters.brace) this.add(textCosts.list);
      else if (byte === characters.comma) this.add(textCosts.item);
      else if (byte === characters.quote) {
        this.add(textCosts.text);
        i = endOfText(bytes, i + 1);
      }
    }
  }

  addRecord(type: unknown, value: unknown): void {
    this.add(typeof type === 'string' ? viewCost : (recordCosts.get(type) ?? 0));
    const source: unknown = type === kinds.regexp ? (value as { source?: unknown } | null)?.source : undefined;
    if (typeof source === 'string') this.add(source.length * sourceCost);
  }
}

/** Where the text ends that begins at a place. */
function endOfText(bytes: Uint8Array, start: number): number {
  let i = start;
  while (i < bytes.length && bytes[i] !== characters.quote) i += bytes[i] === characters.backslash ? 2 : 1;
  return i;
}

/** A record that others list: not yet met, met among what is ours, or among values of the host. */
const marks = { none: 0, ours: 1, host: 2 };

/**
 * Whether what is ours is a tree: nothing of it stands in two places, where a small list could become any number of
 * things. Values of the host are as they were given; none of them is ours. Throws SnapshotError.
 */
export function checkTree(records: readonly Record[]): void {
  const met = new Uint8Array(records.length);
  const values: number[] = [];
  walk(records, [0], (i) => {
    if (met[i] !== marks.none) bad('lists something twice', 'metadata');
    met[i] = marks.ours;
    return partsOf(records, i, values);
  });
  walk(records, values, (i) => {
    if (met[i] === marks.ours) bad('has what is its own among values of the host', 'metadata');
    if (met[i] === marks.host) return [];
    met[i] = marks.host;
    return partsOf(records, i, undefined);
  });
}

function walk(records: readonly Record[], left: number[], visit: (i: number) => Iterable<number>): void {
  for (let i = left.pop(); i !== undefined; i = left.pop())
    if (holdsOthers(records[i] as Record)) for (const part of visit(i)) left.push(part);
}

const holdsOthers = ([type]: Record): boolean =>
  type === kinds.array || type === kinds.object || type === kinds.map || type === kinds.set;

/** Fields whose values are the host's own. */
const hostFields: readonly unknown[] = ['externs', 'data'];

/** The records that one lists. What is the host's own goes to `values`, if there are any. */
function partsOf(records: readonly Record[], i: number, values: number[] | undefined): Iterable<number> {
  const [type, value] = records[i] as Record;
  if (type === kinds.array || type === kinds.set) return value as number[];
  const pairs = value as readonly (readonly [number, number])[];
  if (type === kinds.map) return pairs.flat();
  const parts: number[] = [];
  for (const [key, part] of pairs)
    (values !== undefined && hostFields.includes(records[key]?.[1]) ? values : parts).push(part);
  return parts;
}
