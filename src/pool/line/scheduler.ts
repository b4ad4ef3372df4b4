// Who runs next, and where. Pure bookkeeping: it knows nothing of threads, messages or VMs, and never waits.
//
// Stride scheduling: each job has a `pass`; the job with the least runs next, and each slice moves its pass on by one
// stride. A new job starts at the current pass, so it runs before the next slice of any job that is under way: long
// jobs cannot starve short ones. A stride is 2^-priority: a job of priority 1 gets two slices for one of priority 0,
// and one of priority 10 all but shuts others out, yet nobody starves.
// Affinity decides among jobs of about equal pass: `keep` goes where it ran last, and may for that be some slices ahead
// of one that would have to move; `spread` goes anywhere else.

/** Whether a job stays on its thread (`keep`) or never runs two slices in a row on one (`spread`). */
export type Affinity = 'keep' | 'spread';
export type ThreadId = number;

export const priorities = { least: -20, most: 20 } as const;

/** What the scheduler keeps for a job. */
export interface Ticket {
  readonly priority: number;
  readonly affinity: Affinity;
  /** Where it ran last. */
  thread: ThreadId | undefined;
  /** It holds memory: it has run before, and has not given its memory up since. Only so many may at a time. */
  live: boolean;
  /** Its turn; the scheduler's business. */
  pass: number;
  /** Breaks ties by order of arrival; the scheduler's business. */
  arrival: number;
}

/** A ticket for a job that has not run yet. */
export function ticket({ priority, affinity }: Pick<Ticket, 'priority' | 'affinity'>): Ticket {
  return { priority, affinity, thread: undefined, live: false, pass: Number.NEGATIVE_INFINITY, arrival: 0 };
}

export interface Assignment<T extends Ticket> {
  readonly job: T;
  readonly thread: ThreadId;
}

const isBefore = (a: Ticket, b: Ticket): boolean => a.pass < b.pass || (a.pass === b.pass && a.arrival < b.arrival);

/** Jobs that wait, in order. */
class Queue<T extends Ticket> {
  readonly jobs: T[] = [];

  get head(): T | undefined {
    return this.jobs[0];
  }

  private place(job: Ticket): number {
    let low = 0;
    let high = this.jobs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(this.jobs[middle] as T, job)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  add(job: T): void {
    this.jobs.splice(this.place(job), 0, job);
  }

  remove(job: T): boolean {
    const at = this.place(job);
    if (this.jobs[at] !== job) return false;
    this.jobs.splice(at, 1);
    return true;
  }
}

/** How many slices of the job whose turn it is another one may be ahead where it is at home. */
const homeLead = 4;
/** How many waiting jobs are looked at for the one that suits a thread best. */
const lookAhead = 64;

export class Scheduler<T extends Ticket> {
  /** Jobs that hold memory, and such as wait for a slice that gives them some. */
  private readonly begun = new Queue<T>();
  private readonly fresh = new Queue<T>();
  private readonly alive = new Set<ThreadId>();
  private readonly idle: ThreadId[] = [];
  /** The pass of the last job whose turn it was. */
  private now = 0;
  private arrivals = 0;
  private live = 0;

  /** `maxLive`: how many jobs may hold memory at once, those that wait for a service included. */
  constructor(private readonly maxLive: number) {}

  get queued(): number {
    return this.begun.jobs.length + this.fresh.jobs.length;
  }

  /** How many jobs could be sent off if others gave up their memory: no more than there are threads. */
  get crowd(): number {
    const room = Math.max(0, this.maxLive - this.live);
    return Math.max(0, Math.min(this.fresh.jobs.length, this.alive.size) - room);
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

  /** Puts a job in line, in a new place if it was in line; `urgent` puts it before all others. */
  enqueue(job: T, urgent = false): void {
    this.remove(job);
    job.pass = urgent ? Number.NEGATIVE_INFINITY : Math.max(job.pass, this.now);
    job.arrival = this.arrivals++;
    this.queueOf(job).add(job);
  }

  /** Takes a waiting job out of the line; false where it was not in it. */
  remove(job: T): boolean {
    return this.queueOf(job).remove(job);
  }

  /** The job holds no memory any more. */
  retire(job: T): void {
    if (job.live) this.live--;
    job.live = false;
  }

  private queueOf(job: T): Queue<T> {
    return job.live ? this.begun : this.fresh;
  }

  /** The next slice to run: takes the job out of the line and the thread from the idle ones. */
  next(): Assignment<T> | undefined {
    if (this.idle.length === 0) return undefined;
    const found = this.find();
    if (found !== undefined) this.send(found);
    return found;
  }

  /** Takes the jobs that are next in line for a thread that has one already: at most so many, and only as long as they are accepted. */
  more(thread: ThreadId, most: number, accepts: (job: T) => boolean): T[] {
    const taken: T[] = [];
    while (taken.length < most) {
      const [job] = this.inLine();
      if (job === undefined || !accepts(job)) break;
      this.send({ job, thread });
      taken.push(job);
    }
    return taken;
  }

  /** Puts a job back in its place that was sent off, and has not begun. */
  putBack(job: T): void {
    this.retire(job);
    job.pass -= 2 ** -job.priority;
    job.thread = undefined;
    this.queueOf(job).add(job);
  }

  private send({ job, thread }: Assignment<T>): void {
    this.remove(job);
    if (!job.live) this.live++;
    job.live = true;
    job.pass = Math.max(job.pass, this.now) + 2 ** -job.priority;
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
        this.now = Math.max(this.now, best.pass);
        lead = best.thread === undefined || best.affinity === 'spread' ? 0 : homeLead * 2 ** -best.priority;
      }
      const near = job.pass <= best.pass + lead;
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
    const { jobs: begun } = this.begun;
    const { jobs: fresh } = this.fresh;
    const mostBegun = Math.min(begun.length, lookAhead);
    const mostFresh = Math.min(fresh.length, this.live < this.maxLive ? lookAhead : this.urgentFresh);
    for (let b = 0, f = 0; b < mostBegun || f < mostFresh; ) {
      const [ours, theirs] = [begun[b] as T, fresh[f] as T];
      if (f >= mostFresh || (b < mostBegun && isBefore(ours, theirs))) {
        b++;
        yield ours;
      } else {
        f++;
        yield theirs;
      }
    }
  }

  private get urgentFresh(): number {
    return this.fresh.head?.pass === Number.NEGATIVE_INFINITY ? 1 : 0;
  }

  private isHome(job: T): boolean {
    return job.affinity === 'keep' && job.thread !== undefined && this.idle.includes(job.thread);
  }

  /** A spreading job waits for another thread as long as there is another one at all, unless it is urgent. */
  private threadFor(job: T): ThreadId | undefined {
    const anywhere = job.affinity === 'keep' || this.alive.size === 1 || job.pass === Number.NEGATIVE_INFINITY;
    for (const thread of this.idle) if (anywhere || thread !== job.thread) return thread;
    return undefined;
  }
}
