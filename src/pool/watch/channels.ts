// What pools tell on channels of node:diagnostics_channel. Nothing is made where nobody subscribes. Each message is published in
// a task of its own, so that a subscriber may do with the pool what it likes; what it throws, Node reports as an uncaught
// exception of the process and not to the pool.

import { type Channel, channel } from 'node:diagnostics_channel';
import type { JobStats, PoolStats, RunStatus } from '../told/stats.ts';
import type { JobEnd } from './events.ts';

/** A Pool. */
export interface WatchedPool {
  readonly stats: PoolStats;
}

/** What all messages of pools have. */
export interface PoolMessage {
  /** The Pool itself. */
  readonly pool: WatchedPool;
  /** When, in ms since 1970. */
  readonly at: number;
}

/** A thread is ready for its first slice. */
export interface ThreadBorn extends PoolMessage {
  /** Its number, as `threadId` of node:worker_threads. */
  readonly thread: number;
}

/** A thread is gone. */
export interface ThreadDied extends ThreadBorn {
  /** The pool has ended it because it was closed. Else it died, or was ended because a job of it did not stop. */
  readonly isClosing: boolean;
}

/** A job was submitted, resumed, forked, or brought back from the store. */
export interface JobMessage extends PoolMessage {
  /** Its `id`. */
  readonly job: number;
  readonly key: string | undefined;
}

/** A slice of a job has ended. All times in ms. */
export interface JobSliced extends JobMessage {
  readonly thread: number;
  /** Since it was put in line until it was sent to the thread; undefined where nobody listened then. */
  readonly lineMs: number | undefined;
  /** In the guest and its host functions. */
  readonly guestMs: number;
  /** Taking the VM apart, sending it, and putting it together. */
  readonly movingMs: number;
  /** It came from another thread. */
  readonly hasMoved: boolean;
  /** Units of fuel charged. */
  readonly fuel: number;
  /** The job so far. */
  readonly stats: JobStats;
}

/** A job has ended, and its `result` is settled. */
export interface JobEnded extends JobMessage {
  readonly how: JobEnd;
  readonly status: RunStatus;
  /** What `result` was rejected with; undefined where it was not. */
  readonly error: unknown;
  /** From its beginning to its end, in ms. */
  readonly ageMs: number;
  /** From the wish that it stop to its state in hand, in ms; undefined where it was not stopped, or nobody listened then. */
  readonly suspendMs: number | undefined;
  readonly stats: JobStats;
}

/** The messages of each channel. Programs of `wasbox/javascript` are no jobs: of them nothing is told. */
export interface PoolMessages {
  readonly 'wasbox.job.submit': JobMessage;
  readonly 'wasbox.job.slice': JobSliced;
  readonly 'wasbox.job.end': JobEnded;
  readonly 'wasbox.thread.born': ThreadBorn;
  readonly 'wasbox.thread.died': ThreadDied;
}

/** Held here, for Node lets go of channels that nobody holds. */
const channels: { readonly [N in keyof PoolMessages]: Channel } = {
  'wasbox.job.submit': channel('wasbox.job.submit'),
  'wasbox.job.slice': channel('wasbox.job.slice'),
  'wasbox.job.end': channel('wasbox.job.end'),
  'wasbox.thread.born': channel('wasbox.thread.born'),
  'wasbox.thread.died': channel('wasbox.thread.died'),
};

export const isHeard = (name: keyof PoolMessages): boolean => channels[name].hasSubscribers;

/** Messages that are published one after the other come in that order. */
export function publish<N extends keyof PoolMessages>(name: N, message: PoolMessages[N]): void {
  queueMicrotask(() => channels[name].publish(message));
}
