// How blobs and heads are written down, for implementations that keep bytes; the writer and the reader of each stand side by
// side. A blob is called by the SHA-256 of its form, so that nobody can change it or its links unseen. What is read back is
// hostile until it is checked: a disk may have changed it.
//
//   blob   u32 the number of links; 32 bytes of each link; its bytes
//   head   u64 a checksum of its name and all that follows; f64 its version; u32 the number of links; 32 bytes of each; its
//          data
//
// All numbers are little endian.

import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { hashOf } from '../runtime/beneath/sha256.ts';
import { StoreError } from '../spec/errors.ts';
import { quoted } from '../spec/told.ts';
import type { Head, HeadState, KeptBlob, NewBlob } from './types.ts';

const linkBytes = 32;
const sumBytes = 8;
const headBytes = sumBytes + 8;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** Writes links and what follows from `at` on. */
function join(at: number, links: readonly string[], rest: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(at + 4 + linkBytes * links.length + rest.length);
  viewOf(all).setUint32(at, links.length, true);
  links.forEach((link, i) => {
    all.set(hexToBytes(link), at + 4 + linkBytes * i);
  });
  all.set(rest, all.length - rest.length);
  return all;
}

/** The reverse; undefined where the bytes end before the links do. */
function split(all: Uint8Array, at: number, view = viewOf(all)): { links(): string[]; rest: Uint8Array } | undefined {
  if (all.length < at + 4) return undefined;
  const first = at + 4;
  const end = first + linkBytes * view.getUint32(at, true);
  if (end > all.length) return undefined;
  return { links: () => namesIn(all, first, end), rest: all.subarray(end) };
}

function namesIn(all: Uint8Array, first: number, end: number): string[] {
  const names: string[] = [];
  for (let from = first; from < end; from += linkBytes) names.push(bytesToHex(all.subarray(from, from + linkBytes)));
  return names;
}

/** A blob's form and its name. */
export interface WrittenBlob {
  readonly name: string;
  readonly form: Uint8Array<ArrayBuffer>;
}

export function writeBlob({ bytes, links = [] }: NewBlob): WrittenBlob {
  const form = join(0, links, bytes);
  return { name: hashOf(form), form };
}

/** What a blob is called: the SHA-256 of its links and bytes, in hexadecimal. */
export const blobName = (blob: NewBlob): string => writeBlob(blob).name;

/** Throws StoreError where the form is not that of the name. */
export function readBlob(name: string, form: Uint8Array): KeptBlob {
  const parts = hashOf(form) === name ? split(form, 0) : undefined;
  if (parts === undefined) throw damaged('the bytes are not those of the name', whereBlob(name));
  return { bytes: parts.rest, links: parts.links() };
}

/** Of a form that nobody has checked; none where it is too short. */
export const linksOf = (form: Uint8Array): readonly string[] => split(form, 0)?.links() ?? [];

export function writeHead(name: string, version: number, { links = [], data = nothing }: HeadState): Uint8Array {
  const form = join(headBytes, links, data);
  viewOf(form).setFloat64(sumBytes, version, true);
  viewOf(form).setBigUint64(0, sumOf(name, form), true);
  return form;
}
const nothing = new Uint8Array(0);

/** Throws StoreError where the checksum is wrong. Its links are read when they are asked for: most who list heads do not. */
export function readHead(name: string, form: Uint8Array): Head {
  const view = viewOf(form);
  const isWhole = form.length >= headBytes && isSum(name, form, view);
  const parts = isWhole ? split(form, headBytes, view) : undefined;
  if (parts === undefined) throw damaged('its checksum is wrong', whereHead(name));
  let links: readonly string[] | undefined;
  return {
    name,
    version: view.getFloat64(sumBytes, true),
    get links() {
      links ??= parts.links();
      return links;
    },
    data: parts.rest,
  };
}

function isSum(name: string, form: Uint8Array, view: DataView): boolean {
  const [low, high] = lanes(name, form);
  return view.getUint32(0, true) === low && view.getUint32(4, true) === high;
}

function sumOf(name: string, form: Uint8Array): bigint {
  const [low, high] = lanes(name, form);
  return (BigInt(high) << 32n) | BigInt(low);
}

/**
 * Against accidents of any kind, and fast, so that heads can be listed by the hundred thousand. Two lanes: in each, what
 * differs in one place differs in the end. Both loops mix alike: a function for it would have both lanes in memory.
 */
function lanes(name: string, form: Uint8Array): [number, number] {
  let a = 0x811c9dc5;
  let b = 0x2545f491;
  for (let i = 0; i <= name.length; i++) {
    const x = i < name.length ? name.charCodeAt(i) : 0x10000;
    a = Math.imul(a ^ x, 0x01000193);
    b = Math.imul(b ^ x, 0x9e3779b1);
    b = (b << 13) | (b >>> 19);
  }
  for (let i = sumBytes; i < form.length; i++) {
    const x = form[i] as number;
    a = Math.imul(a ^ x, 0x01000193);
    b = Math.imul(b ^ x, 0x9e3779b1);
    b = (b << 13) | (b >>> 19);
  }
  return [a >>> 0, b >>> 0];
}

/** Of what the form says of itself. */
export const versionIn = (form: Uint8Array): number => viewOf(form).getFloat64(sumBytes, true);
/** As a number that can be added up. */
export const checksumIn = (form: Uint8Array): bigint => viewOf(form).getBigUint64(0, true);

export const whereHead = (name: string): string => `head ${quoted(name)}`;
export const whereBlob = (name: string): string => `blob ${name}`;

export const damaged = (why: string, where: string, cause?: unknown): StoreError =>
  new StoreError(`what the store has kept is damaged: ${why}`, 'damaged', where, cause === undefined ? {} : { cause });
export const missing = (name: string, wantedBy: string): StoreError =>
  new StoreError(`${wantedBy} a blob that is not there`, 'missing', whereBlob(name));
export const conflict = (name: string, expected: number, version: number): StoreError =>
  new StoreError(
    `the head is not what the change expects: ${toldVersion(version)}, not ${toldVersion(expected)}`,
    'conflict',
    whereHead(name),
  );
const toldVersion = (version: number): string => (version === 0 ? 'not there' : `version ${version}`);
