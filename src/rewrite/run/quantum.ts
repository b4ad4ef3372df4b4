// How much fuel native code gets at a time: with a pause flag to look at as much as takes it about a millisecond, by what it took
// before; else what a trap may cost. Nothing of that shows but in time and after a trap, as fuel is charged alike however it is
// granted.

import type { Budget } from '../../runtime/engine.ts';
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

/** With a bound and without a flag to look at, at most. */
const longQuantum = 20_000_000;
/** With neither: about as much as fits, for each stop costs every frame of the stack a continuation. */
export const longestQuantum = 2_000_000_000;

/**
 * A trap makes all of a quantum count as used: that is at most so much more than has been used since the last trap.
 * Where fuel has no bound, nobody pays for it.
 */
const leap = { least: 1_000_000, times: 4 };

export const isUnbound = ({ fuel, interrupted }: Budget): boolean =>
  interrupted === undefined && fuel === Number.POSITIVE_INFINITY;

export function quantumOf({ pace, sure }: { readonly pace: Pace; readonly sure: number }, budget: Budget): number {
  if (isUnbound(budget)) return longestQuantum;
  if (budget.interrupted !== undefined) return pace.quantum;
  return Math.min(longQuantum, Math.max(leap.least, leap.times * sure));
}

/**
 * Whether a continuation that has gone on after so many looks shall leave its loop once: the host makes better code of what
 * is hot, but enters it only when it is called, and continuations are so for one frame. Ever less often, for it may be in
 * better code already.
 */
export const mayBeStale = (looks: number): boolean => (looks & (looks - 1)) === 0;
