// Programs of JavaScript among the jobs. Between slices a program is with whoever drives it (javascript/run/afar.ts), so nothing of
// it is here, and a thread that dies is no loss: another one runs the slice again.

import type { ProgramThread, SliceOrder, SliceResult } from '../../javascript/run/afar.ts';
import { type Deferred, deferred } from '../line/deferred.ts';
import type { Affinity, ThreadId } from '../line/ticket.ts';
import { fromData, workerError } from '../told/errors.ts';
import type { ProgramReply } from '../told/protocol.ts';
import type { RunStatus } from '../told/stats.ts';
import type { PlacedWork, Places } from './places.ts';
import type { Lost, Threads } from './threads.ts';

/** Threads that may die of one slice. */
const mostDeaths = 3;

export class PlacedProgram implements PlacedWork, ProgramThread {
  readonly priority = 0;
  readonly affinity: Affinity = 'keep';
  readonly isPinned = false;
  thread: ThreadId | undefined;
  live = false;
  pass = Number.NEGATIVE_INFINITY;
  arrival = 0;
  status: RunStatus = 'waiting';
  fuelUsed = 0;
  /** All slices from now on are to rest as soon as they can. */
  isAsked = false;
  private order: SliceOrder | undefined;
  private result: Deferred<SliceResult> = deferred();
  private deaths = 0;
  private cancelled: Error | undefined;

  constructor(
    private readonly places: Places,
    private readonly told: (error: Error) => void,
  ) {
    places.add(this);
  }

  // For whoever drives it

  slice(order: SliceOrder): Promise<SliceResult> {
    this.order = order;
    this.result = deferred();
    this.deaths = 0;
    if (this.cancelled === undefined) this.places.line(this);
    else this.result.reject(this.cancelled);
    return this.result.promise;
  }

  rest(): void {
    this.isAsked = true;
    this.places.rest(this);
  }

  over(): void {
    this.places.leave(this);
  }

  // For the pool

  async run(threads: Threads, thread: ThreadId): Promise<() => void> {
    const reply = await threads.runProgram(thread, { order: this.order as SliceOrder, isAsked: this.isAsked });
    return () => this.took(reply);
  }

  private took(reply: ProgramReply | Lost): void {
    if ('lost' in reply) return this.lost(reply);
    if (reply.kind === 'slice') {
      this.fuelUsed += reply.result.fuel;
      this.result.resolve(reply.result);
    } else this.result.reject(fromData(reply.error));
  }

  private lost({ lost, begun }: Lost): void {
    if (this.cancelled !== undefined) return;
    if (begun) this.deaths++;
    if (this.deaths < mostDeaths) return this.places.line(this);
    this.result.reject(workerError('the threads that ran the program died', { cause: lost }));
  }

  /** It goes on to its end. */
  closing(): void {}

  /** It had nothing there. */
  lostThread(): void {}

  cancel(error: Error): void {
    this.cancelled = error;
    this.result.reject(error);
    this.told(error);
  }
}
