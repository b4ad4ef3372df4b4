/// <reference lib="esnext.disposable" preserve="true" />
// Whoever has jobs for a queue: puts them into the store and the queue, and hears what comes of them.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { QueueEventsProducer } from 'bullmq';
import { Deliveries } from '../pool/durable/deliveries.ts';
import type { Entry } from '../pool/durable/entry.ts';
import { type Found, Ledger, type Line, type Wanted } from '../pool/durable/ledger.ts';
import { submitted } from '../pool/job/origin.ts';
import { digestOf, titleOf, writeSpec } from '../pool/job/spec.ts';
import type { CallSpec } from '../pool/told/options.ts';
import type { WasiOutput } from '../pool/told/wasi.ts';
import type { Value } from '../runtime/heap/ref.ts';
import { StoreError, UsageError } from '../spec/errors.ts';
import { isA, quoted } from '../spec/told.ts';
import { type Bull, Engine, letGo } from './engine.ts';
import { type QueueControl, QueueJob, type QueueJobState } from './job.ts';
import {
  checkQueue,
  placeOf,
  poolSpecOf,
  type QueueCallSpec,
  type QueueOptions,
  type QueueProgramSpec,
  type QueueSpec,
  type QueueWasiSpec,
} from './options.ts';
import { insist } from './patience.ts';
import { tell } from './runners.ts';
import { bullPriority, newTicket } from './ticket.ts';
import { Watch, type Watched } from './watch.ts';

/** A job as a list tells it. */
export interface ListedJob {
  readonly key: string;
  readonly state: QueueJobState;
  /** What it is, in a few words for people. */
  readonly title: string;
  /** Whose it is, where that was told. */
  readonly tenant?: string | undefined;
  /** How often it was saved. */
  readonly saves: number;
  /** Units of fuel, and ms under way, until it was last saved. */
  readonly fuel: number;
  readonly ms: number;
  /** In ms since 1970, by the clocks of those who wrote it. */
  readonly submittedAt: number;
  readonly changedAt: number;
  /** Where it is damaged: what is wrong. Then `state` is `lost`, and nothing else is known. */
  readonly damage?: string | undefined;
}

/** So long, in ms, whoever has a job may take to let it come to rest; then it rests as it was last saved. */
const patience = 30_000;
/** So often a job is looked at that is to come to rest. */
const lookMs = 50;

/**
 * The jobs of a pool with a `store`, spread over any number of processes and machines: a BullMQ queue says who is next, and the store
 * keeps what jobs are. Runners (`Runner`, `wasbox work`) take them up. Several processes may have the same queue.
 */
export class Queue {
  private readonly engine: Engine;
  private readonly ledger: Ledger;
  private readonly deliveries: Deliveries;
  private readonly watch: Watch;
  private opened: Bull | undefined;
  private producer: QueueEventsProducer | undefined;
  private closing: Promise<void> | undefined;

  /** Throws UsageError. What cannot be reached now is tried again until it can be. */
  constructor(options: QueueOptions) {
    checkQueue(options);
    this.engine = new Engine(placeOf(options), () => {});
    // Jobs here are nobody's: there is no lease to be kept.
    this.ledger = new Ledger(options.store, 10_000);
    this.deliveries = new Deliveries(this.ledger);
    this.watch = new Watch({
      ledger: this.ledger,
      deliveries: this.deliveries,
      events: () => this.engine.events(),
      put: (key, entry) => this.line(key, entry),
    });
  }

  /**
   * The queue of BullMQ, for all that it does by itself: dashboards, metrics, rate limits, pausing. What it has of a job is its key
   * and its title; a job that is removed there, `recover` puts back.
   */
  get bull(): Bull {
    this.opened ??= this.engine.queue();
    return this.opened;
  }

  // ---- jobs

