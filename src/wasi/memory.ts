// A guest's memory as the calls read and write it: what is not in it is `fault`, and nothing but numbers and copies of
// bytes is kept of it.

import { fail } from './errno.ts';

/** Linux has as many. */
const mostVectors = 1024;

export class GuestMemory {
  private readonly view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Whether it is still the guest's: memories grow. */
  isOf(bytes: Uint8Array): boolean {
    return bytes === this.bytes || (bytes.buffer === this.bytes.buffer && bytes.length === this.bytes.length);
  }

  check(at: number, size: number): void {
    if (at + size > this.bytes.length) fail('fault');
  }

  u8(at: number): number {
    this.check(at, 1);
    return this.view.getUint8(at);
  }
  u16(at: number): number {
    this.check(at, 2);
    return this.view.getUint16(at, true);
  }
  u32(at: number): number {
    this.check(at, 4);
    return this.view.getUint32(at, true);
  }
  u64(at: number): bigint {
    this.check(at, 8);
    return this.view.getBigUint64(at, true);
  }
  setU8(at: number, value: number): void {
    this.check(at, 1);
    this.view.setUint8(at, value);
  }
  setU16(at: number, value: number): void {
    this.check(at, 2);
    this.view.setUint16(at, value, true);
  }
  setU32(at: number, value: number): void {
    this.check(at, 4);
    this.view.setUint32(at, value, true);
  }
  setU64(at: number, value: bigint): void {
    this.check(at, 8);
    this.view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }

  /** The guest's own bytes. */
  range(at: number, size: number): Uint8Array {
    this.check(at, size);
    return this.bytes.subarray(at, at + size);
  }

  set(at: number, bytes: Uint8Array): void {
    this.check(at, bytes.length);
    this.bytes.set(bytes, at);
  }

  /** UTF-8; `ilseq` for what is none. */
  text(at: number, size: number): string {
    const bytes = this.range(at, size).slice();
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return fail('ilseq');
    }
  }

  /** The stretches that a list of addresses and sizes names, those that are empty left out; `inval` for too many. */
  vectors(at: number, count: number): Uint8Array[] {
    if (count > mostVectors) fail('inval');
    this.check(at, 8 * count);
    const ranges: Uint8Array[] = [];
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const size = this.u32(at + 8 * i + 4);
      sum += size;
      if (size > 0) ranges.push(this.range(this.u32(at + 8 * i), size));
    }
    if (sum > 2 ** 32 - 1) fail('inval');
    return ranges;
  }
}
