// What may stop a program: a pause, a signal, its limit of time.

import { mostMs, type Signal } from '../../spec/options.ts';

export class Stop {
  private asked = false;
  private readonly until: number;
  private readonly timer: ReturnType<typeof setTimeout> | undefined;
  /** Resolves once it is asked for. */
  readonly come: Promise<void>;
  private tell = () => {};
  private readonly listen = () => this.ask();
  /** For tools, once one was called. */
  private aborting: AbortController | undefined;

  constructor(
    private readonly signal: Signal | undefined,
    time: number,
  ) {
    this.until = performance.now() + time;
    this.come = new Promise((resolve) => {
      this.tell = resolve;
    });
    if (time < mostMs) this.timer = setTimeout(() => this.tell(), Math.max(1, Math.ceil(time)));
    signal?.addEventListener('abort', this.listen);
    if (signal?.aborted === true) this.ask();
  }

  ask(): void {
    this.asked = true;
    this.tell();
  }

  get isLate(): boolean {
    return performance.now() >= this.until;
  }

  get isAsked(): boolean {
    return this.asked || this.isLate;
  }

  /** Milliseconds until the limit of time. */
  get left(): number {
    return Math.max(0, this.until - performance.now());
  }

  /** What tools are given. */
  get toolSignal(): AbortSignal {
    this.aborting ??= new AbortController();
    return this.aborting.signal;
  }

  /** Until other code of the thread has run. */
  pass(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** The run is over: nobody waits for answers of tools any more. */
  done(): void {
    clearTimeout(this.timer);
    this.signal?.removeEventListener('abort', this.listen);
    this.aborting?.abort();
  }
}
