// A folder of the host as a file system: a capability, out of which no path leads. What is in it is the host's; a snapshot
// tells only what was open, and where.

import * as fs from 'node:fs';
import { bad } from '../../snapshot/data/form.ts';
import { UsageError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import { ErrnoError } from '../errno.ts';
import { fileTypes } from '../files/kinds.ts';
import { isName } from '../files/names.ts';
import type { FileNode, FileSystem, SavedFiles, Surroundings } from '../files/types.ts';
import { type Folder, FolderNode, type SavedNode } from './nodes.ts';
import { bestReach, type Reach } from './reach.ts';
import { StaleNode } from './stale.ts';
import { SetTimes } from './times.ts';

/** Closes what a folder that nobody has any more left open. */
const forgotten = new FinalizationRegistry<Set<number>>(closeAll);

function closeAll(fds: Set<number>): void {
  for (const fd of fds) fs.closeSync(fd);
  fds.clear();
}

export interface FolderFileSystemOptions {
  readonly readOnly: boolean;
  readonly reach?: Reach;
}

export class FolderFileSystem implements FileSystem {
  readonly root: FolderNode;
  private readonly folder: Folder;

  constructor(path: string, around: Surroundings, { readOnly, reach = bestReach() }: FolderFileSystemOptions) {
    const fds = new Set<number>();
    const root = rootAt(path, reach);
    this.folder = { system: this, around, reach, readOnly, times: new SetTimes(), root, fds };
    this.root = new FolderNode(this.folder, root);
    forgotten.register(this, fds, this);
  }

  save(): SavedFiles {
    return { data: { kind: 'folder', times: this.folder.times.save() }, blocks: [] };
  }

  send(): SavedFiles {
    return this.save();
  }

  /** Throws SnapshotError. */
  restore({ data }: SavedFiles): void {
    const { kind, times } = (data ?? {}) as { kind?: unknown; times?: unknown };
    if (kind !== 'folder') bad('not a folder', 'files');
    this.folder.times.restore(times);
  }

  restoreNode(saved: unknown): FileNode {
    const node = checkNode(saved);
    try {
      return this.find(node);
    } catch (thrown) {
      if (!(thrown instanceof ErrnoError)) throw thrown;
      const { path } = node;
      const what = path === undefined ? 'a file without a name' : quoted(path || '.');
      const why = thrown.errno === 'stale' ? 'is another file now' : `cannot be opened again: ${thrown.errno}`;
      this.folder.around.note(
        `${what} was open when the program was saved, and ${path === undefined ? 'is gone' : why}`,
      );
      const { around } = this.folder;
      return new StaleNode(this, node.kind, around.nodeData?.(saved) ?? saved);
    }
  }

  private find({ path, inode, born, kind, read, write, listing }: SavedNode): FileNode {
    if (path === undefined) throw new ErrnoError('noent');
    let node = this.root;
    node.hold();
    for (const name of path === '' ? [] : path.split('/')) {
      try {
        const next = node.lookup(name);
        node.release();
        node = next;
      } catch (thrown) {
        node.release();
        throw thrown;
      }
    }
    try {
      const { stat } = node.found;
      const isBornThen = born === 0n || stat.birthtimeNs === 0n || stat.birthtimeNs === born;
      if (path !== '' && (stat.ino !== inode || !isBornThen || node.kind !== kind)) throw new ErrnoError('stale');
      if (path !== '') node.open({ read, write });
      if (listing) node.goOnListing();
      return node;
    } catch (thrown) {
      node.release();
      throw thrown;
    }
  }

  dispose(): void {
    forgotten.unregister(this);
    closeAll(this.folder.fds);
  }
}

function rootAt(path: string, reach: Reach): Folder['root'] {
  try {
    return reach.root(path);
  } catch (thrown) {
    if (!(thrown instanceof ErrnoError)) throw thrown;
    throw new UsageError(`the folder ${quoted(path)} cannot be opened: ${reasons[thrown.errno] ?? thrown.errno}`, {
      cause: thrown,
    });
  }
}

/** Where they are told to people; the others by what WASI calls them. */
const reasons: Readonly<Record<string, string>> = {
  noent: 'there is no such folder',
  notdir: 'it is no folder',
  acces: 'permission denied',
};

/** Throws SnapshotError. */
function checkNode(saved: unknown): SavedNode {
  const {
    path,
    inode,
    born,
    kind,
    read,
    write,
    listing = false,
  } = (saved ?? {}) as { [K in keyof SavedNode]?: unknown };
  const where = 'an open file of a folder';
  const isPath = typeof path === 'string' && (path === '' || path.split('/').every(isName));
  if (path !== undefined && !isPath) bad('a path expected', where);
  if (typeof inode !== 'bigint' || typeof born !== 'bigint') bad('numbers expected', where);
  if (typeof read !== 'boolean' || typeof write !== 'boolean') bad('access expected', where);
  if (typeof listing !== 'boolean') bad('whether it is being listed expected', where);
  if (typeof kind !== 'string' || !Object.hasOwn(fileTypes, kind)) bad('a kind of file expected', where);
  return { path, inode, born, kind, read, write, listing } as SavedNode;
}
