// How long a slice that is asked to stop may go on before its thread is ended: a host function may hang.

import type { ThreadId } from '../line/ticket.ts';
import { stages } from '../told/protocol.ts';
import type { Run } from './run.ts';
import type { Threads } from './threads.ts';

/** Whoever's slice is to end; its time is ended with the slice. */
interface Graced {
  grace: NodeJS.Timeout | undefined;
}

export class Grace {
  constructor(
    private readonly threads: Threads,
    /** In ms. */
    readonly ms: number,
  ) {}

  /** The thread of a job that is over has some time to notice; saving is no excuse any more. */
  dismiss(run: Run, ms = this.ms): void {
    const thread = run.lastThread as ThreadId;
    this.ask(run, 'drop');
    clearTimeout(run.grace);
    this.grant(run, thread, ms, false);
  }

  /** The job is to come to rest, to be saved. */
  interrupt(run: Run): void {
    const thread = run.lastThread as ThreadId;
    this.ask(run, 'save');
    // Overtime is a grace of its own.
    const overtime = run.stop?.kind === 'limit' && run.stop.limit === 'deadline';
    if (run.grace === undefined && !overtime) this.grant(run, thread);
  }

  /** In a batch all that can be asked for is to have it back. */
  private ask(run: Run, pause: 'save' | 'drop'): void {
    if (run.inBatch) this.threads.rest(run.lastThread as ThreadId);
    else this.threads.interrupt(run.lastThread as ThreadId, pause);
  }

  /** The grace of a slice that has not begun yet begins later; that of one whose guest has stopped has no end. */
  grant(to: Graced, thread: ThreadId, ms = this.ms, maySave = true): void {
    const begun = this.threads.stageOf(thread) !== stages.sent;
    const end = () => {
      if (!begun) this.grant(to, thread, ms, maySave);
      else if (!maySave || this.threads.stageOf(thread) !== stages.stopped) this.threads.kill(thread);
    };
    to.grace = setTimeout(end, ms);
  }
}
