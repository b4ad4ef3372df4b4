// Rewritten modules in a cache that the host of wasbox provides, on a disk for instance. What comes out of it is checked:
// an entry that is damaged, or of another version of the rewriter, is as good as none.

import type { Module } from '../../runtime/module.ts';
import { sha256 } from '../../runtime/sha256.ts';
import { check } from '../../spec/options.ts';

/** Where rewritten modules are kept. Keys are letters, digits and dashes. What it throws, callers see. */
export interface CodeCache {
  /** What was put there by that key, or undefined. */
  get(key: string): Uint8Array | undefined;
  /** Keeps the bytes, or does not: a cache may forget. */
  set(key: string, bytes: Uint8Array): void;
}

/** To be raised whenever the rewriter writes other code. */
const version = 7;
const hashBytes = 32;

let cache: CodeCache | undefined;

const isCache = check(
  ({ get, set }: CodeCache) => typeof get === 'function' && typeof set === 'function',
  'undefined, or an object with the functions get and set',
);

/** From now on modules that are rewritten in this thread are looked for there, and put there. Throws UsageError. */
export function useCodeCache(chosen: CodeCache | undefined): void {
  if (chosen !== undefined) isCache(chosen, 'the cache');
  cache = chosen;
}

export interface Kept {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly offsets: Int32Array;
}

export const hasCodeCache = (): boolean => cache !== undefined;

const keyOf = (module: Module, shared: boolean) => `${module.hash}-${version}-${shared ? 'shared' : 'plain'}`;

/** What the cache has of the module. */
export function keptOf(module: Module, shared: boolean): Kept | undefined {
  const found = cache?.get(keyOf(module, shared));
  return found && unpack(found);
}

/** What the cache has of the module, or what `make` makes, which it then has. */
export function keptOr(module: Module, shared: boolean, make: () => Kept): Kept {
  const known = keptOf(module, shared);
  if (known !== undefined) return known;
  const made = make();
  cache?.set(keyOf(module, shared), pack(made));
  return made;
}

/** A checksum of the rest; how many functions there are, and where each begins; the module. */
function pack({ bytes, offsets }: Kept): Uint8Array {
  const start = hashBytes + 4 + 4 * offsets.length;
  const packed = new Uint8Array(start + bytes.length);
  const view = new DataView(packed.buffer);
  view.setInt32(hashBytes, offsets.length, true);
  offsets.forEach((offset, i) => {
    view.setInt32(hashBytes + 4 + 4 * i, offset, true);
  });
  packed.set(bytes, start);
  packed.set(sha256(packed.subarray(hashBytes)));
  return packed;
}

function unpack(packed: Uint8Array): Kept | undefined {
  if (packed.length < hashBytes + 4) return undefined;
  const sum = sha256(packed.subarray(hashBytes));
  if (!sum.every((byte, i) => packed[i] === byte)) return undefined;
  const view = new DataView(packed.buffer, packed.byteOffset);
  const length = view.getInt32(hashBytes, true);
  const offsets = Int32Array.from({ length }, (_, i) => view.getInt32(hashBytes + 4 + 4 * i, true));
  return { bytes: new Uint8Array(packed.subarray(hashBytes + 4 + 4 * length)), offsets };
}
