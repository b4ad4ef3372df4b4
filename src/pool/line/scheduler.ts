// Who runs next, and where. Pure bookkeeping: it knows nothing of threads, messages or VMs, and never waits.
//
// Stride scheduling: each job has a `pass`; the job with the least runs next, and each slice moves its pass on by one
// stride. A new job starts at the current pass, so it runs before the next slice of any job that is under way: long
// jobs cannot starve short ones. A stride is 2^-priority: a job of priority 1 gets two slices for one of priority 0,
// and one of priority 10 all but shuts others out, yet nobody starves.
// Jobs of several tenants stand in several lines (tenants.ts), which take turns by what their slices have taken.
// Affinity decides among jobs of about equal pass: `keep` goes where it ran last, and may for that be some slices ahead
// of one that would have to move; `spread` goes anywhere else.

import type { Shares } from './shares.ts';
import { type Queue, type TenantLine, Tenants } from './tenants.ts';
import type { ThreadId, Ticket } from './ticket.ts';

export interface Assignment<T extends Ticket> {
  readonly job: T;
  readonly thread: ThreadId;
}

/** What is sent off counts for at least, as part of what a slice should take: to send it costs something, too. */
const leastSlice = 0.05;
/** How many slices of the job whose turn it is another one may be ahead where it is at home. */
const homeLead = 4;
/** How many waiting jobs are looked at for the one that suits a thread best. */
const lookAhead = 64;
/** How many for one that goes along with another. */
const lookAround = 16;

export class Scheduler<T extends Ticket> {
  private readonly tenants: Tenants<T>;
  private readonly alive = new Set<ThreadId>();
  private readonly idle: ThreadId[] = [];
  private arrivals = 0;

  /** `shares`: what may be held and run at once, by all and by each tenant; jobs that wait for a service hold, too. */
  constructor(
    readonly shares: Shares,
    weightOf: (tenant: string) => number = () => 1,
  ) {
    this.tenants = new Tenants(weightOf);
  }

  get queued(): number {
    return this.tenants.queued;
  }

  /** How many jobs could be sent off if others gave up their memory: no more than there are threads. */
  get crowd(): number {
    const { room } = this.shares.all;
    return Math.max(0, Math.min(this.tenants.fresh, this.alive.size) - Math.max(0, room));
  }

  /** Tenants with jobs that would begin if others of theirs gave up their memory. */
  get crowded(): readonly string[] {
    if (!this.shares.isBound) return [];
    return this.tenants.names((name, { fresh }) => fresh.head !== undefined && this.shares.of(name)?.isFull === true);
  }

