// Drives a program: from call to call of its machine, and between them through what it waits for, until it is over or at
// rest. All that has to last is in the machine's state; what is here can be lost at any moment.

import type { Outcome } from '../../runtime/engine.ts';
import { ExhaustionError, HostError, LimitError } from '../../spec/errors.ts';
import { nextTurn } from '../../spec/patience.ts';
import { isA } from '../../spec/told.ts';
import { ops } from '../guest/ops.ts';
import type { Base } from '../machine/base.ts';
import type { Machine } from '../machine/machine.ts';
import type { Handle } from '../machine/memory.ts';
import type { Owner, Phase, ToolRequest } from '../machine/state.ts';
import { encodeToken } from '../token/token.ts';
import type { Message } from '../values/format.ts';
import { Calls } from './calls.ts';
import { limitsOf, overLimit, ProgramLimitError, type ProgramLimits } from './limits.ts';
import { type Driven, longestSleep } from './options.ts';
import { eventOf, type RawOutcome, type Timer } from './outcome.ts';
import { sizeOf } from './restored.ts';
import { Stop } from './stop.ts';

/** How long a program keeps the thread, in ms: to leave native code and to go on costs some. */
const sliceMs = 100;

/** After so long other code of the thread has a turn before the next program begins, in ms. */
const longestMs = 50;
let freeAt = performance.now();

/** No clock comes to a later time, in ms since 1970: they count nanoseconds up to 2 ** 63. */
const mostDue = 2 ** 63 / 1e6 - 1;

type Suspended = Extract<Outcome, { status: 'suspended' }>;

export class Program {
  private readonly limits: ProgramLimits;
  private readonly calls: Calls;
  private readonly stop: Stop;
  /** Units of fuel that its run has used, once that is over. */
  fuelOfRun = 0;

  constructor(
    private readonly base: Base,
    private readonly machine: Machine,
    private readonly options: Driven,
    /** Takes the machine back, and whether it is where it can go on. */
    private readonly over: (machine: Machine, canGoOn: boolean) => void,
  ) {
    this.limits = limitsOf(options.limits);
    this.stop = new Stop(options.signal, this.limits.time);
    this.calls = new Calls(machine.state.id, options, this.stop);
    machine.state.owner = this.owner();
  }

  private owner(): Owner {
    const { print, modules = {} } = this.options;
    const { printed = (level, message) => print?.(eventOf(level, message)) } = this.options;
    return {
      print: printed,
      source: (name) => (Object.hasOwn(modules, name) ? modules[name] : undefined),
      mostBytes: this.limits.value,
      mostOutput: this.limits.output,
    };
  }

  private get state() {
    return this.machine.state;
  }

  idOf(number: number): string {
    return this.calls.idOf(number);
  }

  /** Names the run in the ids of its calls. */
  get id(): string {
    return this.calls.run;
  }

  /** Brings the program to rest soon. */
  pause(): void {
    this.stop.ask();
  }

  async run(): Promise<RawOutcome> {
    const before = this.machine.vm.fuelUsed;
    let canGoOn = true;
    try {
      return await this.drive();
    } catch (error) {
      const failure = this.failure(error);
      canGoOn = isA(failure, ProgramLimitError) && failure.token !== undefined;
      throw failure;
    } finally {
      this.stop.done();
      this.fuelOfRun = this.machine.vm.fuelUsed - before;
      this.state.owner = null;
      this.over(this.machine, canGoOn);
    }
  }

  /** Limits go by the names that they have here; and what QuickJS runs out of, where its own bounds do not hold it. */
  private failure(error: unknown): unknown {
    if (isA(error, ExhaustionError)) return overLimit('stack', this.limits.stack);
    if (!isA(error, LimitError) || isA(error, ProgramLimitError) || !Object.hasOwn(this.limits, error.limit))
      return error;
    return overLimit(error.limit as keyof ProgramLimits, this.limits[error.limit as keyof ProgramLimits]);
  }

  private async drive(): Promise<RawOutcome> {
    const { machine } = this;
    this.checkUsed();
    if (performance.now() - freeAt > longestMs) await giveWay();
    // Those that were under way where the program was before.
    for (const call of this.state.begun)
      if (call.reply === null && (!this.stop.isAsked || this.options.replies?.has(call.number) === true))
        this.calls.begin(call);
    for (;;) {
      if (machine.vm.status === 'idle') {
        const end = this.between() ?? (await this.idle());
        if (end !== undefined) return end;
      } else {
        const end = await this.step();
        if (end !== undefined) return end;
      }
    }
  }

