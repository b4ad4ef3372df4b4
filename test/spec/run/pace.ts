// Where a hopping run stops. At each instruction (or safe point) it would take hours; so both a call and a script begin
// with every one of them, and go on with longer and longer slices.
// WASBOX_HOPS=all is for a complete run by hand: each call stops at every instruction of its first 300, then at every 97th
// of 165,000. A long script (one whose hops have cost what 10,000 small ones do) stops at the first 12 of a call, then at
// every 97th. Slices become longer once a call's hops have cost what 2,000 small ones do. Without it:
// - In a script the stride is 1 for the first 1,000 hops, 2 from there on, 5 after 2,000, 10 after 3,000 … Each call
//   begins at another place of the stride, so that the calls of a function together still stop all over it. A hop with
//   much memory counts for several.
// - In a call of many instructions, slices of 97 follow after 300 hops, which meet each place of a loop in time. Another
//   100 hops later, each slice is longer than the one before by a tenth. (At safe points, the last after 200 hops.)

import type { RunOptions } from '../../../src/vm.ts';

export type Mode = 'whole' | 'step' | 'safepoint';

/** More than any call of the suite needs: what takes longer hangs. */
export const fuelOfAll = 1e9;

const everyHop = process.env.WASBOX_HOPS === 'all';
/** After which slice of a call they become longer; of a complete run, after slices that cost as much as so many. */
const growsAfter = everyHop ? 2000 : 400;
const longScript = 10_000;

/** About what it costs to go from one safe point to the next. */
const fuelBetween = 16;

export class Pace {
  /** Hops of the script, what they cost, and its calls. */
  hops = 0;
  private cost = 0;
  private calls = 0;
  private slices = 0;
  /** What the hops of the call have cost. */
  private spent = 0;
  /** How many of its slices came after those that are short. */
  private late = 0;

  constructor(readonly mode: Mode) {}

  private get stride(): number {
    return everyHop ? 1 : 1 + Math.floor(this.cost / 1000) ** 2;
  }

  private get long(): boolean {
    return everyHop && this.cost > longScript;
  }

  /** A VM with so many bytes of memory has hopped. */
  hopped(memory: number): void {
    const cost = 1 + 20 * Math.floor(memory / 2 ** 20);
    this.hops++;
    this.cost += cost;
    this.spent += cost;
  }

  /** A call begins. Whether to hop before its first instruction. */
  begin(): boolean {
    this.calls++;
    this.slices = 0;
    this.spent = 0;
    this.late = 0;
    return this.mode !== 'whole' && this.calls % this.stride === 0;
  }

  /** The next slice, of a VM that owes so much fuel. */
  next(debt: number): RunOptions {
    const first = this.slices++ === 0 && this.calls % this.stride;
    const short = this.mode === 'step' ? growsAfter : growsAfter / 2;
    if ((everyHop ? this.spent : this.slices) > short) this.late++;
    switch (this.mode) {
      case 'whole':
        return { fuel: fuelOfAll };
      case 'step':
        return {
          steps: first || Math.max(this.stride, this.slices <= (this.long ? 12 : 300) ? 1 : growing(97, this.late)),
        };
      case 'safepoint':
        // Fuel that just pays the debt leads to the next safe point.
        return {
          fuel:
            debt +
            ((first || this.stride) - 1) * fuelBetween +
            growing(this.long && this.slices > 12 ? 97 : 1, this.late) -
            1,
        };
      default:
        return this.mode satisfies never;
    }
  }
}

const growing = (stride: number, slices: number): number => Math.ceil(stride * 1.1 ** Math.min(200, slices));
