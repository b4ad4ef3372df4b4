// Whose turn it is: the members of a group that can go on do so one after the other, each for some fuel; the others are woken
// when what they wait for is there. Nothing here grows with the number of those that wait.

import type { Value } from '../../runtime/heap/ref.ts';
import { CrashError, WasboxError } from '../../spec/errors.ts';
import { isA, quoted } from '../../spec/told.ts';
import type { Interrupts } from '../../vm/interrupts.ts';
import type { VM } from '../../vm.ts';
import { PeerError } from '../errors.ts';
import { Call, type CallsOf, failed, type Target } from '../members/call.ts';
import { guests } from '../members/guest.ts';
import { type Member, type MemberOutcome, outcomeOf, outOfFuel, type Seat } from '../members/member.ts';
import type { GroupOptions, GroupOutcome } from '../options.ts';
import type { Port } from '../ports/port.ts';
import type { Bridge } from '../threads/bridge.ts';
import { FarCalls } from '../threads/far-calls.ts';
import { areStuck, deadlockOf } from './deadlock.ts';

/** Fuel of a turn, unless told. */
const defaultSliceFuel = 100_000;
/** How long the members run until other code of this thread has its turn, in ms. */
const turnMs = 10;
/** Calls of calls that are begun within each other; those below wait for their turn. */
const mostWithin = 8;
/** Turns that others have within one. */
const mostMeanwhile = 8;
/** What a microsecond counts for in which a thread waits for another one. */
const fuelPerUs = 100;

/** While all members wait. */
export interface Waiting {
  /** How many of them for work of this thread. */
  readonly working: number;
  /** When the first has waited long enough for ports, in ms since 1970. */
  readonly until: number;
  /** All programs have ended. */
  readonly isOver: boolean;
}

type Failed = MemberOutcome & { readonly status: 'failed' };

export class Turns implements CallsOf, Seat {
  readonly members = new Map<string, Member>();
  /** Those that are under way, by name of the caller. */
  readonly calls = new Map<string, Call>();
  /** Those of members that are elsewhere; and rings of calls. */
  readonly far: FarCalls;
  nextCall = 1;
  /** Numbers between those of two calls are for other parts. */
  private callStep = 1;
  /** By all members, since the group was made or restored. */
  fuelUsed = 0;
  /** How many wait for what the host does. */
  awaited = 0;
  /** Those with something to do. */
  private readonly busy = new Set<Member>();
  private ready: Member[] = [];
  private first = 0;
  private within = 0;
  /** Fuel that others may use within the turn of one. */
  private fuelWithin = 0;
  private waits = 0;
  /** Turns that are under way, within each other. */
  private turnsWithin = 0;
  /** A member has failed, and all others are to end. */
  private failure: Error | undefined;
  /** Tells who waits that a member can go on. */
  private ring = () => {};

  constructor(
    private readonly options: Pick<GroupOptions, 'sliceFuel' | 'onFailure'>,
    /** Ports that the host could do something about. */
    private readonly atHost: () => ReadonlySet<Port>,
    /** Where others of the group are on other threads. */
    private readonly bridge: Bridge | undefined,
  ) {
    this.far = new FarCalls(
      {
        ...{ members: this.members, calls: this.calls },
        take: (call, hash) => this.take(call, hash, false),
        answered: (call) => this.wakeCaller(call),
        withdraw: (call) => this.withdraw(call),
      },
      bridge,
    );
  }

  private get sliceFuel(): number {
    return this.options.sliceFuel ?? defaultSliceFuel;
  }

  get list(): readonly Member[] {
    return [...this.members.values()];
  }

  /** Whether a host function of a member is running. */
  get isWithin(): boolean {
    return this.turnsWithin > 0;
  }

  /** Takes a member in, whose program begins, or goes on where it was. */
  join(member: Member): void {
    this.members.set(member.name, member);
    this.note(member);
  }

  private note(member: Member): void {
    if (member.isBusy) this.busy.add(member);
    else this.busy.delete(member);
  }

  // Going on

  wake(member: Member): void {
    if (member.isReady) return;
    member.isReady = true;
    this.ready.push(member);
    this.ring();
  }

