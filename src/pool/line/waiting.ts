// Jobs that wait and hold memory meanwhile, those that have waited the longest first: who is to give theirs up, and when. How
// that is done is the business of whoever asks. A list that is linked through its own seats, for as with a roster, jobs
// come and go all the time.

interface Seat<T> {
  readonly job: T;
  readonly bytes: number;
  /** In ms, by the clock of whoever adds. */
  readonly since: number;
  before: Seat<T> | undefined;
  after: Seat<T> | undefined;
}

/** A job: `wait` is the list's business. */
export interface Waiter<T> {
  wait: Seat<T> | undefined;
}

/** How long each may hold its memory, in ms, and how many bytes they may hold together. */
export interface Patience {
  readonly ms: number;
  readonly bytes: number;
}

export class Waiting<T extends Waiter<T>> {
  private first: Seat<T> | undefined;
  private last: Seat<T> | undefined;
  private sum = 0;

  constructor(private readonly most: Patience) {}

  /** What all of them hold. */
  get bytes(): number {
    return this.sum;
  }

  /** A job begins to wait. */
  add(job: T, bytes: number, now: number): void {
    this.remove(job);
    const seat: Seat<T> = { job, bytes, since: now, before: this.last, after: undefined };
    if (this.last === undefined) this.first = seat;
    else this.last.after = seat;
    this.last = seat;
    this.sum += bytes;
    job.wait = seat;
  }

  /** It waits no longer, or holds nothing any more. */
  remove(job: T): void {
    const { wait: seat } = job;
    if (seat === undefined) return;
    const { before, after } = seat;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
    seat.before = undefined;
    seat.after = undefined;
    this.sum -= seat.bytes;
    job.wait = undefined;
  }

  /** Takes out the one that has waited the longest. */
  take(): T | undefined {
    const job = this.first?.job;
    if (job !== undefined) this.remove(job);
    return job;
  }

  /** Of those that are meant. */
  takeOf(isMeant: (job: T) => boolean): T | undefined {
    for (let seat = this.first; seat !== undefined; seat = seat.after) {
      if (!isMeant(seat.job)) continue;
      this.remove(seat.job);
      return seat.job;
    }
    return undefined;
  }

  /** The same, where it has waited for too long by now, or all of them hold too much. */
  takeDue(now: number): T | undefined {
    const left = this.dueIn(now);
    return left !== undefined && (left <= 0 || this.sum > this.most.bytes) ? this.take() : undefined;
  }

  /** In how many ms one has waited for too long; undefined where none waits. */
  dueIn(now: number): number | undefined {
    return this.first && this.first.since + this.most.ms - now;
  }
}
