// Pages of memories in a container: each once, or not at all where a base snapshot has it at the same place of the same
// memory; where it has one that is much the same there, only how they differ.

import { checkDeadline } from '../../spec/patience.ts';
import { bad } from '../data/form.ts';
import { pageBytes, type SavedMemory, type SnapshotData, zeroPage } from '../data/format.ts';
import { hashOfBlock } from './blocks.ts';
import { crc32, hashWords } from './checksum.ts';
import { tidied } from './memories.ts';
import {
  countOf,
  equalPages,
  isZero,
  type Memories,
  noMemories,
  numbersOf,
  PageReader,
  pageWords,
  Runs,
  rowsOf,
  wholePages,
} from './rows.ts';

/** In a run of a container: the page at the same place of the same memory of the base. */
const basePage = -2;
/** The next of the deltas, combined by exclusive or with the page that the base has there. */
const deltaPage = -3;

/** The most pages that one memory has, and that all memories of a container have. */
const mostPages = 2 ** 32 / pageBytes;
const mostPagesOfAll = 4 * mostPages;

// Writing

/** Buckets stay short, however the guest's pages were chosen. */
const mostAlike = 8;

/** Numbers different pages in the order in which it meets them. */
class PageNumbers {
  /** Pages by number, each as it is numbered in the snapshot; and their hashes. */
  readonly different: number[] = [];
  readonly hashes: number[] = [];
  private readonly known: Int32Array;
  private readonly byHash = new Map<number, number[]>();

  constructor(
    private readonly reader: PageReader,
    count: number,
  ) {
    this.known = new Int32Array(count).fill(basePage);
  }

  /** The number that a page of the snapshot gets, or zeroPage. */
  of(page: number): number {
    if (this.known[page] === basePage) this.known[page] = this.find(page);
    return this.known[page] as number;
  }

  private find(page: number): number {
    const [words, start] = [this.reader.wordsOf(page), this.reader.startIn(page)];
    if (isZero(words, start, start + pageWords)) return zeroPage;
    const hash = hashWords(words, start, start + pageWords);
    const alike = this.byHash.get(hash) ?? [];
    const same = alike.find((number) => {
      const other = this.different[number] as number;
      return equalPages(this.reader.wordsOf(other), this.reader.startIn(other), words, start);
    });
    if (same !== undefined) return same;
    const number = this.different.push(page) - 1;
    this.hashes.push(hash);
    if (alike.length < mostAlike) alike.push(number);
    this.byHash.set(hash, alike);
    return number;
  }
}

/** For each memory its runs by different pages, and where those stand. */
export interface SharedPages {
  readonly runs: readonly Int32Array[];
  readonly different: readonly number[];
  /** Of the different pages. */
  readonly hashes: readonly number[];
  readonly deltas: readonly Uint8Array[];
}

/** Finds equal pages, and those that the base has at the same place, or nearly. */
export function sharePages(data: Memories, base: Memories = noMemories): SharedPages {
  const reader = new PageReader(data);
  const beside = new Beside(reader, base);
  const numbers = new PageNumbers(reader, countOf(data));
  const runs = data.memories.map((memory, m) => {
    const shared = new Runs();
    for (const [count, page, other] of besideEachOther(memory, base.memories[m])) {
      checkDeadline('encoding a snapshot');
      if (page === zeroPage) shared.add(count, zeroPage);
      else if (beside.areSame(count, page, other)) shared.add(count, basePage);
      else
        for (let i = 0; i < count; i++) {
          checkDeadline('encoding a snapshot');
          const there = other === zeroPage ? undefined : beside.sourceOf(page + i, other + i);
          shared.add(1, there ?? numbers.of(page + i));
        }
    }
    return shared.take();
  });
  return { runs, different: numbers.different, hashes: numbers.hashes, deltas: beside.deltas };
}

/** Runs of a memory cut where those of the base end: how many pages, the first of them here, and there. */
function* besideEachOther(
  { runs }: SavedMemory<Int32Array>,
  base: SavedMemory<Int32Array> | undefined,
): Iterable<readonly [count: number, page: number, other: number]> {
  const others = base?.runs ?? none;
  let [at, used] = [0, 0];
  for (let i = 0; i < runs.length; i += 2) {
    const [all, source] = [runs[i] as number, runs[i + 1] as number];
    for (let done = 0; done < all; ) {
      const [left, other] =
        at < others.length ? [(others[at] as number) - used, others[at + 1] as number] : [all, zeroPage];
      const count = Math.min(all - done, left);
      yield [count, source < 0 ? source : source + done, other < 0 ? other : other + used];
      done += count;
      used += count;
      if (used === others[at]) [at, used] = [at + 2, 0];
    }
  }
}
const none = new Int32Array(0);

