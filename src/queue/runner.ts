/// <reference lib="esnext.disposable" preserve="true" />
// A process that takes jobs from a queue and runs them on a pool of its own.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type QueueEvents, type QueueEventsProducer, UnrecoverableError, type Worker } from 'bullmq';
import { Deliveries } from '../pool/durable/deliveries.ts';
import { Pool } from '../pool/pool.ts';
import type { Service } from '../pool/told/services.ts';
import { anInteger, mostMs } from '../spec/options.ts';
import { isError, messageOf } from '../spec/told.ts';
import { type Delivery, type RunnerSide, Work } from './delivery.ts';
import { type Bull, type Came, Engine, isWithin, letGo } from './engine.ts';
import { Locks } from './locks.ts';
import { type RunnerOptions, type RunnerSpec, runnerSpec } from './options.ts';
import { firstIdle, hear, nextIdle, type RunnerMessage, tell } from './runners.ts';
import { Slots } from './slots.ts';
import { keyIn, type Told } from './ticket.ts';

/** What a runner does at the moment, and has done. */
export interface RunnerStats {
  /** Jobs that it has, those that wait included. */
  readonly jobs: number;
  /** Those of them that wait for a service or a time, and take no places of others. */
  readonly waiting: number;
  /** Deliveries so far. */
  readonly taken: number;
  /** Of those: jobs that have ended here, that were given back or to other runners, and that others took over. */
  readonly ended: number;
  readonly given: number;
  readonly shared: number;
  readonly lost: number;
  /** Those of the ones given back that its limits, or those of their tenants, did not let in: they come again later, here or elsewhere. */
  readonly refused: number;
  /** With a `cache`: entries of native code that it has found in the store, and put there. */
  readonly codeFound: number;
  readonly codeKept: number;
}

/** Of BullMQ's list of ended jobs: results are in the store. */
const keptInQueue = 1000;
/** Runners answer one by one: in so many ms at the most. */
const shareWithin = 100;
/** So long a runner leaves the jobs to others that it has given away. */
const shareFor = 1000;

/** Takes jobs of a queue up, as many as it may have at once, until it is closed. */
export class Runner {
  /** What others know it by. */
  readonly id = `${hostname()}.${process.pid}.${randomUUID().slice(0, 8)}`;
  private readonly spec: RunnerSpec;
  private readonly pool: Pool;
  private readonly engine: Engine;
  private readonly deliveries: Deliveries;
  private readonly worker: Worker<Told, Came, string>;
  private readonly slots: Slots;
  private readonly bull: Bull;
  private readonly events: QueueEvents;
  private readonly producer: QueueEventsProducer;
  private readonly locks: Locks;
  private readonly works = new Map<string, Work>();
  private readonly counts = { taken: 0, ended: 0, given: 0, shared: 0, lost: 0, refused: 0 };
  private isDraining = false;
  private closing: Promise<void> | undefined;
  private idleIn: number = firstIdle;
  /** How often others have said so since it did. */
  private othersIdle = 0;
  private idleTimer: NodeJS.Timeout | undefined;
  private sharing = false;
  private isDrained = false;

  /** Begins at once. Throws UsageError. What cannot be reached now is tried again until it can be. */
  constructor(options: RunnerOptions) {
    this.spec = runnerSpec(options);
    const { place, jobs, most, lease, deaths, limiter, metrics } = this.spec;
    this.pool = new Pool(this.spec.pool);
    this.deliveries = new Deliveries(this.pool.kept.ledger);
    this.engine = new Engine(place, this.spec.onError);
    this.bull = this.engine.queue();
    this.events = this.engine.runnersEvents();
    this.producer = this.engine.runnersProducer();
    this.worker = this.engine.worker((job, token) => this.process(job, token as string), {
      ...{
        name: this.id,
        concurrency: Math.min(jobs, most),
        lockDuration: lease,
        stalledInterval: lease / 2,
        maxStalledCount: deaths,
      },
      ...{ removeOnComplete: { count: keptInQueue }, removeOnFail: { count: keptInQueue }, runRetryDelay: 500 },
      ...{ skipLockRenewal: true, ...(limiter === undefined ? {} : { limiter }) },
      ...(metrics === undefined ? {} : { metrics }),
    });
    this.slots = new Slots(this.worker, { ...this.spec, has: () => this.works.size });
    this.locks = new Locks({
      lease,
      extend: (tickets, tokens) => this.worker.extendJobLocks(tickets, tokens, lease),
      onError: this.spec.onError,
    });
    this.worker.on('drained', () => {
      this.isDrained = true;
    });
    hear(this.events, (message) => this.hear(message));
    this.idleSoon();
  }

