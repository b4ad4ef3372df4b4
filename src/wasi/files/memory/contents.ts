// The bytes of one file: a size and a table of pages, with holes where nothing was written. Bytes of the last page that are
// past the end are zero, so that a file that grows shows nothing of what it was.

import { fail } from '../../errno.ts';
import { copyBytes } from '../../memory.ts';
import { hole, pageBytes } from './pages.ts';
import type { Room } from './volume.ts';

const pageOf = (offset: number): number => Math.floor(offset / pageBytes);
const pagesFor = (bytes: number): number => Math.ceil(bytes / pageBytes);

export class Contents {
  private length = 0;
  /** Page numbers, of which so many are in use and paid for; all beyond are holes. */
  private pages = new Int32Array(0);
  private count = 0;

  constructor(private readonly room: Room) {}

  get size(): number {
    return this.length;
  }

  /** To be read, or changed by `Pages.freeze`. */
  get table(): Int32Array {
    return this.pages.subarray(0, this.count);
  }

  /** As it was saved. What it takes must have been charged. */
  static restore(room: Room, size: number, table: Int32Array<ArrayBuffer>): Contents {
    const contents = new Contents(room);
    contents.length = size;
    contents.pages = table;
    contents.count = table.length;
    return contents;
  }

  /** Whether what a restored file has past its end is as it should be. */
  endsInZeros(): boolean {
    const page = this.pages[pageOf(this.length)] ?? hole;
    return (
      page === hole ||
      this.room.pages
        .view(page)
        .subarray(this.length % pageBytes)
        .every((byte) => byte === 0)
    );
  }

  read(offset: number, into: Uint8Array, at: number, most: number): number {
    const count = Math.min(most, this.length - offset);
    if (count <= 0) return 0;
    for (let done = 0; done < count; ) {
      const place = (offset + done) % pageBytes;
      const end = Math.min(count, done + pageBytes - place);
      this.readPage(this.pages[pageOf(offset + done)] ?? hole, place, into, at + done, at + end);
      done = end;
    }
    return count;
  }

  private readPage(page: number, place: number, into: Uint8Array, start: number, end: number): void {
    if (page === hole) {
      into.fill(0, start, end);
      return;
    }
    const { pages } = this.room;
    const from = pages.place(page) + place;
    copyBytes(pages.buffer(page), from, into, start, end - start);
  }

  /** How many bytes were written. Throws `nospc` where there is no room for one, and `fbig`. */
  write(offset: number, from: Uint8Array, at: number, most: number): number {
    if (most === 0) return 0;
    this.checkSize(offset + 1);
    const { pages, limits } = this.room;
    const count = Math.min(most, limits.bytes - offset);
    let done = 0;
    while (done < count) {
      const index = pageOf(offset + done);
      if (!this.prepare(index, done === 0)) break;
      const place = (offset + done) % pageBytes;
      const end = Math.min(count, done + pageBytes - place);
      const page = this.pages[index] as number;
      copyBytes(from, at + done, pages.buffer(page), pages.place(page) + place, end - done);
      done = end;
    }
    this.length = Math.max(this.length, offset + done);
    return done;
  }

  private checkSize(size: number): void {
    if (size > this.room.limits.bytes) fail('fbig');
  }

  /** Makes a page one that can be written. What there is no room for throws if `must`. */
  private prepare(index: number, must: boolean): boolean {
    const page = this.pages[index] ?? hole;
    if (page !== hole) {
      if (!this.room.pages.isPrivate(page)) this.pages[index] = this.room.pages.own(page);
      return true;
    }
    if (!this.room.has(pageBytes + this.costOf(index + 1))) {
      if (must) fail('nospc');
      return false;
    }
    this.widen(index + 1);
    this.pages[index] = this.room.takePage();
    return true;
  }

  private costOf(count: number): number {
    return 4 * Math.max(0, count - this.count);
  }

  private widen(count: number): void {
    if (count <= this.count) return;
    this.room.charge(this.costOf(count));
    this.count = count;
    if (count <= this.pages.length) return;
    const wider = new Int32Array(Math.max(count, 2 * this.pages.length)).fill(hole);
    wider.set(this.pages);
    this.pages = wider;
  }

  truncate(size: number): void {
    this.checkSize(size);
    if (size < this.length) this.shrink(size);
    this.length = size;
  }

  private shrink(size: number): void {
    const count = Math.min(this.count, pagesFor(size));
    for (const page of this.table.subarray(count)) if (page !== hole) this.room.givePage(page);
    this.room.refund(4 * (this.count - count));
    this.count = count;
    this.pages = this.pages.slice(0, count);
    if (size % pageBytes !== 0) this.clearFrom(pageOf(size), size % pageBytes);
  }

  private clearFrom(index: number, place: number): void {
    if ((this.pages[index] ?? hole) === hole) return;
    this.prepare(index, true);
    this.room.pages.view(this.pages[index] as number).fill(0, place);
  }

  /** Throws `nospc` where there is no room for as many bytes; they are holes until they are written. */
  allocate(offset: number, length: number): void {
    const end = offset + length;
    this.checkSize(end);
    let missing = 0;
    for (let i = pageOf(offset); i < pagesFor(end); i++) if ((this.pages[i] ?? hole) === hole) missing++;
    if (!this.room.has(missing * pageBytes + this.costOf(pagesFor(end)))) fail('nospc');
    this.length = Math.max(this.length, end);
  }

  clear(): void {
    this.shrink(0);
    this.length = 0;
  }
}
