// Pages of bytes in shared buffers. A page is private, and may be written, from when it is taken until all pages are
// frozen: then others may have them too, in other file systems and on other threads, and whoever wants to write to one
// takes a new page instead. Buffers hold many pages, so that there are few to hand over.

import { asShared, sharedBytes } from '../../../runtime/beneath/shared.ts';
import { pageBytes } from '../../../snapshot/data/format.ts';

/** As large as those of snapshots, which look for equal ones. */
export { pageBytes } from '../../../snapshot/data/format.ts';
/** In a file's table: nothing was ever written there, so it reads as zeros. */
export const hole = -1;

/** A page's number is that of its buffer and its place there. */
const placeBits = 8;
const mostPlaces = 1 << placeBits;
const leastPlaces = 16;

interface Arena {
  /** A whole number of pages. */
  readonly bytes: Uint8Array<ArrayBufferLike>;
  frozen: boolean;
  /** Pages in use; what is frozen and no longer in use cannot be used again. */
  live: number;
  /** Pages from here on were never used. */
  used: number;
  /** Numbers of pages that were used before. */
  readonly spare: number[];
}

export class Pages {
  private readonly arenas: (Arena | undefined)[] = [];
  private readonly emptySlots: number[] = [];
  /** Slots of arenas that pages can be taken from. */
  private readonly open = new Set<number>();
  private nextPlaces = leastPlaces;
  private liveCount = 0;
  private places = 0;

  /** Pages in use. */
  get live(): number {
    return this.liveCount;
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return this.places * pageBytes;
  }

  private arena(page: number): Arena {
    return this.arenas[page >> placeBits] as Arena;
  }

  /** The buffer that a page is in, beginning with the page `place` says. */
  buffer(page: number): Uint8Array {
    return this.arena(page).bytes;
  }

  place(page: number): number {
    return (page & (mostPlaces - 1)) * pageBytes;
  }

  isPrivate(page: number): boolean {
    return !this.arena(page).frozen;
  }

  private add(bytes: Uint8Array<ArrayBufferLike>, frozen: boolean, used: number): number {
    const slot = this.emptySlots.pop() ?? this.arenas.length;
    this.arenas[slot] = { bytes, frozen, live: 0, used, spare: [] };
    this.places += bytes.length / pageBytes;
    if (!frozen) this.open.add(slot);
    return slot;
  }

  private drop(slot: number): void {
    this.places -= (this.arenas[slot] as Arena).bytes.length / pageBytes;
    this.arenas[slot] = undefined;
    this.emptySlots.push(slot);
    this.open.delete(slot);
  }

  /** A private page; zeros, unless all of it is written at once. */
  take(zeroed = true): number {
    const slot = this.openSlot();
    const arena = this.arenas[slot] as Arena;
    const again = arena.spare.pop();
    const page = again ?? (slot << placeBits) | arena.used++;
    arena.live++;
    this.liveCount++;
    if (again !== undefined && zeroed) this.view(page).fill(0);
    if (arena.spare.length === 0 && arena.used * pageBytes === arena.bytes.length) this.open.delete(slot);
    return page;
  }

  private openSlot(): number {
    for (const slot of this.open) return slot;
    const places = this.nextPlaces;
    this.nextPlaces = Math.min(mostPlaces, 2 * places);
    return this.add(sharedBytes(places * pageBytes), false, 0);
  }

  give(page: number): void {
    const arena = this.arena(page);
    this.liveCount--;
    arena.live--;
    // One that can be taken from stays: a file that is made and removed again and again needs no new one each time.
    if (arena.live === 0 && (arena.frozen || this.open.size > 1)) this.drop(page >> placeBits);
    else if (!arena.frozen) {
      arena.spare.push(page);
      this.open.add(page >> placeBits);
    }
  }

  view(page: number): Uint8Array {
    const place = this.place(page);
    return this.buffer(page).subarray(place, place + pageBytes);
  }

  /** A private page with the same bytes, instead of one that is frozen. */
  own(page: number): number {
    const copy = this.take(false);
    this.view(copy).set(this.view(page));
    this.give(page);
    return copy;
  }

  /**
   * From now on no page is written any more. Buffers that hold little are put together.
   * `tables`: of all files, whose numbers change with that.
   */
  freeze(tables: readonly Int32Array[]): void {
    this.close();
    if (this.isSparse()) this.compact(tables);
  }

  private close(): void {
    this.arenas.forEach((arena, slot) => {
      if (arena === undefined) return;
      arena.frozen = true;
      arena.spare.length = 0;
      if (arena.live === 0) this.drop(slot);
    });
    this.open.clear();
    this.nextPlaces = leastPlaces;
  }

  private isSparse(): boolean {
    const arenas = this.arenas.length - this.emptySlots.length;
    return this.places > 2 * this.liveCount + mostPlaces || arenas > 16 + (2 * this.liveCount) / mostPlaces;
  }

  /** Moves the pages of buffers that have less than half of what one can have. */
  private compact(tables: readonly Int32Array[]): void {
    const isSmall = this.arenas.map((arena) => arena !== undefined && arena.live < mostPlaces / 2);
    let left = this.arenas.reduce((sum, arena, slot) => sum + (isSmall[slot] ? (arena as Arena).live : 0), 0);
    for (const table of tables)
      for (let i = 0; i < table.length; i++) {
        const page = table[i] as number;
        if (page === hole || this.isPrivate(page) || !isSmall[page >> placeBits]) continue;
        this.nextPlaces = Math.min(mostPlaces, left--);
        table[i] = this.own(page);
      }
    this.close();
  }

  /** All buffers as blocks, and for a page its place in the row of their pages. All must be frozen. */
  blocks(): { blocks: Uint8Array[]; placeOf(page: number): number } {
    const blocks: Uint8Array[] = [];
    const starts: number[] = [];
    let start = 0;
    this.arenas.forEach((arena, slot) => {
      if (arena === undefined) return;
      const bytes = arena.bytes.subarray(0, arena.used * pageBytes);
      blocks.push(bytes);
      starts[slot] = start;
      start += arena.used;
    });
    return { blocks, placeOf: (page) => (starts[page >> placeBits] as number) + (page & (mostPlaces - 1)) };
  }

  /**
   * Takes over the pages of blocks that others may have. The answer tells the page at a place of their row, which is in
   * use from then on; what was not asked for when `adopted` is called is dropped. Lengths must have been checked.
   */
  adopt(blocks: readonly Uint8Array[]): { page(place: number): number; adopted(): void } {
    const slots: number[] = [];
    const numbers: number[] = [];
    for (const block of blocks)
      for (let at = 0; at < block.length; at += mostPlaces * pageBytes) {
        const bytes = asShared(block.subarray(at, at + mostPlaces * pageBytes));
        const places = bytes.length / pageBytes;
        const slot = this.add(bytes, true, places);
        slots.push(slot);
        for (let i = 0; i < places; i++) numbers.push((slot << placeBits) | i);
      }
    return {
      page: (place) => {
        const page = numbers[place] as number;
        this.arena(page).live++;
        this.liveCount++;
        return page;
      },
      adopted: () => {
        for (const slot of slots) if (this.arenas[slot]?.live === 0) this.drop(slot);
      },
    };
  }
}
