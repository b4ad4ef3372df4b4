// Files, directories and symbolic links in memory. A node lives as long as it has a name or somebody holds it.

import { fail } from '../../errno.ts';
import { dots } from '../listing.ts';
import { isName, isTarget } from '../names.ts';
import { NodeBase } from '../node.ts';
import type { Access, DirEntry, FileNode, FileStat, FileSystem, FileTimes } from '../types.ts';
import { Contents } from './contents.ts';
import { Entries } from './entries.ts';
import { entryCost, nodeCost, type Volume } from './volume.ts';

export type MemoryVolume = Volume<MemoryNode>;

/** What is kept of every node. Times are nanoseconds since 1970. */
export interface Times {
  accessed: bigint;
  modified: bigint;
  changed: bigint;
}

abstract class Base extends NodeBase {
  /** Names in directories; the root has one that is in none. */
  links = 0;
  private holds = 0;

  constructor(
    readonly volume: MemoryVolume,
    readonly inode: number,
    readonly times: Times,
  ) {
    super();
  }

  get system(): FileSystem {
    return this.volume.system;
  }

  get isHeld(): boolean {
    return this.holds > 0;
  }

  hold(): void {
    this.holds++;
  }

  release(): void {
    this.holds--;
    this.endIfUnused();
  }

  endIfUnused(): void {
    if (this.links > 0 || this.holds > 0) return;
    this.volume.nodes.delete(this.inode);
    this.end();
  }

  /** Gives back what the node uses. */
  protected abstract end(): void;

  save(): unknown {
    return this.volume.around.nodeData?.(this.inode) ?? this.inode;
  }

  stat(): FileStat {
    const { kind, inode, links, times } = this;
    const size = BigInt(this.bytes());
    return { kind, device: this.volume.around.device, inode: BigInt(inode), links: BigInt(links), size, ...times };
  }

  /** As `stat` tells the size. */
  protected abstract bytes(): number;

  setTimes({ accessed, modified }: FileTimes): void {
    this.volume.checkWritable();
    this.times.accessed = accessed ?? this.times.accessed;
    this.times.modified = modified ?? this.times.modified;
    this.times.changed = this.volume.around.now();
  }

  protected touch(): void {
    this.times.modified = this.times.changed = this.volume.around.now();
  }

  touchStatus(): void {
    this.times.changed = this.volume.around.now();
  }

  open({ write }: Access): void {
    if (write) this.volume.checkWritable();
  }

  sync(): void {}
}

export class MemoryFile extends Base {
  readonly kind = 'file';
  contents = new Contents(this.volume.room);

  protected bytes(): number {
    return this.contents.size;
  }

  protected end(): void {
    this.contents.clear();
    this.volume.room.refund(nodeCost());
  }

  override size(): number {
    return this.contents.size;
  }

  override read(offset: number, into: Uint8Array, at = 0, count = into.length - at): number {
    return this.contents.read(offset, into, at, count);
  }

  override write(offset: number, from: Uint8Array, at = 0, count = from.length - at): number {
    this.volume.checkWritable();
    const written = this.contents.write(offset, from, at, count);
    if (written > 0) this.touch();
    return written;
  }

  override append(from: Uint8Array, at?: number, count?: number): number {
    return this.write(this.contents.size, from, at, count);
  }

  override truncate(size: number): void {
    this.volume.checkWritable();
    this.contents.truncate(size);
    this.touch();
  }

  override allocate(offset: number, length: number): void {
    this.volume.checkWritable();
    this.contents.allocate(offset, length);
    this.touchStatus();
  }
}

export class MemoryLink extends Base {
  readonly kind = 'symlink';

  constructor(
    volume: MemoryVolume,
    inode: number,
    times: Times,
    readonly target: string,
  ) {
    super(volume, inode, times);
  }

  protected bytes(): number {
    return new TextEncoder().encode(this.target).length;
  }

  protected end(): void {
    this.volume.room.refund(nodeCost(this.target));
  }

  override open(): void {
    fail('loop');
  }

  override readlink(): string {
    return this.target;
  }
}

export class MemoryDirectory extends Base {
  readonly kind = 'directory';
  entries = new Entries<MemoryNode>();
  /** Undefined for the root, and for a directory that was removed. */
  parent: MemoryDirectory | undefined;
  /** How many of the directories here are how high. */
  private readonly heights: number[] = [];

  /** How many levels of directories there are below this one. */
  get height(): number {
    return this.heights.length;
  }

  protected bytes(): number {
    return 0;
  }

  protected end(): void {
    this.volume.room.refund(nodeCost());
  }

  override open({ write }: Access): void {
    if (write) fail('isdir');
  }

  override lookup(name: string): MemoryNode {
    const node = this.need(name);
    node.hold();
    return node;
  }

  private need(name: string): MemoryNode {
    return this.entries.get(name) ?? fail('noent');
  }

  /** Before a name is taken. */
  private checkFree(name: string): void {
    if (this.entries.get(name) !== undefined) fail('exist');
    this.volume.checkWritable();
    if (this.links === 0) fail('noent');
    if (!isName(name)) fail('inval');
  }

  override create(name: string): MemoryFile {
    const file = this.make(name, '', (inode, times) => new MemoryFile(this.volume, inode, times));
    file.hold();
    return file;
  }

  override mkdir(name: string): void {
    this.checkFree(name);
    this.checkDepth(0);
    this.make(name, '', (inode, times) => new MemoryDirectory(this.volume, inode, times));
  }

  override symlink(name: string, target: string): void {
    if (!isTarget(target)) fail('inval');
    this.make(name, target, (inode, times) => new MemoryLink(this.volume, inode, times, target));
  }

