// Where a path leads, for all file systems: the one place that knows slashes, `.`, `..` and symbolic links. A walk begins at
// a directory that the guest holds and never leaves what is below it: absolute paths, a `..` too many, and links that lead
// out are `notcapable`. `..` goes back to the directory that the walk came from, so renames meanwhile change nothing.

import { ErrnoError, fail } from '../errno.ts';
import { checkNameLength, checkPath } from './names.ts';
import type { FileNode } from './types.ts';

const mostLinks = 40;
/** A walk holds the directories that it came through, which may be open files of the host. */
const mostDepth = 256;
/** Names of a path and of all links on its way. */
const mostSteps = 4096;

export interface Place {
  /** The directory that the last name is in; for a place without a name, that directory itself. */
  readonly dir: FileNode;
  /** Undefined for the beginning of the walk and what ends with `.` or `..`. */
  readonly name: string | undefined;
  /** What is there, if anything is; released when the visit is over, unless it is held. */
  readonly node: FileNode | undefined;
  /** The path ends with a slash: it is about a directory, or nothing. */
  readonly slash: boolean;
  /** The last part as it was written. */
  readonly last: string;
}

/**
 * Walks and visits the place, which may be empty while the directory around it is there. `follow` says whether the last
 * name is followed where it is a symbolic link.
 */
export function visit<T>(base: FileNode, path: string, follow: boolean, act: (place: Place) => T): T {
  const walk = new Walk(base, path, follow);
  try {
    return act(walk.place());
  } finally {
    walk.release();
  }
}

class Walk {
  /** From where the walk began to where it is; all but the first are held. */
  private readonly way: FileNode[];
  private found: FileNode | undefined;
  /** Parts still to go, the next one last. */
  private readonly rest: string[] = [];
  private last = '';
  private slash = false;
  private links = 0;
  private steps = 0;

  constructor(
    base: FileNode,
    path: string,
    private readonly follow: boolean,
  ) {
    if (base.kind !== 'directory') fail('notdir');
    this.way = [base];
    this.enter(path);
  }

  release(): void {
    this.found?.release();
    for (const node of this.way.slice(1)) node.release();
  }

  place(): Place {
    for (let part = this.rest.pop(); part !== undefined; part = this.rest.pop()) {
      this.last = part;
      if (part === '..') this.back();
      else if (part !== '.') {
        const name = this.step(part);
        if (name !== undefined) return this.told(name);
      }
    }
    return this.told(undefined);
  }

  private told(name: string | undefined): Place {
    const node = name === undefined ? this.dir : this.found;
    return { dir: this.dir, name, node, slash: this.slash, last: this.last };
  }

  private get dir(): FileNode {
    return this.way.at(-1) as FileNode;
  }

  /** Takes up the parts of a path, or of a link's target, before all others. */
  private enter(path: string): void {
    if (path === '') fail('noent');
    checkPath(path);
    if (path.startsWith('/')) fail('notcapable');
    if (this.rest.length === 0) this.slash ||= path.endsWith('/');
    const parts = path.split('/').filter((part) => part !== '');
    this.steps += parts.length;
    if (this.steps > mostSteps) fail('nametoolong');
    this.rest.push(...parts.reverse());
  }

  private back(): void {
    if (this.way.length === 1) fail('notcapable');
    this.way.pop()?.release();
  }

  /** Goes on by a name; where it is the last one and need not be followed, that is the name of the place. */
  private step(name: string): string | undefined {
    checkNameLength(name);
    const isLast = this.rest.length === 0;
    const node = isLast ? lookupIfThere(this.dir, name) : this.dir.lookup(name);
    if (node?.kind === 'symlink' && (!isLast || this.follow)) {
      this.followLink(node);
      return undefined;
    }
    this.found = node;
    if (isLast) return name;
    if (node?.kind !== 'directory') fail('notdir');
    if (this.way.length > mostDepth) fail('nametoolong');
    this.way.push(node);
    this.found = undefined;
    return undefined;
  }

  private followLink(link: FileNode): void {
    try {
      if (++this.links > mostLinks) fail('loop');
      this.enter(link.readlink());
    } finally {
      link.release();
    }
  }
}

function lookupIfThere(dir: FileNode, name: string): FileNode | undefined {
  try {
    return dir.lookup(name);
  } catch (thrown) {
    if (thrown instanceof ErrnoError && thrown.errno === 'noent') return undefined;
    throw thrown;
  }
}