  /** Until all programs have ended, or it is to stop. Rejects with DeadlockError. */
  async run(interrupts: Interrupts): Promise<GroupOutcome> {
    for (;;) {
      const outcome = await this.whileBusy(interrupts);
      if (outcome !== 'idle') return outcome;
      await interrupts.orUntil(this.news());
    }
  }

  /** The same, but also until all wait. Rejects with DeadlockError. */
  async whileBusy(interrupts: Interrupts): Promise<GroupOutcome | 'idle'> {
    for (let since = performance.now(); ; ) {
      this.bridge?.poll();
      if (this.failure !== undefined) this.endAll(this.failure);
      const why = interrupts.why();
      if (why !== undefined) return { status: 'suspended', reason: why };
      const member = this.shift();
      if (member === undefined) {
        if (this.bridge !== undefined) return 'idle';
        if (this.busy.size === 0) return { status: 'ended', members: new Map(this.list.flatMap(endOf)) };
        if (this.isStuck) throw deadlockOf([...this.busy], this.calls);
        return 'idle';
      }
      this.fuelWithin = this.sliceFuel;
      this.turn(member);
      if (performance.now() - since < turnMs) continue;
      await interrupts.pass();
      since = performance.now();
    }
  }

  get isReady(): boolean {
    return this.first < this.ready.length;
  }

  /** Until a member can go on, or may have ended. */
  news(): Promise<void> {
    if (this.isReady || this.failure !== undefined) return Promise.resolve();
    return new Promise<void>((resolve) => {
      this.ring = resolve;
    });
  }

  waiting(isElsewhere: (member: string) => boolean): Waiting {
    let [working, until] = [0, Number.POSITIVE_INFINITY];
    for (const member of this.busy) {
      if (member.isAwaitingWork && !isElsewhere(member.name)) working++;
      until = Math.min(until, member.waitsUntil);
    }
    return { working, until, isOver: this.busy.size === 0 };
  }

  private shift(): Member | undefined {
    if (this.first === this.ready.length) return undefined;
    const member = this.ready[this.first++] as Member;
    if (this.first > 1024 && this.first * 2 > this.ready.length) {
      this.ready = this.ready.slice(this.first);
      this.first = 0;
    }
    return member;
  }

  /** A member's turn, if it has not ended meanwhile. */
  private turn(member: Member): void {
    const { vm } = member;
    if (!member.isReady || vm === undefined) return;
    member.isReady = false;
    if (!member.isBusy) return;
    this.turnsWithin++;
    try {
      if (vm.status !== 'waiting' || this.isAnswered(member, vm)) this.runFor(member, vm);
    } catch (error) {
      if (!isA(error, WasboxError)) throw error;
      this.over(member, { status: 'failed', error });
    } finally {
      this.turnsWithin--;
    }
  }

  private runFor(member: Member, vm: VM): void {
    const isProgram = member.serving === undefined;
    const before = vm.fuelUsed;
    const slice = this.within > 0 ? Math.max(1, this.fuelWithin) : this.sliceFuel;
    const outcome = vm.runFor(isProgram ? Math.min(slice, member.fuel.left) : slice);
    const used = vm.fuelUsed - before;
    this.fuelUsed += used;
    if (this.within > 0) this.fuelWithin -= used;
    if (isProgram) member.fuel.left -= used;
    const end = outcomeOf(outcome);
    if (end !== undefined) this.over(member, end);
    else if (isProgram && member.fuel.left <= 0) this.over(member, { status: 'failed', error: outOfFuel(member.fuel) });
    else if (outcome.reason?.kind === 'host') this.park(member, vm);
    else if (outcome.reason?.kind === 'wait') this.waitAtMemory(member, vm, outcome.reason);
    else this.wake(member);
  }

  /** Nobody but the time ends a wait at a memory that is the member's own. */
  private waitAtMemory(member: Member, vm: VM, { memory, timeout }: { memory: number; timeout: number | null }): void {
    if (timeout !== null || vm.store.memories[memory]?.isLent === true) member.await(() => vm.awaitWake());
  }