  private make<N extends MemoryNode>(name: string, target: string, make: (inode: number, times: Times) => N): N {
    this.checkFree(name);
    const { volume } = this;
    volume.chargeNode(target, name);
    const now = volume.around.now();
    const node = make(volume.nextInode++, { accessed: now, modified: now, changed: now });
    volume.nodes.set(node.inode, node);
    this.add(name, node);
    return node;
  }

  private add(name: string, node: MemoryNode): void {
    this.volume.room.charge(entryCost(name));
    this.entries.add(name, node);
    this.linked(node);
  }

  private replace(name: string, node: MemoryNode, replaced: MemoryNode): void {
    this.entries.replace(name, node);
    this.linked(node);
    this.unlinked(replaced);
  }

  private remove(name: string, node: MemoryNode): void {
    this.volume.room.refund(entryCost(name));
    this.entries.remove(name);
    this.unlinked(node);
  }

  /** A node has got a name here. */
  private linked(node: MemoryNode): void {
    this.touch();
    node.links++;
    if (node.kind === 'directory') this.takeIn(node);
  }

  takeIn(node: MemoryDirectory): void {
    node.parent = this;
    this.countHeight(undefined, node.height);
  }

  /** A node has lost a name here. */
  private unlinked(node: MemoryNode): void {
    this.touch();
    node.links--;
    node.touchStatus();
    if (node.kind === 'directory') {
      node.parent = undefined;
      this.countHeight(node.height, undefined);
    }
    node.endIfUnused();
  }

  /** One of the directories here was so high, and is so high now. */
  private countHeight(before: number | undefined, after: number | undefined): void {
    const { heights, height } = this;
    if (before !== undefined) heights[before] = (heights[before] ?? 0) - 1;
    while (after !== undefined && heights.length <= after) heights.push(0);
    if (after !== undefined) heights[after] = (heights[after] ?? 0) + 1;
    while (heights.at(-1) === 0) heights.pop();
    if (this.height !== height) this.parent?.countHeight(height, this.height);
  }

  override unlink(name: string): void {
    const node = this.need(name);
    this.volume.checkWritable();
    if (node.kind === 'directory') fail('isdir');
    this.remove(name, node);
  }

  override rmdir(name: string): void {
    const node = this.need(name);
    this.volume.checkWritable();
    if (node.kind !== 'directory') fail('notdir');
    if (node.entries.size > 0) fail('notempty');
    this.remove(name, node);
  }

  override link(name: string, toDir: FileNode, toName: string): void {
    const node = this.need(name);
    const target = this.neighbour(toDir);
    target.checkFree(toName);
    if (node.kind === 'directory') fail('perm');
    target.add(toName, node);
    node.touchStatus();
  }

  /** A directory of the same file system. */
  private neighbour(dir: FileNode): MemoryDirectory {
    if (dir.kind !== 'directory') fail('notdir');
    if (!(dir instanceof MemoryDirectory) || dir.volume !== this.volume) fail('xdev');
    return dir;
  }

  override rename(name: string, toDir: FileNode, toName: string): void {
    const node = this.need(name);
    const target = this.neighbour(toDir);
    this.volume.checkWritable();
    if (node.kind === 'directory' && target.isWithin(node)) fail('inval');
    const replaced = target.entries.get(toName);
    if (replaced === node) return;
    if (replaced?.kind === 'directory' && this.isWithin(replaced)) fail('notempty');
    if (replaced !== undefined) checkReplaced(node, replaced);
    else {
      target.checkFree(toName);
      if (!this.volume.room.has(entryCost(toName) - entryCost(name))) fail('nospc');
    }
    if (node.kind === 'directory') target.checkDepth(node.height);
    this.move(name, node, target, toName, replaced);
  }

  private move(
    name: string,
    node: MemoryNode,
    target: MemoryDirectory,
    toName: string,
    replaced: MemoryNode | undefined,
  ): void {
    // So that it does not end in between.
    node.links++;
    this.remove(name, node);
    if (replaced === undefined) target.add(toName, node);
    else target.replace(toName, node, replaced);
    node.links--;
  }

  /** Whether this is the directory or below it. */
  private isWithin(dir: MemoryDirectory): boolean {
    for (let at: MemoryDirectory | undefined = this; at !== undefined; at = at.parent) if (at === dir) return true;
    return false;
  }

  /** Before a directory of so many levels is put in here. */
  private checkDepth(height: number): void {
    let depth = 1 + height;
    for (let at = this.parent; at !== undefined; at = at.parent) depth++;
    if (depth > this.volume.limits.depth) fail('nametoolong');
  }

  override *list(cookie: bigint): Iterable<DirEntry> {
    if (this.links === 0) return;
    yield* dots(cookie, BigInt(this.inode));
    const first = cookie > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(cookie);
    for (let entry = this.entries.from(first); entry !== undefined; entry = this.entries.from(entry.cookie + 1)) {
      const { kind, inode } = entry.node;
      yield { name: entry.name, kind, inode: BigInt(inode), next: BigInt(entry.cookie + 1) };
    }
  }
}

export type MemoryNode = MemoryFile | MemoryDirectory | MemoryLink;

/** Whether a node may take the place of another one. */
function checkReplaced(node: MemoryNode, replaced: MemoryNode): void {
  if (replaced.kind !== 'directory') {
    if (node.kind === 'directory') fail('notdir');
  } else if (node.kind !== 'directory') fail('isdir');
  else if (replaced.entries.size > 0) fail('notempty');
}
