// A bucket of S3, or of what speaks like it, as the place for large blobs: an object each, `PREFIX/large/EPOCH/ID`.
//
// Nothing is written on a condition. What conditions are for is settled by names: each is made for one blob (place.ts) and never
// used again, so nobody overwrites what somebody else has put, and a removal that comes late hits nothing that is needed. A put that
// is tried again writes the same bytes. So any server will do that shows an object to all as soon as its put was acknowledged
// (read-after-write), whole or not at all; and what is read is checked by its hash.

import type { Readable } from 'node:stream';
import type { S3 } from '@aws-sdk/client-s3';
import { StoreError } from '../../spec/errors.ts';
import { peek } from '../../spec/told.ts';
import { most } from '../checks.ts';
import { damaged, readBlob, whereBlob } from '../form.ts';
import { type Act, ask } from '../shared/patience.ts';
import { type LargeBlob, type LargeStore, noLinks, pageOfPlaces, placePrefix } from '../shared/place.ts';
import { failureOf } from './failure.ts';

/** Requests at a time. */
const atOnce = 8;
/** Whatever else is beside our objects is not ours. */
const isPlace = (place: string): boolean => /^large\/\d{16}\/[0-9a-f-]{36}$/.test(place);

export interface Bucket {
  readonly client: S3;
  readonly bucket: string;
  /** In front of all names: empty, or with a slash at its end. */
  readonly base: string;
  /** For people. */
  readonly where: string;
  /** Ms. */
  readonly timeout: number;
}

export class S3Place implements LargeStore {
  constructor(private readonly at: Bucket) {}

  /** That the bucket is there, and lets us in. */
  async check(): Promise<void> {
    await this.page(undefined, 1);
  }

  async put(blobs: readonly LargeBlob[]): Promise<void> {
    await each(blobs, ({ place, bytes }) =>
      this.ask((abortSignal) => this.at.client.putObject({ ...this.named(place), Body: bytes }, { abortSignal })),
    );
  }

  get(place: string, name: string): Promise<Uint8Array | undefined> {
    return this.ask(async (abortSignal) => {
      try {
        const { Body, ContentLength } = await this.at.client.getObject(this.named(place), { abortSignal });
        return await read(Body as Readable, ContentLength, name);
      } catch (error) {
        if (peek(Object(error), 'name') === 'NoSuchKey') return undefined;
        throw error;
      }
    });
  }

  async remove(places: readonly string[]): Promise<void> {
    if (places.length === 0) return;
    const objects = places.map((place) => ({ Key: this.named(place).Key }));
    await this.ask((abortSignal) => this.removed(objects, abortSignal));
  }

  private async removed(objects: { readonly Key: string }[], abortSignal: AbortSignal): Promise<void> {
    const request = { Bucket: this.at.bucket, Delete: { Objects: objects, Quiet: true } };
    const { Errors = [] } = await this.at.client.deleteObjects(request, { abortSignal });
    const bad = Errors.find(({ Code }) => Code !== 'NoSuchKey');
    if (bad !== undefined) throw Object.assign(new Error(bad.Message ?? bad.Code), { name: bad.Code ?? 'Error' });
  }

  async *before(end: string): AsyncIterable<readonly string[]> {
    for (let token: string | undefined, more = true; more; ) {
      const { Contents = [], IsTruncated, NextContinuationToken: next } = await this.page(token, pageOfPlaces);
      const places = Contents.map(({ Key = '' }) => Key.slice(this.at.base.length));
      yield places.filter((place) => isPlace(place) && place < end);
      more = IsTruncated === true;
      if (more && (next === undefined || next === token))
        throw new StoreError('S3 lists objects without an end', 'io', this.at.where);
      token = next;
    }
  }

  private page(ContinuationToken: string | undefined, MaxKeys: number) {
    const { client, bucket, base } = this.at;
    const request = { Bucket: bucket, Prefix: `${base}${placePrefix}`, MaxKeys, ContinuationToken };
    return this.ask((abortSignal) => client.listObjectsV2(request, { abortSignal }));
  }

  async tidy(): Promise<void> {}

  async close(): Promise<void> {
    this.at.client.destroy();
  }

  private named(place: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.at.bucket, Key: `${this.at.base}${place}` };
  }

  private ask<T>(act: Act<T>): Promise<T> {
    const { where, timeout } = this.at;
    return ask({ who: 'S3', where, timeout, failure: failureOf }, act);
  }
}

/** A few at a time. Where one fails no more are begun, and nothing is under way any more when it rejects. */
async function each<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const failures: unknown[] = [];
  const rest = items.values();
  const work = async () => {
    for (const item of rest) {
      if (failures.length > 0) return;
      await act(item).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work));
  if (failures.length > 0) throw failures[0];
}

/** Whatever the server sends, no more is held than a blob can have. */
async function read(body: Readable, told: number | undefined, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [noLinks];
  let bytes = 0;
  // Leaving the loop ends the stream, and so does the signal of whoever asked.
  for await (const chunk of body) {
    bytes += (chunk as Uint8Array).length;
    if (Math.max(bytes, told ?? 0) > most.blobBytes) throw damaged('it is longer than any can be', whereBlob(name));
    chunks.push(chunk as Uint8Array);
  }
  return readBlob(name, new Uint8Array(Buffer.concat(chunks))).bytes;
}
