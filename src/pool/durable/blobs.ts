// Bytes of any length as blobs of a store, and back. This is the one place that knows how what a job has saved lies in a store.
//
// A blob begins with a byte: 0, and what follows is a piece of the bytes; 1, and its links are blobs that have the pieces, in
// order; or 2, and its links lead to the parts of a series, in order: what was saved, and each time what had changed since.
//
// What is read is hostile until it is checked: blobs may link to others many times over, so that a few of them lead to more than
// can ever be read. All but the last on each level are full, as they are written, and there is a most of everything.

import { concatBytes } from '@noble/hashes/utils.js';
import { StoreError } from '../../spec/errors.ts';
import { blobName, type NewBlob, type Store } from '../../store/index.ts';

/** Bytes of a piece: with its heads it fills 32 pages of 4 KiB, of which a database loses nothing. */
const pieceBytes = 32 * 4096 - 64;
/** Pieces below a blob. */
const fan = 4096;
/** Of a checkpoint, or whatever else is read as one: more than can be restored of it. */
const mostBytes = 2 ** 33;
/** Levels of blobs above the pieces, and blobs of the lowest of them, that so many bytes take. */
const mostLevels = 2;
const mostLists = Math.ceil(mostBytes / pieceBytes / fan);
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
  let names: string[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += pieceBytes)
    names.push(add({ bytes: tagged(kinds.piece, bytes.subarray(at, at + pieceBytes)) }));
  while (names.length > 1) {
    const above: string[] = [];
    for (let at = 0; at < names.length; at += fan)
      above.push(add({ bytes: tagged(kinds.list), links: names.slice(at, at + fan) }));
    names = above;
  }
  return { root: names[0] as string, blobs };
}

const tagged = (kind: number, ...bytes: readonly Uint8Array[]): Uint8Array =>
  concatBytes(Uint8Array.of(kind), ...bytes);

/** The blob that leads to the parts of a series, each by its root. */
export const seriesOf = (roots: readonly string[]): NewBlob => ({ bytes: tagged(kinds.series), links: roots });

/** What was saved as a series, by its parts; of what is none, the only one. Rejects with StoreError. */
export async function joinedParts(store: Store, root: string): Promise<Uint8Array[]> {
  const room = { pieces: mostPieces };
  const parts: (readonly string[])[] = [];
  for (const part of await partsOf(store, root)) parts.push(await piecesOf(store, part, room));
  return Promise.all(parts.map((pieces) => joinedPieces(store, pieces, root)));
}

async function partsOf(store: Store, root: string): Promise<readonly string[]> {
  const { bytes, links } = await store.get(root);
  if (bytes[0] !== kinds.series) return [root];
  if (links.length === 0 || links.length > mostParts) throw unlike('a series of no such length', root);
  return links;
}

/** The reverse of `split`. Rejects with StoreError. */
export async function joined(store: Store, root: string): Promise<Uint8Array> {
  return joinedPieces(store, await piecesOf(store, root, { pieces: mostPieces }), root);
}

/** How many pieces may be there yet. */
interface Room {
  pieces: number;
}
const mostPieces = Math.ceil(mostBytes / pieceBytes);

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

/** One that comes again and again is read once. */
async function joinedPieces(store: Store, names: readonly string[], root: string): Promise<Uint8Array> {
  const known = new Map<string, Uint8Array>();
  const pieces: Uint8Array[] = [];
  for (const [i, name] of names.entries()) {
    const bytes = known.get(name) ?? (await store.get(name)).bytes;
    known.set(name, bytes);
    const size = bytes.length - 1;
    if (bytes[0] !== kinds.piece || size > pieceBytes || (i < names.length - 1 && size < pieceBytes))
      throw unlike('no piece', name);
    pieces.push(bytes.subarray(1));
  }
  const all = roomFor(
    pieces.reduce((sum, { length }) => sum + length, 0),
    root,
  );
  pieces.forEach((piece, i) => {
    all.set(piece, i * pieceBytes);
  });
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
