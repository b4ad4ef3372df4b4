// The container that everything wasbox saves stands in: a header and parts. Which parts there are, how they are packed,
// and that they are whole; what is in them is container.ts's and extras.ts's.
//
// All numbers are little endian.
//   magic     4 bytes: 0x00 'w' 'b' 'x'
//   version   u32: of this layout and of the data in it, the first that had all of it (format.ts, `extrasVersion`)
//   count     u32: number of parts
//   parts     16 bytes each: u8 kind, u8 coding (0 stored, 1 deflate, 2 zstd: since
//             version 5), u16 zero; u32 size of the contents; u32 size in
//             the file; u32 CRC-32 of the bytes in the file
//   crc       u32: CRC-32 of everything before
// Then the bytes of the parts, in the same order, with nothing between or after them. Contents are cut into parts of at
// most 256 KiB, so that little has to be unpacked before a lie shows. The contents of a kind are its parts, joined.

import { SnapshotError } from '../../spec/errors.ts';
import { checkDeadlineNow } from '../../spec/patience.ts';
import { attempt } from '../../spec/told.ts';
import { bad } from '../data/form.ts';
import { formatVersion } from '../data/format.ts';
import { crc32 } from '../pages/checksum.ts';
import { codings, isCoding, isSparse, mayBe, type Packed, pack, unpack } from './packing.ts';

const magic = 0x78627700;
const headerBytes = 12;
const partHeaderBytes = 16;
const blockBytes = 2 ** 18;

/** The VM; and what may come along with it, which is stored as it is: that takes no more room than the file does. */
const extraKinds = ['modules', 'calls', 'job'] as const;
/** Of VMs that talk, as one. */
const groupKinds = ['group', 'members', 'messages'] as const;
const partKinds = ['metadata', 'words', 'pages', ...extraKinds, 'blocks', 'deltas', ...groupKinds] as const;
export type PartKind = (typeof partKinds)[number];
export type ExtraKind = (typeof extraKinds)[number];
const isExtra = (kind: PartKind): boolean => (extraKinds as readonly PartKind[]).includes(kind);

const isGroup = (kind: PartKind): boolean => (groupKinds as readonly PartKind[]).includes(kind);

/** The first version whose containers may have extras. */
const extrasVersion = 3;
const zstdVersion = 5;
const groupVersion = 6;
/** The first whose metadata may be that of a change. */
export const changeVersion = 7;
/** Of all that we read. */
export const newest = Math.max(formatVersion, extrasVersion, zstdVersion, groupVersion, changeVersion);

export interface Part extends Packed {
  readonly kind: PartKind;
  readonly size: number;
  /** CRC-32 of the bytes. */
  readonly crc: number;
  /** How errors call it. */
  readonly where: string;
}

// Writing.

/** Contents of a kind as parts, packed where that is worth it. `ends`: of the parts, no further apart than may be. */
export function partsOf(
  kind: PartKind,
  size: number,
  read: (start: number, end: number) => Uint8Array,
  ends: Iterable<number> = blockEnds(size),
): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const end of ends) {
    checkDeadlineNow('encoding a snapshot');
    parts.push(packed(kind, read(at, end)));
    at = end;
  }
  return parts;
}

function* blockEnds(size: number): Iterable<number> {
  for (let at = 0; at < size; at += blockBytes) yield Math.min(size, at + blockBytes);
}

const sampleBytes = 4096;
/** Less is not packed: that costs some tenths of a millisecond, and saves some hundreds of bytes. */
const leastPacked = 2048;
/** A part is packed if that takes less than this of it: unpacking costs more than reading a little more. */
const worthwhile = 7 / 8;

function packed(kind: PartKind, contents: Uint8Array): Part {
  const size = contents.length;
  const { coding, bytes } = size < leastPacked || isExtra(kind) ? asItIs(contents) : worthIt(contents);
  return { kind, coding, size, bytes, crc: crc32(bytes), where: kind };
}

const asItIs = (bytes: Uint8Array): Packed => ({ coding: codings.stored, bytes });

function worthIt(contents: Uint8Array): Packed {
  const sparse = isSparse(contents);
  if (!sparse && isDense(contents)) return asItIs(contents);
  const packed = pack(contents, sparse);
  return packed.bytes.length > contents.length * worthwhile ? asItIs(contents) : packed;
}

/** Judges by samples, because trying costs 30 times as much as storing. */
function isDense(contents: Uint8Array): boolean {
  if (contents.length < 4 * sampleBytes) return false;
  const third = Math.floor(contents.length / 3);
  return [0, third, 2 * third].every((at) => {
    const sample = contents.subarray(at, at + sampleBytes);
    return pack(sample).bytes.length > sampleBytes * worthwhile;
  });
}

/** The first version that knew such a part. */
const versionOf = ({ kind, coding }: Part): number => {
  if (isGroup(kind)) return groupVersion;
  return coding === codings.zstd ? zstdVersion : isExtra(kind) ? extrasVersion : 1;
};

