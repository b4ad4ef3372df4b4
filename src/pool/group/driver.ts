// A group on a pool, between its slices: where its state is, what the next slice is told, what came of the last one, and whether
// there is to be another.

import type { Interruption } from '../../runtime/engine.ts';
import { UsageError } from '../../spec/errors.ts';
import { mostMs } from '../../spec/options.ts';
import type { Grace } from '../job/grace.ts';
import type { PlacedWork, Places } from '../job/places.ts';
import type { Lost, Threads } from '../job/threads.ts';
import { type Deferred, deferred } from '../line/deferred.ts';
import type { Affinity, ThreadId } from '../line/ticket.ts';
import { fromData, workerError } from '../told/errors.ts';
import type { EndOfMember, GroupReply, GroupState, GroupTask, MemberImports } from '../told/group.ts';
import type { Carried } from '../told/module-bytes.ts';
import type { RunStatus } from '../told/stats.ts';
import type { AskedServices } from './asked.ts';
import type { Wishes } from './wishes.ts';

/** How often a slice of the group may be lost, one after the other, until it is given up. */
const mostDeaths = 3;

const noImports: ReadonlyMap<string, MemberImports> = new Map();

export type RunEnd = { readonly status: 'ended' } | { readonly status: 'suspended'; readonly reason: Interruption };

/** What a group is made of on the main thread. */
export interface GroupParts {
  /** No job or other group has it. */
  readonly number: number;
  readonly tenant: string | undefined;
  readonly priority: number;
  readonly mayRetry: boolean;
  readonly grace: Grace;
  readonly options: GroupTask['options'];
  readonly services: readonly string[];
  readonly wishes: Wishes;
  readonly asked: AskedServices;
  /** A member has ended. */
  ended(member: string, end: EndOfMember): void;
  /** The group is over. */
  over(error: Error): void;
}

export class GroupDriver implements PlacedWork {
  readonly tenant: string | undefined;
  readonly priority: number;
  readonly affinity: Affinity = 'keep';
  thread: ThreadId | undefined;
  live = false;
  pass = Number.NEGATIVE_INFINITY;
  arrival = 0;
  status: RunStatus = 'waiting';
  readonly isAsked = false;
  /** By hash: all that members are made of, or call. */
  readonly modules = new Map<string, Carried>();
  /** By member. */
  readonly imports = new Map<string, MemberImports>();
  /** Fuel of all slices, and how many they were. */
  fuelUsed = 0;
  slices = 0;
  private isKept = false;
  /** What the group was at the end of its last slice, as far as that is here. */
  private state: GroupState | undefined;
  private running: Deferred<RunEnd> | undefined;
  /** Why the run is to stop. */
  private stopping: Interruption | undefined;
  /** Each is of what was wanted before its mark. */
  private copies: { readonly copy: Deferred<GroupState>; readonly mark: number }[] = [];
  /** Something is to be told that no slice has been. */
  private hasNews = false;
  private timer: NodeJS.Timeout | undefined;
  /** Ends the thread of a slice that does not stop when it is asked to. */
  grace: NodeJS.Timeout | undefined;
  private deaths = 0;
  private gone: Error | undefined;
  /** Why it is to end with its run. */
  private closed: Error | undefined;

  constructor(
    private readonly places: Places,
    private readonly parts: GroupParts,
    from?: GroupState,
  ) {
    this.tenant = parts.tenant;
    this.priority = parts.priority;
    this.state = from;
    places.add(this);
  }

  get isPinned(): boolean {
    return this.isKept;
  }

  get isOver(): boolean {
    return this.gone !== undefined;
  }

  /** Throws what the group has ended with. */
  check(): void {
    if (this.gone !== undefined) throw this.gone;
  }

  // What is asked of it

  /** There is something to tell it. All that is asked in one go is told in one slice. */
  tell(): void {
    if (this.hasNews) return;
    this.hasNews = true;
    queueMicrotask(() => this.goOn());
  }

  private goOn(): void {
    if (this.gone !== undefined) return;
    if (this.status === 'running') this.places.rest(this);
    else if (this.status === 'waiting') this.line();
  }

  private line(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.places.line(this);
  }

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  /** Until all programs have ended, or it is stopped. */
  begin(): Promise<RunEnd> {
    this.running = deferred();
    this.tell();
    return this.running.promise;
  }

  /** Members do not go on; resolves the run once they rest. */
  stop(reason: Interruption): void {
    if (this.running === undefined || this.stopping !== undefined) return;
    this.stopping = reason;
    if (this.status === 'running') this.dismiss();
    else this.stopped();
  }

  private stopped(): void {
    const { stopping } = this;
    this.stopping = undefined;
    clearTimeout(this.timer);
    if (stopping !== undefined) this.takeRun()?.resolve({ status: 'suspended', reason: stopping });
    if (this.closed !== undefined && this.status !== 'running' && this.copies.length === 0) this.end(this.closed);
  }

  /** What it is, between two of its slices. */
  copy(): Promise<GroupState> {
    const copy = deferred<GroupState>();
    this.copies.push({ copy, mark: this.parts.wishes.mark });
    this.tell();
    return copy.promise;
  }

  /** It is over, for the reason. */
  end(error: Error): void {
    if (this.gone !== undefined) return;
    this.gone = error;
    clearTimeout(this.timer);
    if (this.status === 'running') this.dismiss();
    this.takeRun()?.reject(error);
    for (const { copy } of this.copies.splice(0)) copy.reject(error);
    this.parts.wishes.reject(error);
    this.parts.asked.forgetAll();
    this.parts.over(error);
    this.isKept = false;
    this.places.threads.forget(this.parts.number);
    if (this.status !== 'running') this.status = 'done';
    this.places.leave(this);
  }

