// One delivery of the queue: the job is taken up as far as the store allows it, run on the runner's pool, and what has come of it is
// told to the queue. README.md in this folder says why each step stands where it does.

import { type Job as BullJob, DelayedError, UnrecoverableError, WaitingError } from 'bullmq';
import type { Delivered, Held } from '../pool/durable/ledger.ts';
import type { Taken } from '../pool/job/durable-jobs.ts';
import { deferred } from '../pool/line/deferred.ts';
import { LostError, SuspendedError } from '../pool/told/ends.ts';
import { CancelledError } from '../pool/told/errors.ts';
import { LimitError, StoreError, WasboxError } from '../spec/errors.ts';
import { isA, messageOf } from '../spec/told.ts';
import type { Came } from './engine.ts';
import type { Progress } from './events.ts';
import type { Told } from './ticket.ts';

export type Delivery = BullJob<Told, Came, string>;

/** Why a runner gives a job away. */
export type Leaving =
  /** The runner ends; another one has nothing to do; somebody wishes something of it. */
  | { readonly why: 'drained' | 'shared' | 'asked' }
  /** The delivery does not stand any more. */
  | { readonly why: 'late' }
  /** Its guest waits until then, in ms since 1970. */
  | { readonly why: 'waits'; readonly until: number };

/** What a runner does for a delivery. */
export interface RunnerSide {
  readonly id: string;
  readonly giveBackAfter: number;
  take(key: string, ticket: string, isOurs: () => Promise<boolean>): Promise<Delivered>;
  begin(held: Held): Promise<Taken>;
  drop(held: Held): Promise<void>;
  /** Whether the queue still counts the delivery as ours; it then is for a while. */
  isOurs(ticket: string, token: string): Promise<boolean>;
  /** Whether nothing waits in the queue. */
  isEmpty(): Promise<boolean>;
  /** Has the job in the queue, where that has lost it. */
  putBack(job: Delivery): Promise<void>;
  /** A job has begun to wait, or has ceased to. */
  waits(more: 1 | -1): void;
  /** The store has failed a job; or has taken what it was given. */
  trouble(): void;
  well(): void;
  /** The queue's server has failed, or something that nobody has thought of. */
  failed(error: unknown): void;
}

/** After that many ms a job is followed, to see whether it waits and how far it is. */
const followAfter = 100;
/** So often at the most somebody is told how far it is. */
const progressEvery = 1000;
/** A job that was begun so often stays away where the store fails it: one that goes wrong everywhere must not be in the way. */
const mostTries = 4;
/** How long a job stays away in ms, from, and up to, the longer the more often it was begun: as its store fails, or limits do not let it in. */
const awayFor = { least: 100, most: 10_000 } as const;
/** What a job can end with that is no result of it: it stays in the store as it was saved. */
const noResults: readonly string[] = ['usage', 'crash', 'store', 'lost', 'suspended', 'cancelled'];
/** What does not change by trying again. */
const hopeless: readonly StoreError['reason'][] = ['damaged', 'version', 'missing'];

export class Work {
  private readonly ticket: string;
  private taken: Taken | undefined;
  private held: Held | undefined;
  private leaving: Leaving | undefined;
  private left: Promise<void> | undefined;
  private readonly ended = deferred<void>();
  private toldAt = 0;
  private timer: NodeJS.Timeout | undefined;
  /** `busy`: it has begun, and neither waits for anybody nor is on its way out. */
  private state: 'busy' | 'waits' | undefined;
  /** The queue has it again, since it was given back. */
  wasGiven = false;
  /** The runner's limits have not let it in. */
  wasRefused = false;

  constructor(
    private readonly side: RunnerSide,
    readonly key: string,
    private readonly delivery: Delivery,
    readonly token: string,
  ) {
    this.ticket = delivery.id as string;
  }

  /** Whether it wants a thread, or has one. */
  get isBusy(): boolean {
    return this.state === 'busy';
  }

  private goTo(state: 'busy' | 'waits' | undefined): void {
    const before = this.state;
    this.state = state;
    if ((before === 'waits') !== (state === 'waits')) this.side.waits(state === 'waits' ? 1 : -1);
  }

  /** Resolves once nothing is done for it any more. */
  get over(): Promise<void> {
    return this.ended.promise;
  }

  /** Never rejects with anything but what BullMQ understands. */
  async run(): Promise<Came> {
    try {
      for (;;) {
        const came = await this.attempt();
        if (came !== undefined) return came;
      }
    } catch (error) {
      throw isTold(error) ? error : await this.troubled(error);
    } finally {
      clearTimeout(this.timer);
      this.ended.resolve();
    }
  }

  /** Undefined where it has to be looked at again. */
  private async attempt(): Promise<Came | undefined> {
    if (this.leaving !== undefined) return this.leave(this.leaving, undefined);
    const isOurs = () => this.side.isOurs(this.ticket, this.token);
    const got = await this.side.take(this.key, this.ticket, isOurs);
    switch (got.kind) {
      case 'absent':
        return { how: 'removed' };
      case 'stale':
        return { how: 'superseded' };
      case 'late':
        throw new DelayedError();
      case 'resting':
        return { how: 'suspended' };
      case 'ended':
        return { how: 'done' };
      default:
        return this.work(got.held);
    }
  }

