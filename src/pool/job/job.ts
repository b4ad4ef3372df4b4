/// <reference lib="esnext.disposable" preserve="true" />
// A job as its owner holds it.

import type { Value } from '../../runtime/heap/ref.ts';
import type { ResumeOptions } from '../told/options.ts';
import type { JobSnapshot } from '../told/snapshot.ts';
import type { JobStats, RunStatus } from '../told/stats.ts';
import type { JobEvent } from '../watch/events.ts';
import { Readers } from '../watch/readers.ts';
import type { Run } from './run.ts';

/** What the pool does for a job. */
export interface JobControl {
  suspend(run: Run): Promise<JobSnapshot>;
  cancel(run: Run): void;
  checkpoint(run: Run): Promise<void>;
  fork(run: Run, count: number, options: ResumeOptions): Promise<Job<unknown>[]>;
}

/**
 * A job that was submitted: what it comes to, how far it is, and ways to stop it. `await job` is `await job.result`, and `for
 * await (const event of job)` follows it.
 *
 * As all that can be awaited, a job cannot be what an `async` function returns, or what a promise is resolved with: who awaits
 * that gets the job's output, once it has ended. Return it from a plain function, or in an object: `return { job }`.
 *
 * @typeParam T What it comes to: the list of results of the export that was called, or what the program says.
 */
export class Job<T = readonly Value[]> implements PromiseLike<T>, AsyncIterable<JobEvent, undefined, undefined> {
  /** @hidden */
  constructor(
    private readonly run: Run,
    private readonly control: JobControl,
  ) {}

  /** Counts the jobs of the pool, from 0. */
  get id(): number {
    return this.run.id;
  }

  /** What the job is kept by in the pool's store; undefined where it is not kept. */
  get key(): string | undefined {
    return this.run.spec.key;
  }

  /** What services know the job by: option `identity`. */
  get identity(): string {
    return this.run.identity;
  }

  /**
   * The output. Rejects with what ended the job before: Trap, HostError, LinkError, … as the guest caused them,
   * SuspendedError, JobLimitError, CancelledError, WorkerError; of a job with a key also LostError and StoreError, after which
   * the job is in the store as it was last saved. A rejection that nobody looks at is no event of the
   * process.
   */
  get result(): Promise<T> {
    return this.run.output.promise as Promise<T>;
  }

  /** As that of `result`: so a job can be awaited. */
  // biome-ignore lint/suspicious/noThenProperty: it is meant to be awaited.
  then<A = T, B = never>(
    done?: ((output: T) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result.then(done, failed);
  }

  /**
   * What happens to it from now on, beginning with where it is; the last event is that it has `ended`. Who reads slowly misses
   * events: 64 are held for each reader, the oldest go first, and each event tells how many before it are missing. Any
   * number may follow a job, from its beginning or later; after its end there is the last event alone. Leaving the loop ends it.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<JobEvent, undefined, undefined> {
    return Readers.open(this.run);
  }

  /** Where it is: in line, on a thread, waiting for a service or for its guest's time, or how it has ended. */
  get status(): RunStatus {
    return this.run.status;
  }

  /** What it has cost so far, up to its last slice. */
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

  /**
   * Saves the job, which has a key, in the pool's store; resolves once that is durable. Rejects with UsageError where it has no
   * key, has ended, or ends without a result before, and with StoreError.
   */
  checkpoint(): Promise<void> {
    return this.control.checkpoint(this.run);
  }

  /**
   * So many new jobs, which go on from the job's next safe point as `resume` would; the job itself goes on, too. They have
   * its options unless told, count fuel and time from there on, and are others for services: what it was waiting for, each
   * asks for itself. Rejects with UsageError where the job has ended, or ends before.
   */
  fork(count = 1, options: ResumeOptions = {}): Promise<Job<T>[]> {
    return this.control.fork(this.run, count, options) as Promise<Job<T>[]>;
  }

  /** Gives the job up: `result` rejects with CancelledError. One with a key is removed from the store. */
  cancel(): void {
    this.control.cancel(this.run);
  }

  /**
   * As `cancel`, unless it has ended, also of one with a key, which is removed from the store; resolves once it has ended. Never
   * rejects: how it ended, `result` tells.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.result.then(
      () => {},
      () => {},
    );
  }
}
