// Whole trees: what a host gives to begin with, and what it gets in the end.

import { UsageError } from '../../spec/errors.ts';
import { quoted, told } from '../../spec/told.ts';
import { ErrnoError, fail } from '../errno.ts';
import { mkdirAt, openAt, setTimesAt, symlinkAt } from './paths.ts';
import type { FileNode } from './types.ts';

/** A text stands for its UTF-8. */
export type Data = string | Uint8Array | ArrayBuffer;

/** Nanoseconds since 1970; without it, the time that all is given. */
interface Dated {
  readonly modified?: bigint | undefined;
}
/** A symbolic link, by its target. */
export interface SymbolicLink extends Dated {
  readonly symlink: string;
}
/** A file that says when it was changed. */
export interface DatedFile extends Dated {
  readonly data: Data;
}
/** What a path stands for. */
export type Content = Data | SymbolicLink | DatedFile;

/**
 * By path, `lib/a.txt` or `/lib/a.txt`; what ends with a slash is a directory, whose content is empty. Directories on the
 * way need not be given.
 */
export type Contents = Readonly<Record<string, Content>> | Iterable<readonly [path: string, content: Content]>;

const isIterable = (contents: Contents): contents is Iterable<readonly [string, Content]> =>
  Symbol.iterator in contents;

/** Throws UsageError, which tells the path. `time`: nanoseconds since 1970, when all was changed that says nothing else. */
export function populate(root: FileNode, contents: Contents, time: bigint): void {
  const list = isIterable(contents) ? [...contents] : Object.entries(contents);
  for (const [path, content] of list) at(path, () => put(root, relative(path), content));
  // In the end, for whatever is put into a directory changes it.
  for (const [path, content] of list) at(path, () => setTime(root, relative(path) || '.', content, time));
  root.setTimes({ accessed: time, modified: time });
}

const relative = (path: string): string => path.replace(/^\/+/, '');

function at(path: string, act: () => void): void {
  try {
    act();
  } catch (thrown) {
    if (!(thrown instanceof ErrnoError)) throw thrown;
    throw new UsageError(`the file ${quoted(path)} cannot be made: ${thrown.errno}`, { cause: thrown });
  }
}

function put(root: FileNode, path: string, content: Content): void {
  makeDirectories(root, path);
  if (path === '' || path.endsWith('/')) return;
  if (isLink(content)) symlinkAt(content.symlink, root, path);
  else putFile(root, path, bytesOf(isDated(content) ? content.data : content, path));
}

function setTime(root: FileNode, path: string, content: Content, time: bigint): void {
  const { modified = time } = isLink(content) || isDated(content) ? content : {};
  setTimesAt(root, path, false, { accessed: modified, modified });
}

/** All that end with a slash. */
function makeDirectories(root: FileNode, path: string): void {
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
    try {
      mkdirAt(root, path.slice(0, at + 1));
    } catch (thrown) {
      if (!(thrown instanceof ErrnoError && thrown.errno === 'exist')) throw thrown;
    }
  }
}

function putFile(root: FileNode, path: string, bytes: Uint8Array): void {
  const file = openAt(root, path, { follow: true, create: true, truncate: true, read: false, write: true });
  try {
    if (file.write(0, bytes) < bytes.length) fail('nospc');
  } finally {
    file.release();
  }
}

const isLink = (content: Content): content is SymbolicLink => Object.hasOwn(Object(content), 'symlink');
const isDated = (content: Content): content is DatedFile => Object.hasOwn(Object(content), 'data');

function bytesOf(data: Data, path: string): Uint8Array {
  if (typeof data === 'string') return new TextEncoder().encode(data);
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw new UsageError(`the file ${quoted(path)} must be a text, bytes or a link, not ${told(data)}`);
}

/** Files and links below a directory, with their paths from there on; of directories those that are empty. */
export function* contentsOf(
  directory: FileNode,
  path = '',
): Iterable<[path: string, content: Uint8Array | SymbolicLink]> {
  for (const { name } of directory.list(2n)) {
    const node = directory.lookup(name);
    try {
      yield* contentOf(node, path + name);
    } finally {
      node.release();
    }
  }
}

function* contentOf(node: FileNode, path: string): Iterable<[path: string, content: Uint8Array | SymbolicLink]> {
  if (node.kind === 'symlink') yield [path, { symlink: node.readlink() }];
  else if (node.kind === 'file') yield [path, bytesIn(node)];
  else if (node.kind === 'directory') {
    let isEmpty = true;
    for (const each of contentsOf(node, `${path}/`)) {
      isEmpty = false;
      yield each;
    }
    if (isEmpty) yield [`${path}/`, new Uint8Array(0)];
  }
}

function bytesIn(file: FileNode): Uint8Array {
  file.open({ read: true, write: false });
  const bytes = new Uint8Array(file.size());
  const count = file.read(0, bytes);
  return bytes.subarray(0, count);
}
