// How a job can end with its state in hand.

import * as spec from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import { keepClass, shorten } from './errors.ts';
import type { JobSnapshot } from './snapshot.ts';

/** The job was suspended, by `suspend()` or its AbortSignal (then `cause` is the signal's reason). */
export class SuspendedError extends spec.WasboxError {
  readonly code = 'suspended';
  /** The job's state, to resume anywhere. */
  declare readonly snapshot: JobSnapshot;
  constructor(snapshot: JobSnapshot, options?: ErrorOptions) {
    super('the job was suspended; its `snapshot` can be resumed', options);
    shorten(this);
    spec.hide(this, 'snapshot', snapshot);
  }
}

/**
 * The job is in other hands: its owner, this process, was taken for dead, and another one goes on with it. What this one had
 * done since the job's last checkpoint counts for nothing.
 */
export class LostError extends spec.WasboxError {
  readonly code = 'lost';
  constructor(
    /** Of the job. */
    readonly key: string,
    options?: ErrorOptions,
  ) {
    super(`the job ${quoted(key)} was taken over by another process`, options);
    shorten(this);
  }
}

/** The job used up its fuel or its time. */
export class JobLimitError extends spec.LimitError {
  /** Which of the two it was. */
  declare readonly limit: 'fuel' | 'deadline';
  /** The job's state; undefined where it was lost with its thread, or would have taken too long to save. */
  declare readonly snapshot: JobSnapshot | undefined;
  constructor(
    limit: 'fuel' | 'deadline',
    value: number,
    snapshot: JobSnapshot | undefined,
    options: ErrorOptions = {},
  ) {
    super(`the job has used up its ${value} ${limit === 'fuel' ? 'units of fuel' : 'ms'}`, {
      limit,
      value,
      ...options,
    });
    shorten(this);
    spec.hide(this, 'snapshot', snapshot);
  }
}

keepClass(JobLimitError);
keepClass(LostError);
