// Values of QuickJS in the memory of its VM: read and made by calls of its exports. Handles are addresses of boxes, each
// of which owns a value; whoever is given one frees it. It may be called where the guest waits for the host and where it
// does nothing, and nowhere else: elsewhere its allocator may be in the midst of its work.

import { HostError } from '../../spec/errors.ts';
import type { Message } from '../values/format.ts';

/** The address of a box that holds a value of QuickJS. */
export type Handle = number;

/** How the memory's VM is reached: from outside, or from a host function. */
export interface Reach {
  call(name: string, ...args: number[]): number;
  /** Of a function whose result is an i64. */
  callLong(name: string, ...args: number[]): bigint;
  /** The memory as it is now. */
  bytes(): Uint8Array;
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

export class GuestMemory {
  constructor(private readonly reach: Reach) {}

  call(name: string, ...args: number[]): number {
    return this.reach.call(name, ...args);
  }

  /** The bytes at an address. Throws HostError where there are none: a forged token may name any address. */
  private view(address: number, size: number): DataView {
    const bytes = this.reach.bytes();
    if (address < 0 || size < 0 || address + size > bytes.length) throw new HostError('an address that is none');
    return new DataView(bytes.buffer, bytes.byteOffset + address, size);
  }

  private copyOf(address: number, size: number): Uint8Array {
    const { buffer, byteOffset } = this.view(address, size);
    return new Uint8Array(buffer, byteOffset, size).slice();
  }

  word(address: number): number {
    return this.view(address, 4).getUint32(0, true);
  }

  setWord(address: number, value: number): void {
    this.view(address, 4).setUint32(0, value, true);
  }

  /** The words of a list of handles, as QuickJS gives arguments. */
  words(address: number, count: number): number[] {
    const view = this.view(address >>> 0, 4 * count);
    return Array.from({ length: count }, (_, i) => view.getUint32(4 * i, true));
  }

  // Bytes of the guest's own

  /** Room for so many bytes, which `free` gives back. Throws HostError where the guest has none left. */
  allocate(size: number): number {
    const address = this.call('wasm_malloc', Math.max(1, size)) >>> 0;
    if (address === 0) throw new HostError('the program has no memory left for what it is given');
    return address;
  }

  free(address: number): void {
    this.call('wasm_free', address);
  }

  /** A copy of the bytes in the guest, a NUL behind them, for as long as `use` takes. */
  with<T>(bytes: Uint8Array, use: (address: number, length: number) => T): T {
    const address = this.put(bytes);
    try {
      return use(address, bytes.length);
    } finally {
      this.free(address);
    }
  }

  /** A copy of the bytes in the guest, a NUL behind them. */
  put(bytes: Uint8Array): number {
    const address = this.allocate(bytes.length + 1);
    const memory = this.reach.bytes();
    memory.set(bytes, address);
    memory[address + bytes.length] = 0;
    return address;
  }

  // Making values

  /** A text without lone surrogates: messages have none. */
  text(text: string): Handle {
    return this.with(utf8.encode(text), (address, length) => this.made(this.call('qjs_new_string', address, length)));
  }

  buffer(bytes: Uint8Array): Handle {
    return this.with(bytes, (address, length) => this.made(this.call('qjs_new_array_buffer', address, length)));
  }

  /** A message: its text, or where there are buffers a list of it and them. */
  message({ text, blobs }: Message): Handle {
    const first = this.text(text);
    if (blobs.length === 0) return first;
    return this.list([first, ...blobs.map((blob) => this.buffer(blob))]);
  }

  /**
   * A list of values, whose handles it takes. It is made at once, for to set its elements would ask the prototype of all
   * lists, which is the program's.
   */
  private list(parts: readonly Handle[]): Handle {
    const values = this.allocate(8 * parts.length);
    const memory = this.reach.bytes();
    parts.forEach((part, i) => {
      memory.copyWithin(values + 8 * i, part, part + 8);
    });
    for (const part of parts) this.free(part);
    const context = this.call('qjs_get_context_ptr');
    const list = this.reach.callLong('JS_NewArrayFrom', context, parts.length, values);
    this.free(values);
    const handle = this.call('qjs_get_undefined');
    this.view(handle, 8).setBigInt64(0, list, true);
    return this.made(handle);
  }

  private made(handle: Handle): Handle {
    if (handle !== 0 && this.call('qjs_is_exception', handle) === 0) return handle;
    if (handle !== 0) this.drop(handle);
    this.drop(this.call('qjs_get_exception'));
    throw new HostError('the program has no memory left for what it is given');
  }

  drop(handle: Handle): void {
    this.call('qjs_free_value', handle);
  }

  // Reading values

  number(handle: Handle): number {
    const view = this.view(handle >>> 0, 8);
    // A small integer stands in the low word, under a tag that is zero.
    return view.getUint32(4, true) === 0 ? view.getInt32(0, true) : Number.NaN;
  }

  /** The bytes of a text in UTF-8, lone surrogates as they are; `check` is told how many before they are copied. */
  textBytes(handle: Handle, scratch: number, check: (bytes: number) => void): Uint8Array {
    const address = this.call('qjs_get_string_len', handle, scratch) >>> 0;
    if (address === 0) throw new HostError('the program gave no text');
    const length = this.word(scratch);
    check(length);
    const bytes = this.copyOf(address, length);
    this.call('qjs_free_cstring', address);
    return bytes;
  }

  readText(handle: Handle, scratch: number, check: (bytes: number) => void): string {
    return fromUtf8.decode(this.textBytes(handle, scratch, check));
  }

  readBuffer(handle: Handle, scratch: number, check: (bytes: number) => void): Uint8Array {
    this.setWord(scratch, 0);
    const address = this.call('qjs_get_array_buffer', handle, scratch) >>> 0;
    const length = address === 0 ? 0 : this.word(scratch);
    check(length);
    return this.copyOf(address, length);
  }
}
