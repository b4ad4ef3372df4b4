// Bytes that other threads can have without a copy; where the host has no shared memory, plain ones.

const { SharedArrayBuffer: Shared } = globalThis as { SharedArrayBuffer?: typeof SharedArrayBuffer };

/** So many zeros. */
export const sharedBytes = (length: number): Uint8Array<ArrayBufferLike> =>
  new Uint8Array(Shared === undefined ? new ArrayBuffer(length) : new Shared(length));

export function sharedCopy(bytes: Uint8Array): Uint8Array<ArrayBufferLike> {
  const copy = sharedBytes(bytes.length);
  copy.set(bytes);
  return copy;
}

export const isShared = (buffer: ArrayBufferLike): boolean => !(buffer instanceof ArrayBuffer);

/** The bytes themselves where they are shared, or nothing can be. */
export const asShared = (bytes: Uint8Array): Uint8Array<ArrayBufferLike> =>
  Shared === undefined || isShared(bytes.buffer) ? bytes : sharedCopy(bytes);
