// Memories and the pages of a snapshot. Gathering leaves out pages that are zero, and those that an earlier snapshot of the
// VM has already: it takes the time that reading the memory takes, and the room of what has changed. Scattering puts all
// back.

import type { MemoryInst } from '../../runtime/memory.ts';
import { checkDeadline, checkDeadlineNow } from '../../spec/patience.ts';
import { bad } from '../data/form.ts';
import { pageBytes, type SavedMemory, zeroPage } from '../data/format.ts';
import { type Comparison, comparison, countOf, type Memories, numbersOf, PageReader, Runs } from './rows.ts';

const nothing: Memories = { memories: [], pages: new Uint8Array(0) };

// Gathering

/** As many pages as are compared at once. */
const pagesAtOnce = 16;
const zeros = new Uint8Array(pagesAtOnce * pageBytes);

/** What memories hold. `since`: an earlier snapshot of them; what it has already is shared with it. */
export function gatherPages(memories: readonly MemoryInst[], since: Memories = nothing): Memories {
  const reader = new PageReader(since);
  const known = countOf(since);
  const changed: Uint8Array[] = [];
  const saved = memories.map(({ bytes, pages }, m) => {
    const gathering = new Gathering(bytes, reader, known + changed.length);
    for (const [count, source] of runsOf(since.memories[m], Math.ceil(bytes.length / pageBytes)))
      gathering.run(count, source);
    changed.push(...gathering.changed);
    return { size: pages, runs: gathering.runs.take() };
  });
  if (known === 0) return { memories: saved, pages: joined(changed) };
  const more = [...(since.more ?? []), ...(changed.length > 0 ? [joined(changed)] : [])];
  return tidied({ memories: saved, pages: since.pages, more });
}

/** The runs of an earlier snapshot, cut or gone on with zeros to a number of pages. */
function* runsOf(
  earlier: SavedMemory<Int32Array> | undefined,
  pages: number,
): Iterable<[count: number, source: number]> {
  let page = 0;
  for (let i = 0; earlier !== undefined && i < earlier.runs.length && page < pages; i += 2) {
    const count = Math.min(earlier.runs[i] as number, pages - page);
    yield [count, earlier.runs[i + 1] as number];
    page += count;
  }
  if (page < pages) yield [pages - page, zeroPage];
}

/** One memory, from its start to its end. */
class Gathering {
  readonly runs = new Runs();
  /** The pages that nobody has yet. They show the memory, and are copied at the end. */
  readonly changed: Uint8Array[] = [];
  private readonly isEqual: Comparison;
  /** Where the next page begins. */
  private at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly reader: PageReader,
    /** The number of the first page that has changed. */
    private readonly first: number,
  ) {
    this.isEqual = comparison(bytes);
  }

  /** Goes on over pages that were of a run. */
  run(count: number, source: number): void {
    for (let done = 0; done < count; ) {
      checkDeadline('saving');
      const number = source < 0 ? source : source + done;
      const { row, at, left } = number < 0 ? { row: zeros, at: 0, left: pagesAtOnce } : this.reader.place(number);
      const pages = Math.min(pagesAtOnce, count - done, left);
      const length = Math.min(pages * pageBytes, this.bytes.length - this.at);
      if (this.isEqual(this.at, row, at, length)) this.pass(pages, number);
      else for (let i = 0; i < pages; i++) this.page(number < 0 ? number : number + i, row, at + i * pageBytes);
      done += pages;
    }
  }

  private pass(pages: number, source: number): void {
    this.runs.add(pages, source);
    this.at += pages * pageBytes;
  }

  private page(source: number, row: Uint8Array, from: number): void {
    const { at, bytes } = this;
    const length = Math.min(pageBytes, bytes.length - at);
    if (this.isEqual(at, row, from, length)) this.pass(1, source);
    else if (source >= 0 && this.isEqual(at, zeros, 0, length)) this.pass(1, zeroPage);
    else this.pass(1, this.first + this.changed.push(bytes.subarray(at, at + length)) - 1);
  }
}

/** Pages one after the other; what lacks to a whole one is zeros. */
function joined(pages: readonly Uint8Array[]): Uint8Array {
  const row = new Uint8Array(pages.length * pageBytes);
  pages.forEach((page, i) => {
    if (i % copiedAtOnce === 0) checkDeadlineNow('saving');
    row.set(page, i * pageBytes);
  });
  return row;
}

// Keeping the rows few, and what nobody names out of them.

const mostRows = 24;
/** So many pages that no run names are no matter. */
const idle = 256;

/** As the memories are, in fewer rows where there are many, or where much of them is named no more. */
function tidied(data: Memories): Memories {
  const rows = data.more?.length ?? 0;
  const named = namedIn(data);
  if (named.length > 2 * countNamed(named) + idle) return rebuilt(data, named, 0);
  return rows > mostRows ? rebuilt(data, named, data.pages.length / pageBytes) : data;
}

/** By page: 1 where a run names it. */
function namedIn(data: Memories): Uint8Array {
  const named = new Uint8Array(countOf(data));
  for (const { runs } of data.memories)
    for (let i = 0; i < runs.length; i += 2) {
      const [count, source] = [runs[i] as number, runs[i + 1] as number];
      if (source >= 0) named.fill(1, source, source + count);
    }
  return named;
}

function countNamed(named: Uint8Array): number {
  let count = 0;
  for (let page = 0; page < named.length; page++) count += named[page] as number;
  return count;
}

/** The named pages from a number on, which a row begins with, in one row. */
function rebuilt(data: Memories, named: Uint8Array, from: number): Memories {
  const reader = new PageReader(data);
  const moved: Uint8Array[] = [];
  const places = new Int32Array(named.length);
  for (let page = from; page < named.length; page++)
    if (named[page] !== 0) places[page] = from + moved.push(reader.bytes(page)) - 1;
  const row = joined(moved);
  const memories = data.memories.map((memory) => {
    const runs = new Runs();
    for (const page of numbersOf(memory)) runs.add(1, page < from ? page : (places[page] ?? page));
    return { size: memory.size, runs: runs.take() };
  });
  return from === 0 ? { memories, pages: row } : { memories, pages: data.pages, more: [row] };
}

// Scattering

/** Puts saved pages into a memory that is all zero. The runs must have been checked. */
export function scatterPages({ runs }: SavedMemory<Int32Array>, pages: PageReader, bytes: Uint8Array): void {
  for (let i = 0, page = 0; i < runs.length; i += 2) {
    const [count, source] = [runs[i] as number, runs[i + 1] as number];
    if (source >= 0) scatterRun(page * pageBytes, count, source, pages, bytes);
    page += count;
  }
}

/** So many pages are copied in about a millisecond. */
const copiedAtOnce = 2 ** 10;

function scatterRun(start: number, count: number, source: number, pages: PageReader, bytes: Uint8Array): void {
  for (let done = 0; done < count; ) {
    checkDeadlineNow('copying memories');
    const { row, at, left } = pages.place(source + done);
    const next = Math.min(copiedAtOnce, count - done, left);
    const to = start + done * pageBytes;
    bytes.set(row.subarray(at, at + Math.min(next * pageBytes, bytes.length - to)), to);
    done += next;
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
