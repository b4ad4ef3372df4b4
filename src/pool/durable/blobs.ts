// Bytes of any length as blobs of a store, and back. This is the one place that knows how what a job has saved lies in a store.
//
// A blob begins with a byte: 0, and what follows is a piece of the bytes; 1, and its links are blobs that have the pieces, in
// order; or 2, and its links lead to the parts of a series, in order: what was saved, and each time what had changed since.
// Pages that jobs have in common are pieces of their own, so that they are there once.
//
// What is read is hostile until it is checked: blobs may link to others many times over, so that a few of them lead to more than
// can ever be read. All lists but the last on each level are full, as they are written, and there is a most of everything.

import { concatBytes } from '@noble/hashes/utils.js';
import { seamsOf } from '../../snapshot/container/parts.ts';
import { StoreError } from '../../spec/errors.ts';
import { blobName, type NewBlob, type Store } from '../../store/index.ts';

/** The most bytes of a piece: with its heads they fill 32 pages of 4 KiB, of which a database loses nothing. */
const pieceBytes = 32 * 4096 - 64;
/** Pieces below a blob. */
const fan = 4096;
/** Of a checkpoint, or whatever else is read as one: more than can be restored of it. */
const mostBytes = 2 ** 33;
/** Pieces that so many bytes have, cut at all the seams that there are (snapshot/pages/groups.ts); levels of blobs above them. */
const mostPieces = 2 ** 20;
const mostLevels = 2;
const mostLists = mostPieces / fan;
/** Parts of a series: several times as many as are made (told/series.ts). */
const mostParts = 64;
const kinds = { piece: 0, list: 1, series: 2 } as const;

/** Blobs that have bytes, and the one that leads to them. */
export interface Split {
  readonly root: string;
  readonly blobs: readonly NewBlob[];
}

export function split(bytes: Uint8Array): Split {
  const blobs: NewBlob[] = [];
  const add = (blob: NewBlob): string => {
    blobs.push(blob);
    return blobName(blob);
  };
  let names = piecesIn(bytes).map((piece) => add({ bytes: tagged(kinds.piece, piece) }));
  while (names.length > 1) {
    const above: string[] = [];
    for (let at = 0; at < names.length; at += fan)
      above.push(add({ bytes: tagged(kinds.list), links: names.slice(at, at + fan) }));
    names = above;
  }
  return { root: names[0] as string, blobs };
}

/** One at the least. */
function piecesIn(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const seam of [...seamsOf(bytes), bytes.length])
    while (at < seam) {
      const end = Math.min(seam, at + pieceBytes);
      pieces.push(bytes.subarray(at, end));
      at = end;
    }
  return pieces.length > 0 ? pieces : [bytes];
}

const tagged = (kind: number, ...bytes: readonly Uint8Array[]): Uint8Array =>
  concatBytes(Uint8Array.of(kind), ...bytes);

/** The blob that leads to the parts of a series, each by its root. */
export const seriesOf = (roots: readonly string[]): NewBlob => ({ bytes: tagged(kinds.series), links: roots });

/** What was saved as a series, by its parts; of what is none, the only one. Rejects with StoreError. */
export async function joinedParts(store: Store, root: string): Promise<Uint8Array[]> {
  const room = roomy();
  const parts: (readonly string[])[] = [];
  for (const part of await partsOf(store, root)) parts.push(await piecesOf(store, part, room));
  const read = await Promise.all(parts.map((names) => readPieces(store, names, room)));
  return read.map((pieces) => joinPieces(pieces, root));
}

async function partsOf(store: Store, root: string): Promise<readonly string[]> {
  const { bytes, links } = await store.get(root);
  if (bytes[0] !== kinds.series) return [root];
  if (links.length === 0 || links.length > mostParts) throw unlike('a series of no such length', root);
  return links;
}

/** The reverse of `split`. Rejects with StoreError. */
export async function joined(store: Store, root: string): Promise<Uint8Array> {
  const room = roomy();
  return joinPieces(await readPieces(store, await piecesOf(store, root, room), room), root);
}

/** How many pieces may be there yet, and bytes in them. */
interface Room {
  pieces: number;
  bytes: number;
}
const roomy = (): Room => ({ pieces: mostPieces, bytes: mostBytes });

/** The names of all pieces below a root, none of which is read. */
async function piecesOf(store: Store, root: string, room: Room): Promise<readonly string[]> {
  let names: readonly string[] = [root];
  for (let level = 0; ; level++) {
    const { bytes } = await store.get(names[0] as string);
    if (bytes[0] === kinds.piece) break;
    if (bytes[0] !== kinds.list && bytes[0] !== kinds.series)
      throw new StoreError('what the store has kept is no part of a job', 'version', `blob ${names[0]}`);
    if (level === mostLevels || names.length > mostLists) throw unlike('more than can have been saved', root);
    names = await below(store, names);
  }
  room.pieces -= names.length;
  if (room.pieces < 0) throw unlike('more than can have been saved', root);
  return names;
}

/** What a level of lists leads to. */
async function below(store: Store, lists: readonly string[]): Promise<readonly string[]> {
  const all: string[] = [];
  for (const [i, name] of lists.entries()) {
    const { bytes, links } = await store.get(name);
    const isWhole = i < lists.length - 1 ? links.length === fan : links.length > 0 && links.length <= fan;
    if (bytes[0] !== kinds.list || !isWhole) throw unlike('no list of pieces', name);
    all.push(...links);
  }
  return all;
}

/** So many are asked for at once. */
const atOnce = 32;

/** One that comes again and again is read once. */
async function readPieces(store: Store, names: readonly string[], room: Room): Promise<readonly Uint8Array[]> {
  const known = new Map<string, Uint8Array>();
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < names.length; at += atOnce) {
    const next = names.slice(at, at + atOnce);
    const missing = [...new Set(next)].filter((name) => !known.has(name));
    for (const [name, piece] of await Promise.all(missing.map((name) => readPiece(store, name))))
      known.set(name, piece);
    for (const name of next) {
      const piece = known.get(name) as Uint8Array;
      if (piece.length === 0 && names.length > 1) throw unlike('a piece of nothing', name);
      room.bytes -= piece.length;
      if (room.bytes < 0) throw unlike('more than can have been saved', name);
      pieces.push(piece);
    }
  }
  return pieces;
}

async function readPiece(store: Store, name: string): Promise<readonly [string, Uint8Array]> {
  const { bytes } = await store.get(name);
  if (bytes[0] !== kinds.piece || bytes.length - 1 > pieceBytes) throw unlike('no piece', name);
  return [name, bytes.subarray(1)];
}

function joinPieces(pieces: readonly Uint8Array[], root: string): Uint8Array {
  const all = roomFor(
    pieces.reduce((sum, { length }) => sum + length, 0),
    root,
  );
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function roomFor(bytes: number, root: string): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new StoreError(`what the store has kept is ${bytes} bytes, and there is no room`, 'io', `blob ${root}`, {
      cause,
    });
  }
}

const unlike = (what: string, name: string): StoreError =>
  new StoreError(`what the store has kept is damaged: it is ${what}`, 'damaged', `blob ${name}`);
