// What of a job's record is told to others, and what is taken down there for that.

import type { Deferred } from '../line/deferred.ts';
import type { ThreadId } from '../line/ticket.ts';
import type { JobStats, RunStatus } from '../told/stats.ts';

/** Times of a job, by `clock()`, while somebody listens. */
export interface Marks {
  /** Since when it is in line. */
  linedAt: number | undefined;
  /** How long it was in line before its last slice, in ms. */
  lineMs: number | undefined;
  /** When somebody asked it to stop. */
  stoppedAt: number | undefined;
}

/** A job's record. */
export interface Watched {
  readonly id: number;
  readonly spec: { readonly key: string | undefined };
  readonly status: RunStatus;
  readonly stats: JobStats;
  readonly output: Deferred<unknown>;
  /** Ms under way. */
  readonly age: number;
  readonly keeping: boolean;
  readonly call: number | undefined;
  readonly isAsleep: boolean;
  readonly wakesAt: number | undefined;
  readonly lastThread: ThreadId | undefined;
  readonly place: { readonly vm: { readonly kind: string } };
  marks: Marks | undefined;
}
