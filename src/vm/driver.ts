// Drives calls of the guest from outcome to outcome: pushes the first frame, lets the engine run, and leaves the stack
// as it should be whatever happens. Only this file and the engines change a store's stack between snapshots.

import { NotYet } from '../host/not-yet.ts';
import { Port } from '../host/port.ts';
import { tidyHostValues } from '../runtime/collect.ts';
import type { Budget, Engine, Outcome, Stop } from '../runtime/engine.ts';
import type { Value } from '../runtime/heap/ref.ts';
import type { MemoryInst } from '../runtime/memory/memory.ts';
import { isOver, leave, notify, type PendingWait, waitAtHost, waitClock, waitResults } from '../runtime/memory/wait.ts';
import { onTop } from '../runtime/nesting.ts';
import type { FuncInst, InstanceInst, PendingCall, Store } from '../runtime/store.ts';
import { readValues, writeValues } from '../runtime/value.ts';
import {
  CrashError,
  ExitError,
  GuestError,
  HostError,
  LimitError,
  Trap,
  UsageError,
  WasboxError,
} from '../spec/errors.ts';
import { isA } from '../spec/told.ts';
import { type FuncAddr, type FuncType, slotsOf, slotsOfAll, type ValType } from '../spec/types.ts';
import { planOf } from '../validate/safepoints.ts';
import { trace } from './frames.ts';

/** `waiting`: a host call is pending, or the guest waits at a cell of its memory. `running`: a host function of the VM is running. */
export type Status = 'idle' | 'suspended' | 'waiting' | 'running';

/** A host function at the bottom of the stack, where frames of the guest belong: `done` once its results stand there. */
interface Bottom {
  readonly func: FuncAddr;
  /** Whose start function it is. */
  readonly caller?: InstanceInst | undefined;
  readonly done: boolean;
}

type Returned = Outcome & { readonly status: 'returned' };

export class Driver {
  readonly port: Port;
  private bottom: Bottom | null = null;
  /** Tells who awaits the guest's wait that it is over. */
  private waitOver: (() => void) | null = null;
  /** The pending call whose host function has been called. */
  private asked: { readonly pending: PendingCall; readonly answered: Promise<void> } | null = null;
  /** The wait that is awaited. */
  private awaited: { readonly wait: PendingWait; readonly ended: Promise<void> } | null = null;
  /** The VM is gone, or has another body: whoever has kept something of it gets nowhere. */
  private isGone = false;
  /** Runs that are under way, within each other. */
  private runs = 0;
  /** What the next run ends with. */
  private failure: WasboxError | null = null;

  constructor(
    private readonly store: Store,
    private readonly engine: Engine,
  ) {
    this.port = new Port(store, (func, args, caller) => this.invoke(func.payload, args, caller));
  }

  get status(): Status {
    if (this.store.hostDepth > 0) return 'running';
    if (this.store.pending !== null || this.store.wait !== null) return 'waiting';
    return this.store.stack.depth > 0 || this.bottom !== null ? 'suspended' : 'idle';
  }

  /** Forgets what it was about to do: the store says how it goes on. */
  reset(): void {
    this.bottom = null;
    this.failure = null;
    this.asked = null;
    this.waitOver?.();
    this.waitOver = null;
    this.awaited = null;
  }

  /** Code of the VM, or a host function of it, is running. */
  get isRunning(): boolean {
    return this.runs > 0 || this.store.hostDepth > 0;
  }

  /** The VM is somewhere else: nothing of it runs here any more. */
  leave(): void {
    this.isGone = true;
  }

  /** The VM is gone, all but the store's memories. */
  letGo(): void {
    this.leave();
    this.engine.letGo?.(this.store);
  }

  /** Whether the host function of the pending call has been called, and has not answered yet. */
  get isAnswering(): boolean {
    return this.asked !== null && this.asked.pending === this.store.pending;
  }

  /** Whether the store alone tells how the call goes on. */
  get isPlain(): boolean {
    return this.bottom === null && this.failure === null;
  }

