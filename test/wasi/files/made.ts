// File systems for tests, and what happens in them told as text.

import { ErrnoError } from '../../../src/wasi/errno.ts';
import { defaultFileLimits, type FileLimits } from '../../../src/wasi/files/limits.ts';
import { MemoryFileSystem } from '../../../src/wasi/files/memory/system.ts';
import { openAt } from '../../../src/wasi/files/paths.ts';
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
