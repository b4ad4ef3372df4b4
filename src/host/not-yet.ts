// That a host function cannot answer yet, and what it waits for.

import { mostMs } from '../spec/options.ts';

/** What comes first ends the wait. A VM that is restored meanwhile does not wait for events, but asks again. */
export interface Waiting {
  /** In ms since 1970, with fractions. */
  readonly until?: number | undefined;
  /** Settles when it is worth asking again, however it settles; of several the first. */
  readonly event?: PromiseLike<unknown> | readonly PromiseLike<unknown>[] | undefined;
}

/** What a host function that cannot answer yet waits for. */
export class NotYet {
  readonly until: number | undefined;
  readonly events: readonly PromiseLike<unknown>[];

  constructor({ until, event = [] }: Waiting) {
    this.until = until;
    this.events = 'then' in event ? [event] : event;
  }

  /** Milliseconds that are left; undefined where time does not end it. */
  get left(): number | undefined {
    return this.until === undefined ? undefined : Math.max(0, this.until - now());
  }

  /** Resolves when it is worth asking again, or when `over` does. */
  async come(over: Promise<void>): Promise<void> {
    const { left, events } = this;
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const timer = left === undefined ? undefined : setTimeout(wake, Math.min(Math.ceil(left), mostMs));
    for (const event of events) sleepersOf(event).add(wake);
    await Promise.race([over, woken]);
    clearTimeout(timer);
    for (const event of events) sleepersOf(event).delete(wake);
  }
}

/**
 * Who waits for an event. It is listened to once: what listens to a promise stays with it until it settles, and a guest may
 * ask for a key a hundred times a second and get none for days.
 */
const sleepers = new WeakMap<PromiseLike<unknown>, Set<() => void>>();

function sleepersOf(event: PromiseLike<unknown>): Set<() => void> {
  const known = sleepers.get(event);
  if (known !== undefined) return known;
  const made = new Set<() => void>();
  sleepers.set(event, made);
  const ring = () => {
    for (const wake of made) wake();
  };
  event.then(ring, ring);
  return made;
}

const now = (): number => performance.timeOrigin + performance.now();
