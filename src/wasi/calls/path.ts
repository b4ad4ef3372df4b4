// The calls by path. Where paths lead is the walker's business (files/walk.ts), what is done there that of files/paths.ts.

import { allFdFlags, lookupFlags, openFlags } from '../abi.ts';
import { fail } from '../errno.ts';
import {
  linkAt,
  mkdirAt,
  openAt,
  readlinkAt,
  renameAt,
  rmdirAt,
  setTimesAt,
  statAt,
  symlinkAt,
  unlinkAt,
} from '../files/paths.ts';
import type { FileNode } from '../files/types.ts';
import { directoryRights, fileRights, type Right, rights, rightsIn } from '../rights.ts';
import type { FileDescriptor } from '../system/descriptors.ts';
import { call, type Scene } from './call.ts';
import { timesOf, writing } from './descriptor.ts';

/** A path, or what a link is to lead to; each of its bytes may be a step. */
function textOf(scene: Scene, at: number, size: number): string {
  scene.copied(pathWeight * size);
  return scene.memory.text(at, size);
}
const pathWeight = 64;

const follows = (flags: number): boolean => (flags & lookupFlags.symlinkFollow) !== 0;

/** The directory that a path begins in. */
const baseOf = ({ system }: Scene, fd: number, right: Right): FileNode => system.descriptors.directory(fd, right).node;

const reading = rights('fd_read', 'fd_readdir');

interface Opening {
  readonly dirFlags: number;
  readonly path: string;
  readonly flags: number;
  readonly base: number;
  readonly inheriting: number;
  readonly fdFlags: number;
}

function open({ system: { descriptors } }: Scene, fd: number, opening: Opening): number {
  const { flags, base, fdFlags } = opening;
  if (flags > 15 || fdFlags > allFdFlags) fail('inval');
  const dir = descriptors.directory(fd, 'path_open');
  if ((flags & openFlags.creat) !== 0) descriptors.directory(fd, 'path_create_file');
  if ((flags & openFlags.trunc) !== 0) descriptors.directory(fd, 'path_filestat_set_size');
  if ((base & dir.barredInheriting) !== 0) fail('notcapable');
  descriptors.checkRoom();
  const node = openNode(dir.node, opening);
  return descriptors.add(descriptorOf(node, dir, opening));
}

function openNode(dir: FileNode, { dirFlags, path, flags, base }: Opening): FileNode {
  const has = (flag: number) => (flags & flag) !== 0;
  const directory = has(openFlags.directory);
  const write = (base & (directory ? rights('fd_write') : writing)) !== 0;
  return openAt(dir, path, {
    ...{ read: !write || (base & reading) !== 0, write, follow: follows(dirFlags), directory },
    ...{ create: has(openFlags.creat), exclusive: has(openFlags.excl), truncate: has(openFlags.trunc) },
  });
}

function descriptorOf(node: FileNode, dir: FileDescriptor, { base, inheriting, fdFlags }: Opening): FileDescriptor {
  const most = node.kind === 'directory' ? directoryRights : fileRights;
  const { barredInheriting } = dir;
  return {
    ...{ kind: 'file', node, system: dir.system, offset: 0, preopen: undefined, flags: fdFlags },
    ...{ rights: base & most.base, inheriting: inheriting & most.inheriting & ~barredInheriting },
    ...{ barred: barredInheriting, barredInheriting },
  };
}

export const pathCalls = {
  path_open: call(
    'i32 i32 i32 i32 i32 i64 i64 i32 i32',
    (scene, fd, dirFlags, at, size, flags, base, inheriting, fdFlags, result) => {
      const { memory } = scene;
      const path = textOf(scene, at, size);
      memory.check(result, 4);
      const wanted = { base: rightsIn(base), inheriting: rightsIn(inheriting) };
      memory.setU32(result, open(scene, fd, { dirFlags, path, flags, fdFlags, ...wanted }));
    },
  ),
  path_create_directory: call('i32 i32 i32', (scene, fd, at, size) => {
    mkdirAt(baseOf(scene, fd, 'path_create_directory'), textOf(scene, at, size));
  }),
  path_remove_directory: call('i32 i32 i32', (scene, fd, at, size) => {
    rmdirAt(baseOf(scene, fd, 'path_remove_directory'), textOf(scene, at, size));
  }),
  path_unlink_file: call('i32 i32 i32', (scene, fd, at, size) => {
    unlinkAt(baseOf(scene, fd, 'path_unlink_file'), textOf(scene, at, size));
  }),
  path_rename: call('i32 i32 i32 i32 i32 i32', (scene, fd, at, size, toFd, toAt, toSize) => {
    const [from, to] = [textOf(scene, at, size), textOf(scene, toAt, toSize)];
    renameAt(baseOf(scene, fd, 'path_rename_source'), from, baseOf(scene, toFd, 'path_rename_target'), to);
  }),
  path_link: call('i32 i32 i32 i32 i32 i32 i32', (scene, fd, flags, at, size, toFd, toAt, toSize) => {
    const [from, to] = [textOf(scene, at, size), textOf(scene, toAt, toSize)];
    if (follows(flags)) fail('inval');
    linkAt(baseOf(scene, fd, 'path_link_source'), from, baseOf(scene, toFd, 'path_link_target'), to);
  }),
  path_symlink: call('i32 i32 i32 i32 i32', (scene, at, size, fd, toAt, toSize) => {
    const [target, path] = [textOf(scene, at, size), textOf(scene, toAt, toSize)];
    symlinkAt(target, baseOf(scene, fd, 'path_symlink'), path);
  }),
  path_readlink: call('i32 i32 i32 i32 i32 i32', (scene, fd, at, size, into, most, result) => {
    const { memory } = scene;
    const target = readlinkAt(baseOf(scene, fd, 'path_readlink'), textOf(scene, at, size));
    const bytes = new TextEncoder().encode(target).subarray(0, most);
    memory.check(result, 4);
    memory.set(into, bytes);
    memory.setU32(result, bytes.length);
  }),
  path_filestat_get: call('i32 i32 i32 i32 i32', (scene, fd, flags, at, size, result) => {
    const base = baseOf(scene, fd, 'path_filestat_get');
    scene.form.writeFilestat(scene.memory, result, statAt(base, textOf(scene, at, size), follows(flags)));
  }),
  path_filestat_set_times: call(
    'i32 i32 i32 i32 i64 i64 i32',
    (scene, fd, flags, at, size, accessed, modified, set) => {
      const base = baseOf(scene, fd, 'path_filestat_set_times');
      setTimesAt(base, textOf(scene, at, size), follows(flags), timesOf(scene, accessed, modified, set));
    },
  ),
};
