// How many jobs a runner has BullMQ fetch: those that wait, for a service or a time, take no places of others. They go on as soon as
// they can: the runner then has more than it would fetch, and fetches none until some have ended. One whose store fails leaves jobs to
// others for a while, and then tries with one at a time.

import type { Worker } from 'bullmq';

/** So long, in ms, there has to be a place before the worker is told: most calls of services are shorter. */
const tellAfter = 50;
/** How long none is fetched as the store fails, in ms: as long as it has failed, from, and up to. */
const restFor = { least: 250, most: 10_000 } as const;

export interface SlotsOptions {
  /** How many jobs it has that do not wait, and how many besides that do. */
  readonly jobs: number;
  readonly waiting: number;
  /** How many it may have in all. */
  readonly most: number;
  /** How many it has. */
  has(): number;
}

export class Slots {
  private count = 0;
  private most: number | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;
  /** Since when the store fails. */
  private failsSince: number | undefined;
  private rest: NodeJS.Timeout | undefined;

  constructor(
    private readonly worker: Pick<Worker, 'concurrency' | 'pause' | 'resume'>,
    private readonly options: SlotsOptions,
  ) {}

  /** How many jobs wait. */
  get waiting(): number {
    return this.count;
  }

  /** One more waits, or one less. */
  waits(more: 1 | -1): void {
    this.count += more;
    this.fit();
  }

  /** Whether the store fails. */
  get isTroubled(): boolean {
    return this.failsSince !== undefined;
  }

  /** The store has failed a job. */
  trouble(): void {
    const now = performance.now();
    this.failsSince ??= now;
    if (this.isClosed || this.rest !== undefined) return;
    this.fit();
    const ms = Math.min(restFor.most, Math.max(restFor.least, now - this.failsSince));
    void this.worker.pause(true);
    this.rest = setTimeout(() => this.goOn(), ms * (0.5 + Math.random() / 2)).unref();
  }

  /** The store has taken something. */
  well(): void {
    if (this.failsSince === undefined) return;
    this.failsSince = undefined;
    this.fit();
    this.goOn();
  }

  private goOn(): void {
    if (this.isClosed || this.rest === undefined) return;
    clearTimeout(this.rest);
    this.rest = undefined;
    void this.worker.resume();
  }

  /** It is to have no more than so many in all; undefined: as many as it may. */
  hold(most: number | undefined): void {
    this.most = most;
    this.fit();
  }

  private fit(): void {
    const { jobs, waiting, most, has } = this.options;
    const { concurrency: before } = this.worker;
    const wanted = this.most ?? jobs + Math.min(this.count, waiting);
    const now = this.isTroubled ? 1 : Math.max(1, Math.min(wanted, most));
    this.worker.concurrency = now;
    if (now <= before || has() < before || this.isClosed) return;
    this.timer ??= setTimeout(() => this.wake(), tellAfter).unref();
  }

  /**
   * A worker (BullMQ 6.7) that has as many jobs as it may have looks at that number when one ends, or when it is resumed: while all of
   * them wait, none does.
   */
  private wake(): void {
    this.timer = undefined;
    if (this.isClosed || this.rest !== undefined || this.options.has() >= this.worker.concurrency) return;
    void this.worker.pause(true);
    void this.worker.resume();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    clearTimeout(this.rest);
  }
}