  /**
   * Has a job run by some runner. As `pool.submit`: the same `key` is the same job, or its result, in whichever process; without one
   * it has a random one. Throws UsageError and LinkError for what is wrong at once; all else ends the job.
   */
  submit<T = readonly Value[]>(spec: QueueCallSpec): QueueJob<T>;
  submit<T = WasiOutput>(spec: QueueWasiSpec): QueueJob<T>;
  submit<T = unknown>(spec: QueueProgramSpec): QueueJob<T>;
  submit<T>(spec: QueueSpec): QueueJob<T> {
    this.checkOpen();
    const { delay, signal, tenant, priority = 0, key = randomUUID() } = spec;
    const { spec: job, place: origin } = submitted({ ...poolSpecOf(spec), key } as CallSpec);
    const services: string[] = [];
    const digest = digestOf(job, origin);
    const written = writeSpec(job, services, origin);
    const about = { by: 'queue' as const, digest, identity: job.identity ?? randomUUID(), title: titleOf(job, origin) };
    const make = () => ({ ...about, spec: written, modules: job.modules.map(({ bytes }) => bytes) });
    const watched = this.watch.of(key);
    const line = {
      ...{ ticket: newTicket(key), priority: bullPriority(priority), tenant },
      ...(delay === undefined ? {} : { runAt: Date.now() + delay }),
    };
    const done = this.admit(watched, { digest, make }, line);
    const made = this.job<T>(watched, done);
    if (signal !== undefined) this.heed(made as QueueJob<unknown>, signal);
    return made;
  }

  private async admit(watched: Watched, wanted: Wanted, line: Line): Promise<void> {
    const { key } = watched;
    try {
      const found = await this.deliveries.put(key, wanted, line);
      const { entry } = found;
      this.watch.follow(watched, entry.ticket);
      if (entry.state !== 'live' || entry.wish !== undefined) await this.watch.settle(watched, found);
      else await this.line(key, entry);
    } catch (error) {
      this.watch.end(watched, () => watched.output.reject(error));
      throw error;
    }
  }

  /** A job that was submitted before, by whomever. */
  get<T = unknown>(key: string): QueueJob<T> {
    this.checkOpen();
    const watched = this.watch.of(key);
    return this.job<T>(watched, this.found(watched));
  }

  private async found(watched: Watched): Promise<void> {
    if (watched.ticket === undefined) await this.watch.look(watched);
  }

  private job<T>(watched: Watched, done: Promise<void>): QueueJob<T> {
    done.catch(() => {});
    return new QueueJob<T>(watched, this.control, done);
  }

