// A program as few bytes: what of a snapshot differs from the snapshot of the image. Most of it are words here and there in
// the memory, so those are told one run after the other: how many words are as before, how many follow, and in a row of
// their own the words themselves, as near.ts tells them; then the stack, as stack.ts does.
//
// It is packed by deflate as a whole, with a dictionary, behind a u32 that tells its size:
//   u32 ×6  bytes of each of what follows
//   text    JSON: pages of memory, counts of the VM, the pending call, what the host keeps, lengths of rows and blocks
//   counts  varints: runs of words in the memory
//   words   of the memory; of frames and slots; of globals, little endian
//   blocks  of what the host keeps

import { concatBytes } from '@noble/hashes/utils.js';
import { codings, deflate, mayBe, unpack } from '../../snapshot/container/packing.ts';
import { pageBytes, type SnapshotData, zeroPage } from '../../snapshot/data/format.ts';
import { countOf, numbersOf, PageReader, pageWords, Runs } from '../../snapshot/pages/rows.ts';
import { SnapshotError } from '../../spec/errors.ts';
import { attempt } from '../../spec/told.ts';
import { programs } from '../machine/imports.ts';
import { parseFew } from '../values/parse.ts';
import { Near } from './near.ts';
import { readStack, toldStack } from './stack.ts';

const wasmPageBytes = 65_536;
const parts = 6;

const bad = (what: string): never => {
  throw new SnapshotError(what, 'token');
};

// Writing

/** Undefined where more than `mostPages` pages differ: then another form takes less time. */
export function packProgram(data: SnapshotData, base: SnapshotData, dictionary: Uint8Array): Uint8Array | undefined {
  const contents = contentsOf(data, base);
  if (contents === undefined) return undefined;
  return concatBytes(bytesOf(Uint32Array.of(contents.length)), deflate(contents, 5, dictionary));
}

/** What is packed. */
export function contentsOf(data: SnapshotData, base: SnapshotData): Uint8Array | undefined {
  const changed = new Changes(data, base).find();
  if (changed === undefined) return undefined;
  const [state] = data.states ?? [];
  const { memories, calls, fuelUsed, debt, pending, frames, slots, globals } = data;
  const blocks = Array.from(state?.blocks ?? [], (place) => (data.blocks ?? [])[place] as Uint8Array);
  const text = JSON.stringify([
    ...[memories[0]?.size, calls, fuelUsed, debt, pending && [pending.id, pending.func, [...pending.args]]],
    ...[state?.data, frames.length, blocks.map(({ length }) => length)],
  ]);
  const rows = [utf8.encode(text), Uint8Array.from(changed.counts), bytesOf(Int32Array.from(changed.words))];
  const all = [...rows, bytesOf(toldStack(frames, slots)), bytesOf(globals), concatBytes(...blocks)];
  const sizes = Uint32Array.from(all, ({ length }) => length);
  return concatBytes(bytesOf(sizes), ...all);
}
const utf8 = new TextEncoder();
const mostPages = 256;

const bytesOf = ({ buffer, byteOffset, byteLength }: Int32Array | Uint32Array): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/** Runs of the words that are others than in the base, beyond which all are zero. */
class Changes {
  readonly counts: number[] = [];
  readonly words: number[] = [];
  private first = 0;
  private last = 0;
  private isOpen = false;
  private readonly near = new Near();
  private readonly pages: PageReader;
  private readonly basePages: PageReader;

  constructor(
    private readonly data: SnapshotData,
    private readonly base: SnapshotData,
  ) {
    this.pages = new PageReader(data);
    this.basePages = new PageReader(base);
  }

  find(): this | undefined {
    const [memory, baseMemory] = [this.data.memories[0], this.base.memories[0]];
    if (memory === undefined || baseMemory === undefined) return undefined;
    const [numbers, baseNumbers] = [numbersOf(memory), numbersOf(baseMemory)];
    const inCommon = this.pages.inCommon(this.basePages);
    let changed = 0;
    for (let page = 0; page < numbers.length; page++) {
      const [number, baseNumber] = [numbers[page] as number, baseNumbers[page]];
      const isSame = number === baseNumber && number < inCommon;
      const [now, before] = isSame
        ? [zeros, zeros]
        : [placeOf(this.pages, number), placeOf(this.basePages, baseNumber)];
      if (now.row === before.row && now.at === before.at) this.end(page * pageWords);
      else if (this.compare(page * pageWords, wordsAt(now), wordsAt(before)) && ++changed > mostPages) return undefined;
    }
    this.end(numbers.length * pageWords);
    return this;
  }

