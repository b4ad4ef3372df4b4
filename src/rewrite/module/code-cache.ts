// Rewritten modules in a cache that the host of wasbox provides, on a disk for instance, or that came along with a module
// of ours; and which modules were validated. What comes out of a cache is checked: an entry that is damaged, or of another
// version of the rewriter or validator, is as good as none.

import { concatBytes } from '@noble/hashes/utils.js';
import { hashOf, sha256 } from '../../runtime/beneath/sha256.ts';
import { Module } from '../../runtime/module/module.ts';
import { check } from '../../spec/options.ts';
import { validatorVersion } from '../../validate/module.ts';
import { hasMultipleMemories } from '../read/support.ts';

/** Where rewritten modules are kept. Keys are letters, digits and dashes. What it throws, callers see. */
export interface CodeCache {
  /** What was put there by that key, or undefined. */
  get(key: string): Uint8Array | undefined;
  /** Keeps the bytes, or does not: a cache may forget. */
  set(key: string, bytes: Uint8Array): void;
}

/** To be raised whenever the rewriter writes other code, also where only what code charges has changed. */
export const rewriterVersion = 15;
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

/** For plain memories: what came along with modules, and nobody has asked for yet. */
const along = new WeakMap<Module, () => Kept>();

/** A module comes with what this version of the rewriter has made of it, for plain memories: `read` is called when that is needed. */
export function bringAlong(module: Module, read: () => Kept): void {
  along.set(module, read);
}

/** Whether there may be something for `keptOf` to find. */
export const mayBeKept = (module: Module): boolean => cache !== undefined || along.has(module);

/** What hosts get that know several memories, and those that do not: code with objects differs where there is one already. */
const formNumber = (): number => 2 * rewriterVersion + (hasMultipleMemories() ? 1 : 0);
const codeKey = (hash: string, shared: boolean) => `${hash}-${formNumber()}-${shared ? 'shared' : 'plain'}`;
const validKey = (hash: string) => `${hash}-${validatorVersion}-valid`;
const keyOf = (module: Module, shared: boolean) => codeKey(module.hash, shared);

/** By which keys a cache may have something of the module of that hash. */
export const codeKeys = (hash: string): readonly string[] => [
  codeKey(hash, false),
  codeKey(hash, true),
  validKey(hash),
];

/** What came along with the module, which is told once, or what the cache has of it. */
export function keptOf(module: Module, shared: boolean): Kept | undefined {
  const read = shared ? undefined : along.get(module);
  if (read !== undefined) {
    along.delete(module);
    return read();
  }
  const found = opened(keyOf(module, shared));
  return found && readKept(found);
}

/** What the cache has of the module, or what `make` makes, which it then has. */
export function keptOr(module: Module, shared: boolean, make: () => Kept): Kept {
  const known = keptOf(module, shared);
  if (known !== undefined) return known;
  const made = make();
  if (cache !== undefined) put(keyOf(module, shared), writeKept(made));
  return made;
}

/** Smaller ones are validated about as soon as read. */
const fewBytes = 4096;

/**
 * `Module.from`, for whoever is as sure of the cache as of these files: bytes that it knows to be valid are not validated again.
 * `hash`: theirs, where it is known.
 */
export function moduleFrom(bytes: Uint8Array, hash?: string): Module {
  if (cache === undefined || bytes.length < fewBytes) return Module.from(bytes);
  const name = hash ?? hashOf(bytes);
  const key = validKey(name);
  const codes = opened(key);
  const known = codes && Module.known(bytes, name, readNumbers(codes));
  if (known !== undefined) return known;
  const made = Module.from(bytes);
  put(key, writeNumbers(made.codes));
  return made;
}

function writeNumbers(numbers: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * numbers.length));
  numbers.forEach((number, i) => {
    view.setInt32(4 * i, number, true);
  });
  return new Uint8Array(view.buffer);
}

function readNumbers(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getInt32(4 * i, true));
}

/** Behind a checksum, also of what it is kept by. */
function put(key: string, rest: Uint8Array): void {
  cache?.set(key, concatBytes(checksum(key, rest), rest));
}

function opened(key: string): Uint8Array | undefined {
  const packed = cache?.get(key);
  if (packed === undefined || packed.length < hashBytes) return undefined;
  const rest = packed.subarray(hashBytes);
  return checksum(key, rest).every((byte, i) => packed[i] === byte) ? rest : undefined;
}

const checksum = (key: string, rest: Uint8Array): Uint8Array =>
  sha256(concatBytes(sha256(rest), new TextEncoder().encode(key)));

/** How many functions there are, and where each begins; the module. */
export function writeKept({ bytes, offsets }: Kept): Uint8Array {
  const start = 4 + 4 * offsets.length;
  const written = new Uint8Array(start + bytes.length);
  const view = new DataView(written.buffer);
  view.setInt32(0, offsets.length, true);
  offsets.forEach((offset, i) => {
    view.setInt32(4 + 4 * i, offset, true);
  });
  written.set(bytes, start);
  return written;
}

/** The bytes are a copy. */
export function readKept(written: Uint8Array): Kept {
  const view = new DataView(written.buffer, written.byteOffset);
  const length = view.getInt32(0, true);
  const offsets = Int32Array.from({ length }, (_, i) => view.getInt32(4 + 4 * i, true));
  return { bytes: new Uint8Array(written.subarray(4 + 4 * length)), offsets };
}
