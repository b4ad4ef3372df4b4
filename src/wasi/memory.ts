// A guest's memory as the calls read and write it: what is not in it is `fault`, and nothing but numbers and copies of
// bytes is kept of it.

import { fail } from './errno.ts';

/** Fewer bytes are copied one by one, as a view takes longer to make. */
const fewBytes = 32;

export function copyBytes(from: Uint8Array, start: number, to: Uint8Array, at: number, count: number): void {
  if (count > fewBytes) {
    to.set(from.subarray(start, start + count), at);
    return;
  }
  for (let i = 0; i < count; i++) to[at + i] = from[start + i] as number;
}

/** Linux has as many. */
const mostVectors = 1024;

/** Address, size, address, size, …; no size is 0. */
export type Stretches = readonly number[];

export const sizeOfAll = (stretches: Stretches): number => {
  let sum = 0;
  for (let i = 1; i < stretches.length; i += 2) sum += stretches[i] as number;
  return sum;
};

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

  /**
   * The stretches that a list of addresses and sizes names, those that are empty left out: the address and the size of
   * each, one after the other, for views of all would take longer than most calls. `inval` for too many.
   */
  vectors(at: number, count: number): Stretches {
    if (count > mostVectors) fail('inval');
    this.check(at, 8 * count);
    if (count === 1) return this.vector(at);
    const stretches: number[] = [];
    for (let i = 0; i < count; i++) stretches.push(...this.vector(at + 8 * i));
    if (sizeOfAll(stretches) > 2 ** 32 - 1) fail('inval');
    return stretches;
  }

  private vector(at: number): Stretches {
    const size = this.view.getUint32(at + 4, true);
    if (size === 0) return [];
    const start = this.view.getUint32(at, true);
    this.check(start, size);
    return [start, size];
  }
}
