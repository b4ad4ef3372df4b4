// A group on a pool, between its slices: where its state is, what the next slices are told, what came of the last ones, and whether
// there are to be others.
//
// A group is one place in the line, or, where it may have several threads (`threads`), one for each part that it is split into
// (plan.ts). What it does in one go is a round: a slice of each part. Slices of a round are on threads at the same time if there are
// such, and talk by memory that they share (talk/threads/bridge.ts); when one has something to tell, the others end, too. What came of a round is
// told when all of it is over, as if it had been one slice. So a cut is made between rounds: all parts are at rest, each takes in what is
// on its way to it and is saved, and all pieces together are the group. A round that is lost with a thread is done again by all
// parts, from the pieces before it.
//
// What is about several parts, as a new member or ends of ports that go along with a message, is done while the group is whole: its
// pieces are put together on one thread, and split again once it has run there for a while.

import type { Interruption } from '../../runtime/engine.ts';
import { UsageError } from '../../spec/errors.ts';
import { mostMs } from '../../spec/options.ts';
import { mostParts } from '../../talk/threads/memory.ts';
import type { Grace } from '../job/grace.ts';
import type { Places } from '../job/places.ts';
import type { Lost, Threads } from '../job/threads.ts';
import { type Deferred, deferred } from '../line/deferred.ts';
import type { ThreadId } from '../line/ticket.ts';
import { fromData, workerError } from '../told/errors.ts';
import type { EndOfMember, GroupEnd, GroupReply, GroupState, GroupTask, MemberImports } from '../told/group.ts';
import type { Carried } from '../told/module-bytes.ts';
import type { AskedServices } from './asked.ts';
import { Balance } from './balance.ts';
import { GroupPart, type PartOwner } from './part.ts';
import { isQuiet, nothing, Round, type Wished } from './round.ts';
import { type Split, SplitGroup, whole } from './split.ts';
import type { Wishes } from './wishes.ts';

/** How often a round of the group may be lost, one after the other, until it is given up. */
const mostDeaths = 3;
/** So long a slice may take that begins when another of its round is over, in ms. */
const endingMs = 5;

const noImports: ReadonlyMap<string, MemberImports> = new Map();

export type RunEnd = { readonly status: 'ended' } | { readonly status: 'suspended'; readonly reason: Interruption };

/** What a group is made of on the main thread. */
export interface GroupParts {
  /** No job or other group has it; and others for its parts. */
  readonly number: number;
  newNumber(): number;
  readonly tenant: string | undefined;
  readonly priority: number;
  readonly mayRetry: boolean;
  /** How many of them it may have at a time. */
  readonly threads: number;
  readonly grace: Grace;
  readonly options: GroupTask['options'];
  readonly services: readonly string[];
  readonly wishes: Wishes;
  readonly asked: AskedServices;
  /** Names of all members, in order. */
  members(): readonly string[];
  /** A member has ended. */
  ended(member: string, end: EndOfMember): void;
  /** The group is over. */
  over(error: Error): void;
}

export class GroupDriver implements PartOwner {
  readonly tenant: string | undefined;
  readonly priority: number;
  /** By hash: all that members are made of, or call. */
  readonly modules = new Map<string, Carried>();
  /** By member. */
  readonly imports = new Map<string, MemberImports>();
  /** Fuel of all slices, and how many rounds they were. */
  fuelUsed = 0;
  slices = 0;
  private readonly places: Places;
  private readonly about: GroupParts;
  /** As many as the group ever had. */
  private readonly parts: GroupPart[] = [];
  private split: Split = whole;
  private readonly balance: Balance;
  /** In line, or under way. */
  private round: Round | undefined;
  /** What the group was at the end of its last round, as far as that is here. */
  private state: GroupState | undefined;
  private running: Deferred<RunEnd> | undefined;
  /** Why the run is to stop. */
  private stopping: Interruption | undefined;
  /** Each is of what was wanted before its mark. */
  private copies: { readonly copy: Deferred<GroupState>; readonly mark: number }[] = [];
  /** Something is to be told that no round has been. */
  private hasNews = false;
  private timer: NodeJS.Timeout | undefined;
  private deaths = 0;
  private gone: Error | undefined;
  /** Why it is to end with its run. */
  private closed: Error | undefined;
  /** Since when it has been whole. */
  private wholeSince = Number.NEGATIVE_INFINITY;
  /** Whether it is to be found out who waits for whom; and that was, and nobody has gone on since. */
  private isChecking = false;
  private isKnownIdle = false;