  /** A token may come with more than this run allows. */
  private checkUsed(): void {
    const { machine, state, limits } = this;
    // Those that a session's evaluations before have left open are made again.
    const open = state.begun.filter(({ reply }) => reply === null).length;
    if (Math.max(this.called, open) > limits.calls) throw overLimit('calls', limits.calls);
    if (state.printed > limits.output) throw overLimit('output', limits.output);
    if (machine.limit(limits.memory, limits.stack) > limits.memory) throw overLimit('memory', limits.memory);
  }

  private get used(): number {
    return this.machine.vm.fuelUsed - this.state.fuelBefore;
  }

  /** Of what the program may use, with what it owes already. */
  private get fuelLeft(): number {
    return this.limits.fuel - this.used + this.machine.vm.store.debt;
  }

  private get called(): number {
    return this.state.calls - this.state.callsBefore;
  }

  // The guest runs

  private async step(): Promise<RawOutcome | undefined> {
    const early = this.stopped();
    if (early !== undefined) return early;
    const fuel = this.fuelLeft;
    if (fuel < 0) throw overLimit('fuel', this.limits.fuel, this.token());
    const outcome = this.machine.vm.run({ fuel, timeout: Math.min(sliceMs, this.stop.left) });
    switch (outcome.status) {
      case 'returned':
        return this.returned(outcome.values[0] as number);
      case 'suspended':
        return this.suspended(outcome);
      case 'trapped':
        throw outcome.trap;
      default:
        throw new HostError('QuickJS has ended itself');
    }
  }

  private async suspended({ reason }: Suspended): Promise<RawOutcome | undefined> {
    if (reason.kind === 'host') return this.serve();
    if (reason.kind === 'fuel') throw overLimit('fuel', this.limits.fuel, this.token());
    await this.stop.pass();
    return undefined;
  }

  /** What asked the program to stop: the outcome, unless it is the limit of time. */
  private stopped(): RawOutcome | undefined {
    if (!this.stop.isAsked || (this.isAnswered && !this.stop.isLate)) return undefined;
    if (this.stop.isLate) throw overLimit('time', this.limits.time, this.token());
    return { status: 'paused', ...this.atRest() };
  }

  /** The reply to the call that it is in came along: it goes there before the program is stopped, as nobody else has it. */
  private get isAnswered(): boolean {
    const { current } = this.state;
    return current > 0 && this.options.replies?.has(current) === true;
  }

  /** `request`: the call that the program is in. */
  private atRest(request?: ToolRequest) {
    const token = this.token();
    const open = this.state.begun.filter(({ reply }) => reply === null);
    const isInCall = request !== undefined;
    return { token, fuel: this.used, calls: isInCall ? [request, ...open] : open, isInCall };
  }

  /** With the answers that have come meanwhile. */
  private token(): Uint8Array<ArrayBuffer> {
    this.calls.collect(this.state.begun);
    return encodeToken(this.base, this.machine.save());
  }

  /** A call of the guest is over. */
  private returned(result: Handle): undefined {
    const { machine, state } = this;
    const { phase } = state;
    state.phase = 'idle';
    if (phase === 'job') {
      if (result < 0) this.thrown(false);
      return;
    }
    machine.release();
    if (machine.isException(result)) {
      machine.memory.drop(result);
      this.thrown(true);
    } else if (phase === 'entry' || phase === 'idle') machine.memory.drop(result);
    else this.enter(watchers[phase], [result]);
  }

  private enter(entry: Parameters<Machine['enter']>[0], args: readonly Handle[], phase: Phase = 'entry'): void {
    this.state.phase = phase;
    this.machine.enter(entry, args);
  }

  /** The guest's call ended with an exception: the program's failure, unless its memory is used up. */
  private thrown(isFailure: boolean): void {
    const { machine } = this;
    const error = machine.takeException();
    if (machine.isUncatchable(error)) throw overLimit('memory', this.limits.memory);
    if (isFailure) this.enter('caught', [error]);
    else machine.memory.drop(error);
  }

  // The guest waits for the host

