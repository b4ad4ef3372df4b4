// Whether a disk has room, where what failed on it does not say so.

import { statfsSync } from 'node:fs';

const leastRoom = 65_536;

/**
 * A write that was cut short is told as a failure of the disk; and where a page of a file in memory has no room, the system
 * ends the process that touches it.
 */
export function isFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize < leastRoom;
  } catch {
    return false;
  }
}
