// The VM's own heap: structures, arrays and exceptions. An object is known by its address, which never changes and says
// nothing about where it stands: all objects stand one after the other in one row of words (shape.ts says how), new ones
// at the end, and a collection closes the gaps. What is alive is said by collect.ts.
// https://webassembly.github.io/spec/core/exec/runtime.html#structure-instances

import type { TagAddr } from '../../spec/types.ts';
import { refKinds } from './ref.ts';
import { type Field, headers, holdsRefs, longHeader, type Shape, sizeOf } from './shape.ts';
import { HeapWords, smallestRound } from './words.ts';

/** A collection must leave this part of the limit free, or else they would follow each other ever more closely. */
const leastFree = 1 / 16;
/** Of the limit: so much may be kept, dead or alive, while native code waits for code that makes objects. */
const mostOld = 1 / 8;

const noMarks = new Uint8Array(0);
/** One of so many objects is alive, at the most: then they are looked for one by one. */
const few = 4;

/** What a heap was before a part of its objects had to stay. */
interface Part {
  readonly oldUntil: number;
  readonly oldUsed: number;
  readonly pinned: number;
}

/** Whether a reference of the kind names an object of the heap. */
export const isHeapKind = (kind: number | undefined): boolean => kind === refKinds.object || kind === refKinds.exn;

export class Heap extends HeapWords {
  /** By address, between `mark` and `sweep`. */
  private marks = noMarks;
  /** How many are marked. */
  private living = 0;
  /** Marked, and its fields not yet looked at. */
  private readonly grey: number[] = [];
  /**
   * How many engines run that have references where a collection does not look: there is none meanwhile. One that waits while
   * `partly` lets others make objects does not count.
   */
  pinned = 0;
  /** Objects below are alive: native code that waits may have references to them. -1 where none does. What they take. */
  private oldUntil = -1;
  private oldUsed = 0;
  /** A collection could not look at everything, and too little was free after it. */
  isCrowded = false;
  /** What was in use after the last collection. */
  private sweptUsed = 0;
  /** Objects from here on are alive: somebody is making them. */
  private keptFrom = Number.POSITIVE_INFINITY;

  // Objects

  shape(address: number): Shape {
    return this.shapeAt(this.at(address));
  }

  private shapeAt(at: number): Shape {
    return this.shapes[this.words[at + headers.shape] as number] as Shape;
  }

  /** Of an array. */
  length(address: number): number {
    return (this.words[this.at(address) + headers.count] as number) >>> 0;
  }

  /** Of an exception. */
  tag(address: number): TagAddr {
    return this.words[this.at(address) + headers.count] as TagAddr;
  }

  setTag(address: number, tag: TagAddr): void {
    this.words[this.at(address) + headers.count] = tag;
  }

  private sizeAt(at: number): number {
    const shape = this.shapeAt(at);
    return shape.element === undefined ? shape.words : sizeOf(shape, (this.words[at + headers.count] as number) >>> 0);
  }

  /** Whether an object of `size` words comes without a collection. */
  hasRoom(size: number): boolean {
    return this.used + size < this.nextCollection;
  }

  /** Whether a collection, which was just made, left room for `size` words. */
  fits(size: number): boolean {
    return this.used + size <= this.limit * (1 - leastFree);
  }

  /**
   * Throws ExhaustionError unless it did. Where it could not look at everything, as much as it had to pass over may be used
   * besides, until one can: soon.
   */
  checkRoom(size: number): void {
    if (this.fits(size)) return;
    if (this.lacks(size)) this.exhausted(size);
    this.isCrowded = true;
  }

  /** Whether there is too little room, with what may be used besides. */
  lacks(size: number): boolean {
    return !this.fits(this.isPartial ? size - this.oldUsed : size);
  }

  /** Nothing can be collected now, but soon: until then as much again may be used. Throws ExhaustionError where that would not do. */
  overdraw(size: number): void {
    const most = this.limit * (1 - leastFree);
    if (size > most || this.used + size > most + this.most) this.exhausted(size);
  }

  /** A new object, all zero; returns its address. Throws ExhaustionError past the limit; never collects. */
  allocate(shape: Shape, length = 0): number {
    const size = sizeOf(shape, length);
    const number = this.numberOf(shape);
    const address = this.take(size);
    const at = this.at(address);
    this.words[at + headers.shape] = number;
    if (shape.element !== undefined) this.words[at + headers.count] = length;
    return address;
  }

  // Values: `row` has them as a frame's slots do

