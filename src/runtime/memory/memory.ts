// Linear memories. Each lives in a `WebAssembly.Memory` of the host, so that an engine that runs native code can use
// it as it is; a shared one crosses threads without a copy. Memories that are given back are used again, because a
// process can hold only some thousands: each reserves gigabytes of address space.
// https://webassembly.github.io/spec/core/exec/runtime.html#memory-instances

import { LimitError, UsageError } from '../../spec/errors.ts';
import type { MemType } from '../../spec/types.ts';
import { type HostMemory, hostWasm } from '../beneath/host-wasm.ts';
import { isShared } from '../beneath/shared.ts';
import { bounds } from '../kept/bounds.ts';
import { comparison, zeros } from './compare.ts';
import { weigh } from './weight.ts';

/** Pages of 64 KiB that one memory can have at the most, whatever its type says. */
export const hostMaxPages = 65536;
const hostPage = 65536;

/** What all memories of one store may take together, in bytes. */
export interface MemoryBudget {
  limit: number;
  used: number;
  /** The host's memories have the maxima of their types, as their resizable buffers show; none of them is used again. */
  ownMaxima?: boolean;
}

/** By their size in bytes; narrow ones give numbers without sign. */
export interface Cells {
  readonly 1: Uint8Array;
  readonly 2: Uint16Array;
  readonly 4: Int32Array;
  readonly 8: BigInt64Array;
}
const cellsOf = (buffer: ArrayBufferLike): Cells => ({
  1: new Uint8Array(buffer),
  2: new Uint16Array(buffer),
  4: new Int32Array(buffer),
  8: new BigInt64Array(buffer),
});

/** A shared memory on the way to another VM, of this thread or of another: it may be posted. */
export interface SharedMemory {
  readonly type: MemType;
  readonly memory: HostMemory;
}

export class MemoryInst {
  buffer: ArrayBufferLike;
  bytes: Uint8Array;
  view: DataView;
  private madeCells: Cells | undefined;
  /** Others may hold the host's memory too. */
  private lent = false;
  /** Waits at it that the host awaits. */
  private waits = 0;
  /** Another thread, or VM, may have taken it over since it was last used here. */
  private offered = false;
  /** Whoever holds the buffer may resize it. */
  private resizable = false;

  constructor(
    readonly type: MemType,
    readonly host: HostMemory,
    /** Size in bytes; less than the host's memory where the guest's pages are smaller than the host's. */
    public size: number,
    private readonly budget: MemoryBudget,
    /** Somebody outside may have views of it. */
    private seen = false,
  ) {
    this.buffer = host.buffer;
    this.bytes = new Uint8Array(this.buffer, 0, size);
    this.view = new DataView(this.buffer, 0, size);
    if (this.shared) weigh(host);
  }

  get pageSize(): number {
    return 2 ** this.type.pageLog2;
  }

  /** Size in pages of the memory's own type. */
  get pages(): number {
    return this.size / this.pageSize;
  }

  get shared(): boolean {
    return isShared(this.buffer);
  }

  /** The whole host memory as cells for atomic accesses, made when they are first needed. */
  get cells(): Cells {
    this.madeCells ??= cellsOf(this.buffer);
    return this.madeCells;
  }

  /** Grows by `delta` pages; returns the old size in pages, or -1 where the type, the host or the limit forbid it. */
  grow(delta: number): number {
    this.refresh();
    const old = this.pages;
    const size = (old + delta) * this.pageSize;
    if (old + delta > maxPages(this.type) || size > hostMaxPages * hostPage) return -1;
    if (this.budget.used + size - this.size > this.budget.limit) return -1;
    const hostDelta = hostPages(size) - this.buffer.byteLength / hostPage;
    if (hostDelta > 0 && !grownHost(this.host, hostDelta)) return -1;
    this.budget.used += size - this.size;
    this.resize(size);
    return old;
  }

  /** Detaches the buffer, if it is a plain one, and takes a new one to the same bytes. Returns the size in pages. */
  renew(): number {
    this.host.grow(0);
    this.resize(this.size);
    return this.pages;
  }

  private resize(size: number): void {
    this.size = size;
    this.buffer = this.host.buffer;
    this.madeCells = undefined;
    this.bytes = new Uint8Array(this.buffer, 0, size);
    this.view = new DataView(this.buffer, 0, size);
    if (this.shared) weigh(this.host);
  }

  /** The bytes for whoever asks. The view ends with the memory: what is used again nobody else sees. */
  show(): Uint8Array {
    this.seen = true;
    return this.bytes;
  }

  /** Whether others may hold the host's memory, too. */
  get isLent(): boolean {
    return this.lent;
  }

