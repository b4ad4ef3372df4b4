// A job of a queue as somebody holds it, in whichever process.

import type { Value } from '../runtime/heap/ref.ts';
import type { QueueEvent } from './events.ts';
import type { Watched } from './watch.ts';

/**
 * Where a job is. `absent`: there is none of that key. `suspended`: it rests until it is resumed. `stranded`: the queue has given it
 * up, and it has no result; `lost`: the queue does not know it, and it has none: `queue.recover()`.
 */
export type QueueJobState =
  | 'waiting'
  | 'delayed'
  | 'active'
  | 'suspending'
  | 'suspended'
  | 'done'
  | 'failed'
  | 'stranded'
  | 'lost'
  | 'absent';

/** What a queue does for a job. */
export interface QueueControl {
  state(key: string): Promise<QueueJobState>;
  suspend(key: string): Promise<void>;
  resume(key: string): Promise<void>;
  cancel(key: string): Promise<void>;
}

/** Events that wait for one reader. */
const mostHeld = 64;

/**
 * A job of a queue: `await job` is `await job.result`, and `for await (const event of job)` follows it. It is known by its key, to
 * all processes. As all that can be awaited, it cannot be what an `async` function returns.
 *
 * @typeParam T What it comes to: the list of results of the export that was called, or what the program says.
 */
export class QueueJob<T = readonly Value[]> implements PromiseLike<T>, AsyncIterable<QueueEvent, undefined, undefined> {
  /** @hidden */
  constructor(
    private readonly watched: Watched,
    private readonly control: QueueControl,
    /**
     * Resolves once the job is in the store and in the queue: from then on it comes to its end, whatever becomes of this process.
     * Rejects with what `result` then rejects with.
     */
    readonly submitted: Promise<void>,
  ) {}

  /** What it is known by. */
  get key(): string {
    return this.watched.key;
  }

  /**
   * The output, from whichever process it came. Rejects with what ended the job: Trap, HostError, JobLimitError, … as in a pool;
   * CancelledError where it was cancelled; StrandedError where the queue has given it up; StoreError where it is damaged. While the job
   * is suspended, it waits. A rejection that nobody looks at is no event of the process.
   */
  get result(): Promise<T> {
    return this.watched.output.promise as Promise<T>;
  }

  /** As that of `result`: so a job can be awaited. */
  // biome-ignore lint/suspicious/noThenProperty: it is meant to be awaited.
  then<A = T, B = never>(
    done?: ((output: T) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result.then(done, failed);
  }

  /** What happens to it from now on, until it has ended. Who reads slowly misses the oldest of more than 64 events. */
  [Symbol.asyncIterator](): AsyncIterableIterator<QueueEvent, undefined, undefined> {
    return eventsOf(this.watched);
  }

  /** Where it is. Rejects with StoreError. */
  state(): Promise<QueueJobState> {
    return this.control.state(this.key);
  }

  /**
   * Brings it to rest: resolves once its state is in the store, and no runner has it. One that has it and does not answer for 30 s has
   * lost it: the job rests as it was last saved. Rejects with UsageError where it has ended, and with StoreError.
   */
  async suspend(): Promise<void> {
    await this.submitted;
    return this.control.suspend(this.key);
  }

  /** Has it go on where it rests. Rejects with UsageError where it has ended, and with StoreError. */
  async resume(): Promise<void> {
    await this.submitted;
    return this.control.resume(this.key);
  }

  /**
   * Gives it up: `result` rejects with CancelledError, whoever has it is told, and nothing that this one then does counts. Rejects
   * with UsageError where it has ended, and with StoreError.
   */
  async cancel(): Promise<void> {
    await this.submitted;
    return this.control.cancel(this.key);
  }
}

async function* eventsOf(watched: Watched): AsyncGenerator<QueueEvent, undefined, undefined> {
  const held: QueueEvent[] = watched.ended ? [{ type: 'ended' }] : [];
  let wake: (() => void) | undefined;
  const listener = (event: QueueEvent) => {
    held.push(event);
    if (held.length > mostHeld) held.shift();
    wake?.();
  };
  if (!watched.ended) watched.listeners.add(listener);
  try {
    for (;;) {
      const event = held.shift();
      if (event !== undefined) yield event;
      if (event?.type === 'ended') return undefined;
      if (held.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    watched.listeners.delete(listener);
  }
}
