// File systems for tests, and what happens in them told as text.

import type { ExecutionContext } from 'ava';
import { ErrnoError } from '../../../src/wasi/errno.ts';
import { defaultFileLimits, type FileLimits } from '../../../src/wasi/files/limits.ts';
import { MemoryFileSystem } from '../../../src/wasi/files/memory/system.ts';
import {
  linkAt,
  mkdirAt,
  type OpenHow,
  openAt,
  renameAt,
  rmdirAt,
  setTimesAt,
  symlinkAt,
  unlinkAt,
} from '../../../src/wasi/files/paths.ts';
import { contentsOf } from '../../../src/wasi/files/tree.ts';
import type { FileNode, SavedFiles, Surroundings } from '../../../src/wasi/files/types.ts';

/** A clock that goes on by a nanosecond each time. */
export function surroundings(device = 1n): Surroundings & { readonly notes: string[] } {
  let time = 1_000_000_000n;
  const notes: string[] = [];
  return {
    device,
    now: () => time++,
    note: (text) => {
      notes.push(text);
    },
    notes,
  };
}

export const memory = (limits: Partial<FileLimits> = {}, saved?: SavedFiles): MemoryFileSystem =>
  new MemoryFileSystem(surroundings(), {
    limits: { ...defaultFileLimits, ...limits },
    ...(saved === undefined ? {} : { saved }),
  });

/** The errno that something ends with, or `ok`. */
export function outcome(act: () => unknown): string {
  try {
    act();
    return 'ok';
  } catch (thrown) {
    if (thrown instanceof ErrnoError) return thrown.errno;
    throw thrown;
  }
}

export function fails(t: ExecutionContext, errno: string, act: () => unknown, message?: string): void {
  t.is(outcome(act), errno, message);
}

/** How to open a file to read it, and what is to be otherwise. */
export const how = (more: Partial<OpenHow> = {}): OpenHow => ({ follow: false, read: true, write: false, ...more });

/** Opens a file to read and to write it, and makes it where there is none. */
export const open = (base: FileNode, path: string): FileNode =>
  openAt(base, path, how({ follow: true, create: true, write: true }));

/** Each change, where `file` and the empty directory `dir` are there, is refused as nothing may be changed. */
export function refusesChanges(t: ExecutionContext, root: FileNode, file: string, dir: string): void {
  const acts: Record<string, () => unknown> = {
    write: () => openAt(root, file, how({ write: true })),
    truncate: () => openAt(root, file, how({ truncate: true })),
    create: () => openAt(root, 'new', how({ create: true })),
    mkdir: () => mkdirAt(root, 'new'),
    unlink: () => unlinkAt(root, file),
    rmdir: () => rmdirAt(root, dir),
    rename: () => renameAt(root, file, root, 'new'),
    link: () => linkAt(root, file, root, 'new'),
    symlink: () => symlinkAt(file, root, 'new'),
    times: () => setTimesAt(root, file, false, { modified: 1n }),
  };
  for (const [what, act] of Object.entries(acts)) fails(t, 'rofs', act, what);
}

export function put(base: FileNode, path: string, text = ''): void {
  const file = openAt(base, path, { follow: true, create: true, truncate: true, read: false, write: true });
  file.write(0, new TextEncoder().encode(text));
  file.release();
}

export function bytesAt(base: FileNode, path: string): Uint8Array {
  const file = openAt(base, path, { follow: true, read: true, write: false });
  const bytes = new Uint8Array(file.size());
  file.read(0, bytes);
  file.release();
  return bytes;
}

export const textAt = (base: FileNode, path: string): string => new TextDecoder().decode(bytesAt(base, path));

export const names = (dir: FileNode, cookie = 0n): string[] => Array.from(dir.list(cookie), ({ name }) => name);

/** All of a tree: files by their bytes in hexadecimal, links by their targets. */
export const treeOf = (root: FileNode): Record<string, string> =>
  Object.fromEntries(
    Array.from(contentsOf(root), ([path, content]) => [
      path,
      content instanceof Uint8Array ? Buffer.from(content).toString('hex') : `-> ${content.symlink}`,
    ]),
  );
