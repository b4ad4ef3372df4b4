// What the guest's calls do by path, on any file system. Which error comes first, and what a trailing slash means, is as on
// Linux, for that is what programs were tried on.

import { ErrnoError, fail } from '../errno.ts';
import { checkPath } from './names.ts';
import type { Access, FileNode, FileStat, FileTimes } from './types.ts';
import { type Place, visit } from './walk.ts';

export interface OpenHow extends Access {
  readonly follow: boolean;
  readonly create?: boolean;
  /** With `create`: fails with `exist` where anything is there. */
  readonly exclusive?: boolean;
  /** Fails with `notdir` where it is none. */
  readonly directory?: boolean;
  readonly truncate?: boolean;
}

/** So often may somebody else make and remove what is to be created, before that is `again`. */
const mostTries = 10;

/** Whoever gets the node releases it. */
export function openAt(base: FileNode, path: string, how: OpenHow): FileNode {
  const { create = false, exclusive = false, directory = false, truncate = false } = how;
  if (directory && (create || exclusive || truncate)) fail('inval');
  const follow = (how.follow && !(create && exclusive)) || path.endsWith('/');
  for (let tries = 0; tries < mostTries; tries++) {
    const node = visit(base, path, follow, (place) => (place.node ? openThere(place, how) : createThere(place, how)));
    if (node !== undefined) return node;
  }
  return fail('again');
}

function openThere({ node, slash }: Place, how: OpenHow): FileNode {
  if (node === undefined) fail('noent');
  if (how.create && how.exclusive) fail('exist');
  if (node.kind === 'symlink') fail(how.directory ? 'notdir' : 'loop');
  if ((how.directory || slash) && node.kind !== 'directory') fail('notdir');
  if ((how.create || how.truncate) && node.kind === 'directory') fail('isdir');
  node.open({ read: how.read, write: how.write || how.truncate === true });
  if (how.truncate) node.truncate(0);
  node.hold();
  return node;
}

/** Undefined where somebody else was faster. */
function createThere({ dir, name, slash }: Place, how: OpenHow): FileNode | undefined {
  if (!how.create || name === undefined) fail('noent');
  if (slash) fail('isdir');
  try {
    return dir.create(name);
  } catch (thrown) {
    if (!how.exclusive && thrown instanceof ErrnoError && thrown.errno === 'exist') return undefined;
    throw thrown;
  }
}

/** Acts on what is there; a slash at the end follows a link as `follow` does. */
function onNode<T>(base: FileNode, path: string, follow: boolean, act: (node: FileNode) => T): T {
  return visit(base, path, follow || path.endsWith('/'), ({ node, slash }) => {
    if (node === undefined) fail('noent');
    if (slash && node.kind !== 'directory') fail('notdir');
    return act(node);
  });
}

export const statAt = (base: FileNode, path: string, follow: boolean): FileStat =>
  onNode(base, path, follow, (node) => node.stat());

export const setTimesAt = (base: FileNode, path: string, follow: boolean, times: FileTimes): void =>
  onNode(base, path, follow, (node) => node.setTimes(times));

export const readlinkAt = (base: FileNode, path: string): string =>
  onNode(base, path, false, (node) => node.readlink());

export function mkdirAt(base: FileNode, path: string): void {
  visit(base, path, false, ({ dir, name, node }) => {
    if (node !== undefined || name === undefined) fail('exist');
    dir.mkdir(name);
  });
}

export function unlinkAt(base: FileNode, path: string): void {
  visit(base, path, false, ({ dir, name, node, slash }) => {
    if (node === undefined) fail('noent');
    if (node.kind === 'directory' || name === undefined) fail('isdir');
    if (slash) fail('notdir');
    dir.unlink(name);
  });
}

export function rmdirAt(base: FileNode, path: string): void {
  visit(base, path, false, ({ dir, name, node, last }) => {
    if (name === undefined) fail(last === '..' ? 'notempty' : 'inval');
    if (node === undefined) fail('noent');
    if (node.kind !== 'directory') fail('notdir');
    dir.rmdir(name);
  });
}

export function renameAt(fromBase: FileNode, fromPath: string, toBase: FileNode, toPath: string): void {
  visit(fromBase, fromPath, false, (from) =>
    visit(toBase, toPath, false, (to) => {
      if (from.name === undefined || to.name === undefined) fail('busy');
      if (from.node === undefined) fail('noent');
      if ((from.slash || to.slash) && from.node.kind !== 'directory') fail('notdir');
      from.dir.rename(from.name, to.dir.entryDir(to.name), to.name);
    }),
  );
}

/** The link itself, where the last name is one: no file system of ours links what it points to. */
export function linkAt(fromBase: FileNode, fromPath: string, toBase: FileNode, toPath: string): void {
  visit(fromBase, fromPath, fromPath.endsWith('/'), (from) =>
    visit(toBase, toPath, false, (to) => {
      if (from.node === undefined) fail('noent');
      if (from.slash && from.node.kind !== 'directory') fail('notdir');
      if (to.node !== undefined || to.name === undefined) fail('exist');
      if (to.slash) fail('noent');
      if (from.node.kind === 'directory' || from.name === undefined) fail('perm');
      from.dir.link(from.name, to.dir.entryDir(to.name), to.name);
    }),
  );
}

/** A target that is absolute can only lead out, so it is refused. */
export function symlinkAt(target: string, base: FileNode, path: string): void {
  if (target === '') fail('noent');
  checkPath(target);
  if (target.startsWith('/')) fail('notcapable');
  visit(base, path, false, ({ dir, name, node, slash }) => {
    if (node !== undefined || name === undefined) fail('exist');
    if (slash) fail('noent');
    dir.symlink(name, target);
  });
}