  /** Whether somebody may have views of it. */
  get isSeen(): boolean {
    return this.seen;
  }

  /**
   * Makes the buffer one that whoever holds it can resize, or again one of fixed length: a new one, where it was not so
   * before, and the old one is detached. Throws TypeError where the type has no maximum. Not every host has it.
   */
  setResizable(resizable: boolean): void {
    if (resizable && this.type.limits.max === undefined)
      throw new TypeError('a memory needs a maximum to have a resizable buffer');
    const host = this.host as HostMemory & ResizableMemory;
    if (resizable) host.toResizableBuffer();
    else host.toFixedLengthBuffer();
    this.refresh();
    this.resizable = resizable;
    this.resize(this.size);
  }

  /** Sees what another VM has grown, or who resized the buffer. */
  refresh(): void {
    if (!this.lent && !this.resizable) return;
    // A shared buffer's length is news only after this; one that is resizable is not detached by it.
    this.host.grow(0);
    const { byteLength } = this.host.buffer;
    if (byteLength === this.size) return;
    this.budget.used += byteLength - this.size;
    this.resize(byteLength);
  }

  /** What another VM imports to hold this memory too. Throws UsageError for a memory that cannot be shared. */
  share(): SharedMemory {
    const { type } = this;
    if (!type.shared || type.pageLog2 !== 16) throw new UsageError('only a shared memory can be given to another VM');
    this.lent = true;
    return { type, memory: this.host };
  }

  /** The host awaits a wait at it, until that is over: who waits is in the host's list, whoever has the memory by then. */
  isWaitedFor(until: Promise<unknown>): void {
    const over = () => {
      this.waits--;
    };
    this.waits++;
    until.then(over, over);
  }

  /** Somebody else may take it over. */
  offer(): HostMemory {
    this.offered = true;
    return this.host;
  }

  /** It is used here: nobody else has taken it over. */
  keep(): void {
    this.offered = false;
  }

  /** Whether `release` leaves the host's memory for another one. */
  get isReusable(): boolean {
    const { byteLength } = this.host.buffer;
    const isHeld = this.lent || this.offered || this.waits > 0 || (this.seen && this.shared);
    return !isHeld && !this.budget.ownMaxima && byteLength <= bounds.spareMemory;
  }

  /**
   * Gives the host's memory back for another one to use. Views of a plain one are detached; those of a shared one cannot
   * be, so it is not used again. The instance must not be touched after this.
   */
  release(): void {
    this.budget.used -= this.size;
    if (this.seen && !this.shared) this.host.grow(0);
    if (this.isReusable) giveBack(this.host);
    else gone(this.host);
    this.detach();
  }

  /** Lets go of the memory without giving it back: another thread has it now. */
  forget(): void {
    this.budget.used -= this.size;
    gone(this.host);
    this.detach();
  }

  /** Whoever has kept this reaches nothing by it. */
  private detach(): void {
    this.buffer = nothing;
    this.bytes = new Uint8Array(nothing);
    this.view = new DataView(nothing);
    this.madeCells = undefined;
  }
}

const nothing = new ArrayBuffer(0);

/** Told of each memory of the host's that no other one of this thread will get. */
let gone: (host: HostMemory) => void = () => {};
export function whenMemoryIsGone(told: typeof gone): void {
  gone = told;
}

/** What newer hosts' memories have. */
export interface ResizableMemory {
  toResizableBuffer(): ArrayBufferLike;
  toFixedLengthBuffer(): ArrayBufferLike;
}

/** Whether this host knows resizable buffers of memories. */
export const hasResizableBuffers = 'toResizableBuffer' in hostWasm.Memory.prototype;

const hostPages = (size: number): number => Math.ceil(size / hostPage);

function maxPages(type: MemType): number {
  const most = type.addr === 'i64' ? 2 ** (64 - type.pageLog2) : 2 ** (32 - type.pageLog2);
  return type.limits.max === undefined ? most : Math.min(Number(type.limits.max), most);
}

function grownHost(host: HostMemory, delta: number): boolean {
  try {
    host.grow(delta);
    return true;
  } catch {
    return false;
  }
}

/**
 * Released memories, those given back last at the end. All have the host's largest maximum, which no guest sees: its own is
 * kept to here. So whatever maximum is wanted, each of them serves.
 */
const spare: HostMemory[] = [];
let spareBytes = 0;

/** How many memories are kept for the next to want one, and their bytes. */
export const spareMemories = (): { count: number; bytes: number } => ({ count: spare.length, bytes: spareBytes });

function giveBack(host: HostMemory): void {
  const { byteLength } = host.buffer;
  spare.push(host);
  spareBytes += byteLength;
  while (spare.length > bounds.spareMemoryCount || spareBytes > bounds.spareMemories) gone(takeSpare(0));
}

