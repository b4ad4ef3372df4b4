// Pages that are packed together. Where a group ends is up to the pages themselves and not to how many come before: VMs that
// have a stretch of pages in common have groups in common, which are equal as bytes, and a store has them once.

import { pageBytes } from '../data/format.ts';

/** Pages of a group. The most of them, should nothing about them be worth packing, are still one piece of a store. */
const least = 8;
const most = 30;
/** Of the pages after the least, one in so many ends the group. */
const oneIn = 16;

/** Ends of groups, in bytes, by the hashes of all pages. */
export function* groupEnds(hashes: readonly number[]): Iterable<number> {
  let start = 0;
  for (const [i, hash] of hashes.entries()) {
    const size = i + 1 - start;
    if (size < most && i + 1 < hashes.length && (size < least || (hash >>> 0) % oneIn !== 0)) continue;
    start = i + 1;
    yield start * pageBytes;
  }
}
