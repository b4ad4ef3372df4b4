// Snapshots as bytes. Equal data gives equal bytes. Reading them checks that the parts are whole and of the sizes that
// they declare; what they say is for verify.ts. The container is told in parts.ts, what may come along in extras.ts. The
// parts of the VM are:
//   metadata  text (metadata.ts) of { saved, base }: format.ts's data with its rows of words given by their lengths,
//             `pages` empty; and the fingerprint of the base snapshot, or null. With a base also, since version 7, plain
//             JSON of what is another than in the base (beside.ts)
//   words     all rows of words, in the order of mapWords; with a base as word-deltas.ts says, in a change only some
//   pages     the different pages of all memories
//   deltas    pages of memories that are much as the base has them, combined with those by exclusive or
//   blocks    the different pages of the blocks of bytes that host modules keep

import { cut } from '../../spec/told.ts';
import { bad, checkFormOfLengths } from '../data/form.ts';
import { formatVersion, mapWords, pageBytes, type Saved, type SavedMemory, type SnapshotData } from '../data/format.ts';
import { blockPagesNamed, shareBlocks, unshareBlocks } from '../pages/blocks.ts';
import { groupEnds } from '../pages/groups.ts';
import { type Memories, PageReader } from '../pages/rows.ts';
import {
  fingerprint,
  fingerprintByRuns,
  olderFingerprint,
  pagesNamed,
  sharePages,
  unsharePages,
} from '../pages/share.ts';
import { besideWords, changedRows, fingerprintOfWords, wholeRows } from '../pages/word-deltas.ts';
import { type Change, canBeChange, fingerprintOfFields, isChange, wholeOf, writeChange } from './beside.ts';
import { type Extras, extraParts, extrasOf, noExtras } from './extras.ts';
import { checkKept, readMetadata, writeMetadata } from './metadata.ts';
import { isOlder, readOlder } from './older.ts';
import { changeVersion, contentsOf, isOfGroup, joinParts, type Parts, partsOf, readParts } from './parts.ts';

