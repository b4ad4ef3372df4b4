// What may ask a run to stop before its work is done: another thread's word, a time, an AbortSignal. They suspend the
// VM, and never end anything. A signal that code of this thread aborts is heard where that can run: so a run that is
// asynchronous and has one gives the thread free now and then.

import type { Budget, Interruption } from '../runtime/engine.ts';
import type { Signal } from '../spec/options.ts';
import { nextTurn } from '../spec/patience.ts';

export interface InterruptOptions {
  /** On a SharedArrayBuffer: another thread makes word 0 non-zero to pause the run. */
  readonly pause?: Int32Array | undefined;
  /**
   * Suspends the run once it is aborted. A run that is not asynchronous hears only what was aborted before, or by its
   * host functions.
   */
  readonly signal?: Signal | undefined;
  /**
   * Suspends the run after so many milliseconds, or once the host function or long instruction is over that it is in.
   * A run whose time is more than zero does some work, however slow the machine: who asks again gets to the end.
   */
  readonly timeout?: number | undefined;
}

/** How long a run with a signal keeps the thread, in ms. */
const sliceMs = 20;

/** The reason by which a run with a signal stops to go on. */
export const sliceOver: Interruption = { kind: 'pause' };

export class Interrupts {
  private readonly pause: Int32Array | undefined;
  private readonly signal: Signal | undefined;
  private readonly timeout: number;
  private isSliced = false;
  /** When time is over; it counts from the first look, so that this one never stops the run. */
  private end: number | undefined;
  /** Likewise, where the run has a signal to hear. */
  private sliceEnd: number | undefined;

  constructor({ pause, signal, timeout = Number.POSITIVE_INFINITY }: InterruptOptions) {
    this.pause = pause;
    this.signal = signal;
    this.timeout = timeout;
  }

  /** What an engine asks; undefined where nothing could ever interrupt it. */
  get budget(): Budget['interrupted'] {
    const never = this.pause === undefined && this.signal === undefined && this.timeout === Number.POSITIVE_INFINITY;
    return never ? undefined : () => this.why() ?? (this.isSliceOver() ? sliceOver : undefined);
  }

  /** Why the run is to stop, slices aside. */
  why(): Interruption | undefined {
    const { pause, signal } = this;
    if (signal?.aborted === true) return { kind: 'signal', cause: signal.reason };
    if (pause !== undefined && Atomics.load(pause, 0) !== 0) return { kind: 'pause' };
    const now = performance.now();
    return now >= this.until(now) ? { kind: 'timeout' } : undefined;
  }

  /** From now on the run gives the thread free, where it has a signal to hear. */
  beginSlice(): void {
    this.isSliced = this.signal !== undefined;
    this.sliceEnd = undefined;
  }

  private isSliceOver(): boolean {
    if (!this.isSliced) return false;
    const now = performance.now();
    this.sliceEnd ??= now + sliceMs;
    return now >= this.sliceEnd;
  }

  /** Until other code of the thread has run, if this run has given it free. */
  async pass(): Promise<void> {
    await nextTurn();
  }

  /** Until the work is done, the signal aborted or the time over. Rejects as the work does. */
  async orUntil(work: Promise<void>): Promise<void> {
    const { signal } = this;
    let stop = () => {};
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const now = performance.now();
    const left = this.until(now) - now;
    const timer = left === Number.POSITIVE_INFINITY ? undefined : setTimeout(stop, Math.max(1, left));
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    try {
      await Promise.race([work, stopped]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  private until(now: number): number {
    this.end ??= now + this.timeout;
    return this.end;
  }
}
