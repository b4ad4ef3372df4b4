// What a store is: named heads that change atomically, and blobs that heads reach. Whoever has another database implements
// this interface; test/store/conformance.ts says what each implementation has to do.

/** A blob to be kept. It is called by the SHA-256 of its bytes and links together (`blobName`), so it never changes. */
export interface NewBlob {
  /** At most 1 MiB. */
  readonly bytes: Uint8Array;
  /** Names of blobs that it needs: as long as this one is reached, so are they. At most 8,192. */
  readonly links?: readonly string[] | undefined;
}

/** A blob as it was kept, checked against its name. */
export interface KeptBlob {
  readonly bytes: Uint8Array;
  readonly links: readonly string[];
}

/** What a head says. */
export interface HeadState {
  /** Names of blobs that it needs. At most 1,024. */
  readonly links?: readonly string[] | undefined;
  /** At most 64 KiB; none unless told. */
  readonly data?: Uint8Array | undefined;
}

/** A named place, as it is. */
export interface Head {
  readonly name: string;
  /** Grows with each change in the store, and is never used again: also not when the head was removed meanwhile. */
  readonly version: number;
  readonly links: readonly string[];
  readonly data: Uint8Array;
  /** In a list: what is wrong with it, where its bytes are not those that were kept. Then it says nothing else. */
  readonly damage?: string | undefined;
}

/** A change of one head, made only if it is still what the changer knows. */
export interface HeadChange {
  /** From 1 to 1,000 bytes of UTF-8. */
  readonly name: string;
  /** The version that it must have; 0 where it must not be there. */
  readonly expected: number;
  /** What it is to be; undefined removes it. With `expected` 0 that removes one that is damaged. */
  readonly state: HeadState | undefined;
}

/**
 * What happens at once or not at all. Blobs are best committed with the head that reaches them: those that no head reaches may
 * be collected meanwhile, also from below others that link to them.
 */
export interface Commit {
  /** Those that are there already are no matter. */
  readonly blobs?: readonly NewBlob[] | undefined;
  /** At most one change of each head. */
  readonly heads?: readonly HeadChange[] | undefined;
}

/** Which heads to list. */
export interface ListOptions {
  /** Only those whose names begin so. */
  readonly prefix?: string | undefined;
  /** Only those behind this name: the last one of the page before. */
  readonly after?: string | undefined;
  /** At most so many; 1,000 unless told, 10,000 at most. */
  readonly limit?: number | undefined;
}

/** What a collection has removed. */
export interface Collected {
  readonly blobs: number;
  /** Of those blobs, their links included. */
  readonly bytes: number;
}

/**
 * Where state is kept. All of it may be used by several at a time, also from several processes where the store is on disk.
 * Methods reject with UsageError for what is no right argument, and with StoreError, whose `reason` tells what it was. What is
 * damaged rejects as such, and nothing else does; but where a head was lost, so does asking for one that is not there.
 */
export interface Store {
  /**
   * Keeps blobs and changes heads, all of it or nothing. What it resolves to is the version of the heads that it changed. It
   * is durable by then: no crash of this process or machine undoes it. Rejects with reason `conflict` where a head is not as
   * expected, and `missing` where a link leads to a blob that is neither there nor in the commit.
   */
  commit(commit: Commit): Promise<number>;
  /** The head of that name, or undefined. */
  head(name: string): Promise<Head | undefined>;
  /** Heads in the order of their names, by code points. */
  list(options?: ListOptions): Promise<readonly Head[]>;
  /** A blob, checked. Rejects with reason `missing` or `damaged`. */
  get(name: string): Promise<KeptBlob>;
  /** Whether blobs are there; what no head reaches may be gone a moment later. */
  has(names: readonly string[]): Promise<readonly boolean[]>;
  /** Removes blobs that no head reaches. Commits go on meanwhile. */
  collect(): Promise<Collected>;
  /** Resolves once all that was asked before is done and nothing is held any more. Further calls reject with `closed`. */
  close(): Promise<void>;
}
