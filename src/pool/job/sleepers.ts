// Jobs that wait give up their VMs: after a time, where they hold too much together, or where others want their places. One that
// is kept in the store as it is just lets go of its VM; of any other a thread makes bytes, which hold only what is in its
// pages. Who brings a job back, and when, is life.ts's.

import type { Scheduler } from '../line/scheduler.ts';
import { type Patience, Waiting } from '../line/waiting.ts';
import { clock } from '../told/protocol.ts';
import type { Run } from './run.ts';

/** What the pool does. */
interface Events {
  /** Has a thread save the job, which goes on waiting. */
  save(run: Run): void;
  /** It is in the store: the thread of its last slice need not keep its VM. */
  cool(run: Run): void;
}

export class Sleepers {
  private readonly waiting: Waiting<Run>;
  private timer: NodeJS.Timeout | undefined;
  /** How many are being saved, and how many of each tenant. */
  private leaving = 0;
  private readonly leavingOf = new Map<string, number>();

  constructor(
    patience: Patience,
    private readonly scheduler: Pick<Scheduler<Run>, 'retire' | 'crowd' | 'crowded'>,
    private readonly events: Events,
  ) {
    this.waiting = new Waiting(patience);
  }

  /** The job waits from now on. */
  add(run: Run): void {
    if (run.isAsleep) this.scheduler.retire(run);
    if (!run.mayRest) return;
    this.waiting.add(run, run.heldBytes, clock());
    this.look();
  }

  /** It does not wait any more, or is to be saved by somebody else's wish. */
  remove(run: Run): void {
    this.waiting.remove(run);
  }

  /** It has been saved, or will not be. */
  rested(run: Run): void {
    if (run.resting) this.leaves(run, -1);
    run.resting = false;
  }

  /** Those that wait for a place get one from who has waited the longest. */
  makeRoom(): void {
    while (this.scheduler.crowd > this.leaving) {
      const run = this.waiting.take();
      if (run === undefined) return;
      this.giveUp(run);
    }
    for (const tenant of this.scheduler.crowded) {
      if (this.leavingOf.has(tenant)) continue;
      const run = this.waiting.takeOf((each) => (each.tenant ?? '') === tenant);
      if (run !== undefined) this.giveUp(run);
    }
  }

  private look(): void {
    const now = clock();
    for (let run = this.waiting.takeDue(now); run !== undefined; run = this.waiting.takeDue(now)) this.giveUp(run);
    const left = this.waiting.dueIn(now);
    if (left === undefined || this.timer !== undefined) return;
    const again = () => {
      this.timer = undefined;
      this.look();
    };
    this.timer = setTimeout(again, Math.ceil(left)).unref();
  }

  private giveUp(run: Run): void {
    if (run.isInStore) {
      run.sleep();
      this.scheduler.retire(run);
      this.events.cool(run);
    } else {
      run.resting = true;
      this.leaves(run, 1);
      this.events.save(run);
    }
  }

  private leaves({ tenant = '' }: Run, more: number): void {
    this.leaving += more;
    const count = (this.leavingOf.get(tenant) ?? 0) + more;
    if (count === 0) this.leavingOf.delete(tenant);
    else this.leavingOf.set(tenant, count);
  }

  close(): void {
    clearTimeout(this.timer);
  }
}