  // For the pool

  async run(threads: Threads, thread: ThreadId): Promise<() => void> {
    const { wishes, asked, number, options, services, mayRetry } = this.parts;
    const { answers } = asked;
    this.hasNews = false;
    const [first] = this.copies;
    const copies = this.copies.filter(({ mark }) => mark === first?.mark).length;
    const at: GroupTask['at'] =
      this.isKept && this.places.isUneven(thread) ? 'give' : copies > 0 || mayRetry ? 'copy' : 'keep';
    const from: GroupTask['from'] = this.isKept ? 'kept' : (this.state ?? 'new');
    const mayRun = this.running !== undefined && this.stopping === undefined;
    const imports = typeof from === 'object' ? this.imports : noImports;
    const about = { group: number, from, options, services, imports };
    const task = { ...about, ...wishes.order(first?.mark), answers, mayRun, at };
    const reply = await threads.runGroup(thread, task, [...this.modules.values()]);
    clearTimeout(this.grace);
    this.grace = undefined;
    if (!('lost' in reply)) this.placed(threads, thread, reply, at);
    return () => this.took(reply, answers, copies);
  }

  /** Its slice is to end soon: where a host function holds the thread for longer than the grace, that is ended. */
  private dismiss(): void {
    this.places.rest(this);
    if (this.grace === undefined) this.parts.grace.grant(this, this.thread as ThreadId);
  }

  /** The run is over. */
  private takeRun(): Deferred<RunEnd> | undefined {
    const { running } = this;
    this.running = undefined;
    return running;
  }

  /** Where it is now. */
  private placed(threads: Threads, thread: ThreadId, reply: GroupReply, at: GroupTask['at']): void {
    const { state, end } = reply;
    this.state = state !== undefined && !('error' in state) ? state : undefined;
    const isThere = end.kind !== 'gone' && !(at === 'give' && this.state !== undefined);
    this.isKept = isThere && this.gone === undefined;
    if (isThere) threads.saved(thread, this.parts.number);
    // It has ended meanwhile.
    if (this.gone !== undefined) threads.forget(this.parts.number);
  }

  private took(reply: GroupReply | Lost, answers: GroupTask['answers'], copies: number): void {
    if (this.gone !== undefined) return;
    if ('lost' in reply) return this.lost(reply);
    const { wishes, asked, ended } = this.parts;
    this.deaths = 0;
    this.slices++;
    this.fuelUsed += reply.fuel;
    asked.were(answers);
    const left = wishes.took(reply.done, reply.received);
    for (const call of reply.calls) asked.take(call);
    for (const [member, end] of reply.ended) {
      // One that has not failed may serve calls of others, and ask for them.
      if (end.status === 'failed') asked.forget(member);
      ended(member, end);
    }
    // A copy without what is to be put back is none.
    if (!left.returns) this.copied(reply.state, copies);
    this.after(reply.end, left.goesOn);
  }

  private copied(state: GroupReply['state'], count: number): void {
    const copies = this.copies.splice(0, count);
    if (copies.length === 0) return;
    // Whoever has sent something that is in it hears of that first.
    setImmediate(() => {
      for (const { copy } of copies)
        if (state === undefined) copy.reject(this.gone ?? new UsageError('the group is gone'));
        else if ('error' in state) copy.reject(fromData(state.error));
        else copy.resolve(state);
    });
  }

  private after(end: GroupReply['end'], goesOn: boolean): void {
    if (end.kind === 'gone') return this.end(fromData(end.error));
    if (this.stopping !== undefined) this.stopped();
    else if (end.kind === 'ended') this.takeRun()?.resolve({ status: 'ended' });
    else if (end.kind === 'failed') this.takeRun()?.reject(fromData(end.error));
    if (this.closed !== undefined && this.running === undefined && this.copies.length === 0)
      return this.end(this.closed);
    if (goesOn || this.hasNews || this.copies.length > 0 || this.parts.asked.hasNews) return this.line();
    if (this.running === undefined) return;
    if (end.kind === 'rested') return this.line();
    if (end.kind === 'idle' && end.until < Number.POSITIVE_INFINITY) this.wakeAt(end.until);
  }

  private wakeAt(until: number): void {
    this.timer = setTimeout(() => this.goOn(), Math.min(mostMs, Math.max(0, until - Date.now())));
  }

  /** The thread died in its slice. What was kept there is gone; what is here can go on with the same slice. */
  private lost({ lost: cause, begun }: Lost): void {
    const isHere = this.state !== undefined || (this.slices === 0 && !this.isKept);
    this.isKept = false;
    if (begun) this.deaths++;
    if (isHere && (!begun || (this.parts.mayRetry && this.deaths < mostDeaths))) return this.line();
    this.end(workerError('the thread that ran the group died', { cause }));
  }

  lostThread(): void {
    if (this.status === 'running' || !this.isKept || this.gone !== undefined) return;
    this.isKept = false;
    if (this.state === undefined) this.end(workerError('the thread that kept the group died'));
    else if (this.status === 'queued') this.line();
  }

  cancel(error: Error): void {
    this.end(error);
  }

  closing(error: Error): void {
    this.closed = error;
    if (this.status !== 'running' && this.running === undefined && this.copies.length === 0) this.end(error);
  }
}