  /** Whether what the member waited for is there: then it can run. */
  private isAnswered(member: Member, vm: VM): boolean {
    if (vm.waitsFor === guests) {
      vm.retry();
      member.askedAgain();
    }
    // One that waits at its memory is told by running whether it still has to.
    if (vm.status !== 'waiting' || vm.store.pending === null) return true;
    this.park(member, vm, true);
    return false;
  }

  /** It waits: for ports or a call, or for what the host does. */
  private park(member: Member, vm: VM, again = false): void {
    if (vm.waitsFor !== guests) return member.await(() => vm.answer());
    const { handles } = member;
    if (handles === undefined) throw new CrashError(`${quoted(member.name)} waits for a port, and has no handles`);
    if (!again || member.waitsSince === 0) member.waitsSince = ++this.waits;
    if (handles.call === undefined) member.wait(handles.wants, handles.until, again);
  }

  // The order of turns is part of what a group is

  /** Those whose turn it is, in that order; and those that wait for ports, who came first at first. */
  get order(): { readonly ready: readonly string[]; readonly waiting: readonly string[] } {
    const ready = [...new Set(this.ready.slice(this.first))].filter(({ isReady }) => isReady);
    const waiting = this.list.filter(
      ({ vm, isReady }) => !isReady && vm?.status === 'waiting' && vm.waitsFor === guests,
    );
    waiting.sort((a, b) => a.waitsSince - b.waitsSince);
    return { ready: ready.map(({ name }) => name), waiting: waiting.map(({ name }) => name) };
  }

  /** Members that were restored go on as the order says; what it does not tell of comes last. */
  arrange({ ready, waiting }: Turns['order']): void {
    for (const member of this.named(waiting)) {
      const { vm } = member;
      if (vm?.status === 'waiting' && vm.waitsFor === guests && this.isAnswered(member, vm)) this.wake(member);
    }
    const arranged = new Set(waiting);
    for (const member of [...this.named(ready), ...this.list])
      if (!arranged.has(member.name) && member.vm !== undefined && member.vm.status !== 'idle') this.wake(member);
  }

  private named(names: readonly string[]): readonly Member[] {
    return names.flatMap((name) => this.members.get(name) ?? []);
  }

  /** One that has to run before it can be saved does so. */
  settle(): void {
    for (const member of this.list)
      if (member.vm?.isTorn === true) {
        member.isReady = true;
        this.turn(member);
        this.ring();
      }
    if (this.failure !== undefined) this.endAll(this.failure);
  }

  // Ends

  private over(member: Member, outcome: MemberOutcome): void {
    const call = member.over(outcome);
    if (call !== undefined) this.wakeCaller(call);
    else if (outcome.status === 'failed' && this.options.onFailure === 'end') this.failure ??= outcome.error;
    this.next(member);
    this.note(member);
  }

  endAll(cause: Error): void {
    this.failure = undefined;
    for (const member of this.list)
      if (member.hasProgram && member.outcome === undefined) {
        const error = new PeerError('another member of the group failed', member.name, { cause });
        this.endWith(member, { status: 'failed', error });
      }
  }

  /** Ends a member: its ports lose it, and those who call it fail. */
  endWith(member: Member, outcome: Failed): void {
    const { serving } = member;
    for (const call of [...(serving === undefined ? [] : [serving]), ...member.calls.splice(0)]) {
      call.answer = { error: failed(call, 'failed', outcome.error) };
      this.wakeCaller(call);
    }
    member.serving = undefined;
    this.abandon(this.calls.get(member.name));
    member.end(outcome);
    member.leave();
    this.note(member);
    this.ring();
  }

  dispose(): void {
    for (const member of this.list) {
      member.end({ status: 'failed', error: new PeerError('the group was disposed of', member.name) });
      member.leave();
    }
    this.members.clear();
    this.calls.clear();
    this.busy.clear();
    this.ready = [];
    this.first = 0;
    this.ring();
  }

  // Calls

  callOf(member: string): Call | undefined {
    return this.calls.get(member);
  }

  begin(caller: string, { callee, module, name }: Target, args: readonly Value[]): Call {
    const call = new Call(this.nextCall, caller, callee, name, args);
    this.nextCall += this.callStep;
    this.calls.set(caller, call);
    this.members.get(caller)?.noteCall(callee);
    if (this.far.ask(call, module.hash)) this.meanwhile(() => call.answer !== undefined);
    else this.take(call, module.hash, this.within < mostWithin && this.fuelWithin > 0);
    return call;
  }

