// The blocks of host modules in a container, in pages: each once, but for those that are zero or that the base snapshot
// has. Nobody writes to a block that was saved, so bytes at the same place of the same buffer are equal without a look.

import { blockCost } from '../../host/state.ts';
import { sharedBytes } from '../../runtime/beneath/shared.ts';
import { checkDeadline, checkDeadlineNow } from '../../spec/patience.ts';
import { bad } from '../data/form.ts';
import { pageBytes, type SnapshotData, zeroPage } from '../data/format.ts';
import { crc32 } from './checksum.ts';

type Blocks = readonly Uint8Array[];
type WithBlocks = Pick<SnapshotData, 'blocks' | 'blockRuns'>;

/** The source of the first page of the base; those after it go downwards. */
const firstOfBase = -2;

const pagesOf = (size: number): number => Math.ceil(size / pageBytes);

// Writing.

export interface SharedBlocks {
  /** As a container has them. */
  readonly blockRuns: Int32Array;
  /** The different pages, of which the last one of a block may be shorter. */
  readonly pages: Blocks;
}

/** Finds equal pages, and those that the base has. */
export function shareBlocks(blocks: Blocks, base: Blocks = []): SharedBlocks {
  const pages = new Pages(base);
  const row: number[] = [];
  let place = 0;
  for (const block of blocks) {
    row.push(block.length);
    let [count, source] = [0, 0];
    for (let at = 0; at < block.length; at += pageBytes) {
      checkDeadline('encoding a snapshot');
      const next = pages.sourceOf(block.subarray(at, at + pageBytes), place++);
      if (count > 0 && next === sourceAfter(source, count)) count++;
      else {
        if (count > 0) row.push(count, source);
        [count, source] = [1, next];
      }
    }
    if (count > 0) row.push(count, source);
  }
  return { blockRuns: Int32Array.from(row), pages: pages.different };
}

/** The source of a page of a run, so many pages on. */
const sourceAfter = (source: number, count: number): number =>
  source === zeroPage ? zeroPage : source < 0 ? source - count : source + count;

/** Buckets stay short, however pages were chosen. */
const mostAlike = 8;

class Pages {
  readonly different: Uint8Array[] = [];
  private readonly ofBase: readonly Uint8Array[];
  private readonly places = new Places();
  private readonly byHash = new Map<number, number[]>();

  constructor(base: Blocks) {
    this.ofBase = base.flatMap(pagesIn);
    this.ofBase.forEach((page, i) => {
      this.places.set(page, firstOfBase - i);
    });
  }

  /** `place`: of the page among all, where the base may have it, too. */
  sourceOf(page: Uint8Array, place: number): number {
    const known = this.places.get(page);
    if (known !== undefined) return known;
    const source = this.find(page, place);
    this.places.set(page, source);
    return source;
  }

  private find(page: Uint8Array, place: number): number {
    if (page.every((byte) => byte === 0)) return zeroPage;
    const there = this.ofBase[place];
    if (there !== undefined && isEqual(there, page)) return firstOfBase - place;
    const hash = crc32(page);
    const alike = this.byHash.get(hash) ?? [];
    const same = alike.find((number) => isEqual(this.different[number] as Uint8Array, page));
    if (same !== undefined) return same;
    const number = this.different.push(page) - 1;
    if (alike.length < mostAlike) alike.push(number);
    this.byHash.set(hash, alike);
    return number;
  }
}

function pagesIn(block: Uint8Array): Uint8Array[] {
  const pages: Uint8Array[] = [];
  for (let at = 0; at < block.length; at += pageBytes) pages.push(block.subarray(at, at + pageBytes));
  return pages;
}

/** Something for each stretch of no more bytes than a page, by where it is in its buffer. */
class Places {
  private readonly buffers = new WeakMap<ArrayBufferLike, Map<number, number>>();

  get(page: Uint8Array): number | undefined {
    return this.buffers.get(page.buffer)?.get(keyOf(page));
  }

  set(page: Uint8Array, value: number): void {
    const known = this.buffers.get(page.buffer) ?? new Map<number, number>();
    this.buffers.set(page.buffer, known.set(keyOf(page), value));
  }
}

const keyOf = ({ byteOffset, length }: Uint8Array): number => byteOffset * (pageBytes + 1) + length;

/** Pages that are shorter are equal to those that go on with zeros. */
function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) return false;
  return true;
}

const hashes = new Places();

/** What tells a block from others. Of pages that a snapshot before this one had, too, it is known already. */
export function hashOfBlock(block: Uint8Array): number {
  let hash = block.length;
  for (const page of pagesIn(block)) {
    checkDeadline('encoding a snapshot');
    hash = Math.imul((hash ^ hashOfPage(page)) >>> 0, 0x9e3779b1) ^ (hash >>> 15);
  }
  return hash >>> 0;
}

function hashOfPage(page: Uint8Array): number {
  const known = hashes.get(page);
  if (known !== undefined) return known;
  const hash = crc32(page);
  hashes.set(page, hash);
  return hash;
}

// Reading.

/** How many pages runs name. Throws SnapshotError for runs that are none, or blocks of more than `most` bytes. */
export function blockPagesNamed({ blockRuns }: WithBlocks, most: number): number {
  let pages = 0;
  let bytes = 0;
  for (const { size, runs } of blocksIn(blockRuns)) {
    bytes += blockCost(size);
    if (bytes > most) bad(`blocks take more than ${most} bytes`, 'blocks');
    for (let i = 0; i < runs.length; i += 2) if ((runs[i + 1] as number) >= 0) pages += runs[i] as number;
  }
  return pages;
}

/** Each block of a row: its size, and its runs. Throws SnapshotError. */
function* blocksIn(row: Int32Array | undefined): Iterable<{ readonly size: number; readonly runs: Int32Array }> {
  for (let at = 0; row !== undefined && at < row.length; ) {
    const size = row[at] as number;
    if (size < 0) bad('of a size that is none', 'blocks');
    const start = at + 1;
    let left = pagesOf(size);
    for (at = start; left > 0; at += 2) {
      checkDeadline('decoding a snapshot');
      const count = row[at] ?? 0;
      if (count < 1 || count > left || at + 1 === row.length) bad('a run is none', 'blocks');
      left -= count;
    }
    yield { size, runs: row.subarray(start, at) };
  }
}

/** Makes the blocks again, of the pages of a container and of those of the base. Throws SnapshotError. */
export function unshareBlocks({ blockRuns }: WithBlocks, pages: Uint8Array, base: Blocks = []): WithBlocks {
  if (blockRuns === undefined) return {};
  const own = pagesIn(pages);
  const ofBase = base.flatMap(pagesIn);
  const pageAt = (source: number): Uint8Array =>
    (source >= 0 ? own[source] : ofBase[firstOfBase - source]) ?? bad('a page is not there', 'blocks');
  const blocks = Array.from(blocksIn(blockRuns), ({ size, runs }) => {
    checkDeadlineNow('decoding a snapshot');
    const block = sharedBytes(size);
    let at = 0;
    for (let i = 0; i < runs.length; i += 2) {
      const [count, source] = [runs[i] as number, runs[i + 1] as number];
      for (let n = 0; n < count; n++, at += pageBytes)
        if (source !== zeroPage) block.set(pageAt(sourceAfter(source, n)).subarray(0, size - at), at);
    }
    return block;
  });
  return { blocks, blockRuns: new Int32Array(0) };
}