  private compare(start: number, now: Int32Array, before: Int32Array): boolean {
    const { words } = this;
    const known = words.length;
    for (let i = 0; i < pageWords; ) {
      if (now[i] === before[i]) {
        this.end(start + i);
        do i++;
        while (i < pageWords && now[i] === before[i]);
      } else {
        if (!this.isOpen) this.first = start + i;
        this.isOpen = true;
        do words.push(this.near.told(now[i] as number, 4 * (start + i++)));
        while (i < pageWords && now[i] !== before[i]);
      }
    }
    return words.length > known;
  }

  /** A run ends here, if there is one. */
  private end(at: number): void {
    if (!this.isOpen) return;
    varint(this.counts, this.first - this.last);
    varint(this.counts, at - this.first);
    this.last = at;
    this.isOpen = false;
  }
}

const zeros = { row: new Uint8Array(pageBytes), at: 0 };
const placeOf = (pages: PageReader, number: number = zeroPage) => (number < 0 ? zeros : pages.place(number));
const wordsAt = ({ row, at }: { readonly row: Uint8Array; readonly at: number }) =>
  new Int32Array(row.buffer, row.byteOffset + at, pageWords);

function varint(into: number[], value: number): void {
  while (value > 127) {
    into.push((value & 127) | 128);
    value >>>= 7;
  }
  into.push(value);
}

// Reading

/** `most`: bytes that it may take when it is unpacked. Throws SnapshotError. */
export function unpackProgram(
  packed: Uint8Array,
  base: SnapshotData,
  most: number,
  dictionary: Uint8Array,
): SnapshotData {
  const [text, counts, words, stack, globals, blocks] = rowsOf(inflated(packed, most, dictionary));
  const [pages, calls, fuelUsed, debt, pending, state, frameWords, blockSizes] = list(parsed(text));
  const size = count(pages);
  if (size * wasmPageBytes > most || size < (base.memories[0]?.size ?? 0)) bad(`a memory of ${size} pages`);
  const memory = new Written(base, size);
  writeWords(memory, counts, wordsOf(words));
  const rows = wordsOf(stack);
  const ofFrames = count(frameWords);
  if (ofFrames > rows.length) bad('a stack that is none');
  const { frames, slots } = readStack(rows, ofFrames);
  const own = blocksOf(blocks, counted(blockSizes));
  return {
    ...base,
    ...memory.taken(),
    ...{ globals: wordsOf(globals), frames, slots },
    ...{ calls: count(calls), fuelUsed: count(fuelUsed), debt: count(debt), pending: pendingOf(pending) },
    states: [{ name: programs.name, data: state, blocks: Int32Array.from(own, (_, i) => i) }],
    blocks: own,
  };
}

function inflated(packed: Uint8Array, most: number, dictionary: Uint8Array): Uint8Array<ArrayBuffer> {
  if (packed.length < 4) return bad('cut short');
  const size = new DataView(packed.buffer, packed.byteOffset).getUint32(0, true);
  const body = { coding: codings.deflate, bytes: packed.subarray(4) };
  if (size > most || !mayBe(body, size)) return bad(`it says that it has ${size} bytes`);
  const contents = attempt(() => unpack(body, size, dictionary), undefined) ?? bad('cannot be unpacked');
  return contents.length === size ? new Uint8Array(contents) : bad('of another size than it says');
}

type Rows = readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];

