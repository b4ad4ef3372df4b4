// A store as the place for large blobs: each blob is held by a head of its own, whose name is the place. Blobs that are the same
// are there once, whatever holds them.

import { StoreError } from '../../spec/errors.ts';
import { isA } from '../../spec/told.ts';
import type { HeadChange, Store } from '../types.ts';
import { type LargeBlob, type LargeStore, pageOfPlaces, placePrefix } from './place.ts';

export class HeldBytes implements LargeStore {
  constructor(private readonly store: Store) {}

  async put(blobs: readonly LargeBlob[]): Promise<void> {
    await this.store.commit({
      blobs: blobs.map(({ bytes }) => ({ bytes })),
      heads: blobs.map(({ name, place }) => ({ name: place, expected: 0, state: { links: [name] } })),
    });
  }

  async get(_place: string, name: string): Promise<Uint8Array | undefined> {
    try {
      return (await this.store.get(name)).bytes;
    } catch (error) {
      if (isA(error, StoreError) && error.reason === 'missing') return undefined;
      throw error;
    }
  }

  async remove(places: readonly string[]): Promise<void> {
    for (const place of places) {
      const head = await this.store.head(place);
      if (head === undefined) continue;
      await this.drop({ name: place, expected: head.version, state: undefined });
    }
  }

  private async drop(change: HeadChange): Promise<void> {
    try {
      await this.store.commit({ heads: [change] });
    } catch (error) {
      if (!isA(error, StoreError) || error.reason !== 'conflict') throw error;
    }
  }

  async *before(end: string): AsyncIterable<readonly string[]> {
    for (let after = ''; ; ) {
      const heads = await this.store.list({ prefix: placePrefix, after, limit: pageOfPlaces });
      const places = heads.map(({ name }) => name).filter((name) => name < end);
      yield places;
      const last = places.at(-1);
      if (last === undefined || places.length < pageOfPlaces) break;
      after = last;
    }
  }

  /** Removes the bytes that nobody holds. */
  async tidy(): Promise<void> {
    await this.store.collect();
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
