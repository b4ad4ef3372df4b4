// Pointers told by what they are near to: by how far from where they stand they point, or from the pointer before them into
// the same page. Objects that were made alike are the same words then, though they stand elsewhere, and pack to little.
//
// Both are swaps of two sets of words, so that every word is told by one other, and doing it again gives it back:
//   beside  words within `reach` of their own address, and as many words that are no addresses
//   after   words within `step` of the last pointer into their page, in the same page, and the same words with their last bit
//           set; what a pointer is near to is told in it as a difference. Pointers are multiples of eight

/** In bytes. */
const reach = 512;
const step = 64;
/** Here stand differences to the word's own address. */
const besideFrom = -0x100_0000;

/** Words from here on may be pointers: into the upper end of the stack, which is what programs use of it, and into the heap. */
const lowest = 0xf_0000;
const highest = 0x1000_0000;
const pageBits = 12;
const inPage = (1 << pageBits) - 1;

/** A row of words as it is told, word by word in their order; and back. One for each row. */
export class Near {
  /** The last pointer into each page. */
  private readonly last = new Map<number, number>();

  /** `at`: the word's address, where it has one. */
  told(word: number, at?: number): number {
    const known = at === undefined ? word : beside(word, at);
    const told = this.after(known);
    this.pass(known);
    return told;
  }

  read(told: number, at?: number): number {
    const known = this.after(told);
    this.pass(known);
    return at === undefined ? known : beside(known, at);
  }

  private after(word: number): number {
    if (word < lowest || word >= highest) return word;
    const last = this.last.get(word >> pageBits);
    if (last === undefined) return word;
    if (word % 8 === 0) {
      const far = word - last;
      return far >= -step && far < step ? (word & ~inPage) | (far & inPage) | 1 : word;
    }
    // Of twelve bits, with their sign.
    const far = ((word - 1) << (32 - pageBits)) >> (32 - pageBits);
    const other = last + far;
    const isOne = word % 8 === 1 && far >= -step && far < step && other >> pageBits === word >> pageBits;
    return isOne ? other : word;
  }

  private pass(word: number): void {
    if (word % 8 === 0 && word >= lowest && word < highest) this.last.set(word >> pageBits, word);
  }
}

/** All counts modulo 2 ** 32. */
function beside(word: number, at: number): number {
  const first = at - reach;
  if (within(first, besideFrom) || within(besideFrom, first)) return word;
  if (within(word, first)) return (word - first + besideFrom) | 0;
  if (within(word, besideFrom)) return (word - besideFrom + first) | 0;
  return word;
}

/** Whether a word is one of those from another one on that are told by where they stand. */
const within = (word: number, from: number) => (word - from) >>> 0 < 2 * reach;
