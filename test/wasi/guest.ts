// A guest without code: its calls, one by one, on a memory of its own.

import type { notYet } from '../../src/index.ts';
import { type Form, preview1 } from '../../src/wasi/abi.ts';
import { calls, perform } from '../../src/wasi/calls/calls.ts';
import { errnos } from '../../src/wasi/errno.ts';
import { GuestMemory } from '../../src/wasi/memory.ts';
import { giverOf, type WasiOptions } from '../../src/wasi/options.ts';
import { restoreSystem, saveSystem } from '../../src/wasi/system/saved.ts';
import { newSystem, type System } from '../../src/wasi/system/system.ts';

const named = new Map(Object.entries(errnos).map(([name, number]) => [number, name]));

export class Exit extends Error {}

type Waits = ReturnType<typeof notYet>;

export class Guest {
  readonly memory = new GuestMemory(new Uint8Array(2 ** 17));
  system: System;
  private readonly giver: ReturnType<typeof giverOf>;
  form: Form = preview1;
  /** Bytes that were charged for. */
  copied = 0;

  constructor(options: WasiOptions = {}) {
    this.giver = giverOf(options);
    this.system = newSystem(this.giver);
  }

  /** What the call waits for, or the name of its errno. */
  ask(name: string, args: readonly (number | bigint)[], again = false): string | Waits {
    const call = calls[name];
    if (call === undefined) throw new Error(`there is no call ${name}`);
    const scene = {
      ...{ system: this.system, memory: this.memory, form: this.form, again },
      copied: (bytes: number) => {
        this.copied += bytes;
      },
      exit: (code: number): never => {
        throw new Exit(`${code}`);
      },
      overLimit: (limit: string, value: number): never => {
        throw new Exit(`over ${limit} ${value}`);
      },
    };
    const result = perform(call, scene, [...args]);
    return typeof result === 'number' ? (named.get(result) ?? `${result}`) : result;
  }

  /** The name of the call's errno. */
  call(name: string, ...args: (number | bigint)[]): string {
    const result = this.ask(name, args);
    if (typeof result !== 'string') throw new Error(`${name} waits`);
    return result;
  }

  /** Saved and restored, as another one may be given it. */
  hop(options?: WasiOptions, how: 'save' | 'send' = 'save'): void {
    const names = this.giver.preopens.map(({ name }) => name);
    const { data, blocks = [] } = saveSystem(this.system, names, how);
    this.restore({ data: structuredClone(data), blocks }, options);
  }

  restore(saved: Parameters<typeof restoreSystem>[0], options?: WasiOptions): void {
    this.system = restoreSystem(saved, options === undefined ? this.giver : giverOf(options));
  }

  // Arguments in the memory: texts from 1024 on, results below.

  /** Writes a text: its address and its length. */
  text(value: string, at = 1024): [number, number] {
    const bytes = new TextEncoder().encode(value);
    this.memory.set(at, bytes);
    return [at, bytes.length];
  }

  open(
    path: string,
    { dir = 3, flags = 0, base = 0n, inheriting = 0n, fdFlags = 0, follow = 1 }: OpenOptions = {},
  ): number | string {
    const [at, size] = this.text(path);
    const errno = this.call('path_open', dir, follow, at, size, flags, base, inheriting, fdFlags, 0);
    return errno === 'success' ? this.memory.u32(0) : errno;
  }

  write(fd: number, value: string): number | string | Waits {
    const [at, size] = this.text(value, 4096);
    this.memory.setU32(16, at);
    this.memory.setU32(20, size);
    const errno = this.ask('fd_write', [fd, 16, 1, 0]);
    return errno === 'success' ? this.memory.u32(0) : errno;
  }

  /** What was read, or the errno; not a text where it waits. */
  read(fd: number, size = 4096): string | Waits {
    this.memory.setU32(16, 8192);
    this.memory.setU32(20, size);
    const errno = this.ask('fd_read', [fd, 16, 1, 0]);
    if (errno !== 'success') return typeof errno === 'string' ? `(${errno})` : errno;
    return new TextDecoder().decode(this.memory.range(8192, this.memory.u32(0)).slice());
  }

  /** Entries as one call gives them; the last may be cut. */
  list(fd: number, cookie = 0n, size = 4096): { readonly entries: Entry[]; readonly used: number } | string {
    this.memory.range(8192, size).fill(0xee);
    const errno = this.call('fd_readdir', fd, 8192, size, cookie, 0);
    if (errno !== 'success') return errno;
    const used = this.memory.u32(0);
    const entries: Entry[] = [];
    for (let at = 8192; at + 24 <= 8192 + used; ) {
      const length = this.memory.u32(at + 16);
      if (at + 24 + length > 8192 + used) break;
      const name = new TextDecoder().decode(this.memory.range(at + 24, length).slice());
      entries.push({ name, next: this.memory.u64(at), inode: this.memory.u64(at + 8), type: this.memory.u8(at + 20) });
      at += 24 + length;
    }
    return { entries, used };
  }
}

interface OpenOptions {
  readonly dir?: number;
  readonly flags?: number;
  readonly base?: bigint;
  readonly inheriting?: bigint;
  readonly fdFlags?: number;
  readonly follow?: number;
}

export interface Entry {
  readonly name: string;
  readonly next: bigint;
  readonly inode: bigint;
  readonly type: number;
}

/** A subscription of preview 1, written at an address. */
export function subscribe(
  { memory }: Guest,
  at: number,
  of: { userdata: bigint } & (
    | { id: number; timeout: bigint; absolute?: boolean }
    | { fd: number; type: 'read' | 'write' }
  ),
): void {
  memory.range(at, 48).fill(0);
  memory.setU64(at, of.userdata);
  if ('fd' in of) {
    memory.setU8(at + 8, of.type === 'read' ? 1 : 2);
    memory.setU32(at + 16, of.fd);
    return;
  }
  memory.setU8(at + 8, 0);
  memory.setU32(at + 16, of.id);
  memory.setU64(at + 24, of.timeout);
  memory.setU16(at + 40, of.absolute === true ? 1 : 0);
}

/** The events of the last poll. */
export const eventsAt = ({ memory }: Guest, at: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    userdata: memory.u64(at + 32 * i),
    error: named.get(memory.u16(at + 32 * i + 8)),
    type: memory.u8(at + 32 * i + 10),
    bytes: memory.u64(at + 32 * i + 16),
    flags: memory.u16(at + 32 * i + 24),
  }));

export const rights = { read: 2n, seek: 4n, write: 64n, allocate: 256n, setSize: 1n << 22n } as const;
export const oflags = { creat: 1, directory: 2, excl: 4, trunc: 8 } as const;
