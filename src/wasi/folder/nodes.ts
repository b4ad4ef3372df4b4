// What is in a folder of the host. A node is what was found under a name at some time; on Linux it stays that, whatever
// happens to the name. Only directories and plain files are ever opened: pipes and devices can be seen, renamed and removed.

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { ErrnoError, fail } from '../errno.ts';
import type { FileKind } from '../files/kinds.ts';
import { dots, firstCookie } from '../files/listing.ts';
import { NodeBase } from '../files/node.ts';
import type { Access, DirEntry, FileNode, FileStat, FileSystem, FileTimes, Surroundings } from '../files/types.ts';
import { call, failed, kindOf } from './host.ts';
import { type Found, isSame, openFlags, type Reach } from './reach.ts';
import { type SetTimes, secondsOf } from './times.ts';

/** What all nodes of a folder have in common. */
export interface Folder {
  readonly system: FileSystem;
  readonly around: Surroundings;
  readonly reach: Reach;
  readonly readOnly: boolean;
  readonly times: SetTimes;
  readonly root: Found;
  /** Everything that is open, to be closed when the folder is disposed of. */
  readonly fds: Set<number>;
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND } = fs.constants;

/** What a snapshot tells of a node. */
export interface SavedNode {
  /** From the root on; undefined if it had no name any more. */
  readonly path: string | undefined;
  readonly inode: bigint;
  /** When it was made, in nanoseconds since 1970; 0 where the host does not know. */
  readonly born: bigint;
  readonly kind: FileKind;
  readonly read: boolean;
  readonly write: boolean;
  /** A listing is under way, and its names have been paid for; snapshots of before said nothing of it. */
  readonly listing: boolean;
}

/** In case somebody puts something else there each time that it is looked at. */
const mostTries = 10;

export class FolderNode extends NodeBase {
  readonly kind: FileKind;
  private holds = 1;
  private access: Access = { read: false, write: false };
  /** The file, opened; `found.fd` may be no more than its place. */
  private file: number | undefined;
  /** The same, opened to be written at its end. */
  private end: number | undefined;
  private target = '';
  /** Names as the listing under way has them, in its order; `restored` before they are read again after a restore. */
  private listing: readonly Listed[] | 'restored' | undefined;

  constructor(
    private readonly folder: Folder,
    readonly found: Found,
  ) {
    super();
    this.kind = kindOf(found.stat);
    if (found.fd !== undefined) folder.fds.add(found.fd);
  }

  get system(): FileSystem {
    return this.folder.system;
  }

  hold(): void {
    this.holds++;
  }

  release(): void {
    if (--this.holds > 0) return;
    for (const fd of new Set([this.found.fd, this.file, this.end])) if (fd !== undefined) this.close(fd);
  }

  private close(fd: number): void {
    if (this.folder.fds.delete(fd)) fs.closeSync(fd);
  }

  save(): unknown {
    const saved = this.data();
    return this.folder.around.nodeData?.(saved) ?? saved;
  }

  private data(): SavedNode {
    const { found, folder, kind, access } = this;
    const { stat } = found;
    const path = this.isGone() ? undefined : folder.reach.pathOf(folder.root, found);
    const listing = this.listing !== undefined;
    return { path, inode: stat.ino, born: stat.birthtimeNs, kind, ...access, listing };
  }

  private isGone(): boolean {
    return this.found.fd !== undefined && fs.fstatSync(this.found.fd, { bigint: true }).nlink === 0n;
  }

  private hostStat(): fs.BigIntStats {
    const fd = this.file ?? this.found.fd;
    if (fd !== undefined) return call(() => fs.fstatSync(fd, { bigint: true }));
    return this.folder.reach.self(this.found, (path) => fs.lstatSync(path, { bigint: true }));
  }

  stat(): FileStat {
    const stat = this.hostStat();
    return {
      kind: this.kind,
      device: this.folder.around.device,
      inode: this.inodeOf(stat),
      links: stat.nlink,
      size: stat.size,
      ...this.folder.times.of(stat),
      changed: stat.ctimeNs,
    };
  }

  /** Of what is mounted within the folder the numbers are set apart; the host's devices are not told. */
  private inodeOf({ dev, ino }: fs.BigIntStats): bigint {
    return dev === this.folder.root.stat.dev ? ino : BigInt.asUintN(64, ino ^ (dev << 40n));
  }

