// A base as bytes, so that it need not be made: what QuickJS is when it is booted, and its code as the rewriter writes it.
// Its code is not looked into again, so an image is code: whoever gives one is trusted as the package is. That it is whole,
// and fits, is found out.
//
//   magic     4 bytes: 'w' 'b' 'q' and a number that counts up whenever this layout changes, or what makeBase makes
//   sum       32 bytes: SHA-256 of all that follows
//   recipe    32 bytes: SHA-256 of what it was made of besides the module, and with which version of what
//   sizes     u32 ×5: bytes of the head, of the snapshot and of each sample, and of the code once it is unpacked; little endian
//   head      JSON: SHA-256 of the module, codes of the instructions that it has, and numbers of the base
//   snapshot  as snapshot/container tells
//   samples   two programs at rest (sample.ts), likewise, whose base is the snapshot
//   code      as rewrite/module/code-cache.ts tells, for plain memories, packed by deflate

import { concatBytes } from '@noble/hashes/utils.js';
import { bringAlong, type Kept, readKept, rewriterVersion, writeKept } from '../../rewrite/module/code-cache.ts';
import { codeName, rewriteBytes } from '../../rewrite/module/module.ts';
import { sha256 } from '../../runtime/beneath/sha256.ts';
import { Module } from '../../runtime/module/module.ts';
import { codings, deflate, unpack } from '../../snapshot/container/packing.ts';
import { formatVersion, type SnapshotData } from '../../snapshot/data/format.ts';
import { putPages } from '../../snapshot/pages/memories.ts';
import { PageReader } from '../../snapshot/pages/rows.ts';
import { Snapshot } from '../../snapshot/snapshot.ts';
import { codesOf } from '../../validate/module.ts';
import { believe } from '../../vm/rest.ts';
import { type Base, hashOfBase, makeBase, recipe } from './base.ts';
import { bringSamples, sampleSources, samplesOf } from './sample.ts';

const magic = Uint8Array.of(0x77, 0x62, 0x71, 3);
const sumBytes = 32;
const recipeAt = magic.length + sumBytes;
const sizesAt = recipeAt + sumBytes;
const headAt = sizesAt + 4 * (3 + sampleSources.length);

const wasmPageBytes = 65_536;
const utf8 = new TextEncoder();

interface Head extends Pick<Base, 'entries' | 'seedAt' | 'scratch' | 'fuel'> {
  readonly module: string;
  readonly codes: readonly number[];
}

const recipeSum = (): Uint8Array =>
  sha256(utf8.encode(JSON.stringify([rewriterVersion, formatVersion, recipe(), sampleSources])));

/** Makes a base of the bytes of QuickJS, and writes it down. Throws as `makeBase` does. */
export function makeImage(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const module = Module.from(bytes);
  const kept = rewriteBytes(module, false, codeName(module, false));
  bringAlong(module, () => kept);
  return writeImage(makeBase(module, 'auto'), kept);
}

export function writeImage(base: Base, kept: Kept): Uint8Array<ArrayBuffer> {
  const { module, snapshot, entries, seedAt, scratch, fuel } = base;
  const head: Head = { module: module.hash, codes: codesOf(module.context), entries, seedAt, scratch, fuel };
  const samples = samplesOf(base).map((sample) => sample.encode({ base: snapshot, modules: [] }));
  const parts = [utf8.encode(JSON.stringify(head)), snapshot.encode(), ...samples];
  const code = writeKept(kept);
  const sizes = new DataView(new ArrayBuffer(headAt - sizesAt));
  [...parts, code].forEach(({ length: size }, i) => {
    sizes.setUint32(4 * i, size, true);
  });
  const rest = concatBytes(recipeSum(), new Uint8Array(sizes.buffer), ...parts, deflate(code, 9));
  return concatBytes(magic, sha256(rest), rest);
}

/** The base that the bytes of QuickJS have in an image. Undefined for one that is damaged, or of another QuickJS or version. */
export function baseIn(image: Uint8Array, bytes: Uint8Array): Base | undefined {
  if (image.length < headAt || !isAt(image, 0, magic)) return undefined;
  if (!isAt(image, magic.length, sha256(image.subarray(recipeAt))) || !isAt(image, recipeAt, recipeSum()))
    return undefined;
  const sizes = new DataView(image.buffer, image.byteOffset + sizesAt);
  let at = headAt;
  const parts = Array.from({ length: 2 + sampleSources.length }, (_, i) => {
    const from = at;
    at += sizes.getUint32(4 * i, true);
    return image.subarray(from, at);
  });
  const [head, saved, ...samples] = parts as [Uint8Array, Uint8Array, ...Uint8Array[]];
  const codeSize = sizes.getUint32(4 * parts.length, true);
  const { module: hash, codes, ...rest } = JSON.parse(utf8Text(head)) as Head;
  const module = Module.known(bytes, hash, codes);
  if (module === undefined) return undefined;
  const code = image.subarray(at);
  bringAlong(module, () => readKept(unpack({ coding: codings.deflate, bytes: code }, codeSize)));
  const snapshot = Snapshot.decode(saved);
  // A machine goes back to it, perhaps before any was restored from it.
  believe(snapshot.data);
  const memory = memoryOf(snapshot.data);
  const base = { ...rest, module, snapshot, image: memory, hash: hashOfBase(module, memory) };
  bringSamples(base, () => samples.map((sample) => Snapshot.decode(sample, { base: snapshot })));
  return base;
}

const isAt = (bytes: Uint8Array, at: number, expected: Uint8Array): boolean =>
  expected.every((byte, i) => bytes[at + i] === byte);

const utf8Text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** The bytes of the one memory. */
function memoryOf(data: SnapshotData): Uint8Array {
  const [memory] = data.memories;
  if (memory === undefined) return new Uint8Array(0);
  const bytes = new Uint8Array(memory.size * wasmPageBytes);
  putPages(memory, new PageReader(data), { bytes }, true);
  return bytes;
}