  constructor(places: Places, about: GroupParts, from?: GroupState) {
    this.places = places;
    this.about = about;
    this.tenant = about.tenant;
    this.priority = about.priority;
    this.state = from;
    this.balance = new Balance(Math.min(about.threads, mostParts), this.imports);
    this.partAt(0);
  }

  private partAt(index: number): GroupPart {
    const { number, newNumber } = this.about;
    const part = this.parts[index] ?? new GroupPart(this, index === 0 ? number : newNumber(), index);
    if (this.parts[index] === undefined) this.places.add(part);
    this.parts[index] = part;
    return part;
  }

  /** Those that it has now. */
  private get present(): readonly GroupPart[] {
    return Array.from({ length: this.split.parts }, (_, index) => this.partAt(index));
  }

  /** Where it ran last, or the first of its parts. */
  get thread(): ThreadId | undefined {
    return this.parts[0]?.thread;
  }

  /** How many threads it has at a time. */
  get width(): number {
    return this.split.parts;
  }

  get isOver(): boolean {
    return this.gone !== undefined;
  }

  /** Throws what the group has ended with. */
  check(): void {
    if (this.gone !== undefined) throw this.gone;
  }

  // What is asked of it

  /** There is something to tell it. All that is asked in one go is told in one round. */
  tell(): void {
    if (this.hasNews) return;
    this.hasNews = true;
    queueMicrotask(() => this.goOn());
  }

  private goOn(): void {
    if (this.gone !== undefined) return;
    if (this.round === undefined) this.line();
    else this.rest(this.round);
  }

  /** All slices of the round are to end soon. */
  private rest(round: Round): void {
    if (round.isBegun) round.isEnding = true;
    for (const part of round.parts) if (part.status === 'running') this.places.rest(part);
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
    if (this.round?.isBegun === true) this.dismiss(this.round);
    else this.stopped();
  }

  private stopped(): void {
    const { stopping } = this;
    this.stopping = undefined;
    clearTimeout(this.timer);
    if (stopping !== undefined) this.takeRun()?.resolve({ status: 'suspended', reason: stopping });
    if (this.closed !== undefined && this.round?.isBegun !== true && this.copies.length === 0) this.end(this.closed);
  }

  /** What it is, between two of its rounds. */
  copy(): Promise<GroupState> {
    const copy = deferred<GroupState>();
    this.copies.push({ copy, mark: this.about.wishes.mark });
    this.tell();
    return copy.promise;
  }

  /** It is over, for the reason. */
  end(error: Error): void {
    if (this.gone !== undefined) return;
    this.gone = error;
    clearTimeout(this.timer);
    if (this.round?.isBegun === true) this.dismiss(this.round);
    this.takeRun()?.reject(error);
    for (const { copy } of this.copies.splice(0)) copy.reject(error);
    this.about.wishes.reject(error);
    this.about.asked.forgetAll();
    this.about.over(error);
    this.drop();
    for (const part of this.parts) {
      if (part.status !== 'running') part.status = 'done';
      this.places.leave(part);
    }
  }

  /** What threads have of it is of no use any more. */
  private drop(): void {
    for (const part of this.parts) {
      part.isKept = false;
      this.places.threads.forget(part.number);
    }
  }

  // Rounds

