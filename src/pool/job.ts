// A job as its owner holds it.

import type { Value } from '../runtime/ref.ts';
import type { Run, RunStatus } from './run.ts';
import type { JobSnapshot } from './snapshot.ts';
import type { JobStats } from './stats.ts';

/** What the pool does for a job. */
export interface JobControl {
  suspend(run: Run): Promise<JobSnapshot>;
  cancel(run: Run): void;
}

export class Job<T = readonly Value[]> {
  constructor(
    private readonly run: Run,
    private readonly control: JobControl,
  ) {}

  get id(): number {
    return this.run.id;
  }

  /** What services know the job by: option `identity`. */
  get identity(): string {
    return this.run.identity;
  }

  /**
   * The output. Rejects with what ended the job before: Trap, HostError, LinkError, … as the guest caused them,
   * SuspendedError, JobLimitError, CancelledError, WorkerError. A rejection that nobody looks at is no event of the
   * process.
   */
  get result(): Promise<T> {
    return this.run.output.promise as Promise<T>;
  }

  get status(): RunStatus {
    return this.run.status;
  }

  get stats(): JobStats {
    return this.run.stats;
  }

  /**
   * Stops the job at its next safe point, wherever it is, and takes its state; `result` then rejects with
   * SuspendedError. Rejects with UsageError where the job has ended, or ends by itself before it can be stopped.
   */
  suspend(): Promise<JobSnapshot> {
    return this.control.suspend(this.run);
  }

  /** Gives the job up: `result` rejects with CancelledError. */
  cancel(): void {
    this.control.cancel(this.run);
  }
}
