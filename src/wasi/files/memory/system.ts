// A file system in memory, all of which is state of its VM.

import { bad } from '../../../snapshot/data/form.ts';
import type { FileLimits } from '../limits.ts';
import type { FileNode, FileSystem, SavedFiles, Surroundings } from '../types.ts';
import { MemoryDirectory, type MemoryVolume } from './nodes.ts';
import { pageBytes } from './pages.ts';
import { type Row, read, write } from './saved.ts';
import { nodeCost, Volume } from './volume.ts';

export interface MemoryOptions {
  readonly limits: FileLimits;
  /** As for an image: what would change something fails with `rofs`. */
  readonly readOnly?: boolean;
  /** What was saved; without it the file system is empty. */
  readonly saved?: SavedFiles;
}

export class MemoryFileSystem implements FileSystem {
  private readonly volume: MemoryVolume;
  readonly root: MemoryDirectory;

  /** Throws SnapshotError, and LimitError where what was saved is more than the limits allow. */
  constructor(around: Surroundings, { limits, readOnly = false, saved }: MemoryOptions) {
    this.volume = new Volume(this, around, limits, readOnly);
    this.root = saved === undefined ? emptyRoot(this.volume) : read(this.volume, saved);
    this.root.hold();
  }

  /** Bytes in use, as the limit counts them. */
  get used(): number {
    return this.volume.room.used;
  }

  save(): SavedFiles {
    this.freeze();
    return write(this.volume, this.root, new Compact(this.volume));
  }

  send(): SavedFiles {
    this.freeze();
    const { blocks, placeOf } = this.volume.room.pages.blocks();
    return write(this.volume, this.root, { placeOf, blocks: () => blocks });
  }

  private freeze(): void {
    const tables: Int32Array[] = [];
    for (const node of this.volume.nodes.values()) if (node.kind === 'file') tables.push(node.contents.table);
    this.volume.room.pages.freeze(tables);
  }

  restoreNode(saved: unknown): FileNode {
    const node = this.volume.nodes.get(saved as number) ?? bad('not among the files', 'an open file');
    node.hold();
    return node;
  }

  dispose(): void {}
}

function emptyRoot(volume: MemoryVolume): MemoryDirectory {
  const now = volume.around.now();
  const root = new MemoryDirectory(volume, volume.nextInode++, { accessed: now, modified: now, changed: now });
  root.links = 1;
  volume.room.charge(nodeCost());
  volume.nodes.set(root.inode, root);
  return root;
}

/** The pages in the order in which they are asked for; neighbours that are so in their buffer, too, are one block. */
class Compact implements Row {
  private readonly views: Uint8Array[] = [];
  private count = 0;
  /** What the last block begins with, and how long it is. */
  private from: Uint8Array | undefined;
  private start = 0;
  private length = 0;

  constructor(private readonly volume: MemoryVolume) {}

  placeOf(page: number): number {
    const { pages } = this.volume.room;
    const [buffer, place] = [pages.buffer(page), pages.place(page)];
    if (buffer !== this.from || place !== this.start + this.length) {
      this.end();
      [this.from, this.start, this.length] = [buffer, place, 0];
    }
    this.length += pageBytes;
    return this.count++;
  }

  private end(): void {
    if (this.from !== undefined) this.views.push(this.from.subarray(this.start, this.start + this.length));
  }

  blocks(): readonly Uint8Array[] {
    this.end();
    this.from = undefined;
    return this.views;
  }
}