  setTimes({ accessed, modified }: FileTimes): void {
    this.checkWritable();
    const now = this.folder.times.of(this.hostStat());
    const [atime, mtime] = [accessed ?? now.accessed, modified ?? now.modified];
    this.folder.reach.self(this.found, (path) => {
      // A descriptor's path is itself a link, to what is open, and no further where that is one.
      const set = this.folder.reach.keepsOpen ? fs.utimesSync : fs.lutimesSync;
      set(path, secondsOf(atime), secondsOf(mtime));
    });
    this.folder.times.remember(this.hostStat(), atime, mtime);
  }

  private checkWritable(): void {
    if (this.folder.readOnly) fail('rofs');
  }

  // Files.

  open(access: Access): void {
    if (access.write) this.checkWritable();
    if (this.kind === 'directory') {
      if (access.write) fail('isdir');
      this.access = access;
      return;
    }
    if (this.kind === 'symlink') fail('loop');
    if (this.kind !== 'file') fail('acces');
    if (access.read || access.write) this.openFile(access);
    this.access = access;
  }

  private openFile(access: Access): void {
    const fd = this.openSelf(access.write ? (access.read ? O_RDWR : O_WRONLY) : O_RDONLY);
    if (this.file !== undefined && this.file !== this.found.fd) this.close(this.file);
    this.file = fd;
  }

  /** Opens what was found, and nothing else. */
  private openSelf(flags: number): number {
    const { reach, fds } = this.folder;
    // What the descriptor leads to is no link, and the host follows none but the descriptor itself.
    const safely = reach.keepsOpen ? flags : flags | openFlags;
    const fd = reach.self(this.found, (path) => fs.openSync(path, safely));
    fds.add(fd);
    if (!isSame(fs.fstatSync(fd, { bigint: true }), this.found.stat)) {
      this.close(fd);
      fail('stale');
    }
    return fd;
  }

  private opened(): number {
    if (this.kind === 'directory') fail('isdir');
    return this.file ?? fail('badf');
  }

  override size(): number {
    if (this.kind === 'directory') fail('isdir');
    return Number(this.hostStat().size);
  }

  override read(offset: number, into: Uint8Array, at = 0, count = into.length - at): number {
    const fd = this.opened();
    try {
      return fs.readSync(fd, into, at, count, offset);
    } catch (thrown) {
      return failed(thrown);
    }
  }

  override write(offset: number, from: Uint8Array, at = 0, count = from.length - at): number {
    const fd = this.opened();
    try {
      return fs.writeSync(fd, from, at, count, offset);
    } catch (thrown) {
      return failed(thrown);
    }
  }

  override append(from: Uint8Array, at = 0, count = from.length - at): number {
    this.opened();
    if (!this.access.write) fail('badf');
    // By its path it may not be found again; then others must not write to it at the same time.
    if (!this.folder.reach.keepsOpen) return this.write(this.size(), from, at, count);
    this.end ??= this.openSelf(O_WRONLY | O_APPEND);
    const { end } = this;
    return call(() => fs.writeSync(end, from, at, count, null));
  }

  override truncate(size: number): void {
    const fd = this.opened();
    call(() => fs.ftruncateSync(fd, size));
  }

  /** Node has no call that only asks for the room. */
  override allocate(offset: number, length: number): void {
    if (this.size() < offset + length) this.truncate(offset + length);
    else this.opened();
  }

  sync(dataOnly: boolean): void {
    const { file } = this;
    if (file !== undefined) call(() => (dataOnly ? fs.fdatasyncSync : fs.fsyncSync)(file));
    else if (this.kind === 'directory' && this.folder.reach.keepsOpen) this.syncDirectory();
  }

  private syncDirectory(): void {
    const fd = this.openSelf(O_RDONLY);
    try {
      call(() => fs.fsyncSync(fd));
    } finally {
      this.close(fd);
    }
  }

  // Directories.

  private checkDirectory(): void {
    if (this.kind !== 'directory') fail('notdir');
  }

  override lookup(name: string): FolderNode {
    this.checkDirectory();
    for (let tries = 0; tries < mostTries; tries++) {
      const node = new FolderNode(this.folder, this.folder.reach.find(this.found, name));
      if (node.kind !== 'symlink' || node.readTarget(this, name)) return node;
      node.release();
    }
    return fail('again');
  }

