// What parts of a group write to each other about calls: some text, and values, which are numbers.

import type { Value } from '../../runtime/heap/ref.ts';
import { CrashError } from '../../spec/errors.ts';

/** Bytes of a value before its own: what it is. */
const tagBytes = 1;
const valueBytes = [8, 8, 16] as const;
const tagOf = (value: Value): number => (typeof value === 'number' ? 0 : typeof value === 'bigint' ? 1 : 2);

/** `text` is written as JSON. */
export function letter(text: readonly unknown[], values: readonly Value[] = []): Uint8Array {
  const head = new TextEncoder().encode(JSON.stringify(text));
  const size = values.reduce((sum: number, value) => sum + tagBytes + (valueBytes[tagOf(value)] as number), 0);
  const bytes = new Uint8Array(4 + head.length + size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, head.length, true);
  bytes.set(head, 4);
  let at = 4 + head.length;
  for (const value of values) {
    const tag = tagOf(value);
    bytes[at++] = tag;
    if (typeof value === 'number') view.setFloat64(at, value, true);
    else if (typeof value === 'bigint') view.setBigInt64(at, value, true);
    else if (value instanceof Uint8Array && value.length === valueBytes[2]) bytes.set(value, at);
    else throw new CrashError('a value that is no number cannot go to another thread');
    at += valueBytes[tag] as number;
  }
  return bytes;
}

export function readLetter(bytes: Uint8Array): {
  readonly text: readonly unknown[];
  readonly values: readonly Value[];
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = 4 + view.getUint32(0, true);
  const text = JSON.parse(new TextDecoder().decode(bytes.subarray(4, end))) as readonly unknown[];
  const values: Value[] = [];
  for (let at = end; at < bytes.length; ) {
    const tag = bytes[at++] as number;
    const size = valueBytes[tag] as number;
    if (tag === 0) values.push(view.getFloat64(at, true));
    else values.push(tag === 1 ? view.getBigInt64(at, true) : bytes.slice(at, at + size));
    at += size;
  }
  return { text, values };
}
