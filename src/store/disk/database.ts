// The file of a store, as LMDB keeps it. Everything here is done at once, in a process of its own (serve.ts): LMDB reads its
// file as memory, so that one that was damaged or cut off may end the process that reads it.
//
// All entries stand in one tree, by the first byte of their keys:
//   b  32 bytes of a blob's name: the form of a blob without links (form.ts)
//   h  a head's name: its form
//   m  what is true of the whole store, as a head of that name: its version is the store's, its data u32 the format, f64 how many
//      heads there are, u64 the sum of their checksums; so that one that is gone or was changed shows
//   n  as b, of a blob with links
//   v  f64 a version, big endian, and the name of the head that has it: what has changed since some version. Empty

import { join } from 'node:path';
import { type Database as Lmdb, open, type RootDatabase } from 'lmdb';
import { StoreError } from '../../spec/errors.ts';
import { messageOf } from '../../spec/told.ts';
import { checksumIn, conflict, damaged, linksOf, missing, readHead, versionIn, whereHead, writeHead } from '../form.ts';
import type { HeadChange, ListOptions } from '../types.ts';
import { checkFile, limited, troubleOf } from './look.ts';
import type { HeadBytes, WrittenCommit } from './protocol.ts';

export const format = 1;
/** What is written about the whole. */
interface Whole {
  readonly version: number;
  readonly heads: number;
  readonly sum: bigint;
}

const wholeBytes = 20;

const codeOf = (letter: string): number => letter.charCodeAt(0);
const keyOf = (letter: string, ...rest: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Uint8Array.of(codeOf(letter)), ...rest]);
/** Behind all keys of that letter. */
const behind = (letter: string): Buffer => Buffer.of(codeOf(letter) + 1);

const headKey = (name: string): Buffer => keyOf('h', Buffer.from(name));
const nameIn = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString('utf8', 1);
const wholeKey = keyOf('m');
export type BlobLetter = 'b' | 'n';
export const blobKey = (letter: BlobLetter, name: Uint8Array): Buffer => keyOf(letter, name);
const binary = (name: string): Buffer => Buffer.from(name, 'hex');

function versionKey(version: number, name = ''): Buffer {
  const number = Buffer.alloc(8);
  number.writeDoubleBE(version);
  return keyOf('v', number, Buffer.from(name));
}

export class Database {
  private readonly db: Lmdb<Buffer, Uint8Array>;
  /** Some head was changed or is gone: whichever is not there may be the one. */
  private suspect = false;

  /** Throws StoreError for what is no store, or not of this format. */
  constructor(private readonly path: string) {
    checkFile(path);
    this.db = this.guarded(() => opened(path));
    this.guarded(() => {
      if (this.bytes(wholeKey) === undefined) this.begin();
      this.checkFormat();
      this.verify();
    });
  }

  /** Writes down that it is a store, where it is still empty. */
  private begin(): void {
    this.db.transactionSync(() => {
      if (this.bytes(wholeKey) !== undefined) return;
      for (const _ of this.db.getKeys({ limit: 1 })) throw new StoreError('it is no store', 'version', this.path);
      this.writeWhole({ version: 0, heads: 0, sum: 0n });
    });
  }

  private checkFormat(): void {
    const { data } = readHead('m', this.bytes(wholeKey) as Buffer);
    if (data.length < wholeBytes) throw damaged('what it says of itself is too short', this.path);
    const found = Buffer.from(data).readUInt32LE(0);
    if (found !== format)
      throw new StoreError(
        `the store is of format ${found}, and this is a wasbox for format ${format}`,
        'version',
        this.path,
      );
  }

  /** Looks at each head, and whether it is found by its name. */
  verify(): void {
    this.db.resetReadTxn();
    let [heads, sum, wrong] = [0, 0n, false];
    for (const { key, value } of this.range('h', headKey(''))) {
      heads++;
      sum += value.length < 8 ? 0n : checksumIn(value);
      wrong ||= !isGood(nameIn(key), value) || !isSame(this.bytes(key), value);
    }
    const whole = this.whole();
    this.suspect = wrong || whole.heads !== heads || whole.sum !== BigInt.asUintN(64, sum);
  }

  private range(letter: string, start: Buffer, limit?: number) {
    return this.db.getRange({ start, end: behind(letter), ...(limit === undefined ? {} : { limit }) });
  }

