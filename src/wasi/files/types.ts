// What a file system is to those who use it. Below the walker (walk.ts, paths.ts) there are no paths: a directory is asked
// for one name at a time, and no name has a slash, is empty, `.` or `..`. All is synchronous. What fails throws ErrnoError.
//
// A source (what the host configures: memory, a folder, an image, mounts) makes a file system for each VM. A file system
// belongs to one VM and is its state.

import type { FileKind } from './kinds.ts';

/** What the file system is told by the VM that it is made for. */
export interface Surroundings {
  /** Told as `device` by `stat`; distinct for each file system of a VM. */
  readonly device: bigint;
  /** The VM's real-time clock, in nanoseconds since 1970. */
  now(): bigint;
  /** Something that the host should know, and the guest cannot tell: a file that was open is gone after a restore. */
  note(text: string): void;
  /** Where the file system is part of another one: what that one has to be given for a node that is saved so. */
  nodeData?(saved: unknown): unknown;
}

/** Given by the host, for as many VMs as it likes; it is never changed by them. */
export interface FileSource {
  /** A file system of its own for a VM. */
  create(around: Surroundings): FileSystem;
  /** The file system as it was saved. Throws SnapshotError where the data is none that this source can go on from. */
  restore(saved: SavedFiles, around: Surroundings): FileSystem;
}

/**
 * A file system as data. `data` is plain: numbers, texts, lists, records and typed arrays. The bytes of `blocks` never
 * change any more, so whoever keeps them need not copy them; where there are shared buffers they stand in such, and cross
 * threads as handles. A block's length is a multiple of `pageBytes` (pages.ts); equal pages may be stored once, but the
 * row of all pages, one block after the other, must come back with the same pages in the same places. How that row is cut
 * into blocks does not matter.
 */
export interface SavedFiles {
  readonly data: unknown;
  readonly blocks: readonly Uint8Array[];
}

export interface FileSystem {
  /** Held by the file system itself: whoever hands it on holds it once more. */
  readonly root: FileNode;
  /** For a snapshot. Equal states give equal data and pages, wherever the bytes stand; nothing else is in them. */
  save(): SavedFiles;
  /** For another thread or a fork: as `save`, but in as few blocks as there are, and at no cost for their size. */
  send(): SavedFiles;
  /** The node of which `FileNode.save` gave the data, held once. Throws SnapshotError. */
  restoreNode(saved: unknown): FileNode;
  /** Gives back what the host lends, such as open files. Nothing may be asked of its nodes afterwards. */
  dispose(): void;
}

export interface FileStat {
  readonly kind: FileKind;
  readonly device: bigint;
  readonly inode: bigint;
  readonly links: bigint;
  readonly size: bigint;
  /** Times in nanoseconds since 1970. */
  readonly accessed: bigint;
  readonly modified: bigint;
  readonly changed: bigint;
}

/** Nanoseconds since 1970; what is not given stays. */
export interface FileTimes {
  readonly accessed?: bigint | undefined;
  readonly modified?: bigint | undefined;
}

export interface Access {
  readonly read: boolean;
  readonly write: boolean;
}

export interface DirEntry {
  readonly name: string;
  readonly kind: FileKind;
  readonly inode: bigint;
  /** The cookie from which the listing goes on after this entry. */
  readonly next: bigint;
}

/**
 * A file, directory, symbolic link or something else. Whatever returns a node gives it held once, and whoever has it
 * releases it in the end. What a node of this kind cannot do fails: with `notdir` what is for directories, `isdir` or
 * `inval` what is for files.
 */
export interface FileNode {
  readonly system: FileSystem;
  readonly kind: FileKind;
  hold(): void;
  release(): void;
  /** Data for `FileSystem.restoreNode`, as plain as that of `SavedFiles`. */
  save(): unknown;

  stat(): FileStat;
  setTimes(times: FileTimes): void;

  /**
   * Must come before reading and writing, whose lack of permission it tells: `acces`, `rofs`, `isdir` for writing to a
   * directory. Directories that are read need it no less.
   */
  open(access: Access): void;
  size(): number;
  // Of the bytes that are given, `count` from `at` on are meant: all, unless told.
  /** Fills as much as there is from `offset` on; 0 is the end. Offsets are safe integers. */
  read(offset: number, into: Uint8Array, at?: number, count?: number): number;
  /** Bytes written: all, or fewer where space runs out in the midst. */
  write(offset: number, from: Uint8Array, at?: number, count?: number): number;
  /** Writes where the file ends by then. */
  append(from: Uint8Array, at?: number, count?: number): number;
  truncate(size: number): void;
  /** Makes sure that there is space, and makes the file as long as that. */
  allocate(offset: number, length: number): void;
  sync(dataOnly: boolean): void;

  lookup(name: string): FileNode;
  /** A new empty file, open for reading and writing; `exist` where the name is taken. */
  create(name: string): FileNode;
  mkdir(name: string): void;
  /** Anything but a directory. */
  unlink(name: string): void;
  rmdir(name: string): void;
  /**
   * The directory that an entry of this name would be in, where one is renamed or linked to it: itself, except for mounts.
   * `busy` where something is mounted.
   */
  entryDir(name: string): FileNode;
  /** `toDir`: what `entryDir` gives. */
  rename(name: string, toDir: FileNode, toName: string): void;
  /** Another name for what `name` is here, which may be a symbolic link but no directory. */
  link(name: string, toDir: FileNode, toName: string): void;
  symlink(name: string, target: string): void;
  /**
   * The entries after a cookie, `.` and `..` first; a listing begins with cookie 0. A cookie is good for ever: after other
   * changes of the directory, and after a restore. The entries are read as the iterator goes on. A directory that was
   * removed has none. `read` is told of so many names that the host had to be asked for, beside the entries that are
   * taken: no fewer after a restore, nor more.
   */
  list(cookie: bigint, read?: (names: number) => void): Iterable<DirEntry>;

  /** The target of a symbolic link. */
  readlink(): string;
}
