// Reads bytes and LEB128 numbers, within bounds, and says where it went wrong. writer.ts is its pair.
// https://webassembly.github.io/spec/core/binary/values.html

import { MalformedError } from '../spec/errors.ts';
import { checkDeadline } from '../spec/patience.ts';
import { type Counted, limits } from './limits.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const unexpectedEnd = 'unexpected end of section or function';

export class Reader {
  /** High half of the last 64-bit number read; its low half was returned. Both are int32. */
  hi = 0;

  constructor(
    readonly bytes: Uint8Array,
    public pos = 0,
    public end = bytes.length,
  ) {}

  fail(message: string, offset = this.pos): never {
    throw new MalformedError(message, offset);
  }

  byte(): number {
    if (this.pos >= this.end) this.fail(unexpectedEnd);
    return this.bytes[this.pos++] as number;
  }

  u32(): number {
    const first = this.bytes[this.pos] as number;
    if (first < 0x80 && this.pos < this.end) {
      this.pos++;
      return first;
    }
    return this.u32Long();
  }

  private u32Long(): number {
    let result = 0;
    for (let shift = 0; ; shift += 7) {
      const b = this.byte();
      if (shift === 28) {
        if (b >= 0x80) this.fail('integer representation too long', this.pos - 1);
        if (b > 0x0f) this.fail('integer too large', this.pos - 1);
      }
      result |= (b & 0x7f) << shift;
      if (b < 0x80) return result >>> 0;
    }
  }

  s32(): number {
    let result = 0;
    for (let shift = 0; ; shift += 7) {
      const b = this.byte();
      if (shift === 28) {
        if (b >= 0x80) this.fail('integer representation too long', this.pos - 1);
        if ((b & 0x78) !== 0 && (b & 0x78) !== 0x78) this.fail('integer too large', this.pos - 1);
      }
      result |= (b & 0x7f) << shift;
      if (b < 0x80) return shift < 28 ? (result << (25 - shift)) >> (25 - shift) : result;
    }
  }

  /** A 33-bit signed number, as block types and heap types use. Exact in a double. */
  s33(): number {
    let result = 0;
    for (let shift = 0, scale = 1; ; shift += 7, scale *= 128) {
      const b = this.byte();
      if (shift === 28) {
        if (b >= 0x80) this.fail('integer representation too long', this.pos - 1);
        if ((b & 0x70) !== 0 && (b & 0x70) !== 0x70) this.fail('integer too large', this.pos - 1);
      }
      result += (b & 0x7f) * scale;
      if (b < 0x80) return b & 0x40 ? result - scale * 128 : result;
    }
  }

  /** A signed 64-bit number: the low half is returned, the high half is in `hi`. */
  s64(): number {
    return this.leb64(true);
  }

  /** An unsigned 64-bit number: the low half is returned (as int32), the high half is in `hi`. */
  u64(): number {
    return this.leb64(false);
  }

  private leb64(signed: boolean): number {
    let lo = 0;
    let hi = 0;
    for (let shift = 0; ; shift += 7) {
      const b = this.byte();
      const bits = b & 0x7f;
      if (shift === 63) {
        if (b >= 0x80) this.fail('integer representation too long', this.pos - 1);
        if (signed ? bits !== 0 && bits !== 0x7f : bits > 1) this.fail('integer too large', this.pos - 1);
      }
      if (shift < 32) lo |= bits << shift;
      if (shift > 25) hi |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32);
      if (b >= 0x80) continue;
      if (signed && b & 0x40 && shift < 63) {
        const width = shift + 7;
        if (width < 32) {
          lo |= -1 << width;
          hi = -1;
        } else hi |= -1 << (width - 32);
      }
      this.hi = hi | 0;
      return lo | 0;
    }
  }

  /** A u64 as a bigint, for limits. */
  bigU64(): bigint {
    const lo = this.u64();
    return (BigInt(this.hi >>> 0) << 32n) | BigInt(lo >>> 0);
  }

  /** Four bytes, little endian, as int32. */
  fixed32(): number {
    if (this.pos + 4 > this.end) this.fail(unexpectedEnd, this.end);
    const b = this.bytes;
    const p = this.pos;
    this.pos += 4;
    return (b[p] as number) | ((b[p + 1] as number) << 8) | ((b[p + 2] as number) << 16) | ((b[p + 3] as number) << 24);
  }

  /** A type code: a signed number of 7 bits in the specification, here its one unsigned byte. */
  code(): number {
    const code = this.byte();
    if (code >= 0x80) this.fail('integer representation too long', this.pos - 1);
    return code;
  }

  zero(): void {
    if (this.byte() !== 0) this.fail('zero byte expected', this.pos - 1);
  }

  /** A count or length. What it counts takes a byte or more each, and there are only so many left. */
  size(): number {
    const start = this.pos;
    const size = this.u32();
    if (size > this.end - start) this.fail('length out of bounds', start);
    return size;
  }

  count(of: Counted): number {
    const start = this.pos;
    const count = this.size();
    if (count > limits[of]) this.fail(`too many ${of}: ${count}, the limit is ${limits[of]}`, start);
    return count;
  }

  /** Elements are read before there is room for the next: a count alone allocates nothing. */
  list<T>(of: Counted, read: (r: this) => T): T[] {
    const list: T[] = [];
    for (let left = this.count(of); left > 0; left--) {
      checkDeadline('decoding');
      list.push(read(this));
    }
    return list;
  }

  /** Steps over so many bytes and says where they start. */
  skip(size: number): number {
    const start = this.pos;
    if (size < 0 || size > this.end - start) this.fail(unexpectedEnd, this.end);
    this.pos += size;
    return start;
  }

  name(): string {
    const start = this.skip(this.size());
    try {
      // A copy, because browsers do not decode shared memory.
      return utf8.decode(this.bytes.slice(start, this.pos));
    } catch {
      this.fail('malformed UTF-8 encoding', start);
    }
  }
}
