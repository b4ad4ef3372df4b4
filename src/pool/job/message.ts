// What batches (batches.ts) and slices that go together (together.ts) have in common: several jobs on a thread by one message.

import type { ThreadId } from '../line/ticket.ts';
import type { Plain } from '../told/batch.ts';
import type { Reply } from '../told/protocol.ts';
import type { SliceReport } from '../told/stats.ts';
import type { Run } from './run.ts';
import type { Lost } from './threads.ts';

/** What the pool is told. */
export interface MessageEvents {
  /** There may be jobs to send off. */
  pump(): void;
  /** The job is on a thread; where it was before. */
  running(run: Run, before: ThreadId | undefined): void;
  /** The job's slice has ended; or its call, which has returned plain values. */
  replied(run: Run, reply: Reply, thread: ThreadId, before?: ThreadId): void;
  returned(run: Run, values: readonly Plain[], report: SliceReport, thread: ThreadId): void;
  lost(run: Run, lost: Lost): void;
  /** The job was not begun, and may be asked for something else meanwhile. */
  waits(run: Run): void;
}

/** They are on their way to the thread. */
export function sentOff(runs: readonly Run[], thread: ThreadId, { running }: Pick<MessageEvents, 'running'>): void {
  for (const run of runs) {
    const before = run.lastThread;
    run.status = 'running';
    run.lastThread = thread;
    run.inBatch = true;
    running(run, before);
  }
}

/** The thread has answered, or is gone. */
export function cameBack(runs: readonly Run[]): void {
  for (const run of runs) {
    run.inBatch = false;
    clearTimeout(run.grace);
    run.grace = undefined;
  }
}

/**
 * How many slices each is charged, of the time that it has had the thread; where that was lost, of an equal part of all the time since.
 * One that was not begun has no report.
 */
export const sharesOf = (
  runs: readonly Run[],
  reports: readonly (SliceReport | undefined)[] | undefined,
  sinceMs: number,
  sliceMs: number,
): readonly number[] =>
  runs.map((_, i) => (reports === undefined ? sinceMs / runs.length : (reports[i]?.busyMs ?? 0)) / sliceMs);
