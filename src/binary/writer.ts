// Writes bytes and LEB128 numbers, in their shortest form unless told. reader.ts is its pair.
// https://webassembly.github.io/spec/core/binary/values.html

const utf8 = new TextEncoder();

export class Writer {
  private buffer: Uint8Array;
  private size = 0;

  constructor(capacity = 64) {
    this.buffer = new Uint8Array(capacity);
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.size;
  }

  /** What has been written: a view, good until the next write. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.size);
  }

  /** A copy of what has been written. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.size);
  }

  /** Forgets what has been written, and keeps the room for it. */
  clear(): void {
    this.size = 0;
  }

  private reserve(count: number): void {
    const needed = this.size + count;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.view());
    this.buffer = grown;
  }

  byte(byte: number): void {
    if (this.size === this.buffer.length) this.reserve(1);
    this.buffer[this.size++] = byte;
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.size);
    this.size += bytes.length;
  }

  /** A short piece of other bytes: one by one, as a view of it would be slower to make than to use. */
  range(bytes: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    const { buffer } = this;
    let { size } = this;
    for (let i = start; i < end; i++) buffer[size++] = bytes[i] as number;
    this.size = size;
  }

  u32(value: number): void {
    let rest = value >>> 0;
    for (; rest >= 0x80; rest >>>= 7) this.byte((rest & 0x7f) | 0x80);
    this.byte(rest);
  }

  /** A number below 2^21 in three bytes, whatever it is: what is written has the same length then before it is known. */
  wide(value: number): void {
    this.byte((value & 0x7f) | 0x80);
    this.byte(((value >>> 7) & 0x7f) | 0x80);
    this.byte(value >>> 14);
  }

  s32(value: number): void {
    let rest = value | 0;
    for (; rest < -64 || rest > 63; rest >>= 7) this.byte((rest & 0x7f) | 0x80);
    this.byte(rest & 0x7f);
  }

  /** A 33-bit signed number, which a double holds exactly. */
  s33(value: number): void {
    let rest = value;
    for (; rest < -64 || rest > 63; rest = Math.floor(rest / 128)) this.byte((rest & 0x7f) | 0x80);
    this.byte(rest & 0x7f);
  }

  /** A signed 64-bit number, by its two int32 halves. */
  s64(lo: number, hi: number): void {
    let low = lo | 0;
    let high = hi | 0;
    while (high !== low >> 31 || low < -64 || low > 63) {
      this.byte((low & 0x7f) | 0x80);
      low = (low >>> 7) | (high << 25);
      high >>= 7;
    }
    this.byte(low & 0x7f);
  }

  /** An unsigned 64-bit number, by its two int32 halves. */
  u64(lo: number, hi: number): void {
    let low = lo;
    let high = hi;
    while (high !== 0 || low < 0 || low > 0x7f) {
      this.byte((low & 0x7f) | 0x80);
      low = (low >>> 7) | (high << 25);
      high >>>= 7;
    }
    this.byte(low);
  }

  bigU64(value: bigint): void {
    this.u64(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }

  /** Four bytes, little endian. */
  fixed32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.byte((value >>> shift) & 0xff);
  }

  list<T>(list: readonly T[], write: (w: Writer, item: T) => void): void {
    this.u32(list.length);
    for (const item of list) write(this, item);
  }

  name(name: string): void {
    const bytes = utf8.encode(name);
    this.u32(bytes.length);
    this.bytes(bytes);
  }

  /** What `write` writes, its size before it. */
  sized(write: (w: Writer) => void): void {
    const inner = new Writer();
    write(inner);
    this.u32(inner.size);
    this.bytes(inner.view());
  }
}
