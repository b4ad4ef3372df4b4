// The fields of a snapshot beside those of its base: of what is neither words nor pages only that which is another there. A step of a
// program mostly uses up some fuel, and nothing else. It stands as plain JSON: values of the host, which need more, are not in it.

import { bad } from '../data/form.ts';
import { mapWords, type Saved, type SavedMemory, type SnapshotData } from '../data/format.ts';
import { crc32 } from '../pages/checksum.ts';

/** That the base may have, too. Memories are not among them: how a base has numbered its pages is its own matter. */
const fields = [
  ...(['modules', 'instances', 'origins', 'made', 'tables', 'globals', 'heap', 'frames', 'slots', 'pending'] as const),
  ...(['calls', 'fuelUsed', 'debt', 'limits'] as const),
];
type Field = (typeof fields)[number];
const isField = (name: string): name is Field => (fields as readonly string[]).includes(name);

/** As it stands in the metadata. */
export interface Change {
  /** Tells the base. */
  readonly base: string;
  readonly version: number;
  readonly memories: readonly SavedMemory<number>[];
  /** Which rows of words stand in the container, by their places among all; the others are those of the base. */
  readonly rows: readonly number[];
  readonly changed: { readonly [K in Field]?: unknown };
}

interface Known {
  readonly lengths: Saved<number>;
  readonly texts: { readonly [K in Field]: string };
  fingerprint?: string;
}
const known = new WeakMap<SnapshotData, Known>();

function knownOf(data: SnapshotData): Known {
  const told = known.get(data) ?? newlyKnown(data);
  known.set(data, told);
  return told;
}

function newlyKnown(data: SnapshotData): Known {
  const lengths = mapWords(data, ({ length }) => length);
  const texts = Object.fromEntries(fields.map((field) => [field, JSON.stringify(lengths[field], withBigInts)]));
  return { lengths, texts: texts as Known['texts'] };
}

/** Sizes of what the host made are some. They are compared, and never read. */
const withBigInts = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);

/** What tells one snapshot's fields from another's. */
export function fingerprintOfFields(base: SnapshotData): string {
  const told = knownOf(base);
  const text = () => fields.map((field) => told.texts[field]).join();
  told.fingerprint ??= (crc32(new TextEncoder().encode(text())) >>> 0).toString(16).padStart(8, '0');
  return told.fingerprint;
}

/** Whether it holds nothing that JSON does not, beside the base. */
export const canBeChange = (data: SnapshotData, base: SnapshotData): boolean =>
  data.externs.length === 0 &&
  data.states === undefined &&
  data.wait === undefined &&
  knownOf(data).texts.made === knownOf(base).texts.made;

/** The change's text. `memories`: as the container has them; `rows`: those of the words that it has; `told`: tells the base. */
export function writeChange(
  data: SnapshotData,
  memories: readonly SavedMemory<Int32Array>[],
  rows: readonly number[],
  base: SnapshotData,
  told: string,
): Uint8Array {
  const [here, there] = [knownOf(data).texts, knownOf(base).texts];
  const changed = fields.filter((field) => here[field] !== there[field]).map((field) => `"${field}":${here[field]}`);
  const lengths = memories.map(({ size, runs }) => ({ size, runs: runs.length }));
  const head = JSON.stringify({ base: told, version: data.version, memories: lengths, rows });
  return new TextEncoder().encode(`${head.slice(0, -1)},"changed":{${changed.join()}}}`);
}

/** Whether metadata that was read is a change; then what is in it is checked with the whole. */
export const isChange = (metadata: unknown): metadata is Change =>
  Object(metadata) === metadata && Object.hasOwn(metadata as object, 'changed');

/** The whole, as far as it stands in metadata; its form is still to be checked. Throws SnapshotError. */
export function wholeOf({ version, memories, rows, changed }: Change, base: SnapshotData): Saved<number> {
  if (Object(changed) !== changed || !Array.isArray(rows)) bad('a change that is none', 'metadata');
  if (!rows.every((at, i) => Number.isSafeInteger(at) && at > (rows[i - 1] ?? -1)))
    bad('rows that are no places', 'metadata');
  const unknown = Object.keys(changed).find((name) => !isField(name));
  if (unknown !== undefined) bad('a change of something unknown', 'metadata');
  const given = { ...changed, version, memories, pages: new Uint8Array(0), externs: [] };
  // In the order of the base's, in which the same snapshot stands in other containers.
  const there = Object.entries(knownOf(base).lengths).filter(([name]) => isField(name) || Object.hasOwn(given, name));
  return { ...Object.fromEntries(there), ...given } as unknown as Saved<number>;
}