  private line(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.split !== whole && this.mustJoin) return this.enter(new Round(this.present, 'cut'));
    const isSplit = this.maySplit && this.state !== undefined && this.splitUp(this.state);
    const round = new Round(this.present, 'slice');
    // To be split it has to be here.
    if (!isSplit && this.maySplit) round.isToSplit = true;
    this.split.begin(round.parts.map(({ index }) => index));
    this.enter(round);
  }

  private enter(round: Round): void {
    this.round = round;
    for (const part of round.parts) this.places.line(part);
  }

  /** Whether something is to be done that is about several parts. */
  private get mustJoin(): boolean {
    return this.isChecking || this.about.wishes.isAboutAll || this.balance.isOff || this.isCramped;
  }

  /** Parts wait for each other's thread while another one is idle; or others do. */
  private get isCramped(): boolean {
    const kept = this.present.filter(({ isKept }) => isKept).map(({ thread }) => thread as ThreadId);
    return this.places.isCramped(kept);
  }

  private get maySplit(): boolean {
    if (this.split !== whole || this.isKnownIdle || !this.balance.mayBeSplit) return false;
    if (this.running === undefined || this.stopping !== undefined || this.about.wishes.isAboutAll) return false;
    return performance.now() - this.wholeSince >= this.balance.wholeMs;
  }

  /** Returns whether it could. */
  private splitUp(state: GroupState): boolean {
    const plan = this.balance.plan(state);
    if (plan === undefined) return false;
    this.drop();
    this.split = new SplitGroup(plan, state, this.balance.topics);
    return true;
  }

  /** It is in pieces that are here. */
  private join(): void {
    this.drop();
    this.split = whole;
    this.balance.joined();
    this.wholeSince = performance.now();
    this.isKnownIdle = this.isChecking;
    this.isChecking = false;
  }

  // For the pool

  async runPart(part: GroupPart, threads: Threads, thread: ThreadId): Promise<() => void> {
    const round = this.round as Round;
    const { lost } = round;
    if (lost !== undefined) return () => this.partTook(round, part, lost);
    const wished = round.wished ?? this.open(round, thread);
    const { options, services } = this.about;
    const isSlice = round.kind === 'slice';
    const at = this.split === whole || !isSlice ? round.at : 'keep';
    const from: GroupTask['from'] = part.isKept
      ? 'kept'
      : this.state === undefined
        ? 'new'
        : this.split.origin(this.state, part.index);
    const mayRun = isSlice && this.running !== undefined && this.stopping === undefined && !round.isToSplit;
    const imports = typeof from === 'object' ? this.imports : noImports;
    const about = { group: part.number, from, options, services, imports };
    const { acts, sends, wants, answers } = this.split.wished(wished, part.index);
    const bounds = { mayBeSplit: this.about.threads > 1, mostMs: this.mostMsOf(round) };
    round.begin();
    const task = { ...about, acts, sends, wants, answers, mayRun, at, ...bounds };
    const reply = await threads.runGroup(thread, task, [...this.modules.values()]);
    clearTimeout(part.grace);
    part.grace = undefined;
    if (!('lost' in reply)) this.placed(part, threads, thread, reply, at);
    return () => this.partTook(round, part, reply);
  }

  /** What the round is about is what was asked until now. */
  private open(round: Round, thread: ThreadId): Wished {
    if (round.kind === 'cut') {
      round.at = 'copy';
      round.wished = nothing;
      return nothing;
    }
    const { wishes, asked, mayRetry } = this.about;
    this.hasNews = false;
    const [first] = this.copies;
    const copies = this.copies.filter(({ mark }) => mark === first?.mark).length;
    const isMoving = this.split === whole && this.parts[0]?.isKept === true && this.places.isUneven(thread);
    round.at = round.isToSplit || isMoving ? 'give' : copies > 0 || mayRetry ? 'copy' : 'keep';
    const wished = { ...wishes.order(first?.mark), answers: asked.answers, copies };
    round.wished = wished;
    return wished;
  }

  private mostMsOf(round: Round): number {
    if (round.isEnding) return endingMs;
    // It is to be split soon.
    return this.split === whole && this.balance.mayBeSplit ? this.balance.wholeMs : Number.POSITIVE_INFINITY;
  }

  /** Its slices are to end soon: where a host function holds a thread for longer than the grace, that is ended. */
  private dismiss(round: Round): void {
    this.rest(round);
    for (const part of round.parts)
      if (part.status === 'running' && part.grace === undefined) this.about.grace.grant(part, part.thread as ThreadId);
  }

  /** The run is over. */
  private takeRun(): Deferred<RunEnd> | undefined {
    const { running } = this;
    this.running = undefined;
    return running;
  }

  /** Where the part is now. */
  private placed(part: GroupPart, threads: Threads, thread: ThreadId, reply: GroupReply, at: GroupTask['at']): void {
    const { state, end } = reply;
    const isGiven = at === 'give' && state !== undefined && !('error' in state);
    const isThere = end.kind !== 'gone' && !isGiven;
    part.isKept = isThere && this.gone === undefined;
    if (isThere) threads.saved(thread, part.number);
    // It has ended meanwhile.
    if (this.gone !== undefined) threads.forget(part.number);
  }

  private partTook(round: Round, part: GroupPart, reply: GroupReply | Lost): void {
    if (this.gone !== undefined) return;
    const isLast = round.took(part, reply);
    if (!('lost' in reply)) {
      this.split.learn(reply, part.index);
      this.balance.note(part.index, reply);
      part.fuelUsed += reply.fuel;
    }
    if (isLast) return this.finish(round);
    if ('lost' in reply) this.dismiss(round);
    else if (!isQuiet(reply)) this.rest(round);
  }

  private finish(round: Round): void {
    const { loss } = round;
    if (loss === undefined && round.kind === 'slice' && this.split !== whole && round.at === 'copy')
      return this.enter(new Round(round.parts, 'cut', round));
    this.round = undefined;
    if (loss !== undefined) return this.lost(loss);
    this.deaths = 0;
    const state = round.stateOf(this.about.members());
    this.state = state !== undefined && !('error' in state) ? state : undefined;
    this.took(round, state);
  }

  private took(round: Round, state: ReturnType<Round['stateOf']>): void {
    const { wishes, asked, ended } = this.about;
    const { done, received, calls, failure, fuel, ...reply } = round.reply;
    this.slices++;
    this.fuelUsed += fuel;
    const { wished } = round.before ?? round;
    asked.were(wished?.answers ?? []);
    const left = wished === nothing ? undefined : wishes.took(done, received);
    for (const call of calls) asked.take(call);
    for (const [member, end] of reply.ended) {
      // One that has not failed may serve calls of others, and ask for them.
      if (end.status === 'failed') asked.forget(member);
      ended(member, end);
    }
    this.balance.keepTogether(reply, done.length > 0);
    if (failure !== undefined) this.failAll(failure);
    if (left === undefined) return this.joined(round.end, state);
    // A copy without what is to be put back is none.
    if (!left.returns) this.copied(state, wished?.copies ?? 0);
    // What was to be split and cannot be saved is not split.
    if (round.isToSplit && this.state === undefined) this.balance.keepWhole();
    this.after(round.end, left.goesOn || !this.balance.isKnown || round.isToSplit);
  }

  /** All parts have been saved, to be whole. */
  private joined(end: GroupEnd, state: ReturnType<Round['stateOf']>): void {
    if (end.kind === 'gone') return this.end(fromData(end.error));
    if (state === undefined || 'error' in state)
      return this.end(state === undefined ? new UsageError('the group is gone') : fromData(state.error));
    this.join();
    if (this.stopping !== undefined) this.stopped();
    if (this.gone === undefined) this.line();
  }

  /** Of members that end together one has failed, and not all know. */
  private failAll(error: GroupReply['failure'] & object): void {
    const { wishes } = this.about;
    if (!wishes.isFailing) wishes.act({ kind: 'fail', error }).catch(() => {});
  }

  private copied(state: ReturnType<Round['stateOf']>, count: number): void {
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

  private after(end: GroupEnd, goesOn: boolean): void {
    if (end.kind === 'gone') return this.end(fromData(end.error));
    if (end.kind === 'rested') this.isKnownIdle = false;
    if (this.stopping !== undefined) this.stopped();
    else if (end.kind === 'ended' && !this.about.wishes.isFailing) this.takeRun()?.resolve({ status: 'ended' });
    else if (end.kind === 'failed') this.takeRun()?.reject(fromData(end.error));
    if (this.closed !== undefined && this.running === undefined && this.copies.length === 0)
      return this.end(this.closed);
    if (goesOn || this.hasNews || this.copies.length > 0 || this.about.asked.hasNews) return this.line();
    if (this.running === undefined) return;
    if (end.kind === 'rested' || this.split.isAwaited) return this.line();
    if (end.kind !== 'idle') return;
    if (this.split !== whole && end.isStuck) {
      this.isChecking = true;
      return this.line();
    }
    if (end.until < Number.POSITIVE_INFINITY) this.wakeAt(end.until);
  }

  private wakeAt(until: number): void {
    this.timer = setTimeout(() => this.goOn(), Math.min(mostMs, Math.max(0, until - Date.now())));
  }

  /** A thread died in a slice. What was kept there is gone; what is here can go on with the same round. */
  private lost({ lost: cause, begun }: Lost): void {
    const isHere = this.state !== undefined || (this.slices === 0 && !this.parts.some(({ isKept }) => isKept));
    this.forgetParts();
    if (begun) this.deaths++;
    if (isHere && (!begun || (this.about.mayRetry && this.deaths < mostDeaths))) return this.line();
    this.end(workerError('the thread that ran the group died', { cause }));
  }

  /** What the parts are is what was saved of them. */
  private forgetParts(): void {
    this.drop();
    if (this.split !== whole) this.balance.joined();
    this.split = whole;
  }

  lostPart(part: GroupPart): void {
    if (part.status === 'running' || !part.isKept || this.gone !== undefined) return;
    part.isKept = false;
    const { round } = this;
    if (round !== undefined) {
      round.lost ??= { lost: new Error('the thread that kept a part died'), begun: round.isBegun, at: 0 };
      // It may go to any thread from now on.
      if (part.status === 'queued') this.places.line(part);
      this.dismiss(round);
    } else if (this.state === undefined) this.end(workerError('the thread that kept the group died'));
    else this.forgetParts();
  }

  cancel(error: Error): void {
    this.end(error);
  }

  closing(error: Error): void {
    this.closed = error;
    if (this.round?.isBegun !== true && this.running === undefined && this.copies.length === 0) this.end(error);
  }
}
