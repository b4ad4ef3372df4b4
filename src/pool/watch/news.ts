// What a pool tells of itself: life.ts says what happens, and here is decided who hears of it. Nothing is made, and no clock is
// read, where nobody listens.

import type { ThreadId } from '../line/ticket.ts';
import { clock } from '../told/protocol.ts';
import type { JobStats } from '../told/stats.ts';
import { isHeard, publish, type WatchedPool } from './channels.ts';
import { endOf, stateOf } from './events.ts';
import type { Followed } from './readers.ts';
import type { Marks } from './watched.ts';

const marksOf = (job: Followed): Marks => {
  job.marks ??= { linedAt: undefined, lineMs: undefined, stoppedAt: undefined };
  return job.marks;
};

export class News {
  private isClosing = false;

  constructor(private readonly pool: WatchedPool) {}

  born(thread: ThreadId): void {
    if (isHeard('wasbox.thread.born')) publish('wasbox.thread.born', { ...this.now(), thread });
  }

  died(thread: ThreadId): void {
    const { isClosing } = this;
    if (isHeard('wasbox.thread.died')) publish('wasbox.thread.died', { ...this.now(), thread, isClosing });
  }

  /** Threads that end from now on are ended by the pool. */
  close(): void {
    this.isClosing = true;
  }

  private now() {
    return { pool: this.pool, at: clock() };
  }

  private of(job: Followed) {
    return { ...this.now(), job: job.id, key: job.spec.key };
  }

  submitted(job: Followed): void {
    if (isHeard('wasbox.job.submit')) publish('wasbox.job.submit', this.of(job));
  }

  /** It is where it is from now on. */
  state(job: Followed): void {
    job.readers?.tell(stateOf(job));
  }

  queued(job: Followed): void {
    this.state(job);
    if (isHeard('wasbox.job.slice')) marksOf(job).linedAt ??= clock();
  }

  /** It goes to its `lastThread`, and was on `before` in its last slice. */
  running(job: Followed, before: ThreadId | undefined): void {
    const { lastThread: to, marks } = job;
    if (marks !== undefined) {
      marks.lineMs = marks.linedAt && clock() - marks.linedAt;
      marks.linedAt = undefined;
    }
    if (before !== undefined && before !== to && job.place.vm.kind === 'moving')
      job.readers?.tell({ type: 'moved', from: before, to: to as ThreadId });
    this.state(job);
  }

  /** A slice of it has ended. `before`: what it had cost until then. */
  sliced(job: Followed, before: JobStats): void {
    const { stats, readers, marks } = job;
    if (stats === before || (readers === undefined && !isHeard('wasbox.job.slice'))) return;
    const slice = {
      thread: job.lastThread as ThreadId,
      fuel: stats.fuelUsed - before.fuelUsed,
      guestMs: stats.guestMs - before.guestMs,
      movingMs: stats.movingMs - before.movingMs,
      stats,
    };
    readers?.tell({ type: 'slice', ...slice });
    if (stats.checkpoints > before.checkpoints && job.spec.key === undefined)
      readers?.tell({ type: 'checkpointed', in: 'memory' });
    if (!isHeard('wasbox.job.slice')) return;
    const hasMoved = stats.moves > before.moves;
    publish('wasbox.job.slice', { ...this.of(job), ...slice, lineMs: marks?.lineMs, hasMoved });
  }

  /** Somebody has asked it to stop. */
  stopping(job: Followed): void {
    if (isHeard('wasbox.job.end')) marksOf(job).stoppedAt ??= clock();
  }

  /** It has ended; its result may still be on its way to the store. */
  ended(job: Followed): void {
    if (!isHeard('wasbox.job.end')) return;
    const told = (error?: unknown) => this.tellEnd(job, error);
    job.output.promise.then(() => told(), told);
  }

  private tellEnd(job: Followed, error: unknown): void {
    const { status, stats, age: ageMs, marks } = job;
    const how = endOf(status, error);
    const isSaved = status === 'suspended' && marks?.stoppedAt !== undefined;
    const suspendMs = isSaved ? clock() - (marks.stoppedAt as number) : undefined;
    publish('wasbox.job.end', { ...this.of(job), how, status, error, ageMs, suspendMs, stats });
  }
}