  /** Binds an object to the import module `name` of all jobs that are taken from now on. */
  expose(name: string, service: Service): void {
    this.pool.expose(name, service);
  }

  /** What it does and has done. */
  get stats(): RunnerStats {
    const { found: codeFound = 0, kept: codeKept = 0 } = this.pool.kept.codes?.counts ?? {};
    return { jobs: this.works.size, waiting: this.slots.waiting, ...this.counts, codeFound, codeKept };
  }

  /** Resolves once it is connected to the queue, and its threads have started. */
  async ready(): Promise<void> {
    await Promise.all([this.worker.waitUntilReady(), this.events.waitUntilReady(), this.pool.ready()]);
  }

  // ---- deliveries

  private async process(delivery: Delivery, token: string): Promise<Came> {
    this.counts.taken++;
    this.isDrained = false;
    this.idleIn = firstIdle;
    const key = this.keyOf(delivery);
    const ticket = delivery.id as string;
    const work = new Work(this.side, key, delivery, token);
    this.locks.hold(token, { ticket, lost: () => void work.leaveBy({ why: 'late' }) });
    try {
      for (let before = this.works.get(ticket); before !== undefined; before = this.works.get(ticket))
        await this.end(before);
      this.works.set(ticket, work);
      if (this.isDraining) void work.leaveBy({ why: 'drained' });
      const came = await work.run();
      this.counts.ended++;
      return came;
    } catch (error) {
      this.count(error, work);
      throw error;
    } finally {
      this.locks.drop(token);
      if (this.works.get(ticket) === work) this.works.delete(ticket);
    }
  }

  /** An earlier delivery to us of the same job, which does not stand any more. */
  private async end(before: Work): Promise<void> {
    this.locks.drop(before.token);
    void before.leaveBy({ why: 'late' });
    await before.over;
  }

  private count(error: unknown, { wasGiven, wasRefused }: Work): void {
    if (wasRefused) this.counts.refused++;
    if (error instanceof UnrecoverableError) this.counts.ended++;
    else if (wasGiven) this.counts.given++;
    else this.counts.lost++;
  }

  private keyOf({ data, id }: Delivery): string {
    try {
      return keyIn(data, id);
    } catch (error) {
      this.counts.ended++;
      throw new UnrecoverableError(messageOf(error));
    }
  }

  private get side(): RunnerSide {
    const { ledger } = this.pool.kept;
    return {
      id: this.id,
      giveBackAfter: this.spec.giveBackAfter,
      take: (key, ticket, isOurs) => this.deliveries.take(key, ticket, isOurs),
      begin: (held) => this.pool.kept.goOnWith(held),
      drop: (held) => this.deliveries.drop(held),
      isOurs: async (ticket, token) => {
        const refused = await this.worker.extendJobLocks([ticket], [token], this.spec.lease);
        return refused.length === 0;
      },
      isEmpty: () => this.isEmpty(),
      waits: (more) => this.slots.waits(more),
      trouble: () => this.slots.trouble(),
      well: () => this.slots.well(),
      failed: (error) => this.spec.onError(isError(error) ? error : new Error(messageOf(error))),
      putBack: async ({ name, data, id, priority }) => {
        const { entry } = await ledger.look(data.key);
        if (entry === undefined || !('ticket' in entry) || entry.ticket !== id || entry.state !== 'live') return;
        await this.bull.add(name, data, { jobId: id as string, priority });
      },
    };
  }

