// What a store's folder and files look like from outside, where LMDB does not say what is wrong: a file that it cannot open ends
// the process that tries.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { StoreError } from '../../spec/errors.ts';
import { messageOf } from '../../spec/told.ts';
import { isFull } from './full.ts';

/** For this user alone. */
export const privately = 0o700;
const writableByOthers = 0o022;

/** Whether nobody but this user and the system's could have written it. Windows has other rights, which files inherit. */
export function isSafe({ uid, mode }: Stats): boolean {
  const user = process.getuid?.();
  return user === undefined || ((uid === user || uid === 0) && (mode & writableByOthers) === 0);
}

/** Makes a folder, and those above it; `mode` says who may use those that were not there. Throws StoreError. */
export function makeFolder(path: string, mode = 0o777): void {
  try {
    makeFolders(path, mode);
    if (!statSync(path).isDirectory()) throw new Error('it is a file');
  } catch (cause) {
    throw new StoreError(`the folder cannot be made: ${messageOf(cause)}`, 'io', path, { cause });
  }
}

/**
 * One by one: where a folder lets nobody make another one in it, and says that there is no such folder, as /proc does, Node's
 * own way to make all of them never ends.
 */
function makeFolders(path: string, mode: number): void {
  const absent: string[] = [];
  for (let at = path; !existsSync(at) && at !== dirname(at); at = dirname(at)) absent.push(at);
  for (const each of absent.reverse())
    try {
      mkdirSync(each, { mode });
    } catch (error) {
      // Somebody else may have been faster.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
}

const dataFile = (path: string): string => join(path, 'data.mdb');

/** What LMDB writes at the beginning of its first two pages, behind a page's head; pages may be of several sizes. */
const mark = { magic: 0xbeefc0de, version: 2, at: 24, pageSizes: [4096, 8192, 16_384, 32_768, 65_536] } as const;

/** Throws StoreError where the file is none of LMDB's, or of another version of it. One that is not there or empty is new. */
export function checkFile(path: string): void {
  const wrong = wrongIn(path);
  if (wrong === undefined) return;
  // It may be that another process is about to make it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  if (wrongIn(path) !== undefined) throw new StoreError(wrong, 'version', path);
}

function wrongIn(path: string): string | undefined {
  const marks = marksIn(dataFile(path)).filter(({ magic }) => magic === mark.magic);
  if (marks.some(({ version }) => version === mark.version)) return undefined;
  if (marks.length > 0) return 'the file is of another version of LMDB';
  return (statSync(dataFile(path), { throwIfNoEntry: false })?.size ?? 0) > 0
    ? 'it is no store: its file data.mdb is something else'
    : undefined;
}

function marksIn(file: string): { magic: number; version: number }[] {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    const bytes = Buffer.alloc(8);
    return [0, ...mark.pageSizes].flatMap((page) => {
      const read = readSync(fd as number, bytes, 0, 8, page + mark.at);
      return read < 8 ? [] : [{ magic: bytes.readUInt32LE(0), version: bytes.readUInt32LE(4) }];
    });
  } catch {
    // LMDB finds out, too, what it is.
    return [];
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Less than LMDB needs for a new store: its file of locks. */
const leastFile = 131_072;
/** A file that is so near the limit has no room for a commit. */
const nearLimit = 65_536;

/** Why files in the folder cannot be written or opened, where that is not for what is in them. */
export function troubleOf(path: string): StoreError | undefined {
  if (isFull(path)) return new StoreError('the disk is full', 'full', path);
  const limit = fileLimit();
  const sizes = files(path).map((file) => statSync(file).size);
  if (limit < leastFile || sizes.some((size) => size + nearLimit > limit)) return limited(path, limit);
  try {
    for (const file of [path, ...files(path)]) accessSync(file, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (cause) {
    return new StoreError(`the store's files cannot be written: ${messageOf(cause)}`, 'io', path, { cause });
  }
}

export const limited = (path: string, limit = fileLimit()): StoreError =>
  new StoreError(
    `the file may not grow: ${limit === Infinity ? 'the size of files is limited' : `files are limited to ${limit} bytes (ulimit -f)`}`,
    'full',
    path,
  );

const files = (path: string): string[] => [dataFile(path), join(path, 'lock.mdb')].filter((file) => existsSync(file));

/** The most bytes that a file of this process may have, where the system tells. */
function fileLimit(): number {
  try {
    const [, limit] = /^Max file size +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? Infinity : Number(limit);
  } catch {
    return Infinity;
  }
}
