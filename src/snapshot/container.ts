// Snapshots as bytes. Equal data gives equal bytes. Reading them checks that the parts are whole and of the sizes that
// they declare; what they say is for verify.ts.
//
// All numbers are little endian.
//   magic     4 bytes: 0x00 'w' 'b' 'x'
//   version   u32: of this layout and of the data in it (format.ts)
//   count     u32: number of parts
//   parts     16 bytes each: u8 kind, u8 coding (0 stored, 1 deflate), u16 zero; u32 size of the contents; u32 size in
//             the file; u32 CRC-32 of the bytes in the file
//   crc       u32: CRC-32 of everything before
// Then the bytes of the parts, in the same order, with nothing between or after them. Contents are cut into parts of at
// most 256 KiB, so that little has to be unpacked before a lie shows. The parts of a kind, joined, are:
//   metadata  text (metadata.ts) of { saved, base }: format.ts's data with its rows of words given by their lengths,
//             `pages` empty; and the fingerprint of the base snapshot, or null
//   words     all rows of words, in the order of mapWords
//   pages     the different pages of all memories
//   blocks    the different pages of the blocks of bytes that host modules keep

import { deflateSync, inflateSync } from 'fflate';
import { SnapshotError } from '../spec/errors.ts';
import { checkDeadlineNow } from '../spec/patience.ts';
import { cut } from '../spec/told.ts';
import { blockPagesNamed, shareBlocks, unshareBlocks } from './blocks.ts';
import { crc32 } from './checksum.ts';
import { bad, checkFormOfLengths } from './form.ts';
import { formatVersion, mapWords, pageBytes, type Saved, type SavedMemory, type SnapshotData } from './format.ts';
import { checkKept, readMetadata, writeMetadata } from './metadata.ts';
import { fingerprint, pagesNamed, sharePages, unsharePages } from './pages.ts';

const magic = 0x78627700;
const headerBytes = 12;
const partHeaderBytes = 16;
const blockBytes = 2 ** 18;
/** Deflate makes at most this many bytes of one. */
const mostExpansion = 1032;

const partKinds = ['metadata', 'words', 'pages', 'blocks'] as const;
type PartKind = (typeof partKinds)[number];
const codings = { stored: 0, deflate: 1 } as const;

export interface DecodeOptions {
  /** The snapshot that was given as base when this one was encoded. */
  readonly base?: SnapshotData | undefined;
  /** The most bytes that the parts may take when they are unpacked. */
  readonly maxBytes?: number | undefined;
  /** The most bytes that what is neither words nor pages may take once it is read. */
  readonly maxMetadata?: number | undefined;
  /** The most bytes that blocks of host modules may take. */
  readonly maxState?: number | undefined;
}
/** All memory that a VM has by default, what host modules keep, and what its stack and tables may take. */
const defaultMaxBytes = 7 * 2 ** 30;
/** Ten thousand instances, or as much of the host's values. */
const defaultMaxMetadata = 2 ** 24;
const defaultMaxState = 2 ** 31;

// Writing.

interface Part {
  readonly kind: PartKind;
  readonly coding: number;
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** Throws SnapshotError where a value of the host cannot be written. */
export function encodeSnapshot(data: SnapshotData, base?: SnapshotData): Uint8Array<ArrayBuffer> {
  data.externs.forEach((value, i) => {
    checkKept(value, `extern ${i}`);
  });
  for (const { name, data: kept } of data.states ?? []) checkKept(kept, `state of ${cut(name)}`);
  const shared = sharePages(data, base);
  const memories = data.memories.map(({ size }, i) => ({ size, runs: shared.runs[i] }) as SavedMemory<Int32Array>);
  const blocks = shareBlocks(data.blocks ?? [], base?.blocks);
  const states = data.states && { blocks: [], blockRuns: blocks.blockRuns };
  const words: Int32Array[] = [];
  const saved = mapWords({ ...data, ...states, memories, pages: new Uint8Array(0) }, (row) => {
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
    ...partsOf('blocks', blocks.pages.length * pageBytes, (start, end) =>
      joinPages(blocks.pages.slice(start / pageBytes, end / pageBytes)),
    ),
  ];
  return join(parts, data.version);
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

function joinPages(pages: readonly Uint8Array[]): Uint8Array {
  const block = new Uint8Array(pages.length * pageBytes);
  pages.forEach((page, i) => {
    block.set(page, i * pageBytes);
  });
  return block;
}

function partsOf(kind: PartKind, size: number, read: (start: number, end: number) => Uint8Array): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < size; at += blockBytes) {
    checkDeadlineNow('encoding a snapshot');
    parts.push(packed(kind, read(at, Math.min(size, at + blockBytes))));
  }
  return parts;
}

const sampleBytes = 4096;
/** Less is not packed: that costs some tenths of a millisecond, and saves some hundreds of bytes. */
const leastPacked = 2048;
/** A part is packed if that takes less than this of it: unpacking costs more than reading a little more. */
const worthwhile = 7 / 8;

function packed(kind: PartKind, contents: Uint8Array): Part {
  const size = contents.length;
  const deflated = size < leastPacked || isDense(contents) ? undefined : deflateSync(contents, { level: 1 });
  if (deflated === undefined || deflated.length > size * worthwhile)
    return { kind, coding: codings.stored, size, bytes: contents };
  return { kind, coding: codings.deflate, size, bytes: deflated };
}

/** Judges by samples, because trying costs 30 times as much as storing. */
function isDense(contents: Uint8Array): boolean {
  if (contents.length < 4 * sampleBytes) return false;
  const third = Math.floor(contents.length / 3);
  return [0, third, 2 * third].every((at) => {
    const sample = contents.subarray(at, at + sampleBytes);
    return deflateSync(sample, { level: 1 }).length > sampleBytes * worthwhile;
  });
}

function join(parts: readonly Part[], version: number): Uint8Array<ArrayBuffer> {
  const head = headerBytes + parts.length * partHeaderBytes;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, head + 4));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, version, true);
  view.setUint32(8, parts.length, true);
  let at = head + 4;
  parts.forEach((part, i) => {
    checkDeadlineNow('encoding a snapshot');
    const header = headerBytes + i * partHeaderBytes;
    view.setUint8(header, partKinds.indexOf(part.kind));
    view.setUint8(header + 1, part.coding);
    view.setUint32(header + 4, part.size, true);
    view.setUint32(header + 8, part.bytes.length, true);
    view.setUint32(header + 12, crc32(part.bytes), true);
    bytes.set(part.bytes, at);
    at += part.bytes.length;
  });
  view.setUint32(head, crc32(bytes.subarray(0, head)), true);
  return bytes;
}

