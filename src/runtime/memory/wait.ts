// Who waits at a cell of a shared memory. A waiter is in one of two lists: in ours, as long as its VM is only asked now and
// then whether it was woken, and in the host's, while somebody awaits it; then other threads wake it too. Notifying
// looks through ours first.
// https://webassembly.github.io/threads/core/exec/instructions.html#atomic-memory-instructions

import type { MemAddr } from '../../spec/types.ts';
import type { HostMemory } from '../beneath/host-wasm.ts';
import type { MemoryInst } from './memory.ts';

/** A wait of the top frame, which stands after the instruction; its result is on top, as if the time were over. */
export interface PendingWait {
  readonly memory: MemAddr;
  /** In bytes. */
  readonly address: number;
  /** Size of the cell. */
  readonly bytes: 4 | 8;
  /** What the cell held. */
  readonly expected: bigint;
  /** When the time is over, in ms since 1970; null: never. */
  readonly until: number | null;
  woken: boolean;
}

/** What a wait gives. */
export const waitResults = { woken: 0, differs: 1, timedOut: 2 } as const;

/** Milliseconds since 1970, the same in all threads and processes. */
export const waitClock = (): number => performance.timeOrigin + performance.now();

/** By the host's memory, which VMs of this thread may share; oldest first. */
const lists = new WeakMap<HostMemory, PendingWait[]>();

export function join({ host }: MemoryInst, wait: PendingWait): void {
  const list = lists.get(host) ?? [];
  lists.set(host, list);
  if (!list.includes(wait)) list.push(wait);
}

export function leave({ host }: MemoryInst, wait: PendingWait): void {
  const list = lists.get(host);
  const i = list?.indexOf(wait) ?? -1;
  if (i >= 0) list?.splice(i, 1);
}

/** Wakes up to `count` waiters at an address, those of this thread first; how many there were. */
export function notify(memory: MemoryInst, address: number, count: number): number {
  let woken = 0;
  for (const wait of [...(lists.get(memory.host) ?? [])]) {
    if (woken === count) break;
    if (wait.address !== address || isOver(wait)) continue;
    wait.woken = true;
    leave(memory, wait);
    woken++;
  }
  return woken === count ? woken : woken + Atomics.notify(memory.cells[4], address / 4, count - woken);
}

export const isOver = ({ until }: PendingWait): boolean => until !== null && until <= waitClock();

/** The host's waiting as it says so: at once where the cell holds something else by now. */
export function waitAtHost(memory: MemoryInst, { address, bytes, expected, until }: PendingWait) {
  const timeout = until === null ? Infinity : Math.max(0, until - waitClock());
  return bytes === 8
    ? Atomics.waitAsync(memory.cells[8], address / 8, expected, timeout)
    : Atomics.waitAsync(memory.cells[4] as Int32Array<SharedArrayBuffer>, address / 4, Number(expected), timeout);
}