  bytes(key: Uint8Array): Buffer | undefined {
    return this.db.getBinary(key);
  }

  /** Of a blob; the entry's bytes are not looked at. */
  hasBlob(name: Uint8Array): boolean {
    return this.db.doesExist(blobKey('b', name)) || this.db.doesExist(blobKey('n', name));
  }

  whole(): Whole {
    const form = this.bytes(wholeKey);
    if (form === undefined) throw damaged('what it says of itself is gone', this.path);
    const { version, data } = readHead('m', form);
    const bytes = Buffer.from(data);
    return { version, heads: bytes.readDoubleLE(4), sum: bytes.readBigUInt64LE(12) };
  }

  private writeWhole({ version, heads, sum }: Whole): void {
    const data = Buffer.alloc(wholeBytes);
    data.writeUInt32LE(format);
    data.writeDoubleLE(heads, 4);
    data.writeBigUInt64LE(BigInt.asUintN(64, sum), 12);
    void this.db.put(wholeKey, Buffer.from(writeHead('m', version, { data })));
  }

  // ---- questions

  head(name: string): Uint8Array | undefined {
    return this.reading(() => {
      const form = this.bytes(headKey(name));
      if (form === undefined) this.checkAbsent(name);
      return form;
    });
  }

  /** Throws where a head that is not there may have been lost. */
  private checkAbsent(name: string): void {
    if (this.suspect) throw damaged('a head is damaged or gone, and it may be this one', whereHead(name));
  }

  list({ prefix = '', after = '', limit = 1000 }: ListOptions): HeadBytes[] {
    return this.reading(() => {
      const [first, last] = [headKey(prefix), headKey(after)];
      const start = after !== '' && Buffer.compare(first, last) <= 0 ? Buffer.concat([last, Buffer.of(0)]) : first;
      // No name has that byte in UTF-8.
      const end = Buffer.concat([first, Buffer.of(0xff)]);
      if (Buffer.compare(start, end) >= 0) return [];
      return [...this.db.getRange({ start, end, limit })].map(({ key, value }) => ({
        name: key.subarray(1),
        form: value,
      }));
    });
  }

  get(name: string): Uint8Array | undefined {
    return this.reading(() => this.bytes(blobKey('b', binary(name))) ?? this.bytes(blobKey('n', binary(name))));
  }

  has(names: readonly string[]): boolean[] {
    return this.reading(() => names.map((name) => this.hasBlob(binary(name))));
  }

  /** What other processes have committed is seen from the next look on. */
  reading<T>(act: () => T): T {
    return this.guarded(() => {
      this.db.resetReadTxn();
      return act();
    });
  }

  /** Up to so many of the keys from `start` on, which must be of that letter. */
  keys(letter: string, start: Buffer, limit: number): Buffer[] {
    return this.reading(() =>
      [...this.db.getKeys({ start, end: behind(letter), limit })].map((key) => Buffer.from(key)),
    );
  }

  /** Heads that were changed after that version. For a transaction. */
  *changedSince(version: number): Iterable<Buffer> {
    for (const key of [...this.db.getKeys({ start: versionKey(version + 1), end: behind('v') })]) {
      const form = this.bytes(keyOf('h', Buffer.from(key).subarray(9)));
      if (form !== undefined) yield form;
    }
  }

  // ---- changes

  /** All of them become durable together; each is done or fails by itself. */
  commit(commits: readonly WrittenCommit[]): (number | StoreError)[] {
    try {
      return this.transaction(() => commits.map((commit) => this.attempted(commit)));
    } catch (error) {
      if (commits.length === 1) return [asStoreError(error, this.path)];
      // One that has no room takes none of the others with it.
      return commits.flatMap((commit) => this.commit([commit]));
    }
  }

  /** In one transaction, durable when it returns. Throws StoreError, and then nothing has happened. */
  transaction<T>(act: () => T): T {
    return this.guarded(() => this.db.transactionSync(act));
  }

  private attempted(commit: WrittenCommit): number | StoreError {
    try {
      this.check(commit);
    } catch (error) {
      if (error instanceof StoreError) return error;
      throw error;
    }
    return this.apply(commit);
  }