  /**
   * Begins a call; a start function has a `caller`, whose it is. The VM must be idle. Throws UsageError for wrong
   * arguments, ExhaustionError.
   */
  start(func: FuncAddr, args: readonly Value[], caller?: InstanceInst): void {
    if (!this.enter(func, args)) this.bottom = { func, caller, done: false };
  }

  /**
   * Goes on with the call that was started. A VM that waits for a host call tells so again; one that is to stop before
   * it has begun does nothing. `isBare`: nobody needs the words of what it returns.
   */
  run(budget: Budget, isBare = false): Outcome {
    if (this.store.pending !== null) return this.suspended('host');
    if (!this.waitEnded()) return this.suspended('wait');
    const early = budget.interrupted?.();
    if (early !== undefined) return { status: 'suspended', reason: early };
    try {
      const { results } = this.bottomType();
      const stop = this.goOn(budget);
      return stop === 'returned' ? this.returned(results, isBare) : this.suspended(stop, budget);
    } catch (error) {
      if (error instanceof Trap || error instanceof HostError) return { status: 'trapped', trap: error };
      if (error instanceof ExitError) return { status: 'exited', code: error.exitCode };
      throw error;
    }
  }

  /**
   * A call to its end, on top of whatever is suspended. It cannot wait. A host function sees the `caller`. `most`: units of
   * fuel, unless it comes from inside a host function.
   */
  invoke(func: FuncAddr, args: readonly Value[], caller?: InstanceInst, most = Number.POSITIVE_INFINITY): Value[] {
    const { store } = this;
    if (this.isGone) throw new UsageError('the VM is gone: it was disposed of, sent away, or set back');
    const { stack } = store;
    const { depth, top } = stack;
    return onTop(store, () => {
      if (this.enter(func, args)) this.driveInner(depth, top, most);
      else this.guarded(depth, top, false, () => this.port.call(func, top, caller));
      return readValues(stack.words, top, store.funcType(func).results, store);
    });
  }

  /** The pending call's results. Throws UsageError where they are of the wrong types. */
  deliver(pending: PendingCall, results: readonly Value[]): void {
    this.port.deliver(pending, results);
    this.settle(pending);
  }

  /** The pending call failed: the next run ends trapped. */
  fail(pending: PendingCall, error: unknown): void {
    this.end(pending, isA(error, HostError) ? error : this.port.failed(pending.func, error));
  }

  /** The next run ends with the error. */
  private end(pending: PendingCall, error: WasboxError): void {
    this.failure = error;
    this.settle(pending);
  }

  private settle(pending: PendingCall): void {
    this.store.pending = null;
    this.port.settled();
    if (this.store.stack.depth === 0) this.bottom = { func: pending.func, done: true };
  }

  /** Runs the host function of the pending call, and delivers what it answers. */
  answer(): Promise<void> {
    const { pending } = this.store;
    if (pending === null) throw new UsageError('no host call is pending');
    if (this.asked?.pending === pending) throw new UsageError(`host call ${pending.id} is being answered already`);
    this.asked = { pending, answered: this.answerTo(pending) };
    return this.asked.answered;
  }

  /** Until the pending call is answered: its host function is called, unless it was before. */
  answered(): Promise<void> {
    const { asked } = this;
    return asked !== null && asked.pending === this.store.pending ? asked.answered : this.answer();
  }

  private async answerTo(pending: PendingCall): Promise<void> {
    try {
      const values = await this.port.answer(pending);
      if (this.store.pending === pending) this.deliver(pending, values);
    } catch (error) {
      if (this.store.pending === pending) this.failed(pending, error);
    }
  }

  /** What the function of a pending call ended with: its failure, or that of the whole call. */
  private failed(pending: PendingCall, error: unknown): void {
    if (isA(error, ExitError) || isA(error, LimitError) || isA(error, Trap)) this.end(pending, error);
    else this.fail(pending, error);
  }

