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
export interface HeadForm {
  readonly name: string;
  readonly form: Uint8Array;
}

/** What can be asked, by name: its argument and what comes of it. */
export interface Questions {
  /** Opens the file in that folder. First of all, and once. */
  open: { readonly ask: string; readonly answer: undefined };
  commit: { readonly ask: WrittenCommit; readonly answer: number };
  head: { readonly ask: string; readonly answer: Uint8Array | undefined };
  list: { readonly ask: ListOptions; readonly answer: readonly HeadForm[] };
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