/** Of a page this many words at the least are as they are in the base, where only what differs is written. */
const leastEqual = pageWords / 2;

/** Pages of a snapshot beside those of its base. */
class Beside {
  readonly deltas: Uint8Array[] = [];
  private readonly there: PageReader;
  private readonly inCommon: number;

  constructor(
    private readonly here: PageReader,
    base: Memories,
  ) {
    this.there = new PageReader(base);
    this.inCommon = here.inCommon(this.there);
  }

  /** Whether so many pages from one on are known to be those of the base from another one on. */
  areSame(count: number, page: number, other: number): boolean {
    return page === other && page + count <= this.inCommon;
  }

  /** How a page is told by one of the base; undefined where it is better written whole. */
  sourceOf(page: number, other: number): number | undefined {
    if (this.areSame(1, page, other)) return basePage;
    const [a, b] = [this.here.wordsOf(page), this.there.wordsOf(other)];
    const [startA, startB] = [this.here.startIn(page), this.there.startIn(other)];
    const delta = new Int32Array(pageWords);
    const equal = combine(a, startA, b, startB, delta);
    if (equal === pageWords) return basePage;
    if (equal < leastEqual) return undefined;
    this.deltas.push(new Uint8Array(delta.buffer));
    return deltaPage;
  }
}

/** By exclusive or, two pages; returns how many of their words are equal. */
function combine(a: Int32Array, startA: number, b: Int32Array, startB: number, into: Int32Array): number {
  let equal = 0;
  for (let i = 0; i < pageWords; i++) {
    const word = (a[startA + i] as number) ^ (b[startB + i] as number);
    into[i] = word;
    equal += word === 0 ? 1 : 0;
  }
  return equal;
}

// Reading

/** How many pages runs name at the most, those of a base aside; and how many deltas. */
export function pagesNamed({ memories }: Pick<SnapshotData, 'memories'>): { pages: number; deltas: number } {
  let [pages, deltas] = [0, 0];
  for (const { runs } of memories)
    for (let i = 0; i + 1 < runs.length; i += 2) {
      const [count, source] = [runs[i] as number, runs[i + 1] as number];
      if (source >= 0) pages += Math.max(0, count);
      if (source === deltaPage) deltas += Math.max(0, count);
    }
  return { pages, deltas };
}

/** Memories as a container has them, with its pages and deltas. */
interface Written {
  readonly memories: readonly SavedMemory<Int32Array>[];
  readonly pages: Uint8Array;
  readonly deltas: Uint8Array;
}

/** Puts pages of the base where runs ask for them: its rows are taken along as they are. Throws SnapshotError. */
export function unsharePages(written: Written, base: Memories = noMemories): Memories {
  const pages = new Unshared(written, base);
  const memories = written.memories.map(({ size, runs }, m) => ({ size, runs: pages.runs(runs, m) }));
  const own = pages.own();
  if (countOf(base) === 0) return { memories, pages: own };
  return tidied({ memories, pages: base.pages, more: [...(base.more ?? []), ...(own.length > 0 ? [own] : [])] });
}

class Unshared {
  private readonly there: PageReader;
  /** The number of the first page of its own. */
  private readonly first: number;
  private readonly stored: number;
  private readonly deltas: Int32Array;
  private usedDeltas = 0;
  private left = mostPagesOfAll;

  constructor(
    private readonly written: Written,
    private readonly base: Memories,
  ) {
    this.there = new PageReader(base);
    this.first = countOf(base);
    this.stored = written.pages.length / pageBytes;
    this.deltas = new Int32Array(written.deltas.slice().buffer);
  }

  /** Runs of a memory, by numbers of all pages. */
  runs(saved: Int32Array, m: number): Int32Array {
    const runs = new Runs();
    const there = this.base.memories[m] === undefined ? none : numbersOf(this.base.memories[m]);
    for (let i = 0, page = 0; i + 1 < saved.length; i += 2) {
      const [count, source] = [saved[i] as number, saved[i + 1] as number];
      const where = `memory ${m}, page ${page}`;
      if (count < 1 || count > Math.min(this.left, mostPages - page)) bad('a run beyond the memory', where);
      if (source < deltaPage || (source >= 0 && source + count > this.stored)) bad('not in the snapshot', where);
      if (source >= 0) runs.add(count, this.first + source);
      else if (source === zeroPage) runs.add(count, zeroPage);
      else if (page + count > there.length) bad('not in the base snapshot', where);
      else
        for (const other of there.subarray(page, page + count))
          runs.add(1, source === basePage ? other : this.combined(other, where));
      page += count;
      this.left -= count;
    }
    return runs.take();
  }