  /**
   * Asks the function of the pending call again, where that is how it is answered: what it still waits for, or undefined
   * where it has answered, or failed, or answers in another way.
   */
  retry(): NotYet | undefined {
    const { pending } = this.store;
    if (pending === null || !this.port.isRetried(pending)) return undefined;
    try {
      const tried = this.port.retry(pending);
      if (isA(tried, NotYet)) return tried;
      this.deliver(pending, tried);
    } catch (error) {
      this.failed(pending, error);
    }
    return undefined;
  }

  // Waits

  /** Whether the guest waits no longer: it was woken, or its time is over. */
  private waitEnded(): boolean {
    const { wait } = this.store;
    if (wait === null) return true;
    if (wait.woken) this.endWait(waitResults.woken);
    else if (isOver(wait)) this.endWait(waitResults.timedOut);
    return this.store.wait === null;
  }

  /** Ends the wait with a result. */
  endWait(result: number): void {
    const { store } = this;
    store.stack.words[(store.stack.top - 1) * 2] = result;
    forgetWait(store);
    this.waitOver?.();
    this.waitOver = null;
  }

  /** Until the guest's wait has ended, by whatever thread. */
  awaitWake(): Promise<void> {
    const { wait } = this.store;
    if (wait === null || wait.woken) return Promise.resolve();
    if (this.awaited?.wait !== wait) this.awaited = { wait, ended: this.wakeOf(wait) };
    return this.awaited.ended;
  }

  private async wakeOf(wait: PendingWait): Promise<void> {
    const { store } = this;
    const memory = store.memories[wait.memory] as MemoryInst;
    leave(memory, wait);
    const { async, value } = waitAtHost(memory, wait);
    if (async) memory.isWaitedFor(value);
    // What the cell held has changed since: whoever did that has notified, or will.
    if (!async) return this.endWait(value === 'not-equal' ? waitResults.woken : waitResults.timedOut);
    const ended = new Promise<void>((resolve) => {
      this.waitOver = resolve;
    });
    const told = value.then((how) => {
      if (store.wait === wait) this.endWait(how === 'ok' ? waitResults.woken : waitResults.timedOut);
      // The host still had this one in its list when somebody else was to be woken.
      else if (how === 'ok') notify(memory, wait.address, 1);
    });
    await Promise.race([told, ended]);
  }

  // Frames

  /** Writes the arguments and pushes the first frame. False for a host function, which has none. */
  private enter(addr: FuncAddr, args: readonly Value[]): boolean {
    const { stack, funcs } = this.store;
    const func = funcs[addr] as FuncInst;
    const { params } = func.type.comp as FuncType;
    const base = stack.top;
    const locals = base + slotsOfAll(params);
    const top = locals + localSlots(func);
    stack.reserveSlots(top);
    tidyHostValues(this.store);
    writeValues(stack.words, base, params, args, this.store, 'argument');
    stack.words.fill(0, locals * 2, top * 2);
    if (func.kind === 'wasm') this.push(func, addr, base);
    stack.top = top;
    return func.kind === 'wasm';
  }

  private push(func: FuncInst & { kind: 'wasm' }, addr: FuncAddr, base: number): void {
    const { entryCost } = planOf(func.instance.module.context, func.index);
    this.store.stack.push(addr, 0, base);
    this.store.fuelUsed += entryCost;
    this.store.debt += entryCost;
  }

  /** The type of what the call returns: that of its lowest frame, even where that is a tail call's by now. */
  private bottomType(): FuncType {
    const { stack } = this.store;
    return this.store.funcType(stack.depth > 0 ? stack.func(0) : (this.bottom?.func ?? 0));
  }

  // Running

  private goOn(budget: Budget): Stop {
    for (const memory of this.store.memories) {
      memory.refresh();
      memory.keep();
    }
    const { bottom, failure } = this;
    this.bottom = null;
    this.failure = null;
    if (failure !== null) return this.unwind(failure, 0, 0);
    if (bottom === null) return this.drive(budget);
    if (bottom.done) return 'returned';
    return this.callBottom(bottom);
  }

