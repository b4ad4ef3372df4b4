// How a job can fail that has no result.

import { shorten } from '../pool/told/errors.ts';
import { WasboxError } from '../spec/errors.ts';
import { quoted } from '../spec/told.ts';

/**
 * The queue has given a job up: no runner has what it needs, what was kept of it is damaged, or too many runners have died with it.
 * The job has no result, and is in the store as it was last saved; `queue.resume(key)` has it go on.
 */
export class StrandedError extends WasboxError {
  readonly code = 'worker';
  constructor(
    /** Of the job. */
    readonly key: string,
    /** What the queue says. */
    readonly reason: string,
  ) {
    super(`the queue has given the job ${quoted(key)} up: ${reason}`);
    shorten(this);
  }
}
