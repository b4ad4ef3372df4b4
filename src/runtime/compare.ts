// Comparing stretches of bytes. Node does so as fast as they are read; browsers have nothing like it.

/** Tells whether so many bytes from a place on are those of others from a place on. */
export type Comparison = (at: number, others: Uint8Array, from: number, length: number) => boolean;

/** Of some bytes with any others. */
export function comparison(bytes: Uint8Array): Comparison {
  const { Buffer: Node } = globalThis as { Buffer?: typeof Buffer };
  const node = Node?.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (node !== undefined)
    return (at, others, from, length) => node.compare(others, from, from + length, at, at + length) === 0;
  return (at, others, from, length) => {
    for (let i = 0; i < length; i++) if (bytes[at + i] !== others[from + i]) return false;
    return true;
  };
}

/** As many as are worth comparing at once. */
export const zeros = new Uint8Array(65_536);