  private callBottom({ func, caller }: Bottom): Stop {
    const returned = this.guarded(0, 0, true, () => this.port.call(func, 0, caller));
    this.store.stack.top = 0;
    return returned ? 'returned' : 'host';
  }

  /** Runs a call that cannot be suspended: from inside a host function it has a bound of its own. */
  private driveInner(floor: number, top: number, most: number): void {
    const isInside = this.store.hostDepth > 0;
    const fuel = isInside ? this.store.limits.innerFuel : most;
    this.guarded(floor, top, false, () => {
      if (this.engine.run(this.store, floor, { fuel }, this.port) === 'returned') return;
      throw new LimitError(`a call${isInside ? ' from inside a host function' : ''} used up its ${fuel} fuel`, {
        limit: 'innerFuel',
        value: fuel,
      });
    });
  }

  private drive(budget: Budget): Stop {
    return this.guarded(0, 0, true, () => this.engine.run(this.store, 0, budget, this.port));
  }

  /** Does it; if that throws, the stack is `floor` frames and `top` slots high again. */
  private guarded<T>(floor: number, top: number, mayWait: boolean, act: () => T): T {
    const outer = this.port.mayWait;
    this.port.mayWait = mayWait;
    this.runs++;
    try {
      return act();
    } catch (error) {
      return this.unwind(error, floor, top);
    } finally {
      this.runs--;
      this.port.mayWait = outer;
    }
  }

  private unwind(error: unknown, floor: number, top: number): never {
    const { stack } = this.store;
    const told = error instanceof WasboxError ? error : new CrashError('the engine failed', { cause: error });
    if (told instanceof GuestError) trace(this.store, floor, told);
    stack.depth = floor;
    stack.top = top;
    throw told;
  }

  // Outcomes

  private returned(types: readonly ValType[], isBare: boolean): Outcome {
    const { stack } = this.store;
    const values = readValues(stack.words, 0, types, this.store);
    if (isBare) {
      stack.clear();
      return { status: 'returned', values } as Returned;
    }
    const words = stack.words.slice(0, slotsOfAll(types) * 2);
    stack.clear();
    // Not enumerable: whoever prints or compares an outcome means its values.
    return Object.defineProperty({ status: 'returned', values } as Returned, 'words', { value: words });
  }

  private waits(): Outcome {
    const { wait } = this.store;
    if (wait === null) throw new CrashError('the engine waits at no cell');
    const { memory, address, until } = wait;
    const timeout = until === null ? null : Math.max(0, until - waitClock());
    return { status: 'suspended', reason: { kind: 'wait', memory, address, timeout } };
  }

  private suspended(kind: Exclude<Stop, 'returned'>, budget?: Budget): Outcome {
    if (kind === 'wait') return this.waits();
    if (kind === 'pause') return { status: 'suspended', reason: budget?.interrupted?.() ?? { kind } };
    if (kind !== 'host') return { status: 'suspended', reason: { kind } };
    const { pending, funcs } = this.store;
    const func = funcs[pending?.func ?? -1];
    if (pending === null || func?.kind !== 'host') throw new CrashError('the engine waits for no host call');
    const { id, args } = pending;
    return { status: 'suspended', reason: { kind, id, module: func.module, name: func.name, args } };
  }
}

/** The store waits no longer, or is gone. */
export function forgetWait(store: Store): void {
  const { wait, memories } = store;
  if (wait !== null) leave(memories[wait.memory] as MemoryInst, wait);
  store.wait = null;
}

/** Slots of the locals that are no parameters. */
export function localSlots(func: FuncInst): number {
  if (func.kind === 'host') return 0;
  const { context, syntax } = func.instance.module;
  const locals = syntax.funcs[func.index - context.importedFuncs]?.locals ?? [];
  return locals.reduce((sum, { count, type }) => sum + count * slotsOf(type), 0);
}