  setField(address: number, { at, words, packed }: Field, row: Int32Array, i: number): void {
    const to = this.at(address) + at;
    const first = row[i] as number;
    this.words[to] = packed === 0 ? first : first & ((1 << packed) - 1);
    for (let k = 1; k < words; k++) this.words[to + k] = row[i + k] as number;
  }

  /** `signed` matters where the field is packed. */
  getField(
    address: number,
    { at, words, slotWords, packed }: Field,
    signed: boolean,
    row: Int32Array,
    i: number,
  ): void {
    const from = this.at(address) + at;
    const first = this.words[from] as number;
    row[i] = signed ? (first << (32 - packed)) >> (32 - packed) : first;
    for (let k = 1; k < slotWords; k++) row[i + k] = k < words ? (this.words[from + k] as number) : 0;
  }

  /** Sets the fields of a structure, or the values of an exception, from a row of them all. */
  setFields(address: number, { fields }: Shape, row: Int32Array, i: number): void {
    let from = i;
    for (const field of fields) {
      this.setField(address, field, row, from);
      from += field.slotWords;
    }
  }

  getFields(address: number, { fields }: Shape, row: Int32Array, i: number): void {
    let to = i;
    for (const field of fields) {
      this.getField(address, field, false, row, to);
      to += field.slotWords;
    }
  }

  setElement(address: number, { elementBytes }: Shape, index: number, row: Int32Array, i: number): void {
    const at = this.at(address) + longHeader;
    const first = row[i] as number;
    if (elementBytes === 1) this.bytes[4 * at + index] = first;
    else if (elementBytes === 2) this.shorts[2 * at + index] = first;
    else for (let k = 0, n = elementBytes / 4; k < n; k++) this.words[at + n * index + k] = row[i + k] as number;
  }

  getElement(
    address: number,
    { elementBytes }: Shape,
    index: number,
    signed: boolean,
    row: Int32Array,
    i: number,
  ): void {
    const at = this.at(address) + longHeader;
    row[i + 1] = 0;
    if (elementBytes === 1) {
      const byte = this.bytes[4 * at + index] as number;
      row[i] = signed ? (byte << 24) >> 24 : byte;
    } else if (elementBytes === 2) {
      const short = this.shorts[2 * at + index] as number;
      row[i] = signed ? short : short & 0xffff;
    } else for (let k = 0, n = elementBytes / 4; k < n; k++) row[i + k] = this.words[at + n * index + k] as number;
  }

  /** First byte of an array's element, in `bytes`. */
  elementAt(address: number, { elementBytes }: Shape, index: number): number {
    return 4 * (this.at(address) + longHeader) + elementBytes * index;
  }

  /** Sets `count` elements to one value. */
  fill(address: number, shape: Shape, start: number, count: number, row: Int32Array, i: number): void {
    if (count === 0) return;
    this.setElement(address, shape, start, row, i);
    const first = this.elementAt(address, shape, start);
    const size = count * shape.elementBytes;
    for (let done = shape.elementBytes; done < size; done *= 2)
      this.bytes.copyWithin(first + done, first, first + Math.min(done, size - done));
  }

  // Collection

  /** While it runs, all objects made since its beginning stay. */
  keeping<T>(act: () => T): T {
    this.keptFrom = this.size;
    try {
      return act();
    } finally {
      this.keptFrom = Number.POSITIVE_INFINITY;
    }
  }

  /** Whether there are references where a collection does not look, to objects that it therefore keeps. */
  get isPartial(): boolean {
    return this.oldUntil >= 0;
  }

  /** Whether there is more than should be kept as a whole. */
  get isLarge(): boolean {
    return this.used > this.limit * mostOld;
  }

  /** Whether it is, and a collection may change that. */
  get mayShrink(): boolean {
    return this.isLarge && this.used >= 2 * this.sweptUsed;
  }

  /** While it runs, an engine waits that has references where a collection does not look: to objects that there are now. */
  partly<T>(act: () => T): T {
    const before = this.beginPart();
    try {
      return act();
    } finally {
      this.endPart(before);
    }
  }

  /** The same in two pieces; the second is told what the first gave. */
  beginPart(): Part {
    const { oldUntil, oldUsed, pinned } = this;
    this.oldUntil = this.size;
    // Parts within each other need not add up.
    this.oldUsed = Math.min(this.used, this.limit);
    this.pinned = 0;
    return { oldUntil, oldUsed, pinned };
  }

