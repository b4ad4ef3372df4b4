// A directory that has mounts in it, or leads to some. What is mounted covers what the file system around has there; all
// else is that file system's, which is asked for it. Directories that lead to no mount are its own nodes.

import { fail } from '../../errno.ts';
import { dots, firstCookie } from '../listing.ts';
import { NodeBase } from '../node.ts';
import type { Access, DirEntry, FileNode, FileStat, FileSystem, FileTimes } from '../types.ts';
import type { Point } from './points.ts';

/** What a mount directory asks of the file system that it is part of. */
export interface Mounted {
  readonly system: FileSystem;
  readonly device: bigint;
  /** The root of a file system that is mounted. */
  rootOf(part: number): FileNode;
  /** How a point is saved. */
  savePoint(point: Point): unknown;
}

/**
 * The node at a point, held once. `around`: the directory that the point is in, in the file system that is there; undefined
 * if there is none.
 */
export function nodeAt(mounted: Mounted, point: Point, around: FileNode | undefined): FileNode {
  const below = point.part === undefined ? lookupDirectory(around, point.path.at(-1)) : mounted.rootOf(point.part);
  if (point.part !== undefined) below?.hold();
  return point.children.size === 0 && below !== undefined ? below : new MountDirectory(mounted, point, below);
}

function lookupDirectory(around: FileNode | undefined, name: string | undefined): FileNode | undefined {
  if (around === undefined || name === undefined) return undefined;
  const node = ifThere(() => around.lookup(name));
  if (node?.kind === 'directory') return node;
  node?.release();
  return undefined;
}

function ifThere(lookup: () => FileNode): FileNode | undefined {
  try {
    return lookup();
  } catch {
    // What cannot be looked at is covered all the same.
    return undefined;
  }
}

export class MountDirectory extends NodeBase {
  readonly kind = 'directory';
  private holds = 1;

  constructor(
    private readonly mounted: Mounted,
    private readonly point: Point,
    /** The same directory of the file system around, held; undefined if it has none. */
    private readonly below: FileNode | undefined,
  ) {
    super();
  }

  get system(): FileSystem {
    return this.mounted.system;
  }

  hold(): void {
    this.holds++;
  }

  release(): void {
    if (--this.holds === 0) this.below?.release();
  }

  save(): unknown {
    return this.mounted.savePoint(this.point);
  }

  stat(): FileStat {
    if (this.below !== undefined) return this.below.stat();
    const none = { links: 1n, size: 0n, accessed: 0n, modified: 0n, changed: 0n };
    return { kind: 'directory', device: this.mounted.device, inode: BigInt(1 + this.point.index), ...none };
  }

  setTimes(times: FileTimes): void {
    this.writable().setTimes(times);
  }

  open(access: Access): void {
    if (access.write) fail('isdir');
    this.below?.open(access);
  }

  sync(dataOnly: boolean): void {
    this.below?.sync(dataOnly);
  }

  /** What only leads to mounts cannot be changed. */
  private writable(): FileNode {
    return this.below ?? fail('rofs');
  }

  /** Where an entry of this name is; what is mounted stays where it is. */
  override entryDir(name: string): FileNode {
    if (this.point.children.has(name)) fail('busy');
    return this.writable();
  }

  override lookup(name: string): FileNode {
    const point = this.point.children.get(name);
    if (point !== undefined) return nodeAt(this.mounted, point, this.below);
    return (this.below ?? fail('noent')).lookup(name);
  }

  override create(name: string): FileNode {
    return this.entryDir(name).create(name);
  }

  override mkdir(name: string): void {
    this.entryDir(name).mkdir(name);
  }

  override unlink(name: string): void {
    this.entryDir(name).unlink(name);
  }

  override rmdir(name: string): void {
    this.entryDir(name).rmdir(name);
  }

  override rename(name: string, toDir: FileNode, toName: string): void {
    this.entryDir(name).rename(name, toDir, toName);
  }

  override link(name: string, toDir: FileNode, toName: string): void {
    this.entryDir(name).link(name, toDir, toName);
  }

  override symlink(name: string, target: string): void {
    this.entryDir(name).symlink(name, target);
  }

  /** What is mounted comes first, so that cookies of all else are those of the file system around, moved on. */
  override *list(cookie: bigint, read?: (names: number) => void): Iterable<DirEntry> {
    yield* dots(cookie, this.stat().inode);
    const { children } = this.point;
    let place = BigInt(firstCookie);
    for (const name of children.keys()) {
      place++;
      if (place > cookie) yield this.entryOf(name, place);
    }
    const moved = BigInt(children.size);
    const first = cookie < place ? BigInt(firstCookie) : cookie - moved;
    for (const entry of this.below?.list(first, read) ?? [])
      if (!children.has(entry.name)) yield { ...entry, next: entry.next + moved };
  }

  private entryOf(name: string, next: bigint): DirEntry {
    const node = this.lookup(name);
    try {
      return { name, kind: node.kind, inode: node.stat().inode, next };
    } finally {
      node.release();
    }
  }
}
