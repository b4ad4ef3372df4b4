// How much fuel native code gets between two looks at the pause flag: as much as takes it about a millisecond, by what it
// took before. Nothing of that shows but in time, as fuel is charged alike however it is granted.

import { spareFuel } from '../read/index-spaces.ts';

/** How long it may take, in ms, until code sees the flag. */
const wantedMs = 0.8;
const least = 5 * spareFuel;
const most = 4_000_000;
/** How far one quantum may be from the one before: one long pause of the whole machine says little. */
const steepest = 4;

export class Pace {
  /**
   * The first look is late rather than early: the host compiles each function when it is first called, which says nothing of
   * the fuel, and what is left meanwhile has to be compiled again.
   */
  quantum = 1_000_000;

  /** The whole quantum was used up in so many ms. Returns the next one. */
  took(ms: number): number {
    const ideal = (this.quantum * wantedMs) / Math.max(ms, 0.01);
    const near = Math.min(Math.max(ideal, this.quantum / steepest), this.quantum * steepest);
    this.quantum = Math.floor(Math.min(most, Math.max(least, near)));
    return this.quantum;
  }
}
