// Asking a database that may be away, slow or stopped: again where that helps and does no harm, and for so long and no longer.

import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError, WasboxError } from '../../spec/errors.ts';
import { isA } from '../../spec/told.ts';
import type { Failure } from './backend.ts';

/** In so many steps time is measured: time in which we ourselves stood still is no more than one of them. */
const looks = 10;
const delay = { first: 20, most: 1000 } as const;

export interface Asked {
  /** As in `who has not answered`; the database unless told. */
  readonly who?: string;
  readonly where: string;
  /** Ms for all of it. */
  readonly timeout: number;
  readonly failure: (error: unknown) => Failure;
}

/** `again`: it may have been done already. */
export type Act<T> = (signal: AbortSignal, again: boolean) => Promise<T>;

/** Rejects with StoreError; with `gone` where it may have been done, or was not heard of in time. */
export async function ask<T>(asked: Asked, act: Act<T>): Promise<T> {
  const clock = new Clock(asked.timeout);
  try {
    let [again, last] = [false, undefined as Failure | undefined];
    for (let wait: number = delay.first; ; wait = Math.min(wait * 2, delay.most)) {
      try {
        return await clock.within(act(clock.signal, again));
      } catch (error) {
        if (isA(error, WasboxError)) throw error;
        if (clock.signal.aborted) throw silence(asked, error === clock.signal.reason || again, last);
        last = asked.failure(error);
        again ||= last.unknown;
        if (!last.passing) throw new StoreError(last.message, last.reason, asked.where);
      }
      await clock.within(sleep(wait * (0.5 + Math.random() / 2))).catch(() => {});
      if (clock.signal.aborted) throw silence(asked, again, last);
    }
  } finally {
    clock.stop();
  }
}

function silence(
  { who = 'the database', where, timeout }: Asked,
  mayBeDone: boolean,
  last: Failure | undefined,
): StoreError {
  const since = last === undefined ? '' : `; the last that was heard: ${last.message}`;
  const what = mayBeDone ? 'whether what was asked was done is not known' : 'nothing of what was asked was done';
  return new StoreError(`${who} has not answered for ${timeout} ms, and ${what}${since}`, 'gone', where);
}

/** Aborts after its time. While it runs, the process lives on. */
class Clock {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private readonly over: Promise<never>;
  private steps = 0;

  constructor(ms: number) {
    this.over = new Promise((_, reject) => {
      this.signal.addEventListener('abort', () => reject(this.signal.reason));
    });
    this.over.catch(() => {});
    this.timer = setInterval(() => {
      if (++this.steps > looks) this.controller.abort(new Error('time is over'));
    }, ms / looks);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  within<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.over]);
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