function takeSpare(i: number): HostMemory {
  const [host] = spare.splice(i, 1) as [HostMemory];
  spareBytes -= host.buffer.byteLength;
  return host;
}

/** What is zero is left alone: it may be no memory of the machine yet. */
function clear(host: HostMemory): void {
  const { buffer } = host;
  const isEqual = comparison(new Uint8Array(buffer), host);
  // The host fills shared memory element by element.
  const words = new Float64Array(buffer);
  for (let at = 0; at < buffer.byteLength; at += hostPage)
    if (!isEqual(at, zeros, 0, hostPage)) words.fill(0, at / 8, (at + hostPage) / 8);
}

function takeBack(shared: boolean, pages: number): HostMemory | undefined {
  const i = spare.findLastIndex(({ buffer }) => isShared(buffer) === shared && buffer.byteLength <= pages * hostPage);
  if (i < 0) return undefined;
  const host = takeSpare(i);
  clear(host);
  const missing = pages - host.buffer.byteLength / hostPage;
  if (missing === 0 || grownHost(host, missing)) return host;
  gone(host);
  return undefined;
}

/**
 * A new memory of `pages` pages of its own type, all zero. `shared` asks for one that can cross threads.
 * Throws LimitError where the store's limit or the host forbids it.
 */
export function allocateMemory(
  type: MemType,
  shared: boolean,
  budget: MemoryBudget,
  pages = Number(type.limits.min),
): MemoryInst {
  const size = pages * 2 ** type.pageLog2;
  if (size > hostMaxPages * hostPage || budget.used + size > budget.limit)
    throw new LimitError(`a memory of ${size} bytes is over the limit (${budget.limit - budget.used} bytes are left)`, {
      limit: 'memory',
      value: budget.limit,
    });
  const initial = hostPages(size);
  const wanted = shared || type.shared;
  const host = budget.ownMaxima
    ? newHost(
        initial,
        wanted,
        size,
        Math.max(initial, Math.min(hostMaxPages, hostPages(maxPages(type) * 2 ** type.pageLog2))),
      )
    : (takeBack(wanted, initial) ?? newHost(initial, wanted, size, hostMaxPages));
  budget.used += size;
  return new MemoryInst(type, host, size, budget);
}

/** A memory of the host's that is no guest's, all zero. Throws LimitError where the host has none left. */
export const takeHostMemory = (pages: number): HostMemory =>
  takeBack(false, pages) ?? newHost(pages, false, pages * hostPage, hostMaxPages);

/** Gives it back for another one to use. Views of it are detached. */
export function giveHostMemory(host: HostMemory): void {
  host.grow(0);
  if (host.buffer.byteLength <= bounds.spareMemory) giveBack(host);
  else gone(host);
}

function newHost(initial: number, shared: boolean, size: number, maximum: number): HostMemory {
  try {
    return hostMemory(initial, shared, maximum);
  } catch {
    // The host has collected its garbage by now, where it can; what stands in reserve was none.
    for (const host of spare.splice(0)) gone(host);
    spareBytes = 0;
    collectHost?.();
  }
  try {
    return hostMemory(initial, shared, maximum);
  } catch (cause) {
    throw new LimitError(`the host has no memory of ${size} bytes left`, { limit: 'memory of the host', cause });
  }
}

const hostMemory = (initial: number, shared: boolean, maximum: number): HostMemory =>
  new hostWasm.Memory({ initial, maximum, shared });

/** There only where a host was asked for it, as Node is with `--expose-gc`. */
const { gc: collectHost } = globalThis as { gc?: () => void };

/** A memory that came from another thread; `seen`: where somebody may have views of it. */
export function adoptMemory(
  type: MemType,
  host: HostMemory,
  size: number,
  budget: MemoryBudget,
  seen: boolean,
): MemoryInst {
  if (budget.used + size > budget.limit)
    throw new LimitError(`a memory of ${size} bytes is over the limit`, { limit: 'memory', value: budget.limit });
  budget.used += size;
  return new MemoryInst(type, host, size, budget, seen);
}

export function isSharedMemory(value: unknown): value is SharedMemory {
  if (typeof value !== 'object' || value === null) return false;
  const { type, memory } = value as Partial<SharedMemory>;
  return type?.shared === true && memory instanceof hostWasm.Memory && isShared(memory.buffer);
}

/** A memory that another VM holds too. */
export function borrowMemory({ type, memory }: SharedMemory, budget: MemoryBudget): MemoryInst {
  const borrowed = adoptMemory(type, memory, memory.buffer.byteLength, budget, true);
  borrowed.share();
  return borrowed;
}
