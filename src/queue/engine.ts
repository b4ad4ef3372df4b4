// BullMQ by the URL of what it keeps its jobs in, Redis (or Valkey) or PostgreSQL: all that is said to it in making its objects is
// here.

import {
  Queue as BullQueue,
  type ConnectionOptions,
  QueueEvents,
  QueueEventsProducer,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import { UsageError } from '../spec/errors.ts';
import { messageOf, peek, quoted } from '../spec/told.ts';
import { failureOf } from '../store/postgres/failure.ts';
import { patient } from './postgres.ts';
import type { Told } from './ticket.ts';

/** A queue of BullMQ with jobs of ours in it. */
export type Bull = BullQueue<Told, Came, string>;
/** What a job has come to for BullMQ; its result is in the store. */
export interface Came {
  readonly how: 'done' | 'suspended' | 'removed' | 'superseded';
}

/** Where the queue is. */
export interface Place {
  readonly url: string;
  readonly name: string;
  readonly prefix: string | undefined;
}

type Processor = ConstructorParameters<typeof Worker<Told, Came, string>>[1];

const redis = ['redis:', 'rediss:', 'valkey:', 'valkeys:'];
const postgres = ['postgres:', 'postgresql:'];

/** How long a connection that we have asked something may be silent, in ms: longer than the longest question that blocks. */
const silence = 20_000;

/** Throws UsageError for a URL of anything else. */
export const isQueueUrl = (url: unknown): boolean =>
  typeof url === 'string' && [...redis, ...postgres].some((scheme) => url.startsWith(`${scheme}//`));

/** Ms for saying goodbye to a server, which may be away. */
const patience = 1000;

/** Whether the promise is fulfilled in so many ms. */
export async function isWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Closes what was opened. What cannot be in time, because the server is away, is torn off. */
export async function letGo(
  all: readonly (Pick<Bull, 'close' | 'disconnect'> | undefined)[],
  over: Promise<unknown> = Promise.allSettled(all.map((each) => each?.close())),
): Promise<void> {
  if (!(await isWithin(patience, over))) for (const each of all) each?.disconnect().catch(() => {});
}

export class Engine {
  private readonly isPostgres: boolean;
  private isOver = false;

  constructor(
    private readonly place: Place,
    private readonly told: (error: Error) => void,
  ) {
    this.isPostgres = postgres.some((scheme) => place.url.startsWith(scheme));
  }

  /**
   * Whether the server may do what it was asked when it is asked again: it was away, full of others, or the connection broke.
   * PostgreSQL's client says so, where that of Redis waits.
   */
  isPassing(error: unknown): boolean {
    const isTheirs = typeof peek(Object(error), 'code') === 'string' || /connection|timeout/i.test(messageOf(error));
    return this.isPostgres && isTheirs && failureOf(error).passing;
  }

  get name(): string {
    return this.place.name;
  }

  /** Of BullMQ's types each has its own for a database; what is said to them is the same. */
  private get connection(): ConnectionOptions {
    const { url } = this.place;
    if (this.isPostgres) return { connectionString: url, migrate: true, max: 4 } as never;
    return {
      url: url.replace(/^valkey/, 'redis'),
      maxRetriesPerRequest: null,
      retryStrategy: (times: number) => (this.isOver ? null : Math.min(times * 100, 2000)),
      socketTimeout: silence,
    } as ConnectionOptions;
  }

  /** A server that was never there is looked for no more: to `disconnect` from it BullMQ waits until it is there, for ever. */
  end(): void {
    this.isOver = true;
  }

  private get options() {
    const { prefix } = this.place;
    return { connection: this.connection, ...(prefix === undefined ? {} : { prefix }) };
  }

  private get factory() {
    return this.isPostgres ? (patient((error) => this.isPassing(error)) as never) : undefined;
  }

  private watched<T extends { on(event: 'error', listener: (error: Error) => void): unknown }>(make: () => T): T {
    try {
      const made = make();
      made.on('error', this.told);
      return made;
    } catch (cause) {
      throw new UsageError(`the queue ${quoted(this.place.name)} cannot be used: ${messageOf(cause)}`, { cause });
    }
  }

  queue(): Bull {
    return this.watched(() => new BullQueue(this.place.name, this.options, this.factory));
  }

  /** What happens to all jobs. */
  events(): QueueEvents {
    return this.watched(() => new QueueEvents(this.place.name, this.options, this.factory));
  }

  worker(processor: Processor, options: Omit<WorkerOptions, 'connection'>): Worker<Told, Came, string> {
    return this.watched(() => new Worker(this.place.name, processor, { ...this.options, ...options }, this.factory));
  }

  /** What runners are told, and tell each other: events of a queue of its own, in which there never are jobs. */
  runnersEvents(): QueueEvents {
    return this.watched(() => new QueueEvents(this.runners, this.options, this.factory));
  }
  runnersProducer(): QueueEventsProducer {
    return this.watched(() => new QueueEventsProducer(this.runners, this.options, this.factory));
  }

  private get runners(): string {
    return `${this.place.name}-runners`;
  }
}
