// Messages from one thread to another: a ring in memory that both have, into which one writes and out of which the other reads,
// without locks. A message is in the ring once all of it is, and out of it once all of it has been copied.

/** Words of the ring that are not for messages: how far was written, and how far was read; apart, as each is one thread's. */
const headWords = 32;
const writtenAt = 0;
const readAt = 16;
/** Of a message before its bytes: what it is, and its length. */
const recordWords = 2;
/** What is behind this is at the beginning of the ring again. */
const wrapped = -1;

const wordsOf = (length: number): number => recordWords + ((length + 3) >> 2);

/** Both ends of a ring; each is used by one thread only. Places are counts of words that wrap around at 2 ** 32. */
export class Ring {
  private readonly head: Int32Array;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  /** A power of two. */
  private readonly size: number;
  /** What was seen last of what the other side writes: to look costs time where that has just written. */
  private knownRead: number;
  private knownWritten: number;

  constructor(buffer: SharedArrayBuffer) {
    this.head = new Int32Array(buffer, 0, headWords);
    this.words = new Int32Array(buffer, headWords * 4);
    this.bytes = new Uint8Array(buffer, headWords * 4);
    this.size = this.words.length;
    this.knownRead = Atomics.load(this.head, readAt);
    this.knownWritten = Atomics.load(this.head, writtenAt);
  }

  /** `size`: in bytes, a power of two; a message may have half of that, less some bytes. */
  static make(size: number): SharedArrayBuffer {
    return new SharedArrayBuffer(headWords * 4 + size);
  }

  // Writing

  /** Whether there is room for a message of so many bytes. */
  hasRoom(length: number): boolean {
    return this.free(Atomics.load(this.head, writtenAt), wordsOf(length));
  }

  /** Writes a message of a kind, 0 or more. Returns whether there was room for it. */
  write(kind: number, message: Uint8Array): boolean {
    const { words, size } = this;
    const needed = wordsOf(message.length);
    let written = Atomics.load(this.head, writtenAt);
    if (!this.free(written, needed)) return false;
    let at = written & (size - 1);
    if (at + needed > size) {
      words[at] = wrapped;
      written += size - at;
      at = 0;
    }
    words[at] = kind;
    words[at + 1] = message.length;
    this.bytes.set(message, (at + recordWords) * 4);
    Atomics.store(this.head, writtenAt, (written + needed) | 0);
    return true;
  }

  private free(written: number, needed: number): boolean {
    const at = written & (this.size - 1);
    const all = at + needed > this.size ? this.size - at + needed : needed;
    if (((written - this.knownRead) | 0) + all <= this.size) return true;
    this.knownRead = Atomics.load(this.head, readAt);
    return ((written - this.knownRead) | 0) + all <= this.size;
  }

  // Reading

  get isEmpty(): boolean {
    const read = Atomics.load(this.head, readAt);
    if (read !== this.knownWritten) return false;
    this.knownWritten = Atomics.load(this.head, writtenAt);
    return read === this.knownWritten;
  }

  /** Takes the next message out, a copy; false where there is none. */
  read(take: (kind: number, message: Uint8Array) => void): boolean {
    if (this.isEmpty) return false;
    const { words, size } = this;
    let read = Atomics.load(this.head, readAt);
    let at = read & (size - 1);
    if (words[at] === wrapped) {
      read += size - at;
      at = 0;
    }
    const [kind, length] = [words[at] as number, words[at + 1] as number];
    const from = (at + recordWords) * 4;
    const message = new Uint8Array(length);
    message.set(this.bytes.subarray(from, from + length));
    Atomics.store(this.head, readAt, (read + wordsOf(length)) | 0);
    take(kind, message);
    return true;
  }
}

/** Whether nothing is in a ring, as somebody who neither writes nor reads sees it. */
export function isEmptyRing(buffer: SharedArrayBuffer): boolean {
  const head = new Int32Array(buffer, 0, headWords);
  return Atomics.load(head, readAt) === Atomics.load(head, writtenAt);
}
