// Bytes of any length as blobs of a store, and back. This is the one place that knows how what a job has saved lies in a store.
//
// A blob begins with a byte: 0, and what follows is a piece of the bytes; 1, and its links are blobs that have the pieces, in
// order; or 2, and its links lead to the parts of a series, in order: what was saved, and each time what had changed since.

import { concatBytes } from '@noble/hashes/utils.js';
import { StoreError } from '../../spec/errors.ts';
import { blobName, type NewBlob, type Store } from '../../store/index.ts';

/** Bytes of a piece: with its heads it fills 32 pages of 4 KiB, of which a database loses nothing. */
const pieceBytes = 32 * 4096 - 64;
/** Pieces below a blob. */
const fan = 4096;
/** Levels of blobs above the pieces: far more than there can be. */
const mostDepth = 8;
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

/** The roots of the parts of a series; of what is none, its own. Rejects with StoreError. */
export async function partsOf(store: Store, root: string): Promise<readonly string[]> {
  const { bytes, links } = await store.get(root);
  return bytes[0] === kinds.series ? links : [root];
}

/** The reverse of `split`. Rejects with StoreError. */
export async function joined(store: Store, root: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await gather(store, root, pieces, 0);
  return concatBytes(...pieces);
}

async function gather(store: Store, name: string, pieces: Uint8Array[], depth: number): Promise<void> {
  const { bytes, links } = await store.get(name);
  if (bytes[0] === kinds.piece) pieces.push(bytes.subarray(1));
  else if (bytes[0] === kinds.list && depth < mostDepth)
    for (const link of links) await gather(store, link, pieces, depth + 1);
  else throw new StoreError('what the store has kept is no part of a job', 'version', `blob ${name}`);
}
