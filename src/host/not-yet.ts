// That a host function cannot answer yet, and what it waits for.

/** What comes first ends the wait. A VM that is restored meanwhile does not wait for the event, but asks again. */
export interface Waiting {
  /** In ms since 1970, with fractions. */
  readonly until?: number | undefined;
  /** Settles when it is worth asking again; however it settles. */
  readonly event?: PromiseLike<unknown> | undefined;
}

/** Timers of hosts hold no more. */
const longest = 2 ** 31 - 1;

/** What a host function that cannot answer yet waits for. */
export class NotYet {
  readonly until: number | undefined;
  readonly event: PromiseLike<unknown> | undefined;

  constructor({ until, event }: Waiting) {
    this.until = until;
    this.event = event;
  }

  /** Milliseconds that are left; undefined where time does not end it. */
  get left(): number | undefined {
    return this.until === undefined ? undefined : Math.max(0, this.until - now());
  }

  /** Resolves when it is worth asking again, or when `over` does. */
  async come(over: Promise<void>): Promise<void> {
    const { left, event } = this;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ends: PromiseLike<unknown>[] = [over];
    if (event !== undefined) ends.push(Promise.resolve(event).catch(() => {}));
    if (left !== undefined)
      ends.push(
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, Math.min(Math.ceil(left), longest));
        }),
      );
    await Promise.race(ends);
    clearTimeout(timer);
  }
}

const now = (): number => performance.timeOrigin + performance.now();
