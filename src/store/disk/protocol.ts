// What a store on disk and the process that has its file open say to each other: one request, one answer, by number.
// client.ts writes requests, serve.ts answers them.

import type { StoreReason } from '../../spec/errors.ts';
import type { HeadChange, ListOptions } from '../types.ts';

/** A commit whose blobs are written down already. */
export interface WrittenCommit {
  readonly blobs: readonly { readonly name: string; readonly form: Uint8Array }[];
  readonly heads: readonly HeadChange[];
}

/** A head as it is on the disk. */
export interface HeadBytes {
  /** In UTF-8. */
  readonly name: Uint8Array;
  readonly form: Uint8Array;
}

/**
 * Heads as one piece of bytes, which goes to another process many times as fast as objects do. Of each: u32 the length of its
 * name, u32 that of its form, little endian; both.
 */
export function packHeads(heads: readonly HeadBytes[]): Uint8Array {
  const all = Buffer.allocUnsafe(heads.reduce((sum, { name, form }) => sum + 8 + name.length + form.length, 0));
  let at = 0;
  for (const { name, form } of heads) {
    all.writeUInt32LE(name.length, at);
    all.writeUInt32LE(form.length, at + 4);
    all.set(name, at + 8);
    all.set(form, at + 8 + name.length);
    at += 8 + name.length + form.length;
  }
  return all;
}

/** The reverse, a head at a time. */
export function unpackHeads<T>(packed: Uint8Array, read: (name: string, form: Uint8Array) => T): T[] {
  const all = Buffer.from(packed.buffer, packed.byteOffset, packed.length);
  const heads: T[] = [];
  for (let at = 0; at < all.length; ) {
    const nameAt = at + 8;
    const formAt = nameAt + all.readUInt32LE(at);
    const end = formAt + all.readUInt32LE(at + 4);
    heads.push(read(all.toString('utf8', nameAt, formAt), packed.subarray(formAt, end)));
    at = end;
  }
  return heads;
}

/** What can be asked, by name: its argument and what comes of it. */
export interface Questions {
  /** Opens the file in that folder. First of all, and once. */
  open: { readonly ask: string; readonly answer: undefined };
  commit: { readonly ask: WrittenCommit; readonly answer: number };
  head: { readonly ask: string; readonly answer: Uint8Array | undefined };
  list: { readonly ask: ListOptions; readonly answer: Uint8Array };
  get: { readonly ask: string; readonly answer: Uint8Array | undefined };
  has: { readonly ask: readonly string[]; readonly answer: readonly boolean[] };
  collect: { readonly ask: undefined; readonly answer: { readonly blobs: number; readonly bytes: number } };
  close: { readonly ask: undefined; readonly answer: undefined };
}
export type Kind = keyof Questions;

export interface Request<K extends Kind = Kind> {
  readonly id: number;
  readonly kind: K;
  readonly ask: Questions[K]['ask'];
}

/** A StoreError as data. */
export interface Failure {
  readonly reason: StoreReason;
  readonly message: string;
  readonly where: string;
}

export type Response =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: Failure };

/** Said in the midst of what takes long. */
export const beat = 'goes on';