/** `version`: of the VM's data. */
export function joinParts(parts: readonly Part[], version: number): Uint8Array<ArrayBuffer> {
  const head = headerBytes + parts.length * partHeaderBytes;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, head + 4));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(
    4,
    parts.reduce((least, part) => Math.max(least, versionOf(part)), version),
    true,
  );
  view.setUint32(8, parts.length, true);
  let at = head + 4;
  parts.forEach((part, i) => {
    checkDeadlineNow('encoding a snapshot');
    const header = headerBytes + i * partHeaderBytes;
    view.setUint8(header, partKinds.indexOf(part.kind));
    view.setUint8(header + 1, part.coding);
    view.setUint32(header + 4, part.size, true);
    view.setUint32(header + 8, part.bytes.length, true);
    view.setUint32(header + 12, part.crc, true);
    bytes.set(part.bytes, at);
    at += part.bytes.length;
  });
  view.setUint32(head, crc32(bytes.subarray(0, head)), true);
  return bytes;
}

// Reading.

/** A container's parts: what they say of themselves fits together, but nothing of them was looked into yet. */
export interface Parts {
  readonly version: number;
  readonly parts: readonly Part[];
}

export const isContainer = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0, true) === magic;

/** Throws SnapshotError, also where the VM's parts would take more than `maxBytes`. */
export function readParts(bytes: Uint8Array, maxBytes = Number.POSITIVE_INFINITY): Parts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { version, head } = checkHeader(bytes, view);
  const parts: Part[] = [];
  let at = head + 4;
  let left = maxBytes;
  for (let header = headerBytes; header < head; header += partHeaderBytes) {
    checkDeadlineNow('decoding a snapshot');
    const where = `part ${parts.length}`;
    const length = view.getUint32(header + 8, true);
    if (length > bytes.length - at) bad('cut short', where);
    const part = readPart(view, header, bytes.subarray(at, at + length), where);
    if (!isExtra(part.kind)) left -= part.size;
    if (left < 0) bad(`its parts take more than ${maxBytes} bytes`, 'snapshot');
    at += length;
    parts.push(part);
  }
  if (at !== bytes.length) bad('something follows its last part', 'snapshot');
  return { version, parts };
}

/** Returns where the parts' headers end. */
function checkHeader(bytes: Uint8Array, view: DataView): { version: number; head: number } {
  if (bytes.length < headerBytes + 4 || !isContainer(bytes)) bad('not a snapshot', 'snapshot');
  const version = view.getUint32(4, true);
  if (version > newest) bad(`made by a newer version of wasbox (format ${version})`, 'snapshot');
  const head = headerBytes + view.getUint32(8, true) * partHeaderBytes;
  if (head + 4 > bytes.length) bad('cut short', 'header');
  if (crc32(bytes.subarray(0, head)) !== view.getUint32(head, true)) bad('damaged: its checksum is another', 'header');
  return { version, head };
}

function readPart(view: DataView, header: number, bytes: Uint8Array, where: string): Part {
  const kind = partKinds[view.getUint8(header)];
  const coding = view.getUint8(header + 1);
  const size = view.getUint32(header + 4, true);
  if (kind === undefined || !isCoding(coding) || view.getUint16(header + 2, true) !== 0)
    return bad('of an unknown kind', where);
  if (size === 0 || size > blockBytes) bad(`of ${size} bytes, ${blockBytes} are the most`, where);
  if (isExtra(kind) && coding !== codings.stored) bad('packed, as its kind never is', where);
  if (!mayBe({ coding, bytes }, size)) bad('of another size than it says', where);
  return { kind, coding, size, bytes, crc: view.getUint32(header + 12, true), where };
}

/** Parts that others may have, too. */
const isShared = ({ kind, bytes }: Part): boolean =>
  (kind === 'pages' || kind === 'blocks') && bytes.length >= leastShared;
/** Less is not worth a place of its own, which a store rounds to whole pages. */
const leastShared = 8192;

/** Where a container may be cut so that what others have, too, is by itself: offsets, from the first to the last. What is none has none. */
export function seamsOf(bytes: Uint8Array): number[] {
  const seams: number[] = [];
  for (const part of attempt(() => readParts(bytes).parts, [])) {
    const start = part.bytes.byteOffset - bytes.byteOffset;
    if (isShared(part)) seams.push(start, start + part.bytes.length);
  }
  return seams;
}

/** Whether it is a group of VMs, and no VM. */
export const isOfGroup = ({ parts }: Parts): boolean => parts.some(({ kind }) => isGroup(kind));

/** The contents of a kind. Throws SnapshotError, before it unpacks any, for more than `most` bytes. */
export function contentsOf({ parts }: Parts, kind: PartKind, most: number): Uint8Array<ArrayBuffer> {
  const ours = parts.filter((part) => part.kind === kind);
  const size = ours.reduce((sum, part) => sum + part.size, 0);
  if (size > most) bad(`${size} bytes, and there is use for ${most} at the most`, kind);
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of ours) {
    checkDeadlineNow('decoding a snapshot');
    all.set(contentsOfPart(part), at);
    at += part.size;
  }
  return all;
}

function contentsOfPart({ kind, size, crc, where, ...packed }: Part): Uint8Array {
  if (crc32(packed.bytes) !== crc) bad('damaged: its checksum is another', where);
  const contents = unpacked(packed, size, kind);
  return contents.length === size ? contents : bad('of another size than it says', kind);
}

function unpacked(packed: Packed, size: number, where: string): Uint8Array {
  try {
    return unpack(packed, size);
  } catch (cause) {
    if (Object(cause).code === 'ERR_BUFFER_TOO_LARGE') bad('of another size than it says', where);
    throw new SnapshotError('cannot be unpacked', where, { cause });
  }
}

/** The VM's own parts, as they are. */
export const withoutExtras = ({ version, parts }: Parts): Parts => ({
  version,
  parts: parts.filter(({ kind }) => !isExtra(kind)),
});
