// How jobs come to rest before their end, and what becomes of their state then: they are suspended, over a limit, forked, saved. A
// job that is asked to stop is put in line to be saved, before all others; one that runs is asked to rest first.

import { UsageError } from '../../spec/errors.ts';
import { deferred } from '../line/deferred.ts';
import type { Scheduler } from '../line/scheduler.ts';
import type { ThreadId } from '../line/ticket.ts';
import type { JobSpec } from '../told/options.ts';
import { clock, type SliceEnd } from '../told/protocol.ts';
import type { JobSnapshot } from '../told/snapshot.ts';
import type { RunStatus } from '../told/stats.ts';
import type { News } from '../watch/news.ts';
import type { DurableJobs } from './durable-jobs.ts';
import type { Grace } from './grace.ts';
import type { PlacedWork } from './places.ts';
import type { Run, Stop } from './run.ts';
import type { Sleepers } from './sleepers.ts';
import type { Threads } from './threads.ts';

/** How long a thread may be busy with a job that is over its overtime, in ms. */
const mostNotice = 1000;

/** What of the pool is asked. */
interface Parts {
  readonly scheduler: Scheduler<Run | PlacedWork>;
  readonly threads: Threads;
  readonly grace: Grace;
  readonly durable: DurableJobs | undefined;
  readonly news: News;
  readonly sleepers: Sleepers;
}

/** What becomes of a job. */
interface Events {
  /** It is in line. */
  queue(run: Run): void;
  /** There may be a slice to send off. */
  pump(): void;
  fail(run: Run, error: Error): void;
  finish(run: Run, status: RunStatus): void;
  /** Its guest waits for so many ms. */
  rest(run: Run, timeout: number): void;
}

export class Stops {
  constructor(
    private readonly parts: Parts,
    private readonly events: Events,
  ) {}

  /** Sets up what can end a job from outside. */
  watch(run: Run, { signal }: JobSpec): void {
    if (signal !== undefined) {
      const abort = () => this.stop(run, { kind: 'suspend', cause: signal.reason });
      signal.addEventListener('abort', abort);
      run.cleanups.push(() => signal.removeEventListener('abort', abort));
      if (signal.aborted) abort();
    }
    if (run.hasBegun) this.time(run);
  }

  /** A thread takes the job up: its time begins, if it has not. */
  begin(run: Run): void {
    if (run.hasBegun) return;
    run.begin();
    this.time(run);
  }

  /** The job's time goes by. */
  private time(run: Run): void {
    const { deadline, overtime } = run.spec;
    if (deadline === undefined) return;
    const left = Math.max(0, deadline - run.age);
    const timers = [
      setTimeout(() => this.stop(run, { kind: 'limit', limit: 'deadline' }), left),
      setTimeout(() => this.late(run, undefined), left + overtime),
    ];
    run.cleanups.push(() => timers.forEach(clearTimeout));
  }

  /** The job ends, and this is where it goes on. Rejects with UsageError where it has ended. */
  suspend(run: Run): Promise<JobSnapshot> {
    if (run.suspended === undefined && run.ended)
      return Promise.reject(new UsageError(`the job has ended: it is ${run.status}`));
    run.suspended ??= deferred();
    this.stop(run, { kind: 'suspend', cause: undefined });
    return run.suspended.promise;
  }

  /** Lets the job come to rest, to be saved then. The first reason counts. */
  stop(run: Run, stop: Stop): void {
    if (run.ended || run.stop !== undefined) return;
    run.stop = stop;
    this.parts.news.stopping(run);
    // It comes to rest by itself as soon as the store has answered.
    if (run.keeping) return;
    if (run.status === 'running') return this.parts.grace.interrupt(run);
    this.lineToSave(run);
  }

  private lineToSave(run: Run): void {
    this.parts.scheduler.remove(run);
    this.events.queue(run);
    this.events.pump();
    // Nothing that runs knows that this one cannot wait.
    if (run.status === 'queued') this.parts.threads.makeRoom(run.lastThread);
  }

  /** The job is over its time, and cannot be saved in what it has of overtime. */
  late(run: Run, cause: Error | undefined): void {
    if (run.ended) return;
    run.stop = { kind: 'limit', limit: 'deadline' };
    if (run.status === 'running' && cause === undefined)
      this.parts.grace.dismiss(run, Math.min(this.parts.grace.ms, mostNotice));
    this.events.fail(run, run.stopError(run.untouched, cause === undefined ? {} : { cause }));
    this.events.pump();
  }

  /** Its state has been saved. */
  stopped(run: Run, snapshot: JobSnapshot): void {
    const error = run.stopError(snapshot);
    const { suspended, forking } = run;
    run.suspended = undefined;
    run.forking = undefined;
    const told = () => {
      suspended?.resolve(snapshot);
      forking?.resolve(snapshot);
      run.output.reject(error);
    };
    const refused = (other: unknown) => {
      suspended?.reject(other);
      forking?.reject(other);
      run.output.reject(other);
    };
    const recorded = run.kept === undefined ? undefined : this.recordStop(run, snapshot, error);
    if (recorded === undefined) told();
    else recorded.then(told, refused);
    this.events.finish(run, 'suspended');
  }

  private recordStop(run: Run, snapshot: JobSnapshot, error: Error): Promise<void> | undefined {
    return run.stop?.kind === 'limit'
      ? this.parts.durable?.failed(run, error)
      : this.parts.durable?.suspended(run, snapshot);
  }

  /** Its state, as soon as it can be had; it goes on. Rejects with UsageError where it has ended. */
  state(run: Run): Promise<JobSnapshot> {
    if (run.forking !== undefined) return run.forking.promise;
    if (run.ended) return Promise.reject(new UsageError(`the job has ended: it is ${run.status}`));
    run.forking = deferred();
    const { promise } = run.forking;
    if (run.keeping || run.stop !== undefined) return promise;
    if (run.status === 'running') this.parts.threads.rest(run.lastThread as ThreadId);
    else this.lineToSave(run);
    return promise;
  }

  /** The state of a job that goes on. */
  forked(run: Run, end: SliceEnd & { kind: 'saved' }): void {
    run.forking?.resolve(run.snapshotOf(end));
    run.forking = undefined;
    run.goOn(end);
    this.parts.sleepers.rested(run);
    const { wakesAt } = run;
    if (!run.isWaiting) return this.events.queue(run);
    if (wakesAt !== undefined) return this.events.rest(run, wakesAt - clock());
    run.status = 'waiting';
    this.parts.news.state(run);
    this.parts.sleepers.add(run);
  }

  /** Resolves once the store has the job as it is. Rejects with UsageError where it is kept nowhere, or has ended. */
  checkpoint(run: Run): Promise<void> {
    const { kept, status, lastThread } = run;
    if (kept === undefined || this.parts.durable === undefined)
      return Promise.reject(new UsageError('the job has no key: it is kept nowhere'));
    if (run.ended) return Promise.reject(new UsageError(`the job has ended: it is ${status}`));
    if (status === 'waiting' && kept.isSaved) return Promise.resolve();
    if (status === 'running') this.parts.threads.rest(lastThread as ThreadId);
    return this.parts.durable.checkpoint(kept);
  }
}
