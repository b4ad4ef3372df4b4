// What is told of a job while it lives, to those who follow it with `for await`.

import { LimitError, Trap } from '../../spec/errors.ts';
import { isA } from '../../spec/told.ts';
import type { ThreadId } from '../line/ticket.ts';
import { SuspendedError } from '../told/ends.ts';
import { WorkerError } from '../told/errors.ts';
import type { JobStats, RunStatus } from '../told/stats.ts';
import type { Watched } from './watched.ts';

/**
 * How a job has ended. `done`: with its result. `trapped`: its guest did what the specification forbids. `limit`: a limit of the
 * job or its VM was reached. `suspended`: somebody has its state. `cancelled`: it was given up. `crashed`: its thread died.
 * `lost`: another process has it. `failed`: anything else, such as a host function or a service that threw.
 */
export type JobEnd = 'done' | 'trapped' | 'limit' | 'suspended' | 'cancelled' | 'crashed' | 'lost' | 'failed';

const ends: Record<JobEnd, true> = {
  ...{ done: true, trapped: true, limit: true, suspended: true },
  ...{ cancelled: true, crashed: true, lost: true, failed: true },
};
export const jobEnds = Object.keys(ends) as JobEnd[];

/** What can happen to a job, by `type`. */
export type JobHappening =
  /** It is in line for a thread. */
  | { readonly type: 'queued' }
  /** A slice of it was sent to a thread. */
  | { readonly type: 'running'; readonly thread: number }
  /**
   * It waits: for an answer of a service, for its guest's own time, or for the store. `asleep`: it has given up its VM. `until`: when
   * its time is over, in ms since 1970.
   */
  | {
      readonly type: 'waiting';
      readonly for: 'service' | 'time' | 'store';
      readonly asleep: boolean;
      readonly until?: number | undefined;
    }
  /** Its VM goes from one thread to another one. */
  | { readonly type: 'moved'; readonly from: number; readonly to: number }
  /** A slice has ended: what it cost, times in ms, and the job so far. */
  | {
      readonly type: 'slice';
      readonly thread: number;
      /** Units of fuel charged. */
      readonly fuel: number;
      /** In the guest and its host functions. */
      readonly guestMs: number;
      /** Taking the VM apart, sending it, and putting it together. */
      readonly movingMs: number;
      readonly stats: JobStats;
    }
  /** It was saved, and goes on from there if its thread dies; from `store` also if its process does. */
  | { readonly type: 'checkpointed'; readonly in: 'memory' | 'store' }
  /** Its thread has died. It goes on from a checkpoint, or ends. */
  | { readonly type: 'crashed'; readonly thread: number }
  /** It has ended, and `result` is settled: with `error`, where it was rejected. This is the last. */
  | {
      readonly type: 'ended';
      readonly how: JobEnd;
      readonly status: RunStatus;
      readonly error: unknown;
      readonly stats: JobStats;
    };

/** Something that has happened to a job. */
export type JobEvent = JobHappening & {
  /** When, in ms since 1970. */
  readonly at: number;
  /** How many events before this one the reader has missed, because it was slow. */
  readonly missed: number;
};

export const hasEnded = (status: RunStatus): boolean => !['queued', 'running', 'waiting'].includes(status);

/** How a job has ended whose result is settled. */
export function endOf(status: RunStatus, error: unknown): JobEnd {
  if (status === 'done' || status === 'cancelled' || status === 'lost') return status;
  if (isA(error, LimitError)) return 'limit';
  if (isA(error, SuspendedError)) return 'suspended';
  if (isA(error, WorkerError)) return 'crashed';
  return isA(error, Trap) ? 'trapped' : 'failed';
}

/** Where a job is that has not ended. */
export function stateOf(job: Watched): JobHappening {
  const { status, keeping, call, isAsleep: asleep, wakesAt: until } = job;
  if (status === 'running') return { type: 'running', thread: job.lastThread as ThreadId };
  if (status === 'queued') return { type: 'queued' };
  if (keeping || call !== undefined) return { type: 'waiting', for: keeping ? 'store' : 'service', asleep };
  return { type: 'waiting', for: 'time', asleep, until };
}
