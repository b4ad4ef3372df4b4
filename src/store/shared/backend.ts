// What a store needs of a database that many machines use: the few acts that each of them does at once or not at all. All else,
// the checks, the bytes, patience and collection, is the same for all of them (store.ts, collect.ts).
//
// Each blob has an epoch, a number that grows with each collection. It is set to the present one whenever a blob is put, or
// linked to by a commit; so a commit, whatever else happens, leaves its trace on all that it relies on.

import type { StoreReason } from '../../spec/errors.ts';

/** A blob to be put, where it is not there yet. */
export interface Put {
  readonly name: string;
  /** As in form.ts; its links only where the bytes have a place of their own. */
  readonly form: Uint8Array;
  /** How many links it has. */
  readonly links: number;
  /** Where its bytes are, in the place for large ones (place.ts). */
  readonly place: string | undefined;
}

export interface FormChange {
  readonly name: string;
  readonly expected: number;
  /** As in form.ts, of version 0: the version is told beside it. Undefined removes the head. */
  readonly form: Uint8Array | undefined;
}

export interface BackendCommit {
  /** In the order of their names. */
  readonly puts: readonly Put[];
  /** Names of blobs that must be there, none of them twice. */
  readonly needs: readonly string[];
  /** In the order of their names. */
  readonly heads: readonly FormChange[];
  /**
   * 16 bytes that no other commit has. Where it changes heads, they are written down with it, and kept for an hour at the least: one
   * that was done is not done again, and what came of it is answered.
   */
  readonly token: Uint8Array;
  /** It may have been done already. */
  readonly again: boolean;
}

export type CommitEnd =
  | { readonly kind: 'done'; readonly version: number }
  /** Nothing of it is done: the head has that version. */
  | { readonly kind: 'conflict'; readonly name: string; readonly version: number }
  /** Nothing of it is done: the blob is not there. */
  | { readonly kind: 'missing'; readonly name: string }
  /** Nothing of it is done: places of its blobs are of an epoch long ago, and may have been cleared. */
  | { readonly kind: 'late' };

export interface FormHead {
  readonly name: string;
  readonly version: number;
  readonly form: Uint8Array;
}

/** Which heads to list: by their names in UTF-8. */
export interface Range {
  readonly from: Uint8Array;
  /** Whether one of that very name belongs to it. */
  readonly inclusive: boolean;
  /** They are before this. */
  readonly below: Uint8Array;
  readonly limit: number;
}

/** A blob and its links. */
export interface Linked {
  readonly name: string;
  readonly links: readonly string[];
}

/** A page of all blobs, in an order of the backend's own; one may come twice. */
export interface BlobPage {
  readonly blobs: readonly { readonly name: string; readonly links: number }[];
  /** Undefined where it was the last. */
  readonly next: string | undefined;
}

export interface Removed {
  /** Bytes of those that were removed, in the database and at their places. */
  readonly blobs: number;
  readonly bytes: number;
  /** Where their large bytes were. */
  readonly places: readonly string[];
  /** Those that are still there: they were put or linked to since the epoch began. */
  readonly kept: readonly string[];
}

/** What the database has told, or why nothing was heard of it. */
export interface Failure {
  /** Trying again may help. */
  readonly passing: boolean;
  /** What was asked may have been done. */
  readonly unknown: boolean;
  readonly reason: StoreReason;
  readonly message: string;
}

/**
 * Each act is aborted by its signal, and then nothing more is waited for. What they reject with is made a failure by `failure`.
 * No form that they answer with is longer than `mostForm` of what was asked, by more than one byte.
 */
export interface Backend {
  /** For people, without a password. */
  readonly where: string;
  commit(commit: BackendCommit, signal: AbortSignal): Promise<CommitEnd>;
  head(name: string, signal: AbortSignal): Promise<FormHead | undefined>;
  heads(range: Range, signal: AbortSignal): Promise<readonly FormHead[]>;
  blob(
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly form: Uint8Array; readonly place: string | undefined } | undefined>;
  has(names: readonly string[], signal: AbortSignal): Promise<readonly boolean[]>;
  epoch(signal: AbortSignal): Promise<number>;
  /** Begins an epoch. Commits that began before have ended when it resolves, and those to come see it. */
  nextEpoch(signal: AbortSignal): Promise<number>;
  /** Of those blobs that are there and have links. */
  links(names: readonly string[], signal: AbortSignal): Promise<readonly Linked[]>;
  blobs(after: string | undefined, limit: number, signal: AbortSignal): Promise<BlobPage>;
  /** Removes those of an older epoch. */
  remove(names: readonly string[], epoch: number, signal: AbortSignal): Promise<Removed>;
  /** Whether blobs that are there have each of those places. */
  placed(places: readonly string[], signal: AbortSignal): Promise<readonly boolean[]>;
  failure(error: unknown): Failure;
  close(): Promise<void>;
}

/** The most bytes of a form: of a blob, of its links alone, and of a head. */
export const mostForm = {
  blob: 4 + 8192 * 32 + 1_048_576,
  links: 4 + 8192 * 32,
  head: 20 + 1024 * 32 + 65_536,
} as const;