  endPart({ oldUntil, oldUsed, pinned }: Part): void {
    this.oldUntil = oldUntil;
    this.oldUsed = oldUsed;
    this.pinned = pinned;
    this.nextCollection = Math.min(this.nextCollection, this.most);
    this.setRoom();
  }

  /** Words that may be in use. */
  private get most(): number {
    return this.limit + Math.max(0, this.oldUsed);
  }

  /** Begins a collection. */
  startMarking(): void {
    this.marks = new Uint8Array(this.addresses);
    this.living = 0;
    const { bottom, top } = this;
    for (let at = bottom; at < bottom + this.oldUntil; at += this.sizeAt(at)) this.mark(this.words[at] as number);
    for (let at = bottom + this.keptFrom; at < top; at += this.sizeAt(at)) this.mark(this.words[at] as number);
  }

  /** An address that nothing has, or had, is passed over. */
  mark(address: number): void {
    if (!this.has(address) || this.marks[address] !== 0) return;
    this.marks[address] = 1;
    this.living++;
    this.grey.push(address);
  }

  /** Marks what pairs of words in a row refer to, if they are references; the row may hold anything else too. */
  markRow(words: Int32Array, from: number, to: number): void {
    for (let i = from; i < to; i += 2) if (isHeapKind(words[i + 1])) this.mark(words[i] as number);
  }

  private markFields(address: number): void {
    const { words } = this;
    const at = this.at(address);
    const shape = this.shapeAt(at);
    if (holdsRefs(shape)) return this.markRow(words, at + longHeader, at + this.sizeAt(at));
    const { refs } = shape;
    for (let i = 0; i < refs.length; i++) {
      const ref = at + (refs[i] as number);
      if (isHeapKind(words[ref + 1])) this.mark(words[ref] as number);
    }
  }

  /** Shows the words of all objects, dead ones too, in which references stand. */
  eachRow(visit: (words: Int32Array, from: number, to: number) => void): void {
    for (let at = this.bottom, { top } = this; at < top; at += this.sizeAt(at)) this.fieldsAt(at, visit);
  }

  private fieldsAt(at: number, visit: (words: Int32Array, from: number, to: number) => void): void {
    const shape = this.shapeAt(at);
    if (holdsRefs(shape)) visit(this.words, at + longHeader, at + this.sizeAt(at));
    for (const ref of shape.refs) visit(this.words, at + ref, at + ref + 2);
  }

  /** Ends a collection: whatever is not marked, nor reached from there, is gone. `scanned` words had to be looked at. */
  sweep(scanned: number): void {
    for (let address = this.grey.pop(); address !== undefined; address = this.grey.pop()) this.markFields(address);
    if (this.living * few < this.count) this.gather();
    else this.compact();
    this.marks = noMarks;
    this.sweptUsed = this.used;
    const round = Math.max(smallestRound, this.used, scanned);
    this.nextCollection = Math.min(this.most, this.used + round);
    if (this.words.length > 4 * this.nextCollection) this.narrow(this.nextCollection);
    else this.setRoom();
  }

  /** Moves the living together where they are few: the dead are not looked at. */
  private gather(): void {
    const { words, bottom } = this;
    const keptFrom = bottom + this.keptFrom;
    let kept = -1;
    let to = bottom;
    for (const at of this.livingPlaces(this.marks, this.living)) {
      const size = this.sizeAt(at);
      if (kept < 0 && at >= keptFrom) kept = to - bottom;
      this.setPlace(words[at] as number, to);
      words.copyWithin(to, at, at + size);
      to += size;
    }
    if (this.keptFrom !== Number.POSITIVE_INFINITY) this.keptFrom = kept < 0 ? to - bottom : kept;
    this.recount(to - bottom + this.living, to);
  }

  /** Moves the living together, whole runs of them at a time. */
  private compact(): void {
    const { words, marks, top, bottom } = this;
    const keptFrom = bottom + this.keptFrom;
    let { used } = this;
    let to = bottom;
    let run = bottom;
    let kept = this.keptFrom;
    for (let at = bottom; at < top; ) {
      const address = words[at] as number;
      const next = at + this.sizeAt(at);
      if (at === keptFrom) kept = to + at - run - bottom;
      if (marks[address] !== 0) this.setPlace(address, to + at - run);
      else {
        words.copyWithin(to, run, at);
        to += at - run;
        run = next;
        this.clearPlace(address);
        used -= next - at + 1;
      }
      at = next;
    }
    words.copyWithin(to, run, top);
    const end = to + top - run;
    this.keptFrom = keptFrom === top ? end - bottom : kept;
    this.recount(used, end);
    this.listFree();
  }
}
