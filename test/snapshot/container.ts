// Containers made by hand, from the layout that src/snapshot/container/container.ts tells.

import { inflateSync } from 'fflate';
import { decompress } from 'fzstd';
import { crc32 } from '../../src/snapshot/pages/checksum.ts';

export interface Part {
  /** 0 metadata, 1 words, 2 pages. */
  kind: number;
  /** 0 stored, 1 deflate, 2 zstd. */
  coding: number;
  size: number;
  bytes: Uint8Array;
}

/** All checksums are right. */
export function container(parts: readonly Part[], version = 1): Uint8Array {
  const head = 12 + 16 * parts.length;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, head + 4));
  const view = new DataView(bytes.buffer);
  bytes.set([0, 0x77, 0x62, 0x78]);
  view.setUint32(4, version, true);
  view.setUint32(8, parts.length, true);
  let at = head + 4;
  parts.forEach((part, i) => {
    bytes.set([part.kind, part.coding], 12 + 16 * i);
    view.setUint32(12 + 16 * i + 4, part.size, true);
    view.setUint32(12 + 16 * i + 8, part.bytes.length, true);
    view.setUint32(12 + 16 * i + 12, crc32(part.bytes), true);
    bytes.set(part.bytes, at);
    at += part.bytes.length;
  });
  view.setUint32(head, crc32(bytes.subarray(0, head)), true);
  return bytes;
}

export function partsOf(bytes: Uint8Array): Part[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = view.getUint32(8, true);
  let at = 16 + 16 * count;
  return Array.from({ length: count }, (_, i) => {
    const header = 12 + 16 * i;
    const length = view.getUint32(header + 8, true);
    at += length;
    return {
      kind: bytes[header] as number,
      coding: bytes[header + 1] as number,
      size: view.getUint32(header + 4, true),
      bytes: bytes.slice(at - length, at),
    };
  });
}

export const stored = (kind: number, bytes: Uint8Array): Part => ({ kind, coding: 0, size: bytes.length, bytes });

/** In parts of the largest size that there may be. */
export function storedAll(kind: number, bytes: Uint8Array): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < bytes.length; at += 2 ** 18) parts.push(stored(kind, bytes.subarray(at, at + 2 ** 18)));
  return parts;
}

const unpackers = [(bytes: Uint8Array) => bytes, inflateSync, (bytes: Uint8Array) => decompress(bytes)];

export const unpacked = ({ kind, coding, bytes }: Part): Part =>
  stored(kind, (unpackers[coding] as (typeof unpackers)[number])(bytes));
