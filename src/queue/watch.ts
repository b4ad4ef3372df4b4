// What comes of jobs that somebody waits for. The queue's events say when it is worth to look; what has come of a job, only the
// store says. An event that is missed is no matter: each job is looked at now and then.

import type { QueueEvents } from 'bullmq';
import type { Deliveries } from '../pool/durable/deliveries.ts';
import type { Entry } from '../pool/durable/entry.ts';
import type { Found, Ledger } from '../pool/durable/ledger.ts';
import { type Deferred, deferred } from '../pool/line/deferred.ts';
import { CancelledError } from '../pool/told/errors.ts';
import { StoreError } from '../spec/errors.ts';
import { isA, quoted } from '../spec/told.ts';
import { letGo } from './engine.ts';
import { StrandedError } from './errors.ts';
import type { Progress, QueueEvent } from './events.ts';

/** A job that somebody of this process has in hand. */
export class Watched {
  readonly output: Deferred<unknown> = deferred();
  readonly listeners = new Set<(event: QueueEvent) => void>();
  ticket: string | undefined;
  ended = false;
  constructor(readonly key: string) {}
}

/** So often some are looked at, and so many then at the most. */
const lookEvery = 1000;
const mostLooks = 100;
/** After so many times the queue is asked to have them, in case that it has lost them. */
const looksToPut = 30;
/** Events of the queue that are told as they are. */
const told = ['waiting', 'active', 'delayed', 'stalled'] as const;
/** What does not change by looking again. */
const hopeless: readonly StoreError['reason'][] = ['damaged', 'version', 'closed'];

export interface WatchSide {
  readonly ledger: Ledger;
  readonly deliveries: Deliveries;
  events(): QueueEvents;
  /** Has it in the queue, where it is not. */
  put(key: string, entry: Entry): Promise<unknown>;
}

export class Watch {
  private readonly byKey = new Map<string, Watched>();
  private readonly byTicket = new Map<string, Watched>();
  private events: QueueEvents | undefined;
  private timer: NodeJS.Timeout | undefined;
  private looks = 0;

  constructor(private readonly side: WatchSide) {}

  /** The one of that key, where somebody here waits for it. */
  known(key: string): Watched | undefined {
    return this.byKey.get(key);
  }

  /** The one of that key that has not ended, or a new one. */
  of(key: string): Watched {
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const watched = new Watched(key);
    this.byKey.set(key, watched);
    this.listen();
    return watched;
  }

  /** It is in the queue by that ticket. */
  follow(watched: Watched, ticket: string | undefined): void {
    if (watched.ended || watched.ticket === ticket) return;
    if (watched.ticket !== undefined) this.byTicket.delete(watched.ticket);
    watched.ticket = ticket;
    if (ticket !== undefined) this.byTicket.set(ticket, watched);
  }

  private listen(): void {
    this.timer ??= setInterval(() => void this.lookAround(), lookEvery).unref();
    if (this.events !== undefined) return;
    const events = this.side.events();
    this.events = events;
    events.on('completed', ({ jobId }) => void this.over(jobId));
    events.on('removed', ({ jobId }) => void this.over(jobId));
    events.on('failed', ({ jobId, failedReason }) => void this.over(jobId, failedReason));
    events.on('progress', ({ jobId, data }) =>
      this.tell(jobId, { type: 'progress', progress: data as unknown as Progress }),
    );
    for (const type of told) events.on(type, ({ jobId }: { jobId: string }) => this.tell(jobId, { type }));
  }

  private tell(ticket: string, event: QueueEvent): void {
    for (const listener of this.byTicket.get(ticket)?.listeners ?? []) listener(event);
  }

  private async over(ticket: string, reason?: string): Promise<void> {
    const watched = this.byTicket.get(ticket);
    if (watched !== undefined) await this.look(watched, reason);
  }

  /** Those that were looked at the longest ago; and that the queue has them. */
  private async lookAround(): Promise<void> {
    const some = [...take(this.byKey.values(), mostLooks)];
    for (const watched of some) {
      this.byKey.delete(watched.key);
      this.byKey.set(watched.key, watched);
    }
    const mayBeLost = ++this.looks % looksToPut === 0;
    await Promise.all(some.map((watched) => watched.ticket !== undefined && this.look(watched, undefined, mayBeLost)));
  }

  /** Settles a job that has ended. `reason`: why the queue has given it up. */
  async look(watched: Watched, reason?: string, mayBeLost = false): Promise<void> {
    try {
      const found = await this.side.deliveries.find(watched.key);
      if (!watched.ended) await this.settle(watched, found, reason, mayBeLost);
    } catch (error) {
      if (isA(error, StoreError) && !hopeless.includes(error.reason)) return;
      this.end(watched, () => watched.output.reject(error));
    }
  }

  async settle(watched: Watched, found: Found | undefined, reason?: string, mayBeLost = false): Promise<void> {
    const { key, ticket, output } = watched;
    if (found === undefined)
      return this.end(watched, () =>
        output.reject(new CancelledError(`the job ${quoted(key)} was cancelled, or its result removed`)),
      );
    const { entry } = found;
    if (entry.state !== 'live') {
      const outcome = await this.side.ledger.outcome(key, entry);
      return this.end(watched, () =>
        outcome.kind === 'done' ? output.resolve(outcome.output) : output.reject(outcome.error),
      );
    }
    if (entry.ticket !== ticket) return this.follow(watched, entry.ticket);
    if (entry.wish !== undefined) return this.tell(ticket as string, { type: 'suspended' });
    if (reason !== undefined) return this.end(watched, () => output.reject(new StrandedError(key, reason)));
    // Where that fails, another time.
    if (mayBeLost) await this.side.put(key, entry).catch(() => {});
  }

  /** Nobody waits for it here any more. */
  end(watched: Watched, settle: () => void): void {
    if (watched.ended) return;
    watched.ended = true;
    if (this.byKey.get(watched.key) === watched) this.byKey.delete(watched.key);
    if (watched.ticket !== undefined) this.byTicket.delete(watched.ticket);
    settle();
    for (const listener of watched.listeners) listener({ type: 'ended' });
    watched.listeners.clear();
  }

  async close(error: Error): Promise<void> {
    clearInterval(this.timer);
    for (const watched of [...this.byKey.values()]) this.end(watched, () => watched.output.reject(error));
    await letGo([this.events]);
  }
}

function* take<T>(all: Iterable<T>, most: number): Generator<T> {
  let left = most;
  for (const each of all) {
    if (left-- <= 0) return;
    yield each;
  }
}
