// Memories and the pages of a snapshot. Gathering leaves out pages that are zero, and those that an earlier snapshot of the
// VM has already: it takes the time that reading the memory takes, and the room of what has changed. Putting them back
// writes only what differs.

import type { HostMemory } from '../../runtime/beneath/host-wasm.ts';
import { comparison, zeros } from '../../runtime/memory/compare.ts';
import type { MemoryInst } from '../../runtime/memory/memory.ts';
import { checkDeadline, checkDeadlineNow } from '../../spec/patience.ts';
import { bad } from '../data/form.ts';
import { pageBytes, type SavedMemory, zeroPage } from '../data/format.ts';
import { countOf, type Memories, noMemories, numbersOf, PageReader, Runs } from './rows.ts';

/** Pages that follow each other in a memory, and in a row. */
interface Stretch {
  /** Where it begins in the memory, and its bytes there: the last page may be cut. */
  readonly at: number;
  readonly length: number;
  readonly pages: number;
  /** The number of the first page, or zeroPage. */
  readonly source: number;
  readonly row: Uint8Array;
  readonly from: number;
}

/** As many pages as are looked at at once. */
const pagesAtOnce = zeros.length / pageBytes;

/** A memory of so many bytes as its runs say. */
function* stretches(runs: Int32Array, pages: PageReader, size: number): Iterable<Stretch> {
  let at = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const [count, first] = [runs[i] as number, runs[i + 1] as number];
    for (let done = 0; done < count; ) {
      const source = first < 0 ? zeroPage : first + done;
      const place = source < 0 ? { row: zeros, at: 0, left: pagesAtOnce } : pages.place(source);
      const next = Math.min(pagesAtOnce, count - done, place.left);
      const length = Math.min(next * pageBytes, size - at);
      yield { at, length, pages: next, source, row: place.row, from: place.at };
      done += next;
      at += length;
    }
  }
}

// Gathering

/** What memories hold. `since`: an earlier snapshot of them; what it has already is shared with it. */
export function gatherPages(memories: readonly MemoryInst[], since: Memories = noMemories): Memories {
  const reader = new PageReader(since);
  const known = countOf(since);
  let count = known;
  const gathered = memories.map(({ bytes, host }, m) => {
    const gathering = new Gathering(bytes, host, count);
    for (const each of stretches(fitted(since.memories[m], bytes.length), reader, bytes.length)) gathering.go(each);
    count += gathering.changed.length;
    return gathering;
  });
  const row = new Uint8Array((count - known) * pageBytes);
  let at = 0;
  for (const { bytes, changed } of gathered) at = copyPages(bytes, changed, row, at);
  const saved = memories.map(({ pages }, m) => ({ size: pages, runs: (gathered[m] as Gathering).runs.take() }));
  if (known === 0) return { memories: saved, pages: row };
  return tidied({
    memories: saved,
    pages: since.pages,
    more: [...(since.more ?? []), ...(row.length > 0 ? [row] : [])],
  });
}

/** The runs of an earlier snapshot, cut or gone on with zeros to a memory of so many bytes. */
function fitted(earlier: SavedMemory<Int32Array> | undefined, size: number): Int32Array {
  const runs = new Runs();
  let left = Math.ceil(size / pageBytes);
  for (let i = 0; earlier !== undefined && i < earlier.runs.length && left > 0; i += 2) {
    const count = Math.min(earlier.runs[i] as number, left);
    runs.add(count, earlier.runs[i + 1] as number);
    left -= count;
  }
  if (left > 0) runs.add(left, zeroPage);
  return runs.take();
}

/** One memory, from its start to its end. */
class Gathering {
  readonly runs = new Runs();
  /** Where the pages begin that nobody has yet. */
  readonly changed: number[] = [];
  private readonly isEqual: ReturnType<typeof comparison>;

  constructor(
    readonly bytes: Uint8Array,
    host: HostMemory,
    /** The number of the first page that has changed. */
    private readonly first: number,
  ) {
    this.isEqual = comparison(bytes, host);
  }

  /** Goes on over what was so. */
  go({ at, length, pages, source, row, from }: Stretch): void {
    checkDeadline('saving');
    if (this.isEqual(at, row, from, length)) this.runs.add(pages, source);
    else
      for (let i = 0, begin = 0; i < pages; i++, begin += pageBytes)
        this.page(at + begin, Math.min(pageBytes, length - begin), source < 0 ? source : source + i, row, from + begin);
  }

  private page(at: number, length: number, source: number, row: Uint8Array, from: number): void {
    if (this.isEqual(at, row, from, length)) this.runs.add(1, source);
    else if (source >= 0 && this.isEqual(at, zeros, 0, length)) this.runs.add(1, zeroPage);
    else this.runs.add(1, this.first + this.changed.push(at) - 1);
  }
}

/** So many pages are copied in about a millisecond. */
const copiedAtOnce = 2 ** 10;

/** Copies the pages that begin at some places, one after the other; what lacks to a whole one stays zero. Returns the end. */
function copyPages(bytes: Uint8Array, places: readonly number[], row: Uint8Array, start: number): number {
  places.forEach((place, i) => {
    if (i % copiedAtOnce === 0) checkDeadlineNow('saving');
    row.set(bytes.subarray(place, place + pageBytes), start + i * pageBytes);
  });
  return start + places.length * pageBytes;
}

// Keeping the rows few, and what nobody names out of them.

const mostRows = 24;
/** So many pages that no run names are no matter. */
const idle = 256;

/** As the memories are, in fewer rows where there are many, or where much of them is named no more. */
export function tidied(data: Memories): Memories {
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
  const row = new Uint8Array(countNamed(named.subarray(from)) * pageBytes);
  const places = new Int32Array(named.length);
  let used = 0;
  for (let page = from; page < named.length; page++) {
    if (named[page] === 0) continue;
    if (used % copiedAtOnce === 0) checkDeadlineNow('saving');
    row.set(reader.bytes(page), used * pageBytes);
    places[page] = from + used++;
  }
  const memories = data.memories.map((memory) => {
    const runs = new Runs();
    for (const page of numbersOf(memory)) runs.add(1, page < from ? page : (places[page] as number));
    return { size: memory.size, runs: runs.take() };
  });
  return from === 0 ? { memories, pages: row } : { memories, pages: data.pages, more: [row] };
}

// Putting back

/** Makes a memory what was saved; `isZero`: it is all zero now. The runs must have been checked. */
export function putPages(
  { runs }: SavedMemory<Int32Array>,
  pages: PageReader,
  { bytes, host }: { readonly bytes: Uint8Array; readonly host?: HostMemory },
  isZero: boolean,
): void {
  const isEqual = comparison(bytes, host);
  for (const { at, length, source, row, from } of stretches(runs, pages, bytes.length)) {
    checkDeadline('copying memories');
    if ((source < 0 && isZero) || isEqual(at, row, from, length)) continue;
    bytes.set(row.subarray(from, from + length), at);
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
