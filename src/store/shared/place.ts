// A place for large blobs beside a database: it has their bytes, while the database has their names. It can be another store
// (held.ts), or whatever can do these few acts.
//
// Bytes are put under a place of their own, `large/EPOCH/ID`, which is made once and never used again. They are there before the
// database has the name with that place, and go after the name went: so where there is a name, there are bytes. Those that were
// put, and whose name never came, are of an epoch: once two more have begun, the database takes no name with that place any more,
// and a collection removes them.

import { randomUUID } from 'node:crypto';
import { type PlannedBlob, stepBytes } from './plan.ts';

/** Bytes of a blob without links. */
export interface LargeBlob {
  readonly name: string;
  readonly place: string;
  readonly bytes: Uint8Array;
}

/**
 * What has the bytes. No two of `put` ever name the same place, but one whose answer was lost may come again, or late. Acts reject
 * with StoreError.
 */
export interface LargeStore {
  /** Resolves once all of them are durable, and all that look see them. At most 4 MiB and a blob. */
  put(blobs: readonly LargeBlob[]): Promise<void>;
  /** The bytes of that blob, checked against its name; undefined where they are not there. */
  get(place: string, name: string): Promise<Uint8Array | undefined>;
  /** At most `pageOfPlaces`. Those that are not there are no matter: others may be removing the same. */
  remove(places: readonly string[]): Promise<void>;
  /** All places before that one, by the page of at most `pageOfPlaces`; some may be removed meanwhile. */
  before(end: string): AsyncIterable<readonly string[]>;
  /** After many were removed. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

/** Where large blobs go. */
export interface LargePlace {
  readonly store: LargeStore;
  /** Blobs of so many bytes and more that have no links go there. */
  readonly from: number;
}

/** What all places begin with. */
export const placePrefix = 'large/';
/** No more of them are asked about, or removed, at once. */
export const pageOfPlaces = 500;
/** Places of an epoch stand together, in order. */
const digits = 16;
const placesOf = (epoch: number): string => `${placePrefix}${String(epoch).padStart(digits, '0')}/`;
/** Of a place; so that databases can compare it. */
export const epochIn = (place: string): number => Number(place.slice(placePrefix.length, placePrefix.length + digits));
export const mostPlace = 200;
/** In front of a blob's bytes in its form, where it has no links. */
export const noLinks = new Uint8Array(4);
/** Epochs that a place may be old when its name comes. */
export const epochsOfGrace = 1;

export class Places {
  constructor(private readonly large: LargePlace) {}

  isLarge({ links, form }: PlannedBlob): boolean {
    return links.length === 0 && form.length - noLinks.length >= this.large.from;
  }

  /** Puts their bytes; where each is, by its name. */
  async put(blobs: readonly PlannedBlob[], epoch: number): Promise<ReadonlyMap<string, string>> {
    const all = blobs.map(({ name, form }) => ({
      name,
      place: `${placesOf(epoch)}${randomUUID()}`,
      bytes: form.subarray(noLinks.length),
    }));
    for (let at = 0; at < all.length; ) {
      const some: LargeBlob[] = [];
      for (let bytes = 0; at < all.length && bytes < stepBytes.each; at++) {
        const blob = all[at] as LargeBlob;
        some.push(blob);
        bytes += blob.bytes.length;
      }
      await this.large.store.put(some);
    }
    return new Map(all.map(({ name, place }) => [name, place]));
  }

  /** The bytes of a blob, checked; undefined where they are not there. */
  get(place: string, name: string): Promise<Uint8Array | undefined> {
    return this.large.store.get(place, name);
  }

  remove(places: readonly string[]): Promise<void> {
    return this.large.store.remove(places);
  }

  /** Removes those that no name came for. */
  async clear(epoch: number, placed: (places: readonly string[]) => Promise<readonly boolean[]>): Promise<void> {
    const { store } = this.large;
    for await (const places of store.before(placesOf(epoch - epochsOfGrace))) {
      const isPlaced = places.length === 0 ? [] : await placed(places);
      await store.remove(places.filter((_, i) => isPlaced[i] === false));
    }
    await store.tidy();
  }

  close(): Promise<void> {
    return this.large.store.close();
  }
}
