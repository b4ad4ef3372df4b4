// Programs on this thread. Each has a QuickJS of its own, of a megabyte, as long as it runs or waits, until there are many: those
// that begin then have one while they run, and are tokens while they wait, as on the threads of a pool.

import type { FarProgram, ProgramThread, ProgramThreads, SliceOrder, SliceResult } from './afar.ts';
import { type RunningProgram, started } from './begin.ts';
import type { Program } from './program.ts';
import { type Programs, runSlice } from './slice.ts';

/** Programs that may have a QuickJS of their own. */
const mostKept = 64;
/** So long a program goes on while others wait for the thread, in ms. */
const sliceMs = 50;

let kept = 0;

/** How many programs have one. */
export const keptHere = (): number => kept;

/** For programs that have none of their own: their slices, one after the other. */
export class Turns implements ProgramThreads {
  private waiting = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly programs: Programs) {}

  openProgram(): ProgramThread {
    let isAsked = false;
    return {
      slice: (order) => this.slice(order, () => isAsked),
      rest() {
        isAsked = true;
      },
      over() {},
    };
  }

  private slice(order: SliceOrder, isAsked: () => boolean): Promise<SliceResult> {
    this.waiting++;
    const slice = this.last.then(() => {
      this.waiting--;
      const end = performance.now() + sliceMs;
      return runSlice(this.programs, order, () => isAsked() || (this.waiting > 0 && performance.now() > end));
    });
    this.last = slice.catch(() => {});
    return slice;
  }
}

/** Begins a program: by itself or, where there are many, as one that takes turns. */
export function begunHere(alone: () => Program, inTurns: () => FarProgram): RunningProgram {
  if (kept >= mostKept) return started(inTurns);
  kept++;
  const program = started(alone);
  const over = () => {
    kept--;
  };
  program.then(over, over);
  return program;
}