function rowsOf(bytes: Uint8Array<ArrayBuffer>): Rows {
  if (bytes.length < 4 * parts) return bad('cut short');
  const view = new DataView(bytes.buffer);
  let at = 4 * parts;
  const rows = Array.from({ length: parts }, (_, i) => {
    const size = view.getUint32(4 * i, true);
    if (size > bytes.length - at) return bad('cut short');
    at += size;
    return bytes.subarray(at - size, at);
  });
  if (at !== bytes.length) bad('something follows its last row');
  return rows as unknown as Rows;
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : bad('no list'));
const count = (value: unknown): number =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : bad('no count');
const counted = (value: unknown): number[] => list(value).map(count);

const parsed = (text: Uint8Array): unknown =>
  parseFew(attempt(() => new TextDecoder('utf-8', { fatal: true }).decode(text), '')) ?? bad('no JSON');

const wordsOf = (bytes: Uint8Array): Int32Array =>
  bytes.length % 4 === 0 ? new Int32Array(bytes.slice().buffer) : bad('no whole words');

/** A memory that has the base's pages where nothing was written: so a VM that has them too need not look at them. */
class Written {
  private readonly numbers: Int32Array;
  private readonly pages: PageReader;
  private readonly written = new Map<number, Int32Array>();

  constructor(
    private readonly base: SnapshotData,
    /** How many of WebAssembly's pages it has. */
    private readonly size: number,
  ) {
    this.numbers = numbersOf(base.memories[0] ?? { size: 0, runs: new Int32Array(0) });
    this.pages = new PageReader(base);
  }

  /** How many words there are. */
  get length(): number {
    return (this.size * wasmPageBytes) / 4;
  }

  /** Writes words, from one of them up to another, from a place on. */
  set(words: Int32Array, from: number, end: number, start: number): void {
    for (let next = from, place = start; next < end; ) {
      const page = this.page(Math.floor(place / pageWords));
      const at = place % pageWords;
      const count = Math.min(end - next, pageWords - at);
      for (let i = 0; i < count; i++) page[at + i] = words[next + i] as number;
      next += count;
      place += count;
    }
  }

  private page(number: number): Int32Array {
    const known = this.written.get(number);
    if (known !== undefined) return known;
    if (this.written.size === mostPages) bad(`more than ${mostPages} pages`);
    const page = wordsAt(placeOf(this.pages, this.numbers[number])).slice();
    this.written.set(number, page);
    return page;
  }

  taken(): Pick<SnapshotData, 'memories' | 'pages' | 'more'> {
    const runs = new Runs();
    const row = new Int32Array(this.written.size * pageWords);
    const first = countOf(this.base);
    let count = 0;
    for (let i = 0; i * pageWords < this.length; i++) {
      const page = this.written.get(i);
      if (page === undefined) runs.add(1, this.numbers[i] ?? zeroPage);
      else {
        row.set(page, count * pageWords);
        runs.add(1, first + count++);
      }
    }
    const more = [...(this.base.more ?? []), ...(count > 0 ? [bytesOf(row)] : [])];
    return { memories: [{ size: this.size, runs: runs.take() }], pages: this.base.pages, more };
  }
}

function writeWords(memory: Written, counts: Uint8Array, words: Int32Array): void {
  const near = new Near();
  let [at, from, used] = [0, 0, 0];
  const next = () => {
    let [value, shift] = [0, 0];
    for (; ; shift += 7) {
      const byte = counts[at++];
      if (byte === undefined || shift > 28) return bad('a run that is none');
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < counts.length) {
    from += next();
    const length = next();
    if (length === 0) bad('a run of no words');
    if (from + length > memory.length || used + length > words.length) bad('a run beyond the memory');
    for (let i = 0; i < length; i++) words[used + i] = near.read(words[used + i] as number, 4 * (from + i));
    memory.set(words, used, used + length, from);
    used += length;
    from += length;
  }
  if (used !== words.length) bad('words of no run');
}

function pendingOf(pending: unknown): SnapshotData['pending'] {
  if (pending === null) return null;
  const [id, func, args] = list(pending);
  const words = list(args).map((word) => (typeof word === 'number' ? word : bad('no word')));
  return { id: count(id), func: count(func), args: Int32Array.from(words) };
}

function blocksOf(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  let at = 0;
  return sizes.map((size) => {
    if (size > bytes.length - at) return bad('a block that is none');
    at += size;
    return bytes.slice(at - size, at);
  });
}
