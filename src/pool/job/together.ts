// Jobs under way whose slices are short, sent off together: to send one costs more than such a slice. They are jobs of one tenant
// and of the same modules, whose VMs the thread has kept. As with a batch (batches.ts), all that the thread can be asked for
// meanwhile is to give back what it has.

import type { Scheduler } from '../line/scheduler.ts';
import type { ThreadId, Ticket } from '../line/ticket.ts';
import type { TogetherOrder } from '../told/together.ts';
import { cameBack, type MessageEvents, sentOff, sharesOf } from './message.ts';
import { type Run, wordBytes } from './run.ts';
import type { Lost, Threads } from './threads.ts';

/** How long their guests may be expected to take together, in ms, and what each is taken to need besides. */
const mostMs = 1;
const ownMs = 0.05;
const mostTogether = 16;

const expectedMs = ({ stats: { guestMs, slices } }: Run): number => ownMs + guestMs / Math.max(1, slices);

export class Together {
  constructor(
    private readonly scheduler: Scheduler<Run | Ticket>,
    private readonly threads: Threads,
    private readonly sliceMs: number,
    private readonly events: MessageEvents,
  ) {}

  /** A job is to be sent off: takes others that go along out of the line. Undefined where it goes by itself. */
  gather(run: Run, thread: ThreadId): readonly Run[] | undefined {
    const { goesOn } = run;
    let left = mostMs - expectedMs(run);
    if (goesOn === undefined || left < ownMs || !this.threads.isWarm(thread, run.id)) return undefined;
    const goesAlong = (other: Run | Ticket) => {
      if (!('goesOn' in other) || other.goesOn !== goesOn || other.tenant !== run.tenant) return false;
      if (expectedMs(other) > left || !this.threads.isWarm(thread, other.id)) return false;
      left -= expectedMs(other);
      return true;
    };
    const share = Math.ceil((this.scheduler.queued + 1) / (this.scheduler.idling + 1));
    const others = this.scheduler.more(thread, Math.min(mostTogether, share) - 1, goesAlong) as Run[];
    return others.length === 0 ? undefined : [run, ...others];
  }

  async send(runs: readonly Run[], thread: ThreadId): Promise<void> {
    sentOff(runs, thread, this.events);
    const sentAt = performance.now();
    const reply = await this.threads.runTogether(thread, this.order(runs, thread));
    const reports = 'lost' in reply ? undefined : runs.map((_, i) => reply.replies[i]?.report);
    this.scheduler.charge(runs, sharesOf(runs, reports, performance.now() - sentAt, this.sliceMs));
    this.scheduler.release(thread);
    cameBack(runs);
    if ('lost' in reply) this.lost(runs, reply);
    else
      runs.forEach((run, i) => {
        const its = reply.replies[i];
        if (its === undefined) this.putBack(run, thread);
        else this.events.replied(run, its, thread, thread);
      });
    this.events.pump();
  }

  private order(runs: readonly Run[], thread: ThreadId): TogetherOrder {
    const parts = runs.map(({ id, spec }) => this.threads.partFor(thread, spec.modules, id, true));
    const orders = runs.map((run, i) => run.order(parts[i] as (typeof parts)[number], this.sliceMs));
    return { kind: 'together', slot: (parts[0] as (typeof parts)[number]).slot, orders, sliceMs: this.sliceMs };
  }

  /** The thread died of the one that it had begun last; memories of those before it are not as they were known to be. */
  private lost(runs: readonly Run[], lost: Lost): void {
    runs.forEach((run, i) => {
      this.events.lost(run, { ...lost, begun: lost.begun && i <= lost.at });
    });
  }

  /** Its slice was not begun: the thread has its VM as before. */
  private putBack(run: Run, thread: ThreadId): void {
    const { vm } = run.place;
    this.threads.kept(thread, run.id, vm.kind === 'moving' ? wordBytes(vm) : 0);
    // One that is in the store by now is not gone on with from what the thread has.
    if (vm.kind !== 'moving') this.threads.cool(thread, run.id);
    if (run.ended) return this.threads.forget(run.id);
    if (run.isToBeSaved) return this.events.waits(run);
    run.status = 'queued';
    this.scheduler.putBack(run, false);
  }
}