  private async work(held: Held): Promise<Came | undefined> {
    this.held = held;
    held.wished = () => void this.leaveBy({ why: 'asked' });
    const taken = await this.side.begin(held).catch(async (error: unknown) => {
      await this.side.drop(held).catch(() => {});
      throw error;
    });
    this.taken = taken;
    this.goTo('busy');
    if (this.leaving !== undefined) void this.leaveBy(this.leaving);
    this.timer = setTimeout(() => void this.follow(taken), followAfter);
    try {
      await taken.job.result;
      this.side.well();
      return { how: 'done' };
    } catch (error) {
      return await this.failed(error as Error, held);
    } finally {
      this.goTo(undefined);
      clearTimeout(this.timer);
      this.taken = undefined;
    }
  }

  /** Tells how far it is, and gives a job back that waits for long. */
  private async follow({ job }: Taken): Promise<void> {
    for await (const event of job) {
      if (event.type === 'checkpointed') {
        this.side.well();
        this.tellProgress();
      }
      if (this.state === undefined) continue;
      if (event.type === 'running' || event.type === 'queued') this.goTo('busy');
      if (event.type !== 'waiting') continue;
      this.goTo(event.for === 'store' ? 'busy' : 'waits');
      if (event.until !== undefined && event.until - Date.now() >= this.side.giveBackAfter)
        void this.leaveBy({ why: 'waits', until: event.until });
    }
  }

  private tellProgress(): void {
    const now = performance.now();
    const { held } = this;
    if (held === undefined || now - this.toldAt < progressEvery) return;
    this.toldAt = now;
    const { saves, paid: fuel, spent: ms } = held.entry;
    const progress: Progress = { saves, fuel, ms, runner: this.side.id };
    this.delivery.updateProgress(progress as never).catch(() => {});
  }

  private async failed(error: Error, held: Held): Promise<Came | undefined> {
    if (this.leaving !== undefined && (isA(error, SuspendedError) || isA(error, CancelledError))) {
      await this.left;
      return this.leave(this.leaving, held);
    }
    // Somebody else has it, or has removed it: the store says what it is now.
    if (isA(error, LostError)) return this.leaving?.why === 'late' ? this.leave(this.leaving, held) : undefined;
    const { code } = error as Partial<WasboxError>;
    if (!isA(error, WasboxError) || code === undefined || !noResults.includes(code)) {
      this.side.well();
      throw unrecoverable(error);
    }
    throw error;
  }

  /** Gives it away as soon as it is saved. The first reason counts, but for one that the delivery does not stand any more. */
  async leaveBy(leaving: Leaving): Promise<void> {
    if (this.leaving === undefined || leaving.why === 'late') this.leaving = leaving;
    if (this.taken === undefined || this.left !== undefined) return;
    this.goTo(undefined);
    this.left = this.taken.giveBack().catch(() => {});
    await this.left;
    this.left = undefined;
  }

  /** Nothing more is written of it. */
  abandon(): void {
    this.leaving = { why: 'late' };
    this.taken?.abandon();
  }

  /** It is saved, and nobody's: where it goes. */
  private async leave(leaving: Leaving, held: Held | undefined): Promise<Came> {
    this.leaving = undefined;
    if (leaving.why === 'late') {
      await this.side.putBack(this.delivery).catch(() => {});
      throw new DelayedError();
    }
    if (held?.entry.wish === 'rest') return { how: 'suspended' };
    if (leaving.why === 'waits') await this.delay(leaving.until - Date.now());
    return this.goFirst();
  }

  /** Ahead of others it is where there are others; but that wakes no worker, where all are idle. */
  private async goFirst(): Promise<never> {
    if (await this.side.isEmpty()) await this.delay(0);
    await this.delivery.moveToWait(this.token);
    this.wasGiven = true;
    throw new WaitingError();
  }

  private async delay(ms: number): Promise<never> {
    await this.delivery.moveToDelayed(Date.now() + ms, this.token);
    this.wasGiven = true;
    throw new DelayedError();
  }

  /** Nothing has come of it: what the queue is told. */
  private async troubled(error: unknown): Promise<Error> {
    try {
      if (isA(error, StoreError) && !hopeless.includes(error.reason)) {
        this.side.trouble();
        // The runner takes none now; that of another one may be well.
        if (this.delivery.attemptsStarted <= mostTries) await this.goFirst();
        await this.delay(againIn(this.delivery));
      }
      // A limit of the job itself is its result: this is one of the pool, or of a tenant there.
      if (isA(error, LimitError)) {
        this.wasRefused = true;
        await this.delay(againIn(this.delivery));
      }
      // The queue's server has failed: the delivery is left to its lock, and comes again.
      if (!isA(error, WasboxError)) {
        this.side.failed(error);
        throw new DelayedError();
      }
      if (isA(error, CancelledError) && !(await this.side.isOurs(this.ticket, this.token))) throw new DelayedError();
      return unrecoverable(error);
    } catch (instead) {
      // The queue says that the delivery does not stand any more, or was told all that it has to know.
      return isTold(instead) ? (instead as Error) : new DelayedError();
    }
  }
}

const isTold = (error: unknown): boolean =>
  [DelayedError, WaitingError, UnrecoverableError].some((type) => error instanceof type);

const unrecoverable = (error: unknown): Error => {
  const told = new UnrecoverableError(messageOf(error));
  told.stack = '';
  return told;
};

const againIn = ({ attemptsStarted }: Delivery): number => {
  const { least, most } = awayFor;
  return Math.min(most, least * 2 ** Math.min(attemptsStarted, 10)) * (0.5 + Math.random() / 2);
};