  /** False where it is no link any more. */
  private readTarget(dir: FolderNode, name: string): boolean {
    try {
      this.target = this.folder.reach.entry(dir.found, name, (path) => fs.readlinkSync(path));
      return true;
    } catch (thrown) {
      if (thrown instanceof ErrnoError && (thrown.errno === 'inval' || thrown.errno === 'noent')) return false;
      this.release();
      throw thrown;
    }
  }

  override readlink(): string {
    return this.kind === 'symlink' ? this.target : fail('inval');
  }

  /** Acts on an entry that may change. */
  private change<T>(name: string, act: (path: string) => T): T {
    this.checkDirectory();
    this.checkWritable();
    return this.folder.reach.entry(this.found, name, act);
  }

  override create(name: string): FileNode {
    const { folder } = this;
    const node = this.change(name, (path) => {
      const fd = fs.openSync(path, O_CREAT | O_EXCL | O_RDWR | openFlags, 0o666);
      return new FolderNode(folder, { fd, path, stat: fs.fstatSync(fd, { bigint: true }) });
    });
    node.file = node.found.fd;
    node.access = { read: true, write: true };
    return node;
  }

  override mkdir(name: string): void {
    this.change(name, (path) => fs.mkdirSync(path));
  }

  override unlink(name: string): void {
    this.change(name, (path) => fs.unlinkSync(path));
  }

  override rmdir(name: string): void {
    this.change(name, (path) => fs.rmdirSync(path));
  }

  override symlink(name: string, target: string): void {
    this.change(name, (path) => fs.symlinkSync(target, path));
  }

  override rename(name: string, toDir: FileNode, toName: string): void {
    this.between(name, toDir, toName, fs.renameSync);
  }

  override link(name: string, toDir: FileNode, toName: string): void {
    this.between(name, toDir, toName, fs.linkSync);
  }

  private between(name: string, toDir: FileNode, toName: string, act: (from: string, to: string) => void): void {
    if (!(toDir instanceof FolderNode) || toDir.folder !== this.folder) fail('xdev');
    this.change(name, (from) => toDir.change(toName, (to) => act(from, to)));
  }

  /**
   * Ordered by hashes of the names, which are the cookies: so they mean the same whatever was made and removed meanwhile,
   * and after a restore. Names that are no UTF-8 are left out, as no path leads to them.
   */
  override *list(cookie: bigint, read?: (names: number) => void): Iterable<DirEntry> {
    this.checkDirectory();
    if (this.isGone()) return;
    yield* dots(cookie, this.inodeOf(this.found.stat));
    const listing = this.listingFrom(cookie, read);
    for (let i = firstFrom(listing, cookie); i < listing.length; i++) {
      const { name, place } = listing[i] as Listed;
      const stat = this.statOf(name);
      if (stat !== undefined) yield { name, kind: kindOf(stat), inode: this.inodeOf(stat), next: place + 1n };
    }
    this.listing = undefined;
  }

  /** The names are read where a listing begins, and kept until it has come to its end. */
  private listingFrom(cookie: bigint, read?: (names: number) => void): readonly Listed[] {
    if (cookie <= firstCookie) this.listing = undefined;
    if (Array.isArray(this.listing)) return this.listing;
    const names = this.names();
    if (this.listing !== 'restored') read?.(names.length);
    this.listing = names;
    return names;
  }

  /** Goes on, after a restore, with a listing that was under way. */
  goOnListing(): void {
    this.listing = 'restored';
  }

  private names(): Listed[] {
    const names = this.folder.reach.self(this.found, (path) => fs.readdirSync(path, { encoding: 'buffer' }));
    return names.flatMap(listed).sort((a, b) => (a.place < b.place ? -1 : 1));
  }

  /** Undefined where it has gone meanwhile. */
  private statOf(name: string): fs.BigIntStats | undefined {
    return this.folder.reach.entry(this.found, name, (path) =>
      fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }),
    );
  }
}

interface Listed {
  readonly name: string;
  /** The cookie from which the listing goes on with it. */
  readonly place: bigint;
}

/** The index of the first place that is not before the cookie. */
function firstFrom(listing: readonly Listed[], cookie: bigint): number {
  let [low, high] = [0, listing.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((listing[middle] as Listed).place < cookie) low = middle + 1;
    else high = middle;
  }
  return low;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function listed(bytes: Uint8Array): Listed[] {
  try {
    const name = utf8.decode(bytes);
    const hash = createHash('sha256').update(bytes).digest().readBigUInt64LE() >> 2n;
    return [{ name, place: BigInt(firstCookie) + hash }];
  } catch {
    return [];
  }
}
