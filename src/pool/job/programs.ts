// Programs of JavaScript among the jobs: their slices stand in the same line. Between slices a program is with whoever drives
// it (javascript/run/afar.ts), so nothing of it is here, and a thread that dies is no loss: another one runs the slice again.

import type { ProgramThread, SliceOrder, SliceResult } from '../../javascript/run/afar.ts';
import { type Deferred, deferred } from '../line/deferred.ts';
import type { Affinity, Scheduler, ThreadId, Ticket } from '../line/scheduler.ts';
import { fromData, WorkerError } from '../told/errors.ts';
import type { ProgramReply } from '../told/protocol.ts';
import type { RunStatus } from '../told/stats.ts';
import type { Lost, Threads } from './threads.ts';

/** Threads that may die of one slice. */
const mostDeaths = 3;

/** What the pool is told. */
interface Events {
  /** There may be a slice to send off. */
  pump(): void;
  /** A program is over. */
  drained(): void;
}

export class Programs {
  private readonly places = new Set<PlacedProgram>();

  constructor(
    private readonly scheduler: Scheduler<Ticket>,
    private readonly threads: Threads,
    private readonly events: Events,
  ) {}

  get size(): number {
    return this.places.size;
  }

  get all(): readonly PlacedProgram[] {
    return [...this.places];
  }

  open(cancel: (error: Error) => void): ProgramThread {
    const place = new PlacedProgram(this, cancel);
    this.places.add(place);
    return place;
  }

  /** Lets all of them go. */
  cancel(why: () => Error): void {
    for (const place of this.places) place.cancel(why());
  }

  line(place: PlacedProgram): void {
    place.status = 'queued';
    this.scheduler.enqueue(place, place.isAsked);
    this.events.pump();
  }

  /** Asks the slice that runs to rest. */
  rest(place: PlacedProgram): void {
    if (place.status === 'queued') this.line(place);
    else if (place.status === 'running') this.threads.rest(place.thread as ThreadId);
  }

  leave(place: PlacedProgram): void {
    this.scheduler.remove(place);
    this.places.delete(place);
    this.events.drained();
  }

  /** Runs its slice on the thread. */
  async send(place: PlacedProgram, thread: ThreadId): Promise<void> {
    place.status = 'running';
    const reply = await this.threads.runProgram(thread, place.task);
    // It holds no memory of a thread between its slices.
    this.scheduler.retire(place);
    this.scheduler.release(thread);
    place.status = 'waiting';
    place.took(reply);
    this.events.pump();
  }
}

export class PlacedProgram implements Ticket, ProgramThread {
  readonly priority = 0;
  readonly affinity: Affinity = 'keep';
  thread: ThreadId | undefined;
  live = false;
  pass = Number.NEGATIVE_INFINITY;
  arrival = 0;
  status: RunStatus = 'waiting';
  /** All slices from now on are to rest as soon as they can. */
  isAsked = false;
  private order: SliceOrder | undefined;
  private result: Deferred<SliceResult> = deferred();
  private deaths = 0;
  private cancelled: Error | undefined;

  constructor(
    private readonly programs: Programs,
    private readonly told: (error: Error) => void,
  ) {}

  slice(order: SliceOrder): Promise<SliceResult> {
    this.order = order;
    this.result = deferred();
    this.deaths = 0;
    if (this.cancelled === undefined) this.programs.line(this);
    else this.result.reject(this.cancelled);
    return this.result.promise;
  }

  get task(): { readonly order: SliceOrder; readonly isAsked: boolean } {
    return { order: this.order as SliceOrder, isAsked: this.isAsked };
  }

  took(reply: ProgramReply | Lost): void {
    if ('lost' in reply) return this.lost(reply);
    if (reply.kind === 'slice') this.result.resolve(reply.result);
    else this.result.reject(fromData(reply.error));
  }

  private lost({ lost, begun }: Lost): void {
    if (this.cancelled !== undefined) return;
    if (begun) this.deaths++;
    if (this.deaths < mostDeaths) return this.programs.line(this);
    this.result.reject(new WorkerError('the threads that ran the program died', { cause: lost }));
  }

  rest(): void {
    this.isAsked = true;
    this.programs.rest(this);
  }

  cancel(error: Error): void {
    this.cancelled = error;
    this.result.reject(error);
    this.told(error);
  }

  over(): void {
    this.programs.leave(this);
  }
}
