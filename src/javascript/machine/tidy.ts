// What of a guest's memory means nothing: freed memory, and what functions left on the stack when they returned. It is
// set back to what the image has there, so that a token need not tell it. Only where the guest waits for the host or does
// nothing: elsewhere its allocators may be in the midst of their work.
//
// Memory is handed out by two allocators, one on the other; the offsets are those of the one build that we run.
//   chunks  wasi-libc's: one after the other from the start of the heap, each two words (the size of the one before it,
//           and its own size with two bits, the second of which says that it is in use) and its contents. A free one has
//           up to six words of its own.
//   slabs   QuickJS's: chunks of items of one size. Each begins with two links of the list of slabs with free items, two
//           of the list of all, u8 size class, u8, u16 items in use, u16 items, u16 first free item. An item is a word,
//           whose low half names the next free one, and its contents.

const firstChunk = 1_167_112;
const chunkWords = 8;
const freeWords = 24;
const inUse = 2;

/** Heads of the lists of slabs with free items, two words each, by size class. */
const slabLists = 0x11d030;
const slabClasses = 32;
const slabHead = 24;
/** Where a slab has the number of its first free item. */
const slabFirst = 22;
const noItem = 0xffff;

/** Where the stack ends that C functions have their variables on: it grows down. */
const stackEnd = 2 ** 20;
/** What leaf functions may use below the stack pointer. */
const redZone = 256;

/** Words of a memory, by address. */
class Words {
  private readonly view: DataView;
  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  has(at: number, size: number): boolean {
    return at >= firstChunk && at + size <= this.bytes.length;
  }
  word(at: number): number {
    return this.view.getUint32(at, true);
  }
  half(at: number): number {
    return this.view.getUint16(at, true);
  }
  setHalf(at: number, value: number): void {
    this.view.setUint16(at, value, true);
  }
}

/** A range of bytes that mean nothing. */
type Range = readonly [from: number, to: number];

/** Sets back what means nothing, unless the heap is not as told here. */
export function tidyMemory(memory: Uint8Array, image: Uint8Array, stackPointer: number): void {
  const words = new Words(memory);
  const chunks = freeChunks(words);
  if (chunks === undefined) return;
  const stack: Range = [0, stackPointer >= redZone && stackPointer <= stackEnd ? stackPointer - redZone : 0];
  for (const [from, to] of [stack, ...chunks]) clear(memory, image, from, to);
  for (const { items, stride } of slabsOf(words)) for (const at of items) clear(memory, image, at + 4, at + stride);
}

function clear(memory: Uint8Array, image: Uint8Array, from: number, to: number): void {
  if (to - from > fewBytes) setBack(memory, image, from, to);
  else for (let at = from; at < to; at++) memory[at] = image[at] ?? 0;
}

/** Views of parts of an array cost more than to set so many bytes back one by one. */
const fewBytes = 64;

function setBack(memory: Uint8Array, image: Uint8Array, from: number, to: number): void {
  const known = image.subarray(from, to);
  memory.set(known, from);
  memory.fill(0, from + known.length, to);
}

function freeChunks(words: Words): Range[] | undefined {
  const found: Range[] = [];
  const end = words.bytes.length;
  let at = firstChunk;
  while (at < end) {
    if (!words.has(at, chunkWords)) return undefined;
    const head = words.word(at + 4);
    const size = (head & ~7) >>> 0;
    if (size < 16 || at + size > end) return undefined;
    if ((head & inUse) === 0 && size > chunkWords + freeWords) found.push([at + chunkWords + freeWords, at + size]);
    at += size;
  }
  return at === end ? found : undefined;
}

/**
 * Has the free items of each slab handed out in the order in which they stand: what is made one after the other stands so then,
 * and is told by little.
 */
export function sortFreeItems(memory: Uint8Array): void {
  const words = new Words(memory);
  for (const { slab, items, stride } of slabsOf(words)) {
    items.sort((a, b) => a - b);
    let before = slab + slabFirst;
    for (const item of items) {
      words.setHalf(before, (item - slab - slabHead) / stride);
      before = item;
    }
    words.setHalf(before, noItem);
  }
}

/** A slab, and where its free items stand, in the order in which they are handed out. */
interface Slab {
  readonly slab: number;
  readonly stride: number;
  readonly items: number[];
  /** How many bytes it has. */
  readonly size: number;
}

/** Those with free items. They have no byte in common, so there is an end of them also where a list goes round. */
function* slabsOf(words: Words): Iterable<Slab> {
  let left = words.bytes.length;
  for (let size = 0; size < slabClasses; size++) {
    const head = slabLists + 8 * size;
    for (let slab = words.word(head + 4); slab !== head; slab = words.word(slab + 4)) {
      const found = slabAt(words, slab, size);
      if (found === undefined) break;
      left -= found.size;
      if (left < 0) return;
      yield found;
    }
  }
}

/** Undefined where there is none. */
function slabAt(words: Words, slab: number, size: number): Slab | undefined {
  if (!words.has(slab - 4, slabHead + 4) || words.bytes[slab + 16] !== size) return undefined;
  const room = ((words.word(slab - 4) & ~7) >>> 0) - chunkWords - slabHead;
  const [used, count] = [words.half(slab + 18), words.half(slab + 20)];
  const stride = Math.floor(room / count / 8) * 8;
  if (!(used <= count) || !(stride >= 16) || !words.has(slab, slabHead + room)) return undefined;
  const items: number[] = [];
  for (let item = words.half(slab + slabFirst); item !== noItem; ) {
    if (item >= count || items.length >= count - used) return undefined;
    const at = slab + slabHead + item * stride;
    items.push(at);
    item = words.half(at);
  }
  return { slab, stride, items, size: slabHead + room };
}