// Reading.

/**
 * Throws SnapshotError, and unpacks no more than the options allow: of each kind of part no more than what was read of
 * those before asks for.
 */
export function decodeSnapshot(bytes: Uint8Array, options: DecodeOptions = {}): SnapshotData {
  const { base, maxBytes = defaultMaxBytes, maxMetadata = defaultMaxMetadata, maxState = defaultMaxState } = options;
  const parts = readParts(bytes, maxBytes);
  const metadata = readMetadata(unpackAll(parts, 'metadata', maxMetadata), maxMetadata);
  const { saved, base: wanted } = (metadata ?? {}) as Partial<Metadata>;
  checkFormOfLengths(saved);
  checkBase(wanted, base);
  const rows = unpackAll(parts, 'words', 4 * lengthOf(saved));
  const data = mapWords(saved, taker(rows));
  const pages = unpackAll(parts, 'pages', pageBytes * pagesNamed(data));
  if (pages.length % pageBytes !== 0) bad('its size is not one of whole pages', 'pages');
  const blocks = unpackAll(parts, 'blocks', pageBytes * blockPagesNamed(data, maxState));
  const from = wanted === null ? undefined : base;
  return { ...data, ...unsharePages({ ...data, pages }, from), ...unshareBlocks(data, blocks, from?.blocks) };
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

function readParts(bytes: Uint8Array, maxBytes: number): Part[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const head = checkHeader(bytes, view);
  const parts: Part[] = [];
  let at = head + 4;
  let left = maxBytes;
  for (let header = headerBytes; header < head; header += partHeaderBytes) {
    checkDeadlineNow('decoding a snapshot');
    const where = `part ${parts.length}`;
    const length = view.getUint32(header + 8, true);
    if (length > bytes.length - at) bad('cut short', where);
    const part = readPart(view, header, bytes.subarray(at, at + length), where);
    if (part.size > left) bad(`its parts take more than ${maxBytes} bytes`, 'snapshot');
    left -= part.size;
    at += length;
    parts.push(part);
  }
  if (at !== bytes.length) bad('something follows its last part', 'snapshot');
  return parts;
}

/** Returns where the parts' headers end. */
function checkHeader(bytes: Uint8Array, view: DataView): number {
  if (bytes.length < headerBytes + 4 || view.getUint32(0, true) !== magic) bad('not a snapshot', 'snapshot');
  const version = view.getUint32(4, true);
  if (version > formatVersion) bad(`made by a newer version of wasbox (format ${version})`, 'snapshot');
  const head = headerBytes + view.getUint32(8, true) * partHeaderBytes;
  if (head + 4 > bytes.length) bad('cut short', 'header');
  if (crc32(bytes.subarray(0, head)) !== view.getUint32(head, true)) bad('damaged: its checksum is another', 'header');
  return head;
}

function readPart(view: DataView, header: number, bytes: Uint8Array, where: string): Part {
  const kind = partKinds[view.getUint8(header)];
  const coding = view.getUint8(header + 1);
  const size = view.getUint32(header + 4, true);
  if (kind === undefined || coding > codings.deflate || view.getUint16(header + 2, true) !== 0)
    return bad('of an unknown kind', where);
  if (size === 0 || size > blockBytes) bad(`of ${size} bytes, ${blockBytes} are the most`, where);
  const fits = coding === codings.stored ? size === bytes.length : size <= bytes.length * mostExpansion;
  if (!fits) bad('of another size than it says', where);
  if (crc32(bytes) !== view.getUint32(header + 12, true)) bad('damaged: its checksum is another', where);
  return { kind, coding, size, bytes };
}

/** Joins the contents of all parts of a kind. Throws SnapshotError, before it unpacks any, for more than `most` bytes. */
function unpackAll(parts: readonly Part[], kind: PartKind, most: number): Uint8Array<ArrayBuffer> {
  const ours = parts.filter((part) => part.kind === kind);
  const size = ours.reduce((sum, part) => sum + part.size, 0);
  if (size > most) bad(`${size} bytes, and there is use for ${most} at the most`, kind);
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of ours) {
    checkDeadlineNow('decoding a snapshot');
    all.set(unpack(part), at);
    at += part.size;
  }
  return all;
}

/** One byte of room beyond the declared size shows whether there is more. */
function unpack({ kind, coding, size, bytes }: Part): Uint8Array {
  if (coding === codings.stored) return bytes;
  const contents = inflated(bytes, new Uint8Array(size + 1), kind);
  return contents.length === size ? contents : bad('of another size than it says', kind);
}

function inflated(bytes: Uint8Array, out: Uint8Array<ArrayBuffer>, where: string): Uint8Array {
  try {
    return inflateSync(bytes, { out });
  } catch (cause) {
    throw new SnapshotError('cannot be unpacked', where, { cause });
  }
}