  private heed(job: QueueJob<unknown>, signal: AbortSignal): void {
    const abort = () => void job.suspend().catch(() => {});
    const over = () => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort);
    job.result.then(over, over);
    if (signal.aborted) abort();
  }

  /** In the queue it is there once, however often it is put there. */
  private async line(key: string, { ticket, title, priority = 0, runAt, tenant }: Entry): Promise<void> {
    const delay = Math.max(0, (runAt ?? 0) - Date.now());
    const data = { key, ...(tenant === undefined ? {} : { tenant }) };
    await this.asked(() => this.bull.add(title || 'job', data, { jobId: ticket as string, priority, delay }));
  }

  /** Asks the queue's server until it answers, or the queue is closed. */
  private asked<T>(act: () => Promise<T>): Promise<T> {
    return insist(act, (error) => this.engine.isPassing(error) && this.closing === undefined);
  }

  private readonly control: QueueControl = {
    state: (key) => this.state(key),
    suspend: (key) => this.suspend(key),
    resume: (key) => this.resume(key),
    cancel: (key) => this.cancel(key),
  };

  // ---- what becomes of them

  /** Where a job is. Rejects with StoreError. */
  async state(key: string): Promise<QueueJobState> {
    this.checkOpen();
    const found = await this.deliveries.find(key);
    return found === undefined ? 'absent' : this.stateOf(found.entry);
  }

  private async stateOf({ state, by, ticket, wish, owner }: Entry): Promise<QueueJobState> {
    if (state !== 'live') return state;
    if (by !== 'queue') return 'lost';
    if (wish !== undefined) return owner === undefined ? 'suspended' : 'suspending';
    const there = await this.asked(() => this.bull.getJobState(ticket as string));
    if (there === 'failed' || there === 'completed') return 'stranded';
    if (there === 'unknown') return 'lost';
    return there === 'prioritized' || there === 'waiting-children' ? 'waiting' : (there as QueueJobState);
  }

  /** As `job.suspend`. */
  async suspend(key: string): Promise<void> {
    this.checkOpen();
    let found = live(key, await this.deliveries.rest(key));
    const { ticket } = found.entry;
    // Nobody need find a job that rests; whoever has it is told, and the wish is there in any case.
    if (found.entry.owner === undefined) await this.bull.remove(ticket as string).catch(() => {});
    await this.tell({ what: 'look', key });
    for (const begun = performance.now(); found.entry.owner !== undefined || (await this.isActive(ticket)); ) {
      await sleep(lookMs);
      const isLate = performance.now() - begun > patience;
      found = live(key, await (isLate ? this.deliveries.seizeToRest(key) : this.deliveries.find(key)));
      if (isLate) return;
      if (found.entry.wish === undefined) throw new UsageError(`the job ${quoted(key)} was resumed meanwhile`);
    }
  }

  /** A runner may have it that has not written anything yet. */
  private async isActive(ticket: string | undefined): Promise<boolean> {
    return (await this.asked(() => this.bull.getJobState(ticket as string))) === 'active';
  }

  /** As `job.resume`; also of a job that the queue has given up. */
  async resume(key: string): Promise<void> {
    this.checkOpen();
    let found = live(key, await this.deliveries.resume(key, newTicket(key)));
    if ((await this.stateOf(found.entry)) === 'stranded') found = await this.renew(key, found.entry);
    await this.again(key, found);
  }

  private async renew(key: string, { ticket }: Entry): Promise<Found> {
    return live(key, await this.deliveries.renew(key, ticket as string, newTicket(key)));
  }

  private async again(key: string, { entry }: Found): Promise<void> {
    await this.line(key, entry);
    const watched = this.watch.known(key);
    if (watched !== undefined) this.watch.follow(watched, entry.ticket);
  }

  /** As `job.cancel`. */
  async cancel(key: string): Promise<void> {
    this.checkOpen();
    const { entry } = live(key, await this.deliveries.remove(key));
    await this.tell({ what: 'look', key });
    await this.bull.remove(entry.ticket as string).catch(() => {});
    const watched = this.watch.known(key);
    if (watched !== undefined) await this.watch.look(watched);
  }

  /**
   * Removes a result: the key may then be used anew. False where there is none. Rejects with UsageError where the job has no result
   * yet, and with StoreError.
   */
  async forget(key: string): Promise<boolean> {
    this.checkOpen();
    return this.ledger.forget(key, (entry) => {
      if (isA(entry, StoreError)) throw entry;
      if (entry.state === 'live') throw new UsageError(`the job ${quoted(key)} has no result yet`);
      return true;
    });
  }

  /** The jobs of the store that are of queues, those with results included, whose keys begin with `prefix`. Rejects with StoreError. */
  async *list(prefix = ''): AsyncGenerator<ListedJob, undefined, undefined> {
    this.checkOpen();
    for await (const { key, entry } of this.ledger.entriesBelow(prefix))
      if (isA(entry, StoreError)) yield damaged(key, entry);
      else if (entry.by === 'queue') yield told(key, entry, await this.stateOf(entry));
  }

  /**
   * Puts jobs into the queue that the store has and the queue has not: because whoever submitted one died in between, or the
   * queue's server has lost what it knew. Resolves to how many it has looked at. Rejects with StoreError.
   */
  async recover(): Promise<number> {
    this.checkOpen();
    let count = 0;
    for await (const { key, entry } of this.ledger.entries()) {
      if (isA(entry, StoreError) || entry.by !== 'queue' || entry.state !== 'live' || entry.wish !== undefined)
        continue;
      await this.line(key, entry);
      count++;
    }
    return count;
  }

  private async tell(message: Parameters<typeof tell>[1]): Promise<void> {
    this.producer ??= this.engine.runnersProducer();
    await tell(this.producer, message);
  }

  private checkOpen(): void {
    if (this.closing !== undefined) throw new UsageError('the queue is closed');
  }

  /** Lets go of the server and the store. Jobs go on; those that are waited for here reject with UsageError. */
  close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  private async finish(): Promise<void> {
    this.engine.end();
    await this.watch.close(new UsageError('the queue is closed'));
    await letGo([this.opened, this.producer]);
    await this.ledger.close();
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Throws UsageError. */
function live(key: string, found: Found | undefined): Found {
  if (found === undefined) throw new UsageError(`there is no job ${quoted(key)}`);
  if (found.entry.state !== 'live')
    throw new UsageError(`the job ${quoted(key)} has ended: it is ${found.entry.state}`);
  return found;
}

const told = (key: string, entry: Entry, state: QueueJobState): ListedJob => ({
  ...{ key, state, title: entry.title, tenant: entry.tenant, saves: entry.saves, fuel: entry.paid, ms: entry.spent },
  ...{ submittedAt: entry.submittedAt, changedAt: entry.changedAt },
});
const damaged = (key: string, { message }: StoreError): ListedJob => ({
  ...{ key, state: 'lost', title: '', saves: 0, fuel: 0, ms: 0, submittedAt: 0, changedAt: 0, damage: message },
});
