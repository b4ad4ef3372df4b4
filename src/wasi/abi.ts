// What preview 1 lays down: flags, the layouts of structures, and where its older form, `wasi_unstable`, has others.
// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md

import { fileTypes } from './files/kinds.ts';
import type { DirEntry, FileStat } from './files/types.ts';
import type { GuestMemory } from './memory.ts';

export const fdFlags = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;
export const allFdFlags = 31;
export const openFlags = { creat: 1, directory: 2, excl: 4, trunc: 8 } as const;
export const timeFlags = { atim: 1, atimNow: 2, mtim: 4, mtimNow: 8 } as const;
export const lookupFlags = { symlinkFollow: 1 } as const;
export const clockIds = { realtime: 0, monotonic: 1, processCputime: 2, threadCputime: 3 } as const;
export const eventTypes = { clock: 0, read: 1, write: 2 } as const;
/** Of a clock's subscription: the time is not counted from now. */
export const absoluteTime = 1;
export const eventFlags = { hangup: 1 } as const;
export const preopenDirectory = 0;

export type Whence = 'set' | 'cur' | 'end';

/** The two forms of the interface. */
export interface Form {
  readonly whence: readonly Whence[];
  /** Of a subscription: its size, and where its clock begins. */
  readonly subscription: { readonly size: number; readonly clock: number };
  writeFilestat(memory: GuestMemory, at: number, stat: FileStat): void;
}

export const preview1: Form = {
  whence: ['set', 'cur', 'end'],
  subscription: { size: 48, clock: 16 },
  writeFilestat(memory, at, stat) {
    memory.check(at, 64);
    writeIdentity(memory, at, stat);
    memory.setU64(at + 24, stat.links);
    writeSizes(memory, at + 32, stat);
  },
};

/** Its clocks have an identifier first, and the count of links has half as many bits. */
export const unstable: Form = {
  whence: ['cur', 'end', 'set'],
  subscription: { size: 56, clock: 24 },
  writeFilestat(memory, at, stat) {
    memory.check(at, 56);
    writeIdentity(memory, at, stat);
    memory.setU32(at + 20, Number(BigInt.asUintN(32, stat.links)));
    writeSizes(memory, at + 24, stat);
  },
};

function writeIdentity(memory: GuestMemory, at: number, { device, inode, kind }: FileStat): void {
  memory.setU64(at, device);
  memory.setU64(at + 8, inode);
  memory.setU64(at + 16, BigInt(fileTypes[kind]));
}

function writeSizes(memory: GuestMemory, at: number, { size, accessed, modified, changed }: FileStat): void {
  [size, accessed, modified, changed].forEach((value, i) => {
    memory.setU64(at + 8 * i, value);
  });
}

export const fdstatSize = 24;

export function writeFdstat(
  memory: GuestMemory,
  at: number,
  { type, flags, base, inheriting }: { type: number; flags: number; base: number; inheriting: number },
): void {
  memory.check(at, fdstatSize);
  memory.setU32(at, type | (flags << 16));
  memory.setU32(at + 4, 0);
  memory.setU64(at + 8, BigInt(base));
  memory.setU64(at + 16, BigInt(inheriting));
}

const direntSize = 24;

/** An entry as `fd_readdir` gives it: a header, and the name after it. */
export function dirent({ name, kind, inode, next }: DirEntry): Uint8Array {
  const text = new TextEncoder().encode(name);
  const bytes = new Uint8Array(direntSize + text.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt.asUintN(64, next), true);
  view.setBigUint64(8, BigInt.asUintN(64, inode), true);
  view.setUint32(16, text.length, true);
  view.setUint32(20, fileTypes[kind], true);
  bytes.set(text, direntSize);
  return bytes;
}

export const eventSize = 32;

export interface Event {
  readonly userdata: bigint;
  /** Number of an errno. */
  readonly error: number;
  readonly type: number;
  readonly bytes?: bigint;
  readonly flags?: number;
}

export function writeEvent(memory: GuestMemory, at: number, event: Event): void {
  const { userdata, error, type, bytes = 0n, flags = 0 } = event;
  memory.setU64(at, userdata);
  memory.setU64(at + 8, BigInt(error | (type << 16)));
  memory.setU64(at + 16, bytes);
  memory.setU64(at + 24, BigInt(flags));
}

/** What a guest waits for. */
export type Subscription = { readonly userdata: bigint } & (
  | { readonly type: 'clock'; readonly id: number; readonly timeout: bigint; readonly absolute: boolean }
  | { readonly type: 'read' | 'write'; readonly fd: number }
  | { readonly type: 'unknown' }
);

export function readSubscription(memory: GuestMemory, at: number, { subscription }: Form): Subscription {
  memory.check(at, subscription.size);
  const userdata = memory.u64(at);
  const tag = memory.u8(at + 8);
  if (tag === eventTypes.read || tag === eventTypes.write)
    return { userdata, type: tag === eventTypes.read ? 'read' : 'write', fd: memory.u32(at + 16) };
  if (tag !== eventTypes.clock) return { userdata, type: 'unknown' };
  const clock = at + subscription.clock;
  const [id, timeout, flags] = [memory.u32(clock), memory.u64(clock + 8), memory.u16(clock + 24)];
  return { userdata, type: 'clock', id, timeout, absolute: (flags & absoluteTime) !== 0 };
}
