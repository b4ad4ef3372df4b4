// Memories as pages of 4 KiB. Gathering leaves out pages that are zero, and scattering puts the rest back; sharing finds
// equal ones, so that a container holds each once, or not at all where a base snapshot has it.

import type { MemoryInst } from '../runtime/memory.ts';
import { checkDeadline, checkDeadlineNow } from '../spec/patience.ts';
import { hashOfBlock } from './blocks.ts';
import { hashWords } from './checksum.ts';
import { bad } from './form.ts';
import { pageBytes, type SavedMemory, type SnapshotData, zeroPage } from './format.ts';

/** In a run of a container: the page at the same place of the same memory of the base. */
export const basePage = -2;

const pageWords = pageBytes / 4;

/** The most pages that one memory has, and that all memories of a container have. */
const mostPages = 2 ** 32 / pageBytes;
const mostPagesOfAll = 4 * mostPages;

type Memories = Pick<SnapshotData, 'memories' | 'pages'>;

/** Collects runs; neighbours that go on in the same way become one. */
class Runs {
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

function isZero(words: Int32Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (words[i] !== 0) return false;
  return true;
}

const zeros = new Uint8Array(pageBytes);
/** For many pages. Node compares bytes three times as fast as a loop does; browsers have nothing like it. */
function zeroTest(bytes: Uint8Array): (at: number) => boolean {
  const node = (globalThis as { Buffer?: typeof Buffer }).Buffer?.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (node !== undefined) return (at) => node.compare(zeros, 0, pageBytes, at, at + pageBytes) === 0;
  const words = wholePages(bytes);
  return (at) => isZero(words, at / 4, at / 4 + pageWords);
}

/** The bytes as words; a page that is not whole is left out. */
const wholePages = (bytes: Uint8Array): Int32Array =>
  new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / pageBytes) * pageWords);

// Gathering and scattering.

/** Copies the pages of memories that are not zero. */
export function gatherPages(memories: readonly MemoryInst[]): Memories {
  let used = 0;
  const saved = memories.map(({ bytes, pages }) => {
    const runs = new Runs();
    const words = wholePages(bytes);
    const isZeroAt = zeroTest(bytes);
    for (let at = 0; at < bytes.length; at += pageBytes) {
      checkDeadline('saving');
      const start = at / 4;
      const zero =
        start < words.length ? words[start] === 0 && isZeroAt(at) : bytes.subarray(at).every((byte) => byte === 0);
      runs.add(1, zero ? zeroPage : used++);
    }
    return { size: pages, runs: runs.take() };
  });
  const pages = new Uint8Array(used * pageBytes);
  memories.forEach(({ bytes }, i) => {
    copyRuns(saved[i] as SavedMemory<Int32Array>, bytes.length, (at, end, from) => {
      pages.set(bytes.subarray(at, end), from);
    });
  });
  return { memories: saved, pages };
}

/** Puts saved pages into a memory that is all zero. The runs must have been checked. */
export function scatterPages(saved: SavedMemory<Int32Array>, pages: Uint8Array, bytes: Uint8Array): void {
  copyRuns(saved, bytes.length, (at, end, from) => {
    bytes.set(pages.subarray(from, from + end - at), at);
  });
}

/** Tells for each run that is not zero where it stands in the memory and where in the pages; the last page is cut. */
function copyRuns(
  { runs }: SavedMemory<Int32Array>,
  size: number,
  copy: (at: number, end: number, from: number) => void,
): void {
  for (let i = 0, page = 0; i < runs.length; i += 2) {
    const [count, source] = [runs[i] as number, runs[i + 1] as number];
    const end = Math.min(size, (page + count) * pageBytes);
    if (source >= 0) copyRun(page * pageBytes, end, source * pageBytes, copy);
    page += count;
  }
}

/** So many bytes are copied in about a millisecond. */
const copiedAtOnce = 2 ** 22;

function copyRun(
  start: number,
  end: number,
  from: number,
  copy: (at: number, end: number, from: number) => void,
): void {
  for (let at = start; at < end; at += copiedAtOnce) {
    checkDeadlineNow('copying memories');
    copy(at, Math.min(end, at + copiedAtOnce), from + at - start);
  }
}

/** Checks that runs cover a memory of so many bytes and name pages that there are. Throws SnapshotError. */
export function checkRuns(runs: Int32Array, size: number, available: number, where: string): void {
  const expected = Math.ceil(size / pageBytes);
  if (runs.length % 2 !== 0) bad('has half a run', where);
  let page = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const [count, source] = [runs[i] as number, runs[i + 1] as number];
    if (count < 1 || count > expected - page) bad('a run beyond the memory', `${where}, page ${page}`);
    if (source < zeroPage || (source >= 0 && source + count > available))
      bad('not in the snapshot', `${where}, page ${page}`);
    page += count;
  }
  if (page !== expected) bad(`the contents of ${page} pages are given, ${expected} expected`, where);
}

// Sharing.

/** Buckets stay short, however the guest's pages were chosen. */
const mostAlike = 8;

/** Numbers different pages in the order in which it meets them. */
class PageNumbers {
  /** Pages by number, each as its place in the snapshot. */
  readonly different: number[] = [];
  private readonly words: Int32Array;
  private readonly known: Int32Array;
  private readonly byHash = new Map<number, number[]>();

  constructor(pages: Uint8Array) {
    this.words = wholePages(pages);
    this.known = new Int32Array(pages.length / pageBytes).fill(basePage);
  }

  /** The number of the page at a place, or zeroPage. */
  of(place: number): number {
    if (this.known[place] === basePage) this.known[place] = this.find(place);
    return this.known[place] as number;
  }