  /** The next delta becomes a page. */
  private combined(other: number, where: string): number {
    const at = this.usedDeltas * pageWords;
    if (at === this.deltas.length) bad('not in the snapshot', where);
    if (other !== zeroPage) {
      const [words, start] = [this.there.wordsOf(other), this.there.startIn(other)];
      for (let i = 0; i < pageWords; i++) (this.deltas[at + i] as number) ^= words[start + i] as number;
    }
    return this.first + this.stored + this.usedDeltas++;
  }

  own(): Uint8Array {
    if (this.deltas.length === 0) return this.written.pages;
    const row = new Uint8Array(this.written.pages.length + this.deltas.byteLength);
    row.set(this.written.pages);
    row.set(new Uint8Array(this.deltas.buffer), this.written.pages.length);
    return row;
  }
}

// Telling bases apart

const hashesOfRows = new WeakMap<Uint8Array, Int32Array>();

/** By page of a row. */
function hashesOf(row: Uint8Array): Int32Array {
  const known = hashesOfRows.get(row);
  if (known !== undefined) return known;
  const words = wholePages(row);
  const hashes = Int32Array.from({ length: words.length / pageWords }, (_, i) => {
    checkDeadline('encoding a snapshot');
    return hashWords(words, i * pageWords, (i + 1) * pageWords);
  });
  hashesOfRows.set(row, hashes);
  return hashes;
}

function hashesOfAll(data: Memories): Int32Array {
  const hashes = new Int32Array(countOf(data));
  let at = 0;
  for (const row of rowsOf(data)) {
    hashes.set(hashesOf(row), at);
    at += row.length / pageBytes;
  }
  return hashes;
}

const known = new WeakMap<object, string>();

/** What tells one snapshot's memories and blocks from another's, so that a wrong base is noticed. */
export function fingerprint(data: Memories & Pick<SnapshotData, 'blocks'>): string {
  const told = known.get(data) ?? fingerprintOf(data, hashOfBlock);
  known.set(data, told);
  return told;
}

const knownByRuns = new WeakMap<object, string>();

/** The same, as changes tell them since version 7: pages that are zero count as the run that they are. */
export function fingerprintByRuns(data: Memories & Pick<SnapshotData, 'blocks'>): string {
  const told = knownByRuns.get(data) ?? newFingerprintByRuns(data);
  knownByRuns.set(data, told);
  return told;
}

function newFingerprintByRuns(data: Memories & Pick<SnapshotData, 'blocks'>): string {
  const hashes = hashesOfAll(data);
  const mixed = new Mixed();
  for (const { size, runs } of data.memories) {
    mixed.add(size);
    for (let i = 0; i < runs.length; i += 2) {
      const [count, source] = [runs[i] as number, runs[i + 1] as number];
      if (source < 0) mixed.add(-count);
      for (let k = 0; source >= 0 && k < count; k++) mixed.add(hashes[source + k] as number);
    }
  }
  for (const block of data.blocks ?? []) mixed.add(hashOfBlock(block));
  return mixed.text();
}

/** As versions before 5 told them. */
export const olderFingerprint = (data: Memories & Pick<SnapshotData, 'blocks'>): string => fingerprintOf(data, crc32);

function fingerprintOf(data: Memories & Pick<SnapshotData, 'blocks'>, hashOf: (block: Uint8Array) => number): string {
  const hashes = hashesOfAll(data);
  const mixed = new Mixed();
  for (const memory of data.memories) {
    mixed.add(memory.size);
    const pages = numbersOf(memory);
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i] as number;
      mixed.add(page < 0 ? page : (hashes[page] as number));
    }
  }
  for (const block of data.blocks ?? []) mixed.add(hashOf(block));
  return mixed.text();
}

/** Two lanes of 32 bits. */
class Mixed {
  private a = 0;
  private b = 0;

  add(value: number): void {
    this.a = Math.imul((this.a ^ value) >>> 0, 0x9e3779b1) ^ (this.a >>> 15);
    this.b = Math.imul((this.b + value) >>> 0, 0x85ebca77) ^ (this.b >>> 13);
  }

  text(): string {
    return [this.a, this.b].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
