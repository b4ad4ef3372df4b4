// Short jobs that are sent off together: which do, and what comes back of each. Here is the main thread's side; what a batch is
// tells told/batch.ts. All that a thread can be asked for while it has a batch is to give back what it has (`Threads.rest`):
// each job then goes on, is saved or is dropped by itself.

import { Known } from '../line/known.ts';
import type { Scheduler } from '../line/scheduler.ts';
import type { ThreadId, Ticket } from '../line/ticket.ts';
import { type BatchOrder, type BatchReply, reportFields } from '../told/batch.ts';
import { clock } from '../told/protocol.ts';
import type { SliceReport } from '../told/stats.ts';
import { cameBack, type MessageEvents, sentOff, sharesOf } from './message.ts';
import type { Run } from './run.ts';
import type { Lost, Threads } from './threads.ts';

export class Batches {
  private readonly known = new Known();
  private isSoon = false;

  constructor(
    private readonly scheduler: Scheduler<Run | Ticket>,
    private readonly threads: Threads,
    private readonly sliceMs: number,
    private readonly events: MessageEvents,
  ) {}

  /** How many jobs of a call are sent off together: 0 where that is not known, or one is long. */
  together(call: string): number {
    return this.known.together(call);
  }

  /** A job has been lined up: true where it waits until others of this turn of the event loop are, too. */
  delays(run: Run): boolean {
    const { short: call } = run;
    if (call === undefined || this.known.together(call) === 0) return false;
    if (!this.isSoon) setImmediate(() => this.begin());
    this.isSoon = true;
    return true;
  }

  private begin(): void {
    this.isSoon = false;
    this.events.pump();
  }

  /** A job is sent off: where that is its first slice, it is as those of others were. */
  pace(run: Run): void {
    const { beginsWith } = run;
    if (beginsWith === undefined) return;
    run.fuel = this.known.fuel(beginsWith);
    run.isBrief = this.known.isBrief(beginsWith);
  }

  /** The job's slice has ended, whose first that was if it is still as it began. */
  saw(run: Run, isDone: boolean, { charged, guestMs }: SliceReport): void {
    const { beginsWith, knownAs } = run;
    if (beginsWith === undefined && knownAs !== undefined) this.known.sawLater(knownAs, charged, guestMs);
    if (beginsWith !== undefined) this.known.saw(beginsWith, isDone, run.fuel, charged, guestMs, this.sliceMs);
  }

  /** A job is to be sent off: takes others that go along out of the line. Undefined where it goes as a slice. */
  gather(run: Run, thread: ThreadId): readonly Run[] | undefined {
    const { short: call } = run;
    const most = call === undefined ? 0 : this.known.together(call);
    if (most === 0) return undefined;
    const share = Math.ceil((this.scheduler.queued + 1) / (this.scheduler.idling + 1));
    const goesAlong = (other: Run | Ticket) => 'short' in other && other.short === call;
    return [run, ...(this.scheduler.more(thread, Math.min(most, share) - 1, goesAlong) as Run[])];
  }

  async send(runs: readonly Run[], thread: ThreadId): Promise<void> {
    const [{ id, spec }] = runs as readonly [Run];
    sentOff(runs, thread, this.events);
    const { warm, ...part } = this.threads.partFor(thread, spec.modules, id, true);
    const jobs = runs.map((run) => {
      this.pace(run);
      return run.batched();
    });
    const order: BatchOrder = { ...part, kind: 'batch', jobs, sliceMs: this.sliceMs, sentAt: clock() };
    const sentAt = performance.now();
    const reply = await this.threads.runBatch(thread, order);
    const reports = 'lost' in reply ? undefined : runs.map((_, i) => reportAt(reply.reports, i, reply.sentAt));
    this.scheduler.charge(runs, sharesOf(runs, reports, performance.now() - sentAt, this.sliceMs));
    this.scheduler.release(thread);
    cameBack(runs);
    if ('lost' in reply) this.lost(runs, reply);
    else this.replied(runs, reply, reports ?? [], thread);
    this.events.pump();
  }

  /**
   * The thread died of the job that it had begun last. What others before it came to was not told: they begin anew, which
   * nobody can see, as no code of the host's has run for them.
   */
  private lost(runs: readonly Run[], lost: Lost): void {
    runs.forEach((run, i) => {
      this.events.lost(run, { ...lost, begun: lost.begun && i === lost.at });
    });
  }

  private replied(
    runs: readonly Run[],
    { ends, compiled }: BatchReply,
    reports: readonly SliceReport[],
    thread: ThreadId,
  ): void {
    const [{ spec }] = runs as readonly [Run];
    this.threads.compiled(thread, compiled, spec.modules);
    runs.forEach((run, i) => {
      const end = ends[i];
      const report = reports[i] as SliceReport;
      if (end === undefined) this.putBack(run);
      else if ('kind' in end) this.events.replied(run, { end, compiled: [], report }, thread);
      else this.events.returned(run, end, report, thread);
    });
  }

  private putBack(run: Run): void {
    if (run.ended) return;
    if (run.isToBeSaved) return this.events.waits(run);
    run.status = 'queued';
    this.scheduler.putBack(run);
  }
}

function reportAt(reports: Float64Array, i: number, sentAt: number): SliceReport {
  const at = i * reportFields.length;
  // Of one that was not begun there is none.
  const field = (name: (typeof reportFields)[number]) => reports[at + reportFields.indexOf(name)] ?? 0;
  return {
    charged: field('charged'),
    paid: field('paid'),
    memory: field('memory'),
    guestMs: field('guestMs'),
    movingMs: field('movingMs'),
    busyMs: field('busyMs'),
    sentAt,
  };
}
