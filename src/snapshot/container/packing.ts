// How contents of a part are packed: by the host's own code where it has it, which is several times as fast as
// JavaScript, and by zstd before deflate where the host knows it, which is faster again. Whatever was packed anywhere is
// unpacked everywhere.

import { deflateSync, inflateSync } from 'fflate';
import { decompress } from 'fzstd';

export const codings = { stored: 0, deflate: 1, zstd: 2 } as const;
export type Coding = (typeof codings)[keyof typeof codings];
export const isCoding = (coding: number): coding is Coding => coding >= codings.stored && coding <= codings.zstd;

/** Of one byte, deflate makes this many at the most; zstd as many as it says. */
const mostExpansion = 1032;

/** What of Node's `node:zlib` is used; browsers have nothing like it that answers at once. */
interface HostZlib {
  readonly constants: { readonly ZSTD_c_compressionLevel?: number; readonly Z_RLE: number };
  deflateRawSync(bytes: Uint8Array, options: { level: number; strategy?: number; dictionary?: Uint8Array }): Uint8Array;
  inflateRawSync(bytes: Uint8Array, options: Room): Uint8Array;
  zstdCompressSync?(bytes: Uint8Array, options: { params: Record<number, number>; pledgedSrcSize: number }): Uint8Array;
  zstdDecompressSync?(bytes: Uint8Array, options: Room): Uint8Array;
}
/** How much is made at the most, and at once. */
interface Room {
  readonly maxOutputLength: number;
  readonly chunkSize: number;
  readonly dictionary?: Uint8Array;
}
interface HostProcess {
  getBuiltinModule?(name: string): unknown;
}
const { process: host } = globalThis as { process?: HostProcess };
const zlib = host?.getBuiltinModule?.('node:zlib') as HostZlib | undefined;

/** The lowest that looks at more than one place. */
const zlibLevel = 4;

/** What stands around each use of the host's zlib. */
type Guard = <T>(act: () => T) => T;
let guarded: Guard = (act) => act();

/** For a thread that others may end at any moment. */
export function guardPacking(guard: Guard): void {
  guarded = guard;
}

export interface Packed {
  readonly coding: Coding;
  readonly bytes: Uint8Array;
}

/** Packed as fast as can be; perhaps it is no smaller then. */
export const pack = (contents: Uint8Array, sparse = isSparse(contents)): Packed =>
  guarded(() => packed(contents, sparse));

function packed(contents: Uint8Array, sparse: boolean): Packed {
  const level = zlib?.constants.ZSTD_c_compressionLevel;
  if (zlib?.zstdCompressSync !== undefined && level !== undefined) {
    const bytes = zlib.zstdCompressSync(contents, { params: { [level]: 1 }, pledgedSrcSize: contents.length });
    if (zstdSize(bytes) === contents.length) return { coding: codings.zstd, bytes };
  }
  if (zlib === undefined) return { coding: codings.deflate, bytes: deflated(contents, 1) };
  const bytes = sparse
    ? zlib.deflateRawSync(contents, { level: zlibLevel, strategy: zlib.constants.Z_RLE })
    : deflated(contents, zlibLevel);
  return { coding: codings.deflate, bytes };
}

/**
 * Whether nearly all of it is zeros, by the first byte of each fourth word, as of changes it mostly is. Where zlib looks for
 * nothing but runs, it takes a third of the time for that, and as little room.
 */
export function isSparse(contents: Uint8Array): boolean {
  let left = contents.length / 128;
  for (let i = 0; i < contents.length; i += 16) if (contents[i] !== 0 && --left < 0) return false;
  return true;
}

/** Of what comes before the contents so much can be referred to. */
export const mostDictionary = 32_768;

/** By deflate, as small as the level says, from 1 to 9. `dictionary`: whoever unpacks it has that, too. */
export const deflate = (contents: Uint8Array, level: 1 | 4 | 5 | 9, dictionary?: Uint8Array): Uint8Array =>
  guarded(() => deflated(contents, level, dictionary));

function deflated(contents: Uint8Array, level: 1 | 4 | 5 | 9, dictionary?: Uint8Array): Uint8Array {
  const options = { level, ...(dictionary && { dictionary }) };
  return zlib?.deflateRawSync(contents, options) ?? deflateSync(contents, options);
}

/** Whether packed bytes may be of so much, as far as can be seen without unpacking them. */
export function mayBe({ coding, bytes }: Packed, size: number): boolean {
  if (coding === codings.stored) return size === bytes.length;
  return coding === codings.deflate ? size <= bytes.length * mostExpansion : size === zstdSize(bytes);
}

/** At most one byte more than `size` is made. Throws what the unpacker throws for bytes that it cannot unpack. */
export function unpack(packed: Packed, size: number, dictionary?: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = guarded(() => unpacked(packed, size, dictionary));
  // Node's buffers are no copies where they are sliced.
  return new Uint8Array(buffer, byteOffset, length);
}

function unpacked({ coding, bytes }: Packed, size: number, dictionary?: Uint8Array): Uint8Array {
  if (coding === codings.stored) return bytes;
  const beside = dictionary && { dictionary };
  const options = { maxOutputLength: size + 1, chunkSize: Math.max(64, size + 1), ...beside };
  if (coding === codings.deflate)
    return zlib?.inflateRawSync(bytes, options) ?? inflateSync(bytes, { out: new Uint8Array(size + 1), ...beside });
  return zlib?.zstdDecompressSync?.(bytes, options) ?? decompress(bytes, new Uint8Array(size));
}

const zstdMagic = 0xfd2fb528;
/** The bytes of a frame's content size, by the two bits that say so. */
const sizeBytes = [1, 2, 4, 8];

/**
 * The size that a frame of zstd says its contents have; undefined where it is none in one segment with its size and with
 * nothing else, which is all that we write. https://www.rfc-editor.org/rfc/rfc8878#name-frame-header
 */
function zstdSize(bytes: Uint8Array): number | undefined {
  if (bytes.length < 9) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const descriptor = view.getUint8(4);
  if (view.getUint32(0, true) !== zstdMagic || (descriptor & 0x3f) !== 0x20) return undefined;
  const length = sizeBytes[descriptor >> 6];
  if (length === 1) return view.getUint8(5);
  return length === 2 ? view.getUint16(5, true) + 256 : length === 4 ? view.getUint32(5, true) : undefined;
}