export interface DecodeOptions {
  /** The snapshot that was given as base when this one was encoded. */
  readonly base?: SnapshotData | undefined;
  /** The most bytes that the VM's parts may take when they are unpacked. */
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

/** Throws SnapshotError where a value of the host cannot be written. */
export function encodeSnapshot(
  data: SnapshotData,
  base?: SnapshotData,
  extras: Extras = noExtras,
): Uint8Array<ArrayBuffer> {
  data.externs.forEach((value, i) => {
    checkKept(value, `extern ${i}`);
  });
  for (const { name, data: kept } of data.states ?? []) checkKept(kept, `state of ${cut(name)}`);
  const shared = sharePages(data, base);
  const memories = data.memories.map(({ size }, i) => ({ size, runs: shared.runs[i] }) as SavedMemory<Int32Array>);
  const blocks = shareBlocks(data.blocks ?? [], base?.blocks);
  const states = data.states && { blocks: [], blockRuns: blocks.blockRuns };
  const { more: _, ...rest } = data;
  const rows: Int32Array[] = [];
  const saved = mapWords({ ...rest, ...states, memories, pages: noBytes }, (row) => {
    rows.push(row);
    return row.length;
  });
  const { metadata, words, version } = written(data, saved, memories, rows, base);
  const parts = [
    ...partsOf('metadata', metadata.length, (start, end) => metadata.subarray(start, end)),
    ...partsOf('words', sizeOf(words), reader(words)),
    ...partsOf(
      'pages',
      shared.different.length * pageBytes,
      (start, end) => pagesAt(data, shared.different.slice(start / pageBytes, end / pageBytes)),
      groupEnds(shared.hashes),
    ),
    ...partsOf('deltas', shared.deltas.length * pageBytes, (start, end) =>
      joinPages(shared.deltas.slice(start / pageBytes, end / pageBytes)),
    ),
    ...partsOf('blocks', blocks.pages.length * pageBytes, (start, end) =>
      joinPages(blocks.pages.slice(start / pageBytes, end / pageBytes)),
    ),
    ...extraParts(extras),
  ];
  return joinParts(parts, version);
}

interface Written {
  readonly metadata: Uint8Array;
  readonly words: readonly Int32Array[];
  readonly version: number;
}

/** What is neither pages nor blocks. */
function written(
  data: SnapshotData,
  saved: Saved<number>,
  memories: readonly SavedMemory<Int32Array>[],
  rows: readonly Int32Array[],
  base: SnapshotData | undefined,
): Written {
  if (base === undefined) return { metadata: writeMetadata({ saved, base: null }), words: rows, version: data.version };
  if (!canBeChange(data, base)) {
    const metadata = writeMetadata({ saved, base: fingerprintOfAll(base) });
    return { metadata, words: rows.map(besideWords(base)), version: formatVersion };
  }
  const changed = changedRows(rows, base);
  const metadata = writeChange(data, memories, changed.at, base, fingerprintOfChange(base));
  return { metadata, words: changed.rows, version: changeVersion };
}

const noBytes = new Uint8Array(0);

/** Of a base: what tells its memories from others, and its words. */
const fingerprintOfAll = (base: SnapshotData): string => `${fingerprint(base)}-${fingerprintOfWords(base)}`;

/** The same with its fields, of the base of a change. */
const fingerprintOfChange = (base: SnapshotData): string =>
  `${fingerprintByRuns(base)}-${fingerprintOfWords(base)}-${fingerprintOfFields(base)}`;

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

function pagesAt(data: Memories, numbers: readonly number[]): Uint8Array {
  const reader = new PageReader(data);
  return joinPages(numbers.map((number) => reader.bytes(number)));
}

function joinPages(pages: readonly Uint8Array[]): Uint8Array {
  const block = new Uint8Array(pages.length * pageBytes);
  pages.forEach((page, i) => {
    block.set(page, i * pageBytes);
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

function readData(parts: Parts, options: DecodeOptions): SnapshotData {
  if (isOfGroup(parts)) bad('is of a group, which Group.restore takes, and of no VM', 'snapshot');
  const { base, maxMetadata = defaultMaxMetadata, maxState = defaultMaxState } = options;
  const metadata = readMetadata(contentsOf(parts, 'metadata', maxMetadata), maxMetadata);
  const change = isChange(metadata) ? metadata : undefined;
  const { saved, base: wanted } =
    change === undefined ? ((metadata ?? {}) as Partial<Metadata>) : ofChange(change, base);
  checkFormOfLengths(saved);
  if (change === undefined) checkBase(wanted, base);
  const take = taker(contentsOf(parts, 'words', 4 * lengthOf(saved)));
  const from = wanted === null ? undefined : base;
  const { more: _, ...data } = mapWords(saved, readerOfRows(take, change, wanted, from));
  const named = pagesNamed(data);
  const pages = contentsOf(parts, 'pages', pageBytes * named.pages);
  const deltas = contentsOf(parts, 'deltas', pageBytes * named.deltas);
  if ((pages.length | deltas.length) % pageBytes !== 0) bad('its size is not one of whole pages', 'pages');
  const blocks = contentsOf(parts, 'blocks', pageBytes * blockPagesNamed(data, maxState));
  const memories = unsharePages({ memories: data.memories, pages, deltas }, from);
  return { ...data, ...memories, ...unshareBlocks(data, blocks, from?.blocks) };
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

/** Gives the rows one after the other, by their lengths. */
function readerOfRows(
  take: (length: number) => Int32Array,
  change: Change | undefined,
  wanted: unknown,
  from: SnapshotData | undefined,
): (length: number) => Int32Array {
  if (from === undefined || isOldFingerprint(wanted)) return take;
  if (change !== undefined) return wholeRows(change.rows, from, take);
  const beside = besideWords(from);
  return (length) => beside(take(length));
}

/** What a change makes of its base. */
function ofChange(change: Change, base: SnapshotData | undefined): Metadata {
  if (base === undefined) return noBase();
  checkFingerprint(change.base, fingerprintOfChange(base));
  return { saved: wholeOf(change, base), base: change.base };
}

function checkBase(wanted: unknown, base: SnapshotData | undefined): void {
  if (wanted === null) return;
  if (typeof wanted !== 'string') bad('a base that is none', 'metadata');
  if (base === undefined) return noBase();
  checkFingerprint(wanted, isOldFingerprint(wanted) ? olderFingerprint(base) : fingerprintOfAll(base));
}

const noBase = () => bad('holds changes only: the base snapshot is needed', 'snapshot');

function checkFingerprint(wanted: unknown, actual: string): void {
  if (actual !== wanted) bad('the base snapshot is another one', 'snapshot');
}

/** Before version 5 it was of memories only, and the words stood as they were. */
const isOldFingerprint = (wanted: unknown): boolean => typeof wanted === 'string' && !wanted.includes('-');

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