  private find(place: number): number {
    const start = place * pageWords;
    if (isZero(this.words, start, start + pageWords)) return zeroPage;
    const hash = hashWords(this.words, start, start + pageWords);
    const alike = this.byHash.get(hash) ?? [];
    const same = alike.find((number) => this.equal(this.different[number] as number, place));
    if (same !== undefined) return same;
    const number = this.different.push(place) - 1;
    if (alike.length < mostAlike) alike.push(number);
    this.byHash.set(hash, alike);
    return number;
  }

  private equal(a: number, b: number): boolean {
    return equalPages(this.words, a, this.words, b);
  }
}

function equalPages(a: Int32Array, placeA: number, b: Int32Array, placeB: number): boolean {
  for (let i = placeA * pageWords, j = placeB * pageWords, end = i + pageWords; i < end; i++, j++)
    if (a[i] !== b[j]) return false;
  return true;
}

/** By page of the memory: its place among the snapshot's pages, or zeroPage. */
function placesOf({ runs }: SavedMemory<Int32Array>): Int32Array {
  let size = 0;
  for (let i = 0; i < runs.length; i += 2) size += runs[i] as number;
  const places = new Int32Array(size);
  for (let i = 0, page = 0; i < runs.length; i += 2) {
    const source = runs[i + 1] as number;
    for (let k = 0; k < (runs[i] as number); k++) places[page++] = source < 0 ? source : source + k;
  }
  return places;
}

/** For each memory its runs by different pages, and where those stand. */
export interface SharedPages {
  readonly runs: readonly Int32Array[];
  readonly different: readonly number[];
}

/** Finds equal pages, and those that the base has at the same place. */
export function sharePages(data: Memories, base: Memories | undefined): SharedPages {
  const numbers = new PageNumbers(data.pages);
  const words = wholePages(data.pages);
  const runs = data.memories.map((memory, m) => {
    const inBase = baseTest(base, m, words);
    const shared = new Runs();
    placesOf(memory).forEach((place, page) => {
      checkDeadline('encoding a snapshot');
      if (place === zeroPage) shared.add(1, zeroPage);
      else shared.add(1, inBase(place, page) ? basePage : numbers.of(place));
    });
    return shared.take();
  });
  return { runs, different: numbers.different };
}

function baseTest(base: Memories | undefined, memory: number, words: Int32Array) {
  const saved = base?.memories[memory];
  if (base === undefined || saved === undefined) return () => false;
  const places = placesOf(saved);
  const baseWords = wholePages(base.pages);
  return (place: number, page: number): boolean => {
    const basePlace = places[page] ?? zeroPage;
    return basePlace !== zeroPage && equalPages(words, place, baseWords, basePlace);
  };
}

/** How many pages runs name at the most, those of a base aside. */
export function pagesNamed({ memories }: Pick<SnapshotData, 'memories'>): number {
  let sum = 0;
  for (const { runs } of memories)
    for (let i = 0; i + 1 < runs.length; i += 2)
      if ((runs[i + 1] as number) >= 0) sum += Math.max(0, runs[i] as number);
  return sum;
}

/** Puts pages of the base where runs ask for them: they are added to the pages. Throws SnapshotError. */
export function unsharePages(data: Memories, base: Memories | undefined): Memories {
  const added: number[] = [];
  const own = data.pages.length / pageBytes;
  let left = mostPagesOfAll;
  const memories = data.memories.map(({ size, runs: saved }, m) => {
    const runs = new Runs();
    const places = base?.memories[m] === undefined ? new Int32Array(0) : placesOf(base.memories[m]);
    for (let i = 0, page = 0; i + 1 < saved.length; i += 2) {
      const [count, source] = [saved[i] as number, saved[i + 1] as number];
      if (count < 1 || count > Math.min(left, mostPages - page))
        bad('a run beyond the memory', `memory ${m}, page ${page}`);
      if (source < basePage || (source >= 0 && source + count > own))
        bad('not in the snapshot', `memory ${m}, page ${page}`);
      if (source !== basePage) runs.add(count, source);
      else if (page + count > places.length) bad('not in the base snapshot', `memory ${m}, page ${page}`);
      else
        for (const place of places.subarray(page, page + count))
          runs.add(1, place < 0 ? place : own + added.push(place) - 1);
      page += count;
      left -= count;
    }
    return { size, runs: runs.take() };
  });
  return { memories, pages: base === undefined ? data.pages : addPages(data.pages, base.pages, added) };
}

function addPages(own: Uint8Array, base: Uint8Array, added: readonly number[]): Uint8Array {
  const pages = new Uint8Array(own.length + added.length * pageBytes);
  pages.set(own);
  added.forEach((place, i) => {
    pages.set(base.subarray(place * pageBytes, (place + 1) * pageBytes), own.length + i * pageBytes);
  });
  return pages;
}

/** What tells one snapshot's memories and blocks from another's, so that a wrong base is noticed. */
export function fingerprint({ memories, pages, blocks = [] }: Memories & Pick<SnapshotData, 'blocks'>): string {
  const words = wholePages(pages);
  let [a, b] = [0, 0];
  const mix = (value: number) => {
    a = Math.imul((a ^ value) >>> 0, 0x9e3779b1) ^ (a >>> 15);
    b = Math.imul((b + value) >>> 0, 0x85ebca77) ^ (b >>> 13);
  };
  for (const memory of memories) {
    mix(memory.size);
    for (const place of placesOf(memory))
      mix(place < 0 ? place : hashWords(words, place * pageWords, (place + 1) * pageWords));
  }
  for (const block of blocks) mix(hashOfBlock(block));
  return [a, b].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
}
