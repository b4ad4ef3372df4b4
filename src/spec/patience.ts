// The patience of whoever asked for work that only ends by itself: until when it may go on. Loops whose length an input
// decides, as those that decode, validate, lower or rewrite, ask here now and then.

import { LimitError } from './errors.ts';

/** Looking at the clock takes some 40 ns, as long as reading a few instructions does. */
const checksPerLook = 256;

/** When the work under way must be over, by `performance.now()`. */
let latest = Number.POSITIVE_INFINITY;
let left = 0;

/**
 * Does work that ends with a LimitError where `checkDeadline` finds that the deadline has passed: a time of
 * `performance.now()`, Infinity for none. Of deadlines within each other the earliest counts. The work must not be
 * asynchronous: what goes on after it has returned has no deadline.
 */
export function withDeadline<T>(deadline: number, work: () => T): T {
  const outer = latest;
  latest = Math.min(outer, deadline);
  left = 0;
  try {
    return work();
  } finally {
    latest = outer;
  }
}

/** Work that must not end in its midst, whatever the deadline: what it does would be lost, and what it changes torn. */
export function withoutDeadline<T>(work: () => T): T {
  const outer = latest;
  latest = Number.POSITIVE_INFINITY;
  try {
    return work();
  } finally {
    latest = outer;
  }
}

/**
 * To be called for each function, item or some dozens of instructions. `during` says what is done, as `decoding`. Throws
 * a LimitError once the deadline of the work under way has passed; it may take 256 calls to notice.
 */
export function checkDeadline(during = 'working'): void {
  if (--left < 0) look(during);
}

/** The same for what takes a tenth of a millisecond or more: it looks each time. */
export const checkDeadlineNow = (during: string): void => look(during);

/** Work that can be done bit by bit, some microseconds each, and what it comes to. */
export type Steps<T> = Generator<void, T, void>;

export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Once other code of the thread has had its turn: a timer waits for a millisecond besides. */
const { setImmediate: later = (act: () => void) => setTimeout(act, 0) } = globalThis as {
  setImmediate?: (act: () => void) => unknown;
};

export const nextTurn = (): Promise<void> => new Promise((resolve) => later(resolve));

function look(during: string): void {
  left = checksPerLook;
  if (latest !== Number.POSITIVE_INFINITY && performance.now() > latest)
    throw new LimitError(`time: the deadline has passed while ${during}`, { limit: 'time' });
}
