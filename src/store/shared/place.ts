// A place for large blobs beside a database: another store, which has their bytes, while the database has their names.
//
// There each blob is held by a head of its own, `large/EPOCH/ID`, which is made once and never used again. The bytes are there
// before the database has the name with that place, and go after the name went: so where there is a name, there are bytes. One
// whose bytes were put, and whose name never came, is of an epoch: once two more have begun, the database takes no name with
// that place any more, and a collection removes it.

import { randomUUID } from 'node:crypto';
import { StoreError } from '../../spec/errors.ts';
import { isA } from '../../spec/told.ts';
import type { Commit, HeadChange, Store } from '../types.ts';
import { type PlannedBlob, stepBytes } from './plan.ts';

/** Where large blobs go. */
export interface LargePlace {
  readonly store: Store;
  /** Blobs of so many bytes and more that have no links go there. */
  readonly from: number;
}

const prefix = 'large/';
/** Places of an epoch stand together, in order. */
const digits = 16;
const placesOf = (epoch: number): string => `${prefix}${String(epoch).padStart(digits, '0')}/`;
/** Of a place; so that databases can compare it. */
export const epochIn = (place: string): number => Number(place.slice(prefix.length, prefix.length + digits));
export const mostPlace = 200;
/** In front of a blob's bytes in its form, where it has no links. */
export const noLinks = new Uint8Array(4);
const page = 500;
/** Epochs that a place may be old when its name comes. */
export const epochsOfGrace = 1;

export class Places {
  constructor(private readonly large: LargePlace) {}

  isLarge({ links, form }: PlannedBlob): boolean {
    return links.length === 0 && form.length - noLinks.length >= this.large.from;
  }

  /** Puts their bytes; where each is, by its name. */
  async put(blobs: readonly PlannedBlob[], epoch: number): Promise<ReadonlyMap<string, string>> {
    const places = new Map(blobs.map(({ name }) => [name, `${placesOf(epoch)}${randomUUID()}`]));
    for (let at = 0; at < blobs.length; ) {
      const some: PlannedBlob[] = [];
      for (let bytes = 0; at < blobs.length && bytes < stepBytes.each; at++) {
        const blob = blobs[at] as PlannedBlob;
        some.push(blob);
        bytes += blob.form.length;
      }
      await this.large.store.commit(held(some, places));
    }
    return places;
  }

  /** The bytes of a blob, checked; undefined where they are not there. */
  async get(name: string): Promise<Uint8Array | undefined> {
    try {
      return (await this.large.store.get(name)).bytes;
    } catch (error) {
      if (isA(error, StoreError) && error.reason === 'missing') return undefined;
      throw error;
    }
  }

  /** Others may be removing the same. */
  async remove(places: readonly string[]): Promise<void> {
    for (const place of places) {
      const head = await this.large.store.head(place);
      if (head === undefined) continue;
      await this.drop({ name: place, expected: head.version, state: undefined });
    }
  }

  private async drop(change: HeadChange): Promise<void> {
    try {
      await this.large.store.commit({ heads: [change] });
    } catch (error) {
      if (!isA(error, StoreError) || error.reason !== 'conflict') throw error;
    }
  }

  /** Removes those that no name came for, and then all bytes that nobody holds. */
  async clear(epoch: number, placed: (places: readonly string[]) => Promise<readonly boolean[]>): Promise<void> {
    const end = placesOf(epoch - epochsOfGrace);
    for (let after = ''; ; ) {
      const heads = await this.large.store.list({ prefix, after, limit: page });
      const names = heads.map(({ name }) => name).filter((name) => name < end);
      const isPlaced = names.length === 0 ? [] : await placed(names);
      await this.remove(names.filter((_, i) => isPlaced[i] === false));
      const last = names.at(-1);
      if (last === undefined || names.length < page) break;
      after = last;
    }
    await this.large.store.collect();
  }

  close(): Promise<void> {
    return this.large.store.close();
  }
}

const held = (blobs: readonly PlannedBlob[], places: ReadonlyMap<string, string>): Commit => ({
  blobs: blobs.map(({ form }) => ({ bytes: form.subarray(noLinks.length) })),
  heads: blobs.map(({ name }) => ({
    name: places.get(name) as string,
    expected: 0,
    state: { links: [name] },
  })),
});