  /** `mayRun`: it may be begun at once. */
  private take(call: Call, hash: string, mayRun: boolean): void {
    const member = this.members.get(call.callee);
    if (member === undefined) this.refuse(call, 'there is no such member');
    else if (member.hash !== hash) this.refuse(call, 'the member is of another module');
    else if (!member.canServe) this.refuse(call, 'the member has failed');
    else if (member.isBusy || !mayRun) {
      member.calls.push(call);
      this.next(member);
      this.note(member);
      // Rings of one thread were looked for before.
      if (this.bridge !== undefined && call.answer === undefined) this.far.follow(call);
    } else this.serveAtOnce(member, call);
  }

  private refuse(call: Call, why: string): void {
    call.answer = { error: failed(call, `cannot be called: ${why}`) };
    this.wakeCaller(call);
  }

  /** Of calls that are made from now on. */
  numberCalls(next: number, step: number): void {
    this.nextCall = next;
    this.callStep = step;
  }

  /** Whether any of those that were restored wait for themselves: whoever was to find that may not have done so before. */
  followCalls(): void {
    for (const call of [...this.calls.values()]) if (call.answer === undefined) this.far.follow(call);
  }

  end(call: Call): void {
    this.calls.delete(call.caller);
  }

  meanwhile(isThere: () => boolean): boolean {
    if (this.within > 0) return false;
    this.within++;
    try {
      for (let turns = 0; turns < mostMeanwhile && this.fuelWithin > 0 && !isThere(); ) {
        const member = this.shift();
        if (member !== undefined) {
          this.turn(member);
          turns++;
        } else if (!this.heard()) return false;
      }
      return isThere();
    } finally {
      this.within--;
    }
  }

  /** Whether another thread has done something just now, for which it is worth waiting a little. */
  private heard(): boolean {
    const { bridge } = this;
    if (bridge === undefined) return false;
    this.fuelWithin -= Math.ceil(bridge.spin() * fuelPerUs);
    if (!bridge.hasNews && this.fuelWithin > 0) this.fuelWithin -= Math.ceil(bridge.nap() * fuelPerUs);
    if (!bridge.hasNews) return false;
    bridge.poll();
    return true;
  }

  private serveAtOnce(member: Member, call: Call): void {
    member.serve(call);
    if (member.serving === undefined) return;
    this.busy.add(member);
    this.within++;
    member.isReady = true;
    try {
      this.turn(member);
    } finally {
      this.within--;
    }
  }

  private wakeCaller(call: Call): void {
    const member = this.members.get(call.caller);
    if (member === undefined) this.far.answer(call);
    else if (call.isAwaited && member.vm !== undefined) this.wake(member);
  }

  /** Of a member that has nothing to do: the next call. */
  private next(member: Member): void {
    while (!member.isBusy && member.vm !== undefined) {
      const call = member.calls.shift();
      if (call === undefined) return;
      member.serve(call);
      if (member.serving === undefined) this.wakeCaller(call);
      else this.wake(member);
    }
  }

  /** Of whom nobody knows any more: what it called for is of no use. */
  forget(caller: string): void {
    this.abandon(this.calls.get(caller));
  }

  /** Nobody waits for a call any more. One that is under way goes on, as what it does may be seen by others. */
  private abandon(call: Call | undefined): void {
    if (call === undefined) return;
    this.calls.delete(call.caller);
    if (call.answer === undefined) this.withdraw(call);
  }

  /** It does not wait for its turn any more. */
  private withdraw(call: Call): void {
    if (this.far.forget(call)) return;
    const waiting = this.members.get(call.callee)?.calls ?? [];
    const at = waiting.findIndex(({ id }) => id === call.id);
    if (at >= 0) waiting.splice(at, 1);
  }

  /** Some wait, and neither the host nor anybody of this thread could end that. */
  get isStuck(): boolean {
    return this.awaited === 0 && areStuck(this.busy, this.atHost);
  }
}

const endOf = ({ name, outcome }: Member): [string, MemberOutcome][] =>
  outcome === undefined ? [] : [[name, outcome]];
