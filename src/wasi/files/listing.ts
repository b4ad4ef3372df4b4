// The beginning of every listing. `.` and `..` have the first cookies, so what is in a directory counts from there on.

import type { DirEntry } from './types.ts';

/** The cookie of a directory's first own entry. */
export const firstCookie = 2;

/** `..` is told with the directory's own number: what is above is nothing that the guest could reach by it. */
export function* dots(cookie: bigint, inode: bigint): Iterable<DirEntry> {
  if (cookie < 1n) yield { name: '.', kind: 'directory', inode, next: 1n };
  if (cookie < 2n) yield { name: '..', kind: 'directory', inode, next: 2n };
}
