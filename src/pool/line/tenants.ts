// Jobs that wait, by whose they are. Each tenant has a line of its own, in which its jobs take turns; and the lines take turns, each
// as its weight says, however many jobs stand in it.

import type { Ticket } from './ticket.ts';

const isBefore = (a: Ticket, b: Ticket): boolean => a.pass < b.pass || (a.pass === b.pass && a.arrival < b.arrival);

/** Jobs in order. */
export class Queue<T extends Ticket> {
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

/** The jobs of a tenant that wait. */
export class TenantLine<T extends Ticket> {
  /** Jobs that hold memory, and such as wait for a slice that gives them some. */
  readonly begun = new Queue<T>();
  readonly fresh = new Queue<T>();

  constructor(
    readonly tenant: string,
    readonly weight: number,
    /** Its turn among the lines: so many slices it has had, for its weight. */
    public pass: number,
    /** The pass of the last job of it whose turn it was. */
    public now: number,
  ) {}

  queueOf(job: T): Queue<T> {
    return job.live ? this.begun : this.fresh;
  }

  get isEmpty(): boolean {
    return this.begun.jobs.length + this.fresh.jobs.length === 0;
  }

  /** Its first job comes before all others'. */
  private get isUrgent(): boolean {
    return [this.begun.head, this.fresh.head].some((job) => job?.pass === Number.NEGATIVE_INFINITY);
  }

  get turn(): number {
    return this.isUrgent ? Number.NEGATIVE_INFINITY : this.pass;
  }

  /** In the order of their turns, so many of each queue at the most. */
  *jobs(mostBegun: number, mostFresh: number): Iterable<T> {
    const { jobs: begun } = this.begun;
    const { jobs: fresh } = this.fresh;
    const [ends, starts] = [Math.min(begun.length, mostBegun), Math.min(fresh.length, mostFresh)];
    for (let b = 0, f = 0; b < ends || f < starts; ) {
      const [ours, theirs] = [begun[b] as T, fresh[f] as T];
      if (f >= starts || (b < ends && isBefore(ours, theirs))) {
        b++;
        yield ours;
      } else {
        f++;
        yield theirs;
      }
    }
  }
}

/** Lines that are kept for what their tenants have used, besides those with jobs. */
const mostLines = 256;

export class Tenants<T extends Ticket> {
  private readonly lines = new Map<string, TenantLine<T>>();
  /** The pass of the last line whose turn it was, and that of the last job. */
  private now = 0;
  private lastOfJobs = 0;

  constructor(private readonly weightOf: (tenant: string) => number) {}

  lineOf({ tenant = '' }: T): TenantLine<T> {
    const known = this.lines.get(tenant);
    if (known !== undefined) return known;
    this.forgetIdle();
    const line = new TenantLine<T>(tenant, this.weightOf(tenant), this.now, this.lastOfJobs);
    this.lines.set(tenant, line);
    return line;
  }

  /** Where nobody waits, nobody owes anything; of many lines, those that have been there the longest are new when they come again. */
  private forgetIdle(): void {
    const isIdle = [...this.lines.values()].every(({ isEmpty }) => isEmpty);
    for (const [tenant, line] of this.lines)
      if (line.isEmpty && (isIdle || line.pass <= this.now || this.lines.size > mostLines)) this.lines.delete(tenant);
  }

  /** Those with jobs, whose turn it is first. */
  get inOrder(): readonly TenantLine<T>[] {
    const waiting = [...this.lines.values()].filter(({ isEmpty }) => !isEmpty);
    return waiting.length < 2 ? waiting : waiting.sort((a, b) => a.turn - b.turn);
  }

  add(job: T, isUrgent: boolean): void {
    const line = this.lineOf(job);
    // Who had nothing to do has saved nothing up.
    if (line.isEmpty) line.pass = Math.max(line.pass, this.now);
    job.pass = isUrgent ? Number.NEGATIVE_INFINITY : Math.max(job.pass, line.now);
    line.queueOf(job).add(job);
  }

  /** It is the job's turn. */
  called(job: T): void {
    const line = this.lineOf(job);
    line.now = Math.max(line.now, job.pass);
    this.lastOfJobs = Math.max(this.lastOfJobs, line.now);
    this.now = Math.max(this.now, line.turn);
  }

  /** A job of the line has used so many slices more. */
  charge(job: T, slices: number): void {
    const line = this.lineOf(job);
    line.pass += slices / line.weight;
  }

  /** Of the lines that are meant. */
  names(isMeant: (tenant: string, line: TenantLine<T>) => boolean): readonly string[] {
    return [...this.lines].filter(([tenant, line]) => isMeant(tenant, line)).map(([tenant]) => tenant);
  }

  get queued(): number {
    let count = 0;
    for (const { begun, fresh } of this.lines.values()) count += begun.jobs.length + fresh.jobs.length;
    return count;
  }

  get fresh(): number {
    let count = 0;
    for (const { fresh } of this.lines.values()) count += fresh.jobs.length;
    return count;
  }
}
