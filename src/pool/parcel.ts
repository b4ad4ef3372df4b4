// Values in transit: packed once into shared bytes, so that handing them from thread to thread costs nothing however
// big they are, and however often a job moves. Packing is also the one place where a value turns out not to be one
// that can travel.

import { Deserializer, Serializer } from 'node:v8';
import { SnapshotError, UsageError } from '../spec/errors.ts';
import { messageOf } from '../spec/told.ts';

/** A packed value: what structured clone can copy, as V8 serializes it. The bytes never change once packed. */
export type Parcel = Uint8Array<SharedArrayBuffer>;

/** A copy of the bytes that every thread can see. */
export function shareBytes(bytes: Uint8Array): Parcel {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

/** Throws UsageError, naming `what`, for what cannot be copied to another thread: functions, sockets, references. */
export function pack(value: unknown, what: string): Parcel {
  const serializer = new Serializer();
  serializer.writeHeader();
  try {
    serializer.writeValue(value);
  } catch (cause) {
    throw new UsageError(`${what} cannot go to another thread: ${messageOf(cause)}`, { cause });
  }
  return shareBytes(serializer.releaseBuffer());
}

/** The value, a fresh copy each time. Throws SnapshotError for bytes that are no parcel. */
export function unpack(parcel: Uint8Array): unknown {
  try {
    const deserializer = new Deserializer(parcel);
    deserializer.readHeader();
    return deserializer.readValue();
  } catch (cause) {
    throw new SnapshotError('the bytes of a value are damaged', 'job state', { cause });
  }
}
