// Where the words of a heap stand, and what is counted of them: one row, which an array holds, or a memory of the host's as
// soon as native code is to reach it (rewrite/write/objects.ts). It grows, and is laid out anew then.
//
// The row, in words:
//   0 …        what allocating needs (`cells`)
//   16 …       places, by address: first byte of the object, or, where there is none, twice the next free address and one
//              (-1: the last)
//   …          in a memory only: rows of shapes, by their numbers: those of the types above and of its own, by their depth,
//              as far as a row goes; and last what kind of object it is (`rowKinds`)
//   bottom …   objects, one after the other; beyond the last all words are zero

import { ExhaustionError } from '../../spec/errors.ts';
import type { HostMemory } from '../beneath/host-wasm.ts';
import { LateMap } from '../kept/late-map.ts';
import { giveHostMemory, takeHostMemory } from '../memory/memory.ts';
import { type Shape, shapeOf } from './shape.ts';

/** Words at the beginning. */
export const cells = {
  /** First byte past the last object. */
  top: 0,
  /** An object that is smaller can be made at once, but for its address. */
  room: 1,
  /** The next free address, -1 where there is none. */
  free: 2,
  /** First byte of the rows of shapes. */
  rows: 3,
} as const;
export const placesAt = 16;
export const rowWords = 8;
/** The last word of a row. */
export const rowKinds = { exn: 0, struct: 1, array: 2 } as const;

/** Words that are allocated between two collections at the least: 4 MiB. */
export const smallestRound = 2 ** 20;
const firstWords = 256;
const firstPlaces = 64;
const firstRows = 64;
const pageWords = 16_384;

/** What all heaps begin with: most stay empty. Nothing is written there. */
const nothing = new Int32Array(placesAt);
nothing[cells.top] = 4 * placesAt;
nothing[cells.free] = -1;
const noBytes = new Uint8Array(0);
const noShorts = new Int16Array(0);

export class HeapWords {
  words: Int32Array = nothing;
  bytes: Uint8Array = noBytes;
  shorts: Int16Array = noShorts;
  /** Word of the first object. */
  protected bottom = placesAt;
  /** Addresses below this have been in use, or are free. */
  protected addresses = 0;
  /** How many places and rows there is room for. */
  private places = 0;
  private rows = 0;
  private memory: HostMemory | undefined;
  /** Shapes of objects, by the numbers that objects have for them. */
  protected readonly shapes: Shape[] = [];
  private readonly shapeNumbers = new LateMap<Shape, number>();
  /** That of the object made last. */
  private newest: Shape | undefined;
  private newestNumber = 0;
  /** In words, as the one below. */
  protected readonly limit: number;
  protected nextCollection: number;
  /** Words in use when `room` was set, and what it was set to. */
  private counted = 0;
  private granted = 0;

  /** `limit` is in bytes. */
  constructor(limit: number) {
    this.limit = limit / 4;
    this.nextCollection = Math.min(this.limit, smallestRound);
  }

  /** Word past the last object. */
  protected get top(): number {
    return (this.words[cells.top] as number) >>> 2;
  }

  /** Words that all objects take; each counts with one more, for its place. */
  protected get used(): number {
    return this.counted + this.granted - (this.words[cells.room] as number);
  }

  /** Words of all objects, dead ones included. */
  get size(): number {
    return this.top - this.bottom;
  }

  /** So many words are in use, and there are objects up to `top`: what was beyond is zero again. */
  protected recount(used: number, top: number): void {
    const { words } = this;
    if (words === nothing) return;
    words.fill(0, top, this.top);
    words[cells.top] = 4 * top;
    this.counted = used;
    this.granted = words[cells.room] as number;
    this.setRoom();
  }

  protected setRoom(): void {
    const { words } = this;
    if (words === nothing) return;
    this.counted = this.used;
    this.granted = Math.floor(Math.min(this.nextCollection - this.counted, words.length - this.top));
    words[cells.room] = this.granted;
  }

  // Places