  private async serve(): Promise<RawOutcome | undefined> {
    const { machine, state, limits } = this;
    const early = this.stopped();
    if (early !== undefined) return early;
    const isAgain = state.current > 0;
    if (!isAgain) {
      if (this.called >= limits.calls) throw overLimit('calls', limits.calls, this.token());
      state.current = ++state.calls;
    }
    const { store } = machine.vm;
    const { fuelUsed } = store;
    const asked = machine.asked();
    const { name, message } = machine.readMessage(asked, (bytes) => {
      if (bytes > limits.value) throw overLimit('value', limits.value);
    });
    // However often a program is resumed there, it pays for being asked once.
    if (isAgain) store.fuelUsed = fuelUsed;
    const request = { number: state.current, tool: name, args: message };
    if (!this.calls.isKnown(request.number)) await this.options.save?.(this.token());
    return asked.op === ops.call ? this.answer(request) : this.begin(request);
  }

  private async answer(request: ToolRequest): Promise<RawOutcome | undefined> {
    const reply = await this.calls.reply(request);
    if (reply === 'stopped') return this.stopped();
    if (reply === 'paused') return { status: 'waiting', ...this.atRest(request) };
    this.checkSize(reply);
    this.state.current = 0;
    this.machine.reply(reply);
    return undefined;
  }

  private begin(request: ToolRequest): undefined {
    const { state, machine } = this;
    state.begun.push({ ...request, reply: null });
    state.current = 0;
    this.calls.begin(request);
    machine.answer(machine.numberOf(request.number));
  }

  private checkSize(message: Message): void {
    if (sizeOf(message) > this.limits.value) throw overLimit('value', this.limits.value);
  }

  // Nothing of the guest runs

  /** What there is to do at once: begins it, or tells what the program came to. */
  private between(): RawOutcome | undefined {
    const { machine, state } = this;
    if (state.ending !== null) return this.ended();
    if (machine.nextJob()) {
      state.phase = 'job';
      return undefined;
    }
    this.calls.collect(state.begun);
    const answered = state.begun.find(({ reply }) => reply !== null);
    if (answered?.reply != null) {
      state.begun = state.begun.filter((call) => call !== answered);
      this.checkSize(answered.reply);
      this.enter('settle', [machine.numberOf(answered.number), machine.memory.message(answered.reply)]);
      return undefined;
    }
    const due = machine.due();
    if (due !== undefined && due <= this.now()) this.enter('fire', []);
    return undefined;
  }

  private now(): number {
    return Number(this.state.clock.realtime() / 1_000_000n);
  }

  private ended(): RawOutcome {
    const { ending } = this.state;
    const fuel = this.used;
    this.state.isEvaluating = false;
    const { text, blobs } = ending as NonNullable<typeof ending>;
    if (ending?.failed === false) return { status: 'done', value: { text, blobs }, fuel };
    return { status: 'failed', error: { text, blobs }, fuel };
  }

  /** The guest can do nothing until something comes. */
  private async idle(): Promise<RawOutcome | undefined> {
    const { machine, state } = this;
    if (machine.vm.status !== 'idle') return undefined;
    const early = this.stopped();
    if (early !== undefined) return early;
    if (this.calls.collect(state.begun)) return undefined;
    const { areUnderWay } = this.calls;
    const due = machine.due();
    const mayWait = areUnderWay || this.options.areElsewhere?.() === true;
    const until = due === undefined || mayWait ? due : this.sleep(due);
    const left = until === undefined ? Number.POSITIVE_INFINITY : until - this.now();
    if (left <= 0) return undefined;
    const isSoon = left <= (this.options.longestSleep ?? longestSleep);
    if (areUnderWay || isSoon) {
      await this.calls.next(left);
      return this.stopped();
    }
    const timer: Timer | undefined = until === undefined ? undefined : { until, left };
    if (state.begun.length > 0) return { status: 'waiting', ...this.atRest(), timer };
    if (timer !== undefined) return { status: 'sleeping', ...this.atRest(), timer };
    state.isEvaluating = false;
    return { status: 'failed', fuel: this.used };
  }

  /** Until when the program sleeps, which may be for ever; a clock of its own goes there at once. */
  private sleep(due: number): number {
    if (due > mostDue) return due;
    const ms = Math.max(0, due - this.now());
    // By a clock of the host it is due when it was due before, however often the program comes to rest meanwhile.
    return this.state.clock.sleep(BigInt(Math.ceil(ms)) * 1_000_000n) === undefined ? this.now() : due;
  }
}

/** Who is given the promise of an evaluation. */
const watchers = { script: 'watch', module: 'watchModule', shown: 'watchShown' } as const;

/**
 * Programs that are awaited one after the other, and wait for nothing themselves, would never let go of the thread; nor would
 * the host of what it keeps until its job is over, as all that a `WeakRef` was made of.
 */
async function giveWay(): Promise<void> {
  await nextTurn();
  freeAt = performance.now();
}