  /** In how many ms a tenant has fuel again whose jobs wait for that; undefined where none does. */
  get readyIn(): number | undefined {
    if (!this.shares.isBound) return undefined;
    const now = this.shares.now();
    const waits = [
      this.shares.all,
      ...this.tenants.names((_, line) => !line.isEmpty).map((name) => this.shares.of(name)),
    ];
    const times = waits.map((share) => share?.readyIn(now) ?? 0).filter((ms) => ms > 0);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  addThread(thread: ThreadId): void {
    this.alive.add(thread);
    this.idle.push(thread);
  }

  removeThread(thread: ThreadId): void {
    this.alive.delete(thread);
    this.take(thread);
  }

  /** Takes a thread for something else than a slice; false where it is not idle. */
  take(thread: ThreadId): boolean {
    const at = this.idle.indexOf(thread);
    if (at >= 0) this.idle.splice(at, 1);
    return at >= 0;
  }

  /** How many threads have nothing to do. */
  get idling(): number {
    return this.idle.length;
  }

  /** The thread has finished its slice. */
  release(thread: ThreadId): void {
    if (this.alive.has(thread) && !this.idle.includes(thread)) this.idle.push(thread);
  }

  /** Whether others wait for that thread while another one is idle. */
  isUneven(thread: ThreadId): boolean {
    if (!this.idle.some((other) => other !== thread)) return false;
    return [...this.inLine()].some((job) => job.isPinned === true && job.thread === thread);
  }

  /** Puts a job in line, in a new place if it was in line; `urgent` puts it before all others. */
  enqueue(job: T, urgent = false): void {
    this.remove(job);
    job.arrival = this.arrivals++;
    this.tenants.add(job, urgent);
  }

  /** Takes a waiting job out of the line; false where it was not in it. */
  remove(job: T): boolean {
    return this.tenants.lineOf(job).queueOf(job).remove(job);
  }

  /** The job holds no memory any more. */
  retire(job: T): void {
    if (!job.live) return;
    job.live = false;
    for (const share of this.shares.for(job)) {
      share.live--;
      share.bytes -= job.bytes ?? 0;
    }
    job.bytes = 0;
  }

  /** The job's slice is over, and used so much fuel; it holds so many bytes now. */
  ran(job: T, units: number, bytes: number): void {
    const now = this.shares.now();
    for (const share of this.shares.for(job)) {
      share.used(units, now);
      if (job.live) share.bytes += bytes - (job.bytes ?? 0);
    }
    if (job.live) job.bytes = bytes;
  }

  /** Jobs were sent off together, and each has taken so many times what a slice should take. */
  charge(jobs: readonly T[], slices: readonly number[]): void {
    const least = leastSlice / jobs.length;
    jobs.forEach((job, i) => {
      for (const share of this.shares.for(job)) share.running--;
      this.tenants.charge(job, Math.max(least, slices[i] as number) - 1);
    });
  }

  /** The next slice to run: takes the job out of the line and the thread from the idle ones. */
  next(): Assignment<T> | undefined {
    if (this.idle.length === 0) return undefined;
    const found = this.find();
    if (found !== undefined) this.send(found);
    return found;
  }

  /** Takes jobs for a thread that has one already: at most so many of those that are next in line, and are accepted. */
  more(thread: ThreadId, most: number, accepts: (job: T) => boolean): T[] {
    const taken: T[] = [];
    while (taken.length < most) {
      const job = this.nextOf(accepts);
      if (job === undefined) break;
      this.send({ job, thread });
      taken.push(job);
    }
    return taken;
  }

  /** Of those whose turn it is about as much as that of the first. */
  private nextOf(accepts: (job: T) => boolean): T | undefined {
    let left = lookAround;
    let first: T | undefined;
    for (const job of this.inLine()) {
      first ??= job;
      const near = job.tenant === first.tenant && job.pass <= first.pass + homeLead * 2 ** -first.priority;
      if (!near || left-- === 0) break;
      if (accepts(job)) return job;
    }
    return undefined;
  }

  /** Puts a job back in its place that was sent off, and has not run; `isNew`: nor before that. */
  putBack(job: T, isNew = true): void {
    if (isNew) {
      this.retire(job);
      job.thread = undefined;
    }
    job.pass -= 2 ** -job.priority;
    this.tenants.lineOf(job).queueOf(job).add(job);
  }

  private send({ job, thread }: Assignment<T>): void {
    this.remove(job);
    for (const share of this.shares.for(job)) {
      share.running++;
      if (!job.live) share.live++;
    }
    job.live = true;
    job.pass = Math.max(job.pass, this.tenants.lineOf(job).now) + 2 ** -job.priority;
    this.tenants.charge(job, 1);
    job.thread = thread;
    this.take(thread);
  }

  private find(): Assignment<T> | undefined {
    let best: T | undefined;
    let lead = 0;
    let found: Assignment<T> | undefined;
    for (const job of this.inLine()) {
      if (best === undefined) {
        best = job;
        this.tenants.called(best);
        lead = best.thread === undefined || best.affinity === 'spread' ? 0 : homeLead * 2 ** -best.priority;
      }
      const near = job.tenant === best.tenant && job.pass <= best.pass + lead;
      if (near && this.isHome(job)) return { job, thread: job.thread as ThreadId };
      if (found === undefined) {
        const thread = this.threadFor(job);
        if (thread !== undefined) found = { job, thread };
      }
      if (found !== undefined && !near) break;
    }
    return found;
  }

  /** The jobs that may run, in order, as far as we look. */
  private *inLine(): Iterable<T> {
    let left = lookAhead;
    for (const line of this.tenants.inOrder) {
      if (left <= 0) return;
      const [begun, fresh] = this.allowed(line, left);
      for (const job of line.jobs(begun, fresh)) {
        left--;
        yield job;
      }
    }
  }

  /** How many of a line's jobs may run, of those with a VM and of those without: what is urgent always does. */
  private allowed(line: TenantLine<T>, most: number): readonly [begun: number, fresh: number] {
    const { all } = this.shares;
    const own = this.shares.of(line.tenant);
    const now = this.shares.now();
    const urgent = (queue: Queue<T>) => (queue.head?.pass === Number.NEGATIVE_INFINITY ? 1 : 0);
    if (all.isBusy(now) || own?.isBusy(now) === true) return [urgent(line.begun), urgent(line.fresh)];
    return [most, all.isFull || own?.isFull === true ? urgent(line.fresh) : most];
  }

  private isHome(job: T): boolean {
    return job.affinity === 'keep' && job.thread !== undefined && this.idle.includes(job.thread);
  }

  /** A spreading job waits for another thread as long as there is another one at all, unless it is urgent. */
  private threadFor(job: T): ThreadId | undefined {
    if (job.isPinned === true) return this.idle.find((thread) => thread === job.thread);
    const anywhere = job.affinity === 'keep' || this.alive.size === 1 || job.pass === Number.NEGATIVE_INFINITY;
    for (const thread of this.idle) if (anywhere || thread !== job.thread) return thread;
    return undefined;
  }
}
