// A module of other bytes that does the same: the host as well as we know equal ones, and do not do their work again.

let made = 0;

/** With a custom section at its end. */
export function marked(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bytes.length + 8);
  all.set(bytes);
  all.set([0, 6, 1, 0x6d], bytes.length);
  new DataView(all.buffer).setInt32(bytes.length + 4, made++);
  return all;
}
