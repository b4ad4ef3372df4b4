// Whose turn it is: the members of a group that can go on do so one after the other, each for some fuel; the others are woken
// when what they wait for is there. Nothing here grows with the number of those that wait.

import type { Value } from '../runtime/ref.ts';
import { CrashError, WasboxError } from '../spec/errors.ts';
import { isA, quoted } from '../spec/told.ts';
import type { Interrupts } from '../vm/interrupts.ts';
import type { VM } from '../vm.ts';
import { Call, type CallsOf, failed, type Target } from './calls.ts';
import { DeadlockError, PeerError } from './errors.ts';
import { guests } from './guest.ts';
import { type Member, type MemberOutcome, outcomeOf, outOfFuel, type Seat } from './member.ts';
import type { GroupOptions, GroupOutcome } from './options.ts';
import { isHostAt } from './ports.ts';

/** Fuel of a turn, unless told. */
const defaultSliceFuel = 100_000;
/** How long the members run until other code of this thread has its turn, in ms. */
const turnMs = 10;
/** Calls of calls that are begun within each other; those below wait for their turn. */
const mostWithin = 8;
/** Members that an error tells of. */
const mostTold = 10;

type Failed = MemberOutcome & { readonly status: 'failed' };

export class Turns implements CallsOf, Seat {
  readonly members = new Map<string, Member>();
  /** Those that are under way, by name of the caller. */
  readonly calls = new Map<string, Call>();
  nextCall = 1;
  /** How many wait for what the host does. */
  awaited = 0;
  /** Those with something to do. */
  private readonly busy = new Set<Member>();
  private ready: Member[] = [];
  private first = 0;
  private within = 0;
  /** Tells who waits that a member can go on. */
  private ring = () => {};

  constructor(private readonly options: Pick<GroupOptions, 'sliceFuel' | 'onFailure'>) {}

  get list(): readonly Member[] {
    return [...this.members.values()];
  }

  /** Whether a host function of a member is running. */
  get isWithin(): boolean {
    return this.within > 0 || this.list.some(({ vm }) => vm?.status === 'running');
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
    for (let since = performance.now(); ; ) {
      const why = interrupts.why();
      if (why !== undefined) return { status: 'suspended', reason: why };
      const member = this.shift();
      if (member !== undefined) {
        this.turn(member);
        if (performance.now() - since < turnMs) continue;
        await interrupts.pass();
      } else {
        if (this.busy.size === 0) return { status: 'ended', members: new Map(this.list.flatMap(endOf)) };
        this.checkDeadlock();
        await interrupts.orUntil(
          new Promise<void>((resolve) => {
            this.ring = resolve;
          }),
        );
      }
      since = performance.now();
    }
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
    try {
      if (vm.status !== 'waiting' || this.isAnswered(member, vm)) this.runFor(member, vm);
    } catch (error) {
      if (!isA(error, WasboxError)) throw error;
      this.over(member, { status: 'failed', error });
    }
  }

  private runFor(member: Member, vm: VM): void {
    const { sliceFuel = defaultSliceFuel } = this.options;
    const isProgram = member.serving === undefined;
    const before = vm.fuelUsed;
    const outcome = vm.run({ fuel: isProgram ? Math.min(sliceFuel, member.fuel) : sliceFuel });
    if (isProgram) member.fuel -= vm.fuelUsed - before;
    const end = outcomeOf(outcome);
    if (end !== undefined) this.over(member, end);
    else if (member.fuel <= 0) this.over(member, { status: 'failed', error: outOfFuel(vm.fuelUsed) });
    else if (outcome.reason?.kind === 'host') this.park(member, vm);
    else if (outcome.reason?.kind === 'wait') member.await(() => vm.awaitWake());
    else this.wake(member);
  }

  /** Whether what the member waited for is there: then it can run. */
  private isAnswered(member: Member, vm: VM): boolean {
    if (vm.waitsFor === guests) {
      vm.retry();
      member.askedAgain();
    }
    // One that waits at its memory is told by running whether it still has to.
    if (vm.status !== 'waiting' || vm.store.pending === null) return true;
    this.park(member, vm);
    return false;
  }

  /** It waits: for ports or a call, or for what the host does. */
  private park(member: Member, vm: VM): void {
    if (vm.waitsFor !== guests) return member.await(() => vm.answer());
    const { handles } = member;
    if (handles === undefined) throw new CrashError(`${quoted(member.name)} waits for a port, and has no handles`);
    if (handles.call === undefined) member.wait(handles.wants, handles.until);
  }

  /** One that has to run before it can be saved does so. */
  settle(): void {
    for (const member of this.list)
      if (member.vm?.isTorn === true) {
        member.isReady = true;
        this.turn(member);
      }
  }

  // Ends

  private over(member: Member, outcome: MemberOutcome): void {
    const call = member.over(outcome);
    if (call !== undefined) this.wakeCaller(call);
    else if (outcome.status === 'failed' && this.options.onFailure === 'end') this.endAll(outcome.error);
    this.next(member);
    this.note(member);
  }

  private endAll(cause: Error): void {
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
    const call = new Call(this.nextCall++, caller, callee, name, args);
    this.calls.set(caller, call);
    const member = this.members.get(callee);
    if (member === undefined) call.answer = cannot(call, 'there is no such member');
    else if (member.module.hash !== module.hash) call.answer = cannot(call, 'the member is of another module');
    else if (!member.canServe) call.answer = cannot(call, 'the member has failed');
    else if (member.isBusy || this.within >= mostWithin) {
      member.calls.push(call);
      this.next(member);
      this.note(member);
    } else this.serveAtOnce(member, call);
    return call;
  }

  end(call: Call): void {
    this.calls.delete(call.caller);
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

  private wakeCaller({ caller, isAwaited }: Call): void {
    const member = isAwaited ? this.members.get(caller) : undefined;
    if (member?.vm !== undefined) this.wake(member);
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

  /** Nobody waits for a call any more. One that is under way goes on, as what it does may be seen by others. */
  private abandon(call: Call | undefined): void {
    if (call === undefined) return;
    this.calls.delete(call.caller);
    const waiting = this.members.get(call.callee)?.calls ?? [];
    const at = waiting.indexOf(call);
    if (at >= 0) waiting.splice(at, 1);
  }

  /** Throws DeadlockError where nobody could end what they wait for. */
  private checkDeadlock(): void {
    const waiting = [...this.busy];
    if (this.awaited > 0 || waiting.some((member) => member.waitsForAny(isHostAt))) return;
    const told = waiting.slice(0, mostTold).map((member) => {
      const call = this.calls.get(member.name);
      if (call !== undefined) return `${quoted(member.name)} for a call of ${quoted(call.callee)}`;
      return `${quoted(member.name)} for ${member.waitsFor.map(quoted).join(', ') || 'nothing'}`;
    });
    if (waiting.length > told.length) told.push('…');
    throw new DeadlockError(
      `members wait, and nobody could end that: ${told.join('; ')}`,
      waiting.map(({ name }) => name),
    );
  }
}

const cannot = (call: Call, why: string): { readonly error: Error } => ({
  error: failed(call, `cannot be called: ${why}`),
});

const endOf = ({ name, outcome }: Member): [string, MemberOutcome][] =>
  outcome === undefined ? [] : [[name, outcome]];