  private async isEmpty(): Promise<boolean> {
    const { wait = 0, prioritized = 0 } = await this.bull.getJobCounts('wait', 'prioritized');
    return wait + prioritized === 0;
  }

  // ---- what others say

  private hear(message: RunnerMessage): void {
    if (message.what === 'idle') {
      if (message.runner === this.id) return;
      this.othersIdle++;
      void this.answer(message.free);
      return;
    }
    for (const work of this.works.values()) if (work.key === message.key) void this.look(work);
  }

  /** Somebody wishes something of a job. */
  private async look(work: Work): Promise<void> {
    try {
      const found = await this.deliveries.find(work.key);
      if (found === undefined) work.abandon();
      else if (found.entry.wish === 'rest') await work.leaveBy({ why: 'asked' });
    } catch {
      // Its next change finds out.
    }
  }

  // ---- sharing

  private idleSoon(): void {
    this.idleTimer = setTimeout(() => void this.idle(), this.idleIn * (0.5 + Math.random() / 2)).unref();
  }

  /** Says so where it has threads for which the queue has no jobs. */
  private async idle(): Promise<void> {
    if (this.closing !== undefined) return;
    const free = this.spec.threads - this.busy.length;
    if (this.spec.share && this.isDrained && free > 0 && !this.slots.isTroubled) {
      await tell(this.producer, { what: 'idle', runner: this.id, free });
      this.idleIn = nextIdle(this.idleIn, this.othersIdle);
      this.othersIdle = 0;
    } else this.idleIn = firstIdle;
    this.idleSoon();
  }

  private get busy(): Work[] {
    return [...this.works.values()].filter(({ isBusy }) => isBusy);
  }

  /**
   * Gives jobs that have no thread here to runners that have: as many as these have threads, and half of what is too much at the
   * most. Of all that hear of it one answers first, and the others then see that the queue has jobs again.
   */
  private async answer(free: number): Promise<void> {
    const spare = () => this.busy.length - this.spec.threads;
    if (!this.spec.share || this.sharing || this.isDraining || spare() <= 0) return;
    this.sharing = true;
    try {
      await sleep((Math.random() * shareWithin) / Math.max(1, spare()));
      const isEmpty = await this.isEmpty();
      const count = Math.min(free, Math.ceil(spare() / 2));
      if (!isEmpty || count <= 0) return;
      // It would take them again at once.
      this.slots.hold(this.works.size - count);
      await Promise.all(this.busy.slice(-count).map((work) => work.leaveBy({ why: 'shared' })));
      this.counts.shared += count;
      await sleep(shareFor);
    } catch {
      // Another time.
    } finally {
      this.slots.hold(undefined);
      this.sharing = false;
    }
  }

  // ---- its end

  /**
   * Takes no more jobs, saves those that it has, gives them back, and resolves once all is done. What is not saved after `grace` ms,
   * 10,000 unless told, others go on with from where it was last saved, as they do after a crash. Resolves to how many those are.
   */
  async close(grace = 10_000): Promise<number> {
    anInteger(0, mostMs)(grace, 'the grace');
    let late = 0;
    this.closing ??= this.finish(grace).then((count) => {
      late = count;
    });
    await this.closing;
    return late;
  }

  private async finish(grace: number): Promise<number> {
    clearTimeout(this.idleTimer);
    this.isDraining = true;
    this.slots.close();
    const over = this.worker.close();
    const works = [...this.works.values()];
    for (const work of works) void work.leaveBy({ why: 'drained' });
    const inTime = await isWithin(grace, Promise.all(works.map((work) => work.over)));
    // The queue's server may be away, and BullMQ then waits for it for ever.
    if (inTime) await letGo([this.worker], over);
    const late = [...this.works.values()];
    this.locks.close();
    for (const work of late) work.abandon();
    if (!inTime) await letGo([this.worker], over);
    this.engine.end();
    await letGo([this.events, this.producer, this.bull]);
    await this.pool.terminate();
    return late.length;
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
