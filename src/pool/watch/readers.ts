// Those who follow a job with `for await`. Each holds so many events and no more: who is slow misses the oldest ones, is told how
// many, and gets the last event in any case.

import { type Deferred, deferred } from '../line/deferred.ts';
import { clock } from '../told/protocol.ts';
import { endOf, hasEnded, type JobEvent, type JobHappening, stateOf } from './events.ts';
import type { Watched } from './watched.ts';

/** Events that wait for one reader. */
export const mostHeld = 64;

type Told = Omit<JobEvent, 'missed'>;
type Result = IteratorResult<JobEvent, undefined>;

const over: Result = { done: true, value: undefined };

/** A job's record, and who follows it. */
export interface Followed extends Watched {
  readers: Readers | undefined;
}

/** All that follow one job. */
export class Readers {
  private readonly all = new Set<Reader>();
  private last: JobHappening['type'] | undefined;
  private end: Told | undefined;

  private constructor(private readonly job: Watched) {
    const ended = (error?: unknown) => this.over(error);
    job.output.promise.then(() => ended(), ended);
  }

  /** One more, who begins with where the job is. */
  static open(job: Followed): AsyncIterableIterator<JobEvent, undefined, undefined> {
    job.readers ??= new Readers(job);
    return job.readers.add();
  }

  private add(): Reader {
    const reader = new Reader((left) => this.all.delete(left));
    if (this.end !== undefined) reader.close(this.end);
    else this.all.add(reader);
    if (!hasEnded(this.job.status)) reader.put({ ...stateOf(this.job), at: clock() });
    return reader;
  }

  /** Tells what has happened just now. */
  tell(event: JobHappening): void {
    const again = event.type === 'queued' && this.last === 'queued';
    this.last = event.type;
    if (again || this.all.size === 0) return;
    const told = { ...event, at: clock() };
    for (const reader of this.all) reader.put(told);
  }

  private over(error: unknown): void {
    const { status, stats } = this.job;
    this.end = { ...{ type: 'ended', how: endOf(status, error), status, error, stats }, at: clock() };
    for (const reader of this.all) reader.close(this.end);
    this.all.clear();
  }
}

class Reader implements AsyncIterableIterator<JobEvent, undefined, undefined> {
  private readonly held: Told[] = [];
  private missed = 0;
  /** Calls of `next` that came before their events. */
  private readonly asked: Deferred<Result>[] = [];
  private isOver = false;

  constructor(private readonly leave: (reader: Reader) => void) {}

  put(event: Told): void {
    this.held.push(event);
    if (this.held.length > mostHeld) {
      this.held.shift();
      this.missed++;
    }
    const asked = this.asked.shift();
    asked?.resolve(this.take());
  }

  /** Nothing comes after that. */
  close(last: Told): void {
    this.put(last);
    this.finish();
  }

  private finish(): void {
    this.isOver = true;
    for (const asked of this.asked.splice(0)) asked.resolve(over);
  }

  private take(): Result {
    const event = this.held.shift();
    if (event === undefined) return over;
    const { missed } = this;
    this.missed = 0;
    return { done: false, value: { ...event, missed } as JobEvent };
  }

  next(): Promise<Result> {
    if (this.held.length > 0 || this.isOver) return Promise.resolve(this.take());
    const asked = deferred<Result>();
    this.asked.push(asked);
    return asked.promise;
  }

  /** Lets the job go. */
  return(): Promise<Result> {
    this.leave(this);
    this.held.length = 0;
    this.finish();
    return Promise.resolve(over);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
