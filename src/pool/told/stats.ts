// What a slice has cost, and a job so far, slice by slice; where a job is, and how many of a pool are where.

import type { ThreadId } from '../line/ticket.ts';

/**
 * Where a job is, or how it has ended. `waiting`: for a service, for its guest's own time, or for the store. `lost`: it is in other
 * hands.
 */
export type RunStatus = 'queued' | 'running' | 'waiting' | 'done' | 'failed' | 'suspended' | 'cancelled' | 'lost';

/** What a pool does at the moment. */
export interface PoolStats {
  readonly threads: number;
  /** Jobs that have not ended, and those of them that are in line, on a thread, or waiting for a service. */
  readonly jobs: number;
  readonly queued: number;
  readonly running: number;
  readonly waiting: number;
  /** Those of the waiting ones that have given up their VMs meanwhile: options `sleepAfter`, `awakeBytes` and `maxLive`. */
  readonly asleep: number;
}

/** What a slice cost. */
export interface SliceReport {
  /** Fuel that the guest was charged, and how much of the grants that took: debts are paid by the next grant. */
  readonly charged: number;
  readonly paid: number;
  /** Bytes of all memories of the VM as it arrived. */
  readonly memory: number;
  /** Time in the guest and its host functions. */
  readonly guestMs: number;
  /** Time to take the VM out of the order and put it into the reply, and the order's time on the way. */
  readonly movingMs: number;
  /** For how long it had the thread: what its tenant is charged. On the way and on the main thread it waits for others. */
  readonly busyMs: number;
  /** When the reply was sent, in ms since 1970. */
  readonly sentAt: number;
}

/** What a job has cost so far. */
export interface JobStats {
  /** Slices that have run. */
  readonly slices: number;
  /** How often the guest was stopped in the middle and had to be resumed. */
  readonly suspensions: number;
  /** How often it was resumed on another thread than that of the slice before. */
  readonly moves: number;
  /** Bytes of linear memory that changed threads with it. None of them was copied. */
  readonly bytesMoved: number;
  /** Time in the guest and its host functions. */
  readonly guestMs: number;
  /** Time of taking the VM apart, sending it, and putting it together. */
  readonly movingMs: number;
  /** Units of fuel charged. */
  readonly fuelUsed: number;
  /** How often its state was kept for the case that its thread dies. */
  readonly checkpoints: number;
  /** How often its thread died. */
  readonly crashes: number;
  /** How often it has given up its VM while it waited. */
  readonly sleeps: number;
  /** The threads that it has run on, in the order of its first visits; not more than a pool can have at a time. */
  readonly threads: readonly ThreadId[];
}

export const noStats: JobStats = {
  slices: 0,
  suspensions: 0,
  moves: 0,
  bytesMoved: 0,
  guestMs: 0,
  movingMs: 0,
  fuelUsed: 0,
  checkpoints: 0,
  crashes: 0,
  sleeps: 0,
  threads: [],
};

/** Of a pool. */
export const mostThreads = 1024;

export interface Slice {
  readonly report: SliceReport;
  readonly thread: ThreadId;
  /** Where the VM came from; undefined where it came from no thread. */
  readonly before: ThreadId | undefined;
  readonly suspended: boolean;
  readonly checkpoint: boolean;
  /** When its reply was here, in ms since 1970. */
  readonly repliedAt: number;
}

function withThread(threads: readonly ThreadId[], thread: ThreadId): readonly ThreadId[] {
  return threads.includes(thread) || threads.length >= mostThreads ? threads : [...threads, thread];
}

/** The sums after one more slice. */
export function addSlice(stats: JobStats, slice: Slice): JobStats {
  const { report, thread, before } = slice;
  const moved = before !== undefined && before !== thread;
  return {
    slices: stats.slices + 1,
    suspensions: stats.suspensions + Number(slice.suspended),
    moves: stats.moves + Number(moved),
    bytesMoved: stats.bytesMoved + (moved ? report.memory : 0),
    guestMs: stats.guestMs + report.guestMs,
    movingMs: stats.movingMs + report.movingMs + Math.max(0, slice.repliedAt - report.sentAt),
    fuelUsed: stats.fuelUsed + report.charged,
    checkpoints: stats.checkpoints + Number(slice.checkpoint),
    crashes: stats.crashes,
    sleeps: stats.sleeps,
    threads: withThread(stats.threads, thread),
  };
}
