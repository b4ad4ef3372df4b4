// The pages of a snapshot, as they are numbered over the rows of bytes that they stand in. Snapshots of one VM have rows in common: what did not change between them is kept once, and known to be equal without a
// look. So nobody writes to a row.

import { pageBytes, type SavedMemory, type SnapshotData } from '../data/format.ts';

export type Memories = Pick<SnapshotData, 'memories' | 'pages' | 'more'>;
type Rows = Pick<SnapshotData, 'pages' | 'more'>;
export const noMemories: Memories = { memories: [], pages: new Uint8Array(0) };

export const pageWords = pageBytes / 4;

export const rowsOf = ({ pages, more = [] }: Rows): readonly Uint8Array[] => [pages, ...more];

/** How many pages the rows have; those of a row that is no whole number of pages count as far as they are whole. */
export const countOf = (rows: Rows): number =>
  rowsOf(rows).reduce((sum, { length }) => sum + Math.floor(length / pageBytes), 0);

/** Where a page stands: in a row from a byte on, and how many pages of the row begin there. */
export interface Place {
  readonly row: Uint8Array;
  readonly at: number;
  readonly left: number;
}

/** Finds pages by their numbers. */
export class PageReader {
  readonly rows: readonly Uint8Array[];
  /** The number of the first page of each row. */
  private readonly firsts: readonly number[];
  private readonly words: Int32Array[] = [];
  /** The row that was looked at last. */
  private last = 0;

  constructor(rows: Rows) {
    this.rows = rowsOf(rows);
    let first = 0;
    this.firsts = this.rows.map(({ length }) => {
      first += length / pageBytes;
      return first - length / pageBytes;
    });
  }

  place(page: number): Place {
    const i = this.rowOf(page);
    const row = this.rows[i] as Uint8Array;
    const at = (page - (this.firsts[i] as number)) * pageBytes;
    return { row, at, left: (row.length - at) / pageBytes };
  }

  bytes(page: number): Uint8Array {
    const { row, at } = this.place(page);
    return row.subarray(at, at + pageBytes);
  }

  /** The words of the page's row; the page begins at `startIn`. */
  wordsOf(page: number): Int32Array {
    const i = this.rowOf(page);
    this.words[i] ??= wholePages(this.rows[i] as Uint8Array);
    return this.words[i] as Int32Array;
  }
  startIn(page: number): number {
    return (page - (this.firsts[this.rowOf(page)] as number)) * pageWords;
  }

  /** Pages below this number are the very same here and there. */
  inCommon(other: PageReader): number {
    let i = 0;
    while (i < this.rows.length && this.rows[i] === other.rows[i]) i++;
    return this.firsts[i] ?? Number.POSITIVE_INFINITY;
  }

  private rowOf(page: number): number {
    const { firsts } = this;
    let i = this.last;
    while (i > 0 && page < (firsts[i] as number)) i--;
    while (i + 1 < firsts.length && page >= (firsts[i + 1] as number)) i++;
    this.last = i;
    return i;
  }
}

/** The bytes as words; a page that is not whole is left out. */
export const wholePages = (bytes: Uint8Array): Int32Array =>
  new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / pageBytes) * pageWords);

/** Collects runs; neighbours that go on in the same way become one. */
export class Runs {
  private words = new Int32Array(16);
  private length = 0;

  add(count: number, source: number): void {
    const last = this.length - 2;
    const [lastCount, lastSource] = [this.words[last] ?? 0, this.words[last + 1] ?? 0];
    const next = lastSource < 0 ? lastSource : lastSource + lastCount;
    if (last >= 0 && source === next) this.words[last] = lastCount + count;
    else this.push(count, source);
  }

  private push(count: number, source: number): void {
    if (this.length === this.words.length) {
      const wider = new Int32Array(2 * this.length);
      wider.set(this.words);
      this.words = wider;
    }
    this.words[this.length++] = count;
    this.words[this.length++] = source;
  }

  take(): Int32Array {
    return this.words.slice(0, this.length);
  }
}

/** By page of the memory: its number, or what its run says instead of one. */
export function numbersOf({ runs }: SavedMemory<Int32Array>): Int32Array {
  let size = 0;
  for (let i = 0; i < runs.length; i += 2) size += runs[i] as number;
  const numbers = new Int32Array(size);
  for (let i = 0, page = 0; i < runs.length; i += 2) {
    const [count, source] = [runs[i] as number, runs[i + 1] as number];
    for (let k = 0; k < count; k++) numbers[page++] = source < 0 ? source : source + k;
  }
  return numbers;
}

// Comparing

export function isZero(words: Int32Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (words[i] !== 0) return false;
  return true;
}

export function equalPages(a: Int32Array, startA: number, b: Int32Array, startB: number): boolean {
  for (let i = startA, j = startB, end = i + pageWords; i < end; i++, j++) if (a[i] !== b[j]) return false;
  return true;
}
