// Values in transit: packed once, into shared bytes where they are long, so that handing them from thread to thread costs
// next to nothing however big they are, and however often a job moves. Packing is also the one place where a value turns
// out not to be one that can travel.

import { Deserializer, Serializer } from 'node:v8';
import { asShared, sharedCopy } from '../../runtime/beneath/shared.ts';
import { SnapshotError, UsageError } from '../../spec/errors.ts';
import { messageOf } from '../../spec/told.ts';

/** A packed value: what structured clone can copy, as V8 serializes it. The bytes never change once packed. */
export type Parcel = Uint8Array<ArrayBufferLike>;

/** So few bytes are cheaper to copy each time than shared memory is to make and to let go of. */
const fewBytes = 1024;

/** A copy of the bytes that goes to other threads without being copied again, where they are many. */
export function shareBytes(bytes: Uint8Array): Parcel {
  return bytes.length <= fewBytes ? new Uint8Array(bytes) : sharedCopy(bytes);
}

/** The same for bytes that never change: a copy only where they are many and not shared yet. */
export const sharedWhereLong = (bytes: Uint8Array): Parcel => (bytes.length <= fewBytes ? bytes : asShared(bytes));

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