  /** First word of an object that is there. */
  at(address: number): number {
    return (this.words[placesAt + address] as number) >>> 2;
  }

  has(address: number): boolean {
    return address >= 0 && address < this.addresses && ((this.words[placesAt + address] as number) & 1) === 0;
  }

  /** More free addresses, where there are none. */
  private addPlaces(): void {
    const { places, addresses } = this;
    if (addresses === places) this.layOut(this.morePlaces(), this.rows, 0, this.words.length);
    const { words } = this;
    this.addresses = Math.min(this.places, addresses + Math.max(firstPlaces, addresses >> 2));
    for (let address = addresses; address < this.addresses; address++) this.putFree(address, address + 1);
    this.putFree(this.addresses - 1, -1);
    words[cells.free] = addresses;
  }

  /** Twice as many, but no more than the limit has room for if objects stay as large as they are. */
  private morePlaces(): number {
    const { places, size } = this;
    const most = Math.floor((this.limit * places) / Math.max(1, size + places));
    return Math.max(places + Math.max(firstPlaces, places >> 3), Math.min(2 * places, most));
  }

  private putFree(address: number, next: number): void {
    this.words[placesAt + address] = (next << 1) | 1;
  }

  /** Free addresses in their order, so that the lowest are used first. */
  protected listFree(): void {
    const { words } = this;
    if (words === nothing) return;
    while (this.addresses > 0 && !this.has(this.addresses - 1)) this.addresses--;
    let free = -1;
    for (let address = this.addresses - 1; address >= 0; address--) {
      if (this.has(address)) continue;
      this.putFree(address, free);
      free = address;
    }
    words[cells.free] = free;
  }

  /** Frees all addresses that have no mark, and tells the places of the others, so many, in their order. */
  protected livingPlaces(marks: Uint8Array, living: number): Int32Array {
    const { words } = this;
    const places = new Int32Array(living);
    let free = -1;
    let found = 0;
    while (this.addresses > 0 && marks[this.addresses - 1] === 0) this.addresses--;
    for (let address = this.addresses - 1; address >= 0; address--)
      if (marks[address] !== 0) places[found++] = (words[placesAt + address] as number) >>> 2;
      else {
        words[placesAt + address] = (free << 1) | 1;
        free = address;
      }
    if (words !== nothing) words[cells.free] = free;
    return places.sort();
  }

  /** Objects that there are, dead ones included. */
  protected get count(): number {
    return this.used - this.size;
  }

  /** An address has no object any more. */
  protected clearPlace(address: number): void {
    this.words[placesAt + address] = -1;
  }

  protected setPlace(address: number, at: number): void {
    this.words[placesAt + address] = 4 * at;
  }

  /** Takes so many words and an address, which is told. */
  protected take(size: number): number {
    if (size >= (this.words[cells.room] as number) || (this.words[cells.free] as number) < 0) this.widen(size);
    const { words } = this;
    const address = words[cells.free] as number;
    words[cells.free] = (words[placesAt + address] as number) >> 1;
    const top = words[cells.top] as number;
    words[placesAt + address] = top;
    words[cells.top] = top + 4 * size;
    words[cells.room] = (words[cells.room] as number) - size - 1;
    words[top >>> 2] = address;
    return address;
  }

  // Shapes

  /** The number that objects of the shape have for it. */
  numberOf(shape: Shape): number {
    if (shape === this.newest) return this.newestNumber;
    const number = this.shapeNumbers.get(shape) ?? this.newNumber(shape);
    this.newest = shape;
    this.newestNumber = number;
    return number;
  }

  private newNumber(shape: Shape): number {
    // Those of the types above come first, so that a row can name them.
    if (shape.kind !== 'exn')
      for (const above of shape.type.chain) if (above !== shape.type) this.numberOf(shapeOf(above));
    const number = this.shapes.push(shape) - 1;
    this.shapeNumbers.set(shape, number);
    if (this.memory === undefined) return number;
    if (this.shapes.length > this.rows) this.layOut(this.places, 2 * this.shapes.length, 0, 0);
    else this.writeRow(number);
    return number;
  }

