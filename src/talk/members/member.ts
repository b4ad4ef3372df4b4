// A member of a group: a VM, what it has been asked to do, and what came of it. Who goes on when is the group's.

import type { Outcome } from '../../runtime/engine.ts';
import type { Value } from '../../runtime/heap/ref.ts';
import type { Module } from '../../runtime/module/module.ts';
import { LimitError, UsageError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import type { FrameView, Imports, VM } from '../../vm.ts';
import { type Call, failed } from './call.ts';
import type { Handles, Want } from './handles.ts';

/** How a member's program ended. */
export type MemberOutcome =
  | { readonly status: 'returned'; readonly values: readonly Value[] }
  | { readonly status: 'exited'; readonly code: number }
  /** It trapped, or is over a limit, or was cancelled. */
  | { readonly status: 'failed'; readonly error: Error };

/** What a member does. */
export type MemberStatus =
  /** It is its turn soon. */
  | 'ready'
  /** It waits for a port, a call, a service, or its own time. */
  | 'waiting'
  /** Nothing was asked of it. */
  | 'idle'
  | MemberOutcome['status'];

/** What its group does for a member. */
export interface Seat {
  /** It can go on. */
  wake(member: Member): void;
  /** How many members wait for what the host does. */
  awaited: number;
}

/** Units that a member's program may use. */
export interface Fuel {
  readonly most: number;
  left: number;
}
const noBound: Fuel = { most: Number.POSITIVE_INFINITY, left: Number.POSITIVE_INFINITY };

/** One VM of a group. */
export class Member {
  /** @hidden */
  vm: VM | undefined;
  /** @hidden */
  handles: Handles | undefined;
  /** The call of another that is under way. @hidden */
  serving: Call | undefined;
  /** Calls of others that are to follow. @hidden */
  readonly calls: Call[] = [];
  /** What it does is waited for. @hidden */
  isReady = false;
  /** Counts up with each member that begins to wait for ports. @hidden */
  waitsSince = 0;
  /** @hidden */
  readonly fuel: Fuel;
  /** A service is asked, or the time is awaited: the host will wake it. */
  private isAwaited = false;
  private ended: MemberOutcome | undefined;
  private wants: readonly Want[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** The work of the host that is under way. */
  private work: Promise<unknown> | undefined;
  private until = Number.POSITIVE_INFINITY;
  private used = 0;
  private settle = (_: MemberOutcome): void => {};
  private readonly settled = new Promise<MemberOutcome>((resolve) => {
    this.settle = resolve;
  });
  private readonly waiter = { wake: () => this.wake() };

  /** @hidden */
  constructor(
    /** Unlike all others of the group. */
    readonly name: string,
    /** What it is an instance of; or was, by the hash, where nobody needs it any more. */
    private readonly made: Module | string,
    /** What it imports besides. @hidden */
    readonly imports: Imports,
    /** Whether it has a program, which ends. */
    readonly hasProgram: boolean,
    private readonly seat: Seat,
    fuel: Readonly<Fuel> = noBound,
  ) {
    this.fuel = { ...fuel };
  }

  /** What it is an instance of. Throws UsageError of one that has gone, in a restored group to which that was not given. */
  get module(): Module {
    const { made } = this;
    if (typeof made !== 'string') return made;
    throw new UsageError(`the module of ${quoted(this.name)} (${quoted(made)}) was not given, as the member has gone`);
  }

  /** Of the module. @hidden */
  get hash(): string {
    return typeof this.made === 'string' ? this.made : this.made.hash;
  }

  /** What its program has returned, once it has. Rejects with what it failed with; of one without a program, never settles. */
  get result(): Promise<readonly Value[]> {
    return this.settled.then((outcome) => {
      if (outcome.status === 'failed') throw outcome.error;
      return outcome.status === 'returned' ? outcome.values : [];
    });
  }

  /** How its program ends. @hidden */
  get ending(): Promise<MemberOutcome> {
    return this.settled;
  }

  /** How its program ended; undefined while it has not. */
  get outcome(): MemberOutcome | undefined {
    return this.ended;
  }

  /** What it does now; of a program that has ended, how. */
  get status(): MemberStatus {
    if (this.isReady) return 'ready';
    if (this.isBusy) return 'waiting';
    return this.ended?.status ?? 'idle';
  }

  /** Fuel that it has used so far. */
  get fuelUsed(): number {
    return this.vm?.fuelUsed ?? this.used;
  }

  /** The frames of what it does, innermost first; none where it does nothing. */
  frames(): FrameView[] {
    return this.vm === undefined || !this.isBusy ? [] : this.vm.frames();
  }

  /** What its call waits for: names of ports. @hidden */
  get waitsFor(): readonly string[] {
    return this.wants.map(({ port }) => port.name);
  }

  /** Whether its program, or a call of another, is under way. @hidden */
  get isBusy(): boolean {
    return this.serving !== undefined || (this.hasProgram && this.ended === undefined);
  }

  /** Whether it can be called, now or later. @hidden */
  get canServe(): boolean {
    return this.vm !== undefined && this.ended?.status !== 'failed';
  }

  /** Fuel that it had used before it was made or restored. @hidden */
  usedBefore = 0;
  /** How often it has called others since, by their names. @hidden */
  readonly called = new Map<string, number>();

  /** @hidden */
  noteCall(callee: string): void {
    this.called.set(callee, (this.called.get(callee) ?? 0) + 1);
  }

  // Waiting

  /** @hidden */
  wake(): void {
    this.stopWaiting();
    if (this.vm !== undefined) this.seat.wake(this);
  }

  /** Until one of these can be asked, or a time has come, in ms since 1970; `again`: it was woken in vain. @hidden */
  wait(wants: readonly Want[], until: number | undefined, again: boolean): void {
    this.wants = wants;
    for (const { port, side } of wants) port.wait(side, this.waiter, again);
    if (until === undefined) return;
    this.noteAwaited(true);
    this.until = until;
    this.timer = setTimeout(() => this.wake(), Math.min(2 ** 31 - 1, Math.max(0, Math.ceil(until - Date.now()))));
  }

  /** Until the host has done something. @hidden */
  await(begin: () => Promise<unknown>): void {
    this.noteAwaited(true);
    if (this.work !== undefined) return;
    const work = begin();
    this.work = work;
    const done = () => {
      if (this.work !== work) return;
      this.work = undefined;
      this.wake();
    };
    work.then(done, done);
  }

  private stopWaiting(): void {
    clearTimeout(this.timer);
    this.until = Number.POSITIVE_INFINITY;
    for (const { port, side } of this.wants) port.forget(side, this.waiter);
    this.noteAwaited(false);
  }

  /** Work of the host is under way for it. @hidden */
  get isAwaitingWork(): boolean {
    return this.work !== undefined;
  }

  /** When it has waited long enough for ports, in ms since 1970. @hidden */
  get waitsUntil(): number {
    return this.until;
  }

  private noteAwaited(is: boolean): void {
    if (is !== this.isAwaited) this.seat.awaited += is ? 1 : -1;
    this.isAwaited = is;
  }

  /** The call that waited was made again, with whatever result: the ports that it waited for are there for others. @hidden */
  askedAgain(): void {
    const { wants } = this;
    this.wants = [];
    for (const { port, side } of wants) port.passOn(side);
  }

  /** @hidden */
  waitsForAny(is: (want: Want) => boolean): boolean {
    return this.wants.some(is);
  }

  // Beginnings and ends

  /** Begins a call of another. @hidden */
  serve(call: Call): void {
    this.serving = call;
    const vm = this.vm as VM;
    try {
      vm.start(vm.instance().func(call.name), call.args);
    } catch (cause) {
      this.answer({ status: 'failed', error: failed(call, 'could not be called', cause) });
    }
  }

  /** What came of what it did. Returns who is to be told; undefined where that was its program. @hidden */
  over(outcome: MemberOutcome): Call | undefined {
    const { serving } = this;
    if (serving === undefined) this.end(outcome);
    else {
      this.rest();
      this.answer(outcome);
    }
    return serving;
  }

  /** Nothing is waited for any more; what it may have been woken for is another's. */
  private rest(): void {
    this.stopWaiting();
    this.askedAgain();
    this.work = undefined;
  }

  private answer(outcome: MemberOutcome): void {
    const call = this.serving as Call;
    this.serving = undefined;
    if (outcome.status === 'returned') call.answer = { values: outcome.values };
    else if (outcome.status === 'exited')
      call.answer = { error: failed(call, `ended its program with code ${outcome.code}`) };
    else call.answer = { error: failed(call, 'failed', outcome.error) };
  }

  /** Its program ended, or ends now. @hidden */
  end(outcome: MemberOutcome): void {
    this.rest();
    if (this.ended !== undefined) return;
    this.handles?.release();
    this.endedAs(outcome);
  }

  /** Its program has ended before; what it has of ports since is its own. @hidden */
  endedAs(outcome: MemberOutcome): void {
    this.ended = outcome;
    this.settle(outcome);
  }

  /** Gives up the VM, and what it has of ports. @hidden */
  leave(): void {
    this.rest();
    this.handles?.release();
    this.used = this.fuelUsed;
    this.isReady = false;
    this.vm?.dispose();
    this.vm = undefined;
  }
}

/** What a run's outcome is to its member; undefined while it goes on. */
export function outcomeOf(outcome: Outcome): MemberOutcome | undefined {
  switch (outcome.status) {
    case 'returned':
      return { status: 'returned', values: outcome.values };
    case 'trapped':
      return { status: 'failed', error: outcome.trap };
    case 'exited':
      return { status: 'exited', code: outcome.code };
    default:
      return undefined;
  }
}

export const outOfFuel = ({ most }: Fuel): LimitError =>
  new LimitError(`the program has used up its fuel of ${most}`, { limit: 'fuel', value: most });
