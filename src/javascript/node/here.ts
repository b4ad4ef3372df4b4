// Where programs run. On this thread each has a QuickJS of its own, of a megabyte, as long as it runs or waits, until there are many: those that
// begin then have one while they run, and are tokens while they wait, as on the threads of a pool.

import type { FarProgram, ProgramThread, ProgramThreads, SliceOrder, SliceResult } from '../run/afar.ts';
import { type RunningProgram, started } from '../run/begin.ts';
import { runSlice } from './slice.ts';

/** Programs that may have a QuickJS of their own. */
const mostKept = 64;
/** So long a program goes on while others wait for the thread, in ms. */
const sliceMs = 50;

let kept = 0;

/** How many programs have one. */
export const keptHere = (): number => kept;

/** Slices of programs, one after the other. */
class Turns implements ProgramThreads {
  private waiting = 0;
  private last: Promise<unknown> = Promise.resolve();

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
      return runSlice(order, () => isAsked() || (this.waiting > 0 && performance.now() > end));
    });
    this.last = slice.catch(() => {});
    return slice;
  }
}

/** For programs that have none of their own. */
export const thisThread: ProgramThreads = new Turns();

/** Begins a program: on a pool, or on this thread, by itself or where there are many in turns. */
export function begun(
  pool: ProgramThreads | undefined,
  alone: () => RunningProgram,
  afar: (threads: ProgramThreads) => FarProgram,
): RunningProgram {
  const threads = pool ?? (kept < mostKept ? undefined : thisThread);
  if (threads !== undefined) return started(() => afar(threads));
  kept++;
  const program = alone();
  const over = () => {
    kept--;
  };
  program.then(over, over);
  return program;
}
