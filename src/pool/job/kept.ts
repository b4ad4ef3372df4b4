// What a pool's record of a job has besides where the job is kept: when it is to be saved next.

import type { Held } from '../durable/ledger.ts';
import type { Deferred } from '../line/deferred.ts';
import type { SaveEvery } from '../told/options.ts';
import type { Checkpoint, Order } from '../told/protocol.ts';
import { Series } from '../told/series.ts';
import type { Origin } from './spec.ts';

type RunTask = Extract<Order['task'], { kind: 'run' }>;
type Plan = Pick<RunTask, 'fuel' | 'checkpoint' | 'last'>;

export class Kept {
  /** The job in the store; undefined until it is ours. */
  held: Held | undefined;
  /** Those who wait for the next checkpoint. */
  wanted: Deferred<void> | undefined;
  /** Threads that died with it since it was last saved. */
  crashes = 0;
  /** It is to be forgotten. */
  forsaken = false;
  /** Nothing has run since it was saved. */
  isSaved = false;
  /** The checkpoints that the store has, since one that was whole. */
  private series: Series | undefined;
  private savedAt = performance.now();
  private savedPaid = 0;

  constructor(
    readonly key: string,
    private readonly every: SaveEvery,
    /** Where it began; undefined once it was saved. */
    public origin: Origin | undefined,
  ) {}

  /** The next slice: its fuel, and whether it is saved at its end, or only where it waits for somebody. */
  plan(fuel: number, paid: number): Plan {
    this.isSaved = false;
    const left = (this.every.fuel ?? Infinity) - (paid - this.savedPaid);
    const isDue = this.wanted !== undefined || performance.now() - this.savedAt >= (this.every.ms ?? Infinity);
    const last = this.series?.last;
    return left <= fuel
      ? { fuel: Math.max(1, left), checkpoint: 'always', last }
      : { fuel, checkpoint: isDue ? 'always' : 'calls', last };
  }

  /** It was saved, at so much fuel; or goes on from there, and is saved as a whole the next time. */
  saved(paid: number, checkpoint?: Checkpoint): void {
    this.series = checkpoint && Series.after(this.series, checkpoint);
    this.savedAt = performance.now();
    this.savedPaid = paid;
    this.crashes = 0;
    this.isSaved = true;
  }
}
