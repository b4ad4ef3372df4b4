// Snapshots as bytes. Equal data gives equal bytes. Reading them checks that the parts are whole and of the sizes that
// they declare; what they say is for verify.ts. The container is told in parts.ts, what may come along in extras.ts. The
// parts of the VM are:
//   metadata  text (metadata.ts) of { saved, base }: format.ts's data with its rows of words given by their lengths,
//             `pages` empty; and the fingerprint of the base snapshot, or null
//   words     all rows of words, in the order of mapWords
//   pages     the different pages of all memories

import { type Extras, extraParts, extrasOf, noExtras } from './extras.ts';
import { bad, checkFormOfLengths } from './form.ts';
import { mapWords, pageBytes, type Saved, type SavedMemory, type SnapshotData } from './format.ts';
import { checkKept, readMetadata, writeMetadata } from './metadata.ts';
import { isOlder, readOlder } from './older.ts';
import { fingerprint, pagesNamed, sharePages, unsharePages } from './pages.ts';
import { contentsOf, joinParts, type Parts, partsOf, readParts } from './parts.ts';

export interface DecodeOptions {
  /** The snapshot that was given as base when this one was encoded. */
  readonly base?: SnapshotData | undefined;
  /** The most bytes that the VM's parts may take when they are unpacked. */
  readonly maxBytes?: number | undefined;
  /** The most bytes that what is neither words nor pages may take once it is read. */
  readonly maxMetadata?: number | undefined;
}
/** All memory that a VM has by default, and as much again as its stack and tables may take. */
const defaultMaxBytes = 5 * 2 ** 30;
/** Ten thousand instances, or as much of the host's values. */
const defaultMaxMetadata = 2 ** 24;

// Writing.

/** Throws SnapshotError where a value of the host cannot be written. */
export function encodeSnapshot(
  data: SnapshotData,
  base?: SnapshotData,
  extras: Extras = noExtras,
): Uint8Array<ArrayBuffer> {
  data.externs.forEach((value, i) => {
    checkKept(value, `extern ${i}`);
  });
  const shared = sharePages(data, base);
  const memories = data.memories.map(({ size }, i) => ({ size, runs: shared.runs[i] }) as SavedMemory<Int32Array>);
  const words: Int32Array[] = [];
  const saved = mapWords({ ...data, memories, pages: new Uint8Array(0) }, (row) => {
    words.push(row);
    return row.length;
  });
  const metadata = writeMetadata({ saved, base: base === undefined ? null : fingerprint(base) });
  const parts = [
    ...partsOf('metadata', metadata.length, (start, end) => metadata.subarray(start, end)),
    ...partsOf('words', sizeOf(words), reader(words)),
    ...partsOf('pages', shared.different.length * pageBytes, (start, end) =>
      pagesAt(data.pages, shared.different.slice(start / pageBytes, end / pageBytes)),
    ),
    ...extraParts(extras),
  ];
  return joinParts(parts, data.version);
}

const sizeOf = (rows: readonly Int32Array[]): number => rows.reduce((sum, row) => sum + row.byteLength, 0);

/** Reads rows as one sequence of bytes. */
function reader(rows: readonly Int32Array[]): (start: number, end: number) => Uint8Array {
  const all = new Int32Array(sizeOf(rows) / 4);
  let at = 0;
  for (const row of rows) {
    all.set(row, at);
    at += row.length;
  }
  const bytes = new Uint8Array(all.buffer);
  return (start, end) => bytes.subarray(start, end);
}

function pagesAt(pages: Uint8Array, places: readonly number[]): Uint8Array {
  const block = new Uint8Array(places.length * pageBytes);
  places.forEach((place, i) => {
    block.set(pages.subarray(place * pageBytes, (place + 1) * pageBytes), i * pageBytes);
  });
  return block;
}

// Reading.

/**
 * Throws SnapshotError, and unpacks no more than the options allow: of each kind of part no more than what was read of
 * those before asks for.
 */
export function decodeSnapshot(bytes: Uint8Array, options: DecodeOptions = {}): Decoded {
  const older = isOlder(bytes) ? readOlder(bytes) : undefined;
  const parts = readParts(older?.vm ?? bytes, options.maxBytes ?? defaultMaxBytes);
  return { data: readData(parts, options), extras: older?.extras ?? extrasOf(parts) };
}

export interface Decoded {
  readonly data: SnapshotData;
  readonly extras: Extras;
}

function readData(parts: Parts, { base, maxMetadata = defaultMaxMetadata }: DecodeOptions): SnapshotData {
  const metadata = readMetadata(contentsOf(parts, 'metadata', maxMetadata), maxMetadata);
  const { saved, base: wanted } = (metadata ?? {}) as Partial<Metadata>;
  checkFormOfLengths(saved);
  checkBase(wanted, base);
  const rows = contentsOf(parts, 'words', 4 * lengthOf(saved));
  const data = mapWords(saved, taker(rows));
  const pages = contentsOf(parts, 'pages', pageBytes * pagesNamed(data));
  if (pages.length % pageBytes !== 0) bad('its size is not one of whole pages', 'pages');
  return { ...data, ...unsharePages({ ...data, pages }, wanted === null ? undefined : base) };
}

/** Of all rows. */
function lengthOf(saved: Saved<number>): number {
  let sum = 0;
  mapWords(saved, (length) => {
    sum += length;
  });
  return sum;
}

interface Metadata {
  readonly saved: unknown;
  readonly base: unknown;
}

function checkBase(wanted: unknown, base: SnapshotData | undefined): void {
  if (wanted === null) return;
  if (typeof wanted !== 'string') bad('a base that is none', 'metadata');
  if (base === undefined) bad('holds changes only: the base snapshot is needed', 'snapshot');
  if (fingerprint(base) !== wanted) bad('the base snapshot is another one', 'snapshot');
}

/** Hands out rows one after the other. */
function taker(bytes: Uint8Array<ArrayBuffer>): (length: number) => Int32Array {
  const all = new Int32Array(bytes.buffer, 0, Math.floor(bytes.length / 4));
  let at = 0;
  return (length) => {
    if (length > all.length - at) bad('a row is longer than what is left', 'words');
    at += length;
    return all.slice(at - length, at);
  };
}