  private check({ blobs, heads }: WrittenCommit): void {
    const fresh = new Set(blobs.map(({ name }) => name));
    for (const { name, expected, state } of heads) this.checkChange(name, expected, state === undefined);
    const checkLinks = (links: readonly string[], wantedBy: string) => {
      for (const link of links) if (!fresh.has(link) && !this.hasBlob(binary(link))) throw missing(link, wantedBy);
    };
    for (const { form } of blobs) checkLinks(linksOf(form), 'a blob links to');
    for (const { state } of heads) checkLinks(state?.links ?? [], 'a head links to');
  }

  /** One that is damaged can be removed, as if it were not there, and nothing else. */
  private checkChange(name: string, expected: number, removal: boolean): void {
    const form = this.bytes(headKey(name));
    if (form === undefined && !removal) this.checkAbsent(name);
    if (form !== undefined && removal && expected === 0 && !isGood(name, form)) return;
    const version = form === undefined ? 0 : readHead(name, form).version;
    if (version !== expected) throw conflict(name, expected, version);
  }

  private apply({ blobs, heads }: WrittenCommit): number {
    for (const { name, form } of blobs) {
      const links = form[0] !== 0 || form[1] !== 0 || form[2] !== 0 || form[3] !== 0;
      const key = blobKey(links ? 'n' : 'b', binary(name));
      if (!this.db.doesExist(key)) void this.db.put(key, Buffer.from(form.buffer, form.byteOffset, form.length));
    }
    const before = this.whole();
    if (heads.length === 0) return before.version;
    const version = before.version + 1;
    let { heads: count, sum } = before;
    for (const change of heads) {
      const { there, more } = this.change(change, version);
      count += there;
      sum += more;
    }
    this.writeWhole({ version, heads: count, sum });
    return version;
  }

  /** How many heads there are more, and how much greater their sum is. */
  private change({ name, state }: HeadChange, version: number): { there: number; more: bigint } {
    const key = headKey(name);
    const before = this.bytes(key);
    if (before !== undefined) void this.db.remove(versionKey(versionIn(before), name));
    const lost = before === undefined ? 0n : checksumIn(before);
    if (state === undefined) {
      void this.db.remove(key);
      return { there: before === undefined ? 0 : -1, more: -lost };
    }
    const form = Buffer.from(writeHead(name, version, state));
    void this.db.put(key, form);
    void this.db.put(versionKey(version, name), Buffer.alloc(0));
    return { there: before === undefined ? 1 : 0, more: checksumIn(form) - lost };
  }

  /** For a transaction. */
  removeBlob(letter: BlobLetter, name: Uint8Array): number {
    const key = blobKey(letter, name);
    const length = this.bytes(key)?.length ?? 0;
    void this.db.remove(key);
    return length;
  }

  /** Slots of readers whose processes have died keep pages from being used again. */
  tidy(): void {
    this.guarded(() => this.db.readerCheck());
  }

  async close(): Promise<void> {
    await this.db.close();
  }

  private guarded<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw asStoreError(error, this.path);
    }
  }
}

/** Commits are flushed before they return: `overlappingSync` would have that done later. */
const opened = (path: string): RootDatabase<Buffer, Uint8Array> =>
  open<Buffer, Uint8Array>({
    path: join(path),
    noSubdir: false,
    overlappingSync: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    cache: false,
    compression: false,
    maxDbs: 1,
    maxReaders: 1024,
  });

function isGood(name: string, form: Uint8Array): boolean {
  try {
    readHead(name, form);
    return true;
  } catch {
    return false;
  }
}

/** LMDB's errors are known by their texts. */
export function asStoreError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const message = messageOf(error);
  const told = (why: string, reason: StoreError['reason']) => new StoreError(why, reason, path, { cause: error });
  if (/no space left|ENOSPC|EDQUOT|quota/i.test(message)) return told('the disk is full', 'full');
  if (/file too large|EFBIG/i.test(message)) return limited(path);
  // A write that was cut short is told so.
  const trouble = /input\/output/i.test(message) ? troubleOf(path) : undefined;
  if (trouble !== undefined) return trouble;
  if (/MDB_(CORRUPTED|PAGE_NOTFOUND|INVALID|CURSOR_FULL|PAGE_FULL|BAD_DBI|INCOMPATIBLE)/.test(message))
    return damaged(message, path, error);
  if (/MDB_VERSION_MISMATCH/.test(message)) return told('the file is of another version of LMDB', 'version');
  return told(`the store's file cannot be used: ${message}`, 'io');
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0;
