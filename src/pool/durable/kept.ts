// What a pool's record of a job has besides where the job is kept: when it is to be saved next.

import type { Deferred } from '../deferred.ts';
import type { SaveEvery } from '../options.ts';
import type { Held } from './ledger.ts';
import type { Origin } from './spec.ts';

export class Kept {
  /** The job in the store; undefined until it is ours. */
  held: Held | undefined;
  /** Those who wait for the next checkpoint. */
  wanted: Deferred<void> | undefined;
  /** Threads that died with it since it was last saved. */
  crashes = 0;
  /** It has a place among the jobs that may be under way. */
  isIn = false;
  /** It is to be forgotten. */
  forsaken = false;
  /** Nothing has run since it was saved. */
  isSaved = false;
  private savedAt = performance.now();
  private savedPaid = 0;

  constructor(
    readonly key: string,
    private readonly every: SaveEvery,
    /** Where it began. */
    readonly origin: Origin,
  ) {}

  /** The next slice: its fuel, and whether it is saved at its end, or only where it waits for somebody. */
  plan(fuel: number, paid: number): { readonly fuel: number; readonly checkpoint: 'always' | 'calls' } {
    this.isSaved = false;
    const left = (this.every.fuel ?? Infinity) - (paid - this.savedPaid);
    const isDue = this.wanted !== undefined || performance.now() - this.savedAt >= (this.every.ms ?? Infinity);
    return left <= fuel
      ? { fuel: Math.max(1, left), checkpoint: 'always' }
      : { fuel, checkpoint: isDue ? 'always' : 'calls' };
  }

  /** It was saved, at so much fuel; or goes on from there. */
  saved(paid: number): void {
    this.savedAt = performance.now();
    this.savedPaid = paid;
    this.crashes = 0;
    this.isSaved = true;
  }
}