  private writeRow(number: number): void {
    const { type, kind } = this.shapes[number] as Shape;
    const row: number[] = new Array(rowWords).fill(-1);
    if (kind !== 'exn')
      type.chain.slice(0, rowWords - 1).forEach((above, depth) => {
        row[depth] = this.shapeNumbers.get(shapeOf(above)) as number;
      });
    row[rowWords - 1] = rowKinds[kind];
    this.words.set(row, ((this.words[cells.rows] as number) >>> 2) + rowWords * number);
  }

  // The row as a whole

  /** Makes room for an object of so many words. */
  private widen(size: number): void {
    if ((this.words[cells.free] as number) < 0) this.addPlaces();
    if (this.top + size > this.words.length) this.layOut(this.places, this.rows, size, 2 * this.words.length);
  }

  /** A heap whose objects need less gives back what it has no use for. */
  protected narrow(words: number): void {
    if (this.memory === undefined) this.layOut(Math.max(firstPlaces, this.addresses), 0, 0, words);
  }

  protected exhausted(size: number): never {
    const message = `${4 * size} bytes wanted, ${4 * Math.ceil(this.used)} of ${4 * this.limit} in use`;
    throw new ExhaustionError(message, { limit: 'heap', value: 4 * this.limit }, 'out of heap memory');
  }

  /**
   * Lays all out with room for so many places and rows, and for so many words of objects more; where the limit lets it, so
   * many words in all.
   */
  private layOut(places: number, rows: number, size: number, wish: number): void {
    const { words: from, bottom: was, top, used, memory } = this;
    const bottom = placesAt + places + rowWords * rows;
    const end = bottom + top - was;
    const isThere = from.buffer === memory?.buffer;
    const to = this.newWords(Math.ceil(Math.max(end + size, Math.min(this.limit, Math.max(firstWords, wish)))), size);
    if (isThere) to.copyWithin(bottom, was, top);
    else {
      to.set(from.subarray(0, placesAt + this.addresses));
      to.set(from.subarray(was, top), bottom);
    }
    this.words = to;
    this.bytes = new Uint8Array(to.buffer);
    this.shorts = new Int16Array(to.buffer);
    Object.assign(this, { bottom, places, rows, counted: used, granted: to[cells.room] as number });
    this.shift(bottom - was);
    to[cells.top] = 4 * end;
    to[cells.rows] = 4 * (placesAt + places);
    for (let number = 0; rows > 0 && number < this.shapes.length; number++) this.writeRow(number);
    this.setRoom();
  }

  /** All objects have come to stand so many words further on. */
  private shift(by: number): void {
    const { words } = this;
    for (let at = placesAt; at < placesAt + this.addresses; at++) {
      const place = words[at] as number;
      if ((place & 1) === 0) words[at] = place + 4 * by;
    }
  }

  private newWords(capacity: number, size: number): Int32Array {
    const { memory } = this;
    try {
      if (memory === undefined) return new Int32Array(capacity);
      const missing = Math.ceil(capacity / pageWords) - memory.buffer.byteLength / (4 * pageWords);
      if (missing > 0) memory.grow(missing);
      return new Int32Array(memory.buffer);
    } catch {
      return this.exhausted(size);
    }
  }

  // Native code

  /** The memory that holds the row from now on. Throws LimitError where the host has none left. */
  inMemory(): HostMemory {
    if (this.memory === undefined) {
      this.memory = takeHostMemory(1);
      this.layOut(Math.max(firstPlaces, this.places), Math.max(firstRows, this.shapes.length), 0, this.words.length);
    }
    return this.memory;
  }

  get isInMemory(): boolean {
    return this.memory !== undefined;
  }

  /** Nobody uses it any more. */
  release(): void {
    const { memory } = this;
    this.words = nothing;
    this.memory = undefined;
    if (memory !== undefined) giveHostMemory(memory);
  }
}
