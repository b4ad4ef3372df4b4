// A run of native code: the top frame runs until it returns or leaves, then the one below with what it returned, and so on. The
// native stack is never rebuilt. When it stops, all frames are canonical.

import { beginningOf, pushCall } from '../../runtime/calls.ts';
import { collect, makeRoom, tidyHostValues } from '../../runtime/collect.ts';
import { type Budget, type Halt, type HostPort, type Mixing, Thrown } from '../../runtime/engine.ts';
import { frameWords, type Lifted } from '../../runtime/frame.ts';
import type { FuncInst, InstanceInst, Store } from '../../runtime/store.ts';
import { UncaughtError } from '../../spec/errors.ts';
import { hostCall } from '../../spec/fuel.ts';
import { withoutDeadline } from '../../spec/patience.ts';
import { type FuncAddr, type FuncIdx, slotsOfAll } from '../../spec/types.ts';
import { type Enter, keptShape } from '../module/continuation.ts';
import { copyWords } from '../module/scratch-memory.ts';
import { left, spareFuel, thrown } from '../read/index-spaces.ts';
import { isHandled, leastFrameBytes, pointOf } from '../read/shape.ts';
import type { HostAnswer, NativeInstance, NativeStore, Runner } from './native.ts';
import { nativeStack } from './native-stack.ts';
import { isUnbound, longestQuantum, mayBeStale, quantumOf } from './quantum.ts';
import { takeSpilled } from './spill.ts';
import { spareWords } from './thrown.ts';
import { entryCosts, instructionAfter, instructionBefore, type Place, placesOf, trapOf } from './traps.ts';

/** Frames that a stack trace names. */
const tracedFrames = 80;

/** Bytes of the host's stack that a call of the interpreter by native code may take, and what is to be left for it then. */
const crossingBytes = 20_000;
export const leastNested = 40_000;

/** What code has been left for, in the midst of a call of the interpreter; frames that belong above those that code leaves. */
interface Landing {
  readonly above: Lifted;
  readonly halt: Halt;
  /** What the call ended with. `isRefused`: it did not happen. */
  readonly failure?: unknown;
  readonly isRefused?: boolean;
}

export class Run implements Runner {
  /** Fuel that is left of this run's; below zero it is owed. */
  private fuel: number;
  private charged = 0;
  /** Fuel that the running code was given; less what it has is what it has charged. */
  private slice = 0;
  /** Fuel until the next look at the pause flag, however many frames return before. */
  private untilLook: number;
  /** In ms, as `performance.now` tells. */
  private lookedAt = performance.now();
  /** The top frame is to handle what is thrown. */
  private throwing = false;
  /** Slots above the stack: results of the outermost frame, which are still to be fetched. */
  private results = 0;
  /** Code has left so that what is dead can be found. */
  private isCrowded = false;
  /** A continuation is to leave its loop, and to come back to it in better code. */
  private shallLeave = false;
  entered: NativeInstance | undefined;
  fresh: FuncAddr | undefined;
  /** What was left when code called the host, while it does. */
  private hostFuel: number | undefined;
  /** Native stack that the running code was given, and the slots of the frame that was entered. */
  private given = 0;
  private entrySlots = 0;
  private landing: Landing | undefined;
  /** How many frames the host's stack traces have where no native code runs. */
  private traced = Error.stackTraceLimit;

  constructor(
    private readonly native: NativeStore,
    private readonly store: Store,
    private readonly floor: number,
    private readonly budget: Budget,
    private readonly host: HostPort,
    private readonly mix?: Mixing,
  ) {
    this.fuel = budget.fuel - store.debt;
    this.untilLook = quantumOf(this.native, budget);
  }

  run(thrown?: Thrown): Halt {
    const { store, native } = this;
    if (store.stack.depth === this.floor) return 'returned';
    if (this.fuel < 0 && !this.mix?.goesOn) return this.settled('fuel');
    const { scratch, runner: outer } = native;
    const { more } = scratch;
    native.runner = this;
    scratch.more = (fuel, isRest) => this.more(fuel, isRest === 1);
    try {
      native.follow();
      Error.stackTraceLimit = tracedFrames;
      if (thrown !== undefined) this.begin(thrown);
      return this.loop();
    } finally {
      Error.stackTraceLimit = this.traced;
      native.runner = outer;
      scratch.more = more;
      this.settled('fuel');
    }
  }

  /** The call that the top frame waits for threw. */
  private begin(thrown: Thrown): void {
    if (thrown.tag === undefined) throw thrown;
    const { native } = this;
    native.flight.host = thrown;
    native.scratch.thrown = thrown.exception();
    this.seekHandler(undefined);
  }

  private loop(): Halt {
    const { stack } = this.store;
    for (;;) {
      if (this.isOthers(stack.depth - 1)) return 'cross';
      const stop = this.frame(stack.depth - 1);
      const crowded = this.isCrowded && !this.throwing;
      if (crowded) this.collect(stop);
      if (stop !== undefined) return stop;
      if (stack.depth === this.floor) return 'returned';
      if (crowded && this.mix?.isNested && (this.store.hostValues.isFull || this.store.heap.isCrowded)) return 'over';
    }
  }

  /** Whether the interpreter runs the frame. */
  private isOthers(i: number): boolean {
    return this.mix !== undefined && !this.mix.isNative(this.store.stack.func(i));
  }

  /** What is dead goes. Throws ExhaustionError where too much is alive, and code would go on. */
  private collect(stop: Halt | undefined): void {
    this.isCrowded = false;
    const { store } = this;
    const words = (store.stack.top + this.results) * 2;
    tidyHostValues(store, words);
    if (!store.heap.hasRoom(spareWords)) {
      if (stop === 'host') collect(store, words);
      else makeRoom(store, 0, words);
    }
    // The store was asked for its globals.
    this.native.follow();
  }

  /** Tells the store what this run has charged, and what it owes. */
  private settled(stop: Halt): Halt {
    this.store.fuelUsed += this.charged;
    this.charged = 0;
    this.store.debt = Math.max(0, -this.fuel);
    return stop;
  }

  /** A look at the flag is due: whether it asks to stop. */
  private looked(): boolean {
    const now = performance.now();
    if (this.budget.interrupted !== undefined) this.native.pace.took(now - this.lookedAt);
    this.lookedAt = now;
    this.untilLook = quantumOf(this.native, this.budget);
    return this.budget.interrupted?.() !== undefined;
  }

  /** Meanwhile the thread is as it was before this run, but for the native stack that is in use. */
  callHost(addr: FuncAddr, base: number, caller: InstanceInst, depth: number, fuel: number, owed: number): HostAnswer {
    const { store } = this;
    this.charge(owed);
    const before = store.fuelUsed;
    store.fuelUsed += hostCall;
    const stack = nativeStack.leave(depth);
    // The host may call the guest meanwhile. No function of ours more is on its stack for that, whose traces are short.
    const part = store.heap.isInMemory ? store.heap.beginPart() : undefined;
    let done = false;
    let thrown: Thrown | undefined;
    Error.stackTraceLimit = this.traced;
    try {
      done = store.stack.widely(() => this.host.call(addr, base, caller));
    } catch (error) {
      if (!(error instanceof Thrown) || error.tag === undefined) throw error;
      thrown = error;
    } finally {
      this.traced = Error.stackTraceLimit;
      Error.stackTraceLimit = tracedFrames;
      nativeStack.restore(stack);
      if (part !== undefined) store.heap.endPart(part);
      this.hostFuel = this.pay(store.fuelUsed - before, fuel);
    }
    const left = this.hostFuel;
    this.hostFuel = undefined;
    return { fuel: left, done, thrown };
  }

  /** Runs the interpreter on top of the code that calls it, if the host's stack has room; else code leaves for that first. */
  cross(addr: FuncAddr, base: number, depth: number, fuel: number, owed: number): HostAnswer {
    const { store, budget } = this;
    const { stack } = store;
    const level = stack.depth;
    this.charge(owed);
    const before = store.fuelUsed;
    store.fuelUsed += beginningOf(store, addr).cost;
    const rest = this.fuel - (this.slice - fuel) - (store.fuelUsed - before);
    let halt: Halt = rest < 0 ? 'fuel' : 'over';
    let failure: unknown;
    let thrown: Thrown | undefined;
    let isRefused = true;
    try {
      stack.widely(() => pushCall(store, addr, base));
      isRefused = false;
      if (rest >= 0) halt = this.interpret(level, { ...budget, fuel: rest }, depth);
    } catch (error) {
      thrown = isRefused ? undefined : thrownBy(store, error);
      if (isRefused) store.fuelUsed = before;
      failure = thrown === undefined ? trapOf(this.native, error, []) : undefined;
    }
    const used = store.fuelUsed - before;
    this.untilLook -= used;
    const left = this.pay(used, fuel);
    if (halt !== 'returned' && thrown === undefined)
      this.landing = { above: stack.lift(level, base), halt, failure, isRefused };
    stack.depth = level;
    stack.top = base;
    return { fuel: halt === 'returned' ? this.looking(left) : left, done: halt === 'returned', thrown };
  }

  /** Runs what is above `level` on the host's stack, of which code has `depth` bytes left. `over` where that is too little. */
  private interpret(level: number, budget: Budget, depth: number): Halt {
    const { store } = this;
    const { stack, heap } = store;
    const taken = Math.max(0, this.given - depth);
    // The frames of code are not on the store's stack: at most so many, with so many slots.
    const frames = 1 + Math.ceil(taken / leastFrameBytes);
    const slots = this.entrySlots + Math.ceil(taken / 8);
    const { limits } = stack;
    const room = depth - crossingBytes;
    if (room < leastNested || stack.depth + frames > limits.frames || stack.top + slots > limits.slots) return 'over';
    if (heap.isLarge || heap.isCrowded || store.hostValues.isFull) return 'over';
    const before = nativeStack.leave(room);
    Error.stackTraceLimit = this.traced;
    store.debt = 0;
    try {
      const within = () => (this.mix as Mixing).within(level, budget);
      return heap.partly(() => stack.narrowed(frames, slots, within));
    } finally {
      this.traced = Error.stackTraceLimit;
      Error.stackTraceLimit = tracedFrames;
      nativeStack.restore(before);
    }
  }

  /** What code has that has so much fuel, where a look may be due: none where it is to stop. */
  private looking(fuel: number): number {
    if (this.untilLook >= 0) return fuel;
    if (!this.looked()) return fuel;
    this.untilLook = -1;
    this.slice -= fuel;
    return 0;
  }

  /** What an inner run used is paid from this one's fuel; code that has more than is left now gets less. */
  private pay(used: number, fuel: number): number {
    this.fuel -= used;
    return this.within(fuel);
  }

  owe(units: number, fuel: number): number {
    this.charge(units);
    return this.within(fuel);
  }

  /** Of the fuel that running code has, what this run has left. Code may have been charged more than it had. */
  private within(fuel: number): number {
    const rest = Math.max(0, Math.min(fuel, this.fuel - (this.slice - fuel)));
    this.slice -= fuel - rest;
    this.tellLast();
    return rest;
  }

  /**
   * Where nothing bounds it, code that has called the host gets a whole quantum again: so it need not stop for more, which
   * would cost each frame a continuation.
   */
  refill(fuel: number): number {
    if (!isUnbound(this.budget) || this.isCrowded) return fuel;
    this.slice += longestQuantum - fuel;
    return longestQuantum;
  }

  /** Code goes on where it is while there is fuel and nobody asks it to stop: to leave costs each frame a continuation. */
  private more(fuel: number, isRest: boolean): number {
    this.takeOwed();
    this.charge(this.slice - fuel);
    // What its frames were charged does not tell any longer what it was given.
    this.fresh = undefined;
    if (this.untilLook < spareFuel) {
      if (this.looked()) this.untilLook = -1;
      else if (mayBeStale(++this.native.looks)) this.shallLeave = true;
    }
    this.grant(-1);
    if (this.isCrowded || (isRest && this.shallLeave)) this.slice = -1;
    return this.slice;
  }

  /** What code gets that is entered, or goes on: at least so much. */
  private grant(least: number): void {
    this.slice = Math.max(least, Math.min(this.untilLook, this.fuel));
    this.tellLast();
  }

  private tellLast(): void {
    this.native.scratch.last = this.fuel <= this.slice;
  }

  /** What is dead is looked for once code has left. */
  forgo(fuel: number): void {
    this.slice -= fuel;
    this.isCrowded = true;
  }

  /** Code was charged more than it had: it stops at the next safe point. */
  private takeOwed(): void {
    this.charge(this.native.scratch.takeOwed());
  }

  private charge(fuel: number): void {
    this.fuel -= fuel;
    this.charged += fuel;
    this.untilLook -= fuel;
    this.native.sure += fuel;
  }

  /** Runs the top frame. */
  private frame(i: number): Halt | undefined {
    this.shallLeave = false;
    this.results = 0;
    const { native } = this;
    const { stack } = this.store;
    const addr = stack.func(i);
    const pc = stack.pc(i);
    const base = stack.base(i);
    const func = this.store.funcs[addr] as FuncInst & { kind: 'wasm' };
    const enter = native.enter(addr, pc, this);
    const shape = keptShape(func.instance.module, func.index);
    if (stack.isNarrow && base + shape.slots > stack.limits.slots) return 'over';
    // A fresh frame has paid already, and its function charges again.
    const paid = pc === 0 ? shape.entryCost : 0;
    stack.reserveSlots(base + shape.slots);
    this.given = this.depth(i, stack.top);
    this.entrySlots = shape.slots;
    const depth = this.given + (pc === 0 ? shape.frameBytes : 0);
    copyWords(stack.words, base * 2, native.scratch.words, 0, (stack.top - base) * 2);
    stack.depth = i;
    stack.top = base;
    if (isUnbound(this.budget)) this.untilLook = quantumOf(native, this.budget);
    // What an inner run used may be owed already: code stops where it is to be charged next, as everywhere.
    this.grant(0);
    const left = this.call(enter, depth, this.throwing ? this.deliver() : this.slice + paid);
    this.takeOwed();
    if (left === thrown) return this.unwind();
    if (left < 0) return this.left(left);
    this.charge(this.slice - left);
    return this.returned(addr, base);
  }

  /** Native stack for callees: so much that not more than the allowed frames and slots fit in. */
  private depth(i: number, top: number): number {
    const { frames, slots } = this.store.stack.limits;
    return Math.max(0, Math.min(nativeStack.bytes, (frames - i - 1) * leastFrameBytes, (slots - top) * 8));
  }

  private call(enter: Enter, depth: number, fuel: number): number {
    const { heap } = this.store;
    this.native.forgetNotes();
    heap.pinned++;
    try {
      return enter(depth, fuel);
    } catch (error) {
      throw withoutDeadline(() => this.failed(error));
    } finally {
      heap.pinned--;
    }
  }

  /** What enters a frame so that it handles what is on its way. */
  private deliver(): number {
    this.throwing = false;
    this.native.scratch.held = this.slice;
    return thrown;
  }

  /** Native code threw: the frames below go, down to one that handles exceptions. */
  private unwind(): undefined {
    const { scratch } = this.native;
    this.charge(this.slice - scratch.held);
    const [inst, index, after] = scratch.passed;
    this.seekHandler([this.store.instances[inst]?.funcs[index] as FuncAddr, after]);
  }

  /** Frames go, down to one that handles exceptions; throws where none does. `last` is what went before, if anything. */
  private seekHandler(last: [FuncAddr, number] | undefined): void {
    const { stack } = this.store;
    while (stack.depth > this.floor) {
      const i = stack.depth - 1;
      if (this.isOthers(i)) return this.pass();
      if (this.handles(i)) {
        this.throwing = true;
        return;
      }
      last = [stack.func(i), stack.pc(i)];
      stack.depth = i;
      stack.top = stack.base(i);
    }
    if (last !== undefined) stack.push(...last, stack.top);
    this.markCaller();
    const { exception, host } = this.native.flight.land();
    throw host ?? new UncaughtError(exception);
  }

  /** The top frame is the interpreter's: it looks for the handler. */
  private pass(): void {
    const { exception, host } = this.native.flight.land();
    const uncaught = () => new Thrown(new UncaughtError(exception), this.store.heap.tag(exception), () => exception);
    (this.mix as Mixing).passing = host ?? uncaught();
  }

  /** Whether a waiting frame may handle what its callee threw. */
  private handles(i: number): boolean {
    const { stack, funcs } = this.store;
    const { instance, index } = funcs[stack.func(i)] as FuncInst & { kind: 'wasm' };
    const shape = keptShape(instance.module, index);
    return shape.catches && isHandled(pointOf(shape, stack.pc(i))?.block);
  }

  /** The results are in the scratch memory. */
  private returned(addr: FuncAddr, base: number): undefined {
    const { stack } = this.store;
    const slots = slotsOfAll(this.store.funcType(addr).results);
    stack.reserveSlots(base + slots);
    copyWords(this.native.scratch.words, 0, stack.words, base * 2, slots * 2);
    if (stack.depth === this.floor) this.results = slots;
    stack.top = base + slots - this.results;
    return undefined;
  }

  /** Code was left: for want of fuel, or of native stack, or because a host function answers later. */
  private left(result: number): Halt | undefined {
    const { store, native } = this;
    const held = result === left;
    this.charge(this.slice - (held ? native.scratch.held : result));
    withoutDeadline(() => this.takeSpilled());
    if (this.landing !== undefined) return this.landed(this.landing);
    if (held && store.pending === null) return this.mix?.isNested ? 'over' : undefined;
    if (held) return 'host';
    if (this.fuel < 0) return 'fuel';
    return this.untilLook < 0 && this.looked() ? 'pause' : undefined;
  }

  private takeSpilled(): void {
    const { store, native } = this;
    const refused = ({ module }: InstanceInst, func: FuncIdx, pc: number) => {
      if (pc === 0) this.charge(-keptShape(module, func).entryCost);
      this.markCaller();
    };
    store.stack.widely(() => takeSpilled(store, native.scratch, refused));
  }

  /** The frames that code has left are on the stack: those of the call that it was in follow. */
  private landed({ above, halt, failure, isRefused }: Landing): Halt {
    const { stack } = this.store;
    this.landing = undefined;
    try {
      stack.widely(() => stack.put(above));
    } catch (error) {
      if (failure === undefined) this.refuse(above);
      throw failure ?? error;
    }
    if (isRefused) this.markCaller();
    if (failure !== undefined) throw failure;
    return halt;
  }

  /** The last of the frames was one too many, at the first instruction: all but that one are on the stack. */
  private refuse({ words, frames }: Lifted): void {
    const { stack } = this.store;
    const addr = frames.at(-frameWords) as FuncAddr;
    this.charge(-beginningOf(this.store, addr).cost);
    const rest = frames.slice(0, -frameWords);
    if (rest.length > 0) stack.widely(() => stack.put({ words, frames: rest }));
    this.markCaller();
  }

  /** A frame too many: its call did not happen, and the top frame stands at the instruction that called. */
  private markCaller(): void {
    const { stack, funcs } = this.store;
    const top = stack.depth - 1;
    if (top < 0) return;
    const { instance, index } = funcs[stack.func(top)] as FuncInst & { kind: 'wasm' };
    stack.setPc(top, instructionBefore(instance.module.context, index, stack.pc(top)));
  }

  /** What the host threw: the frames that its stack trace names are put on the stack, for the guest's own trace. */
  private failed(error: unknown): unknown {
    const { native } = this;
    const places = placesOf(native, error);
    // Where it is not known, all of the slice counts as used: nobody gets more than is paid for.
    this.takeOwed();
    const noted = this.hostFuel ?? native.notedFuel();
    this.hostFuel = undefined;
    this.charge(noted === undefined ? (entryCosts(native, places) ?? this.slice) : this.slice - noted);
    native.sure = 0;
    native.flight.land();
    native.scratch.clear();
    const trap = trapOf(native, error, places);
    native.forgetNotes();
    places.reverse().forEach((place, i) => {
      this.pushPlace(place, i === places.length - 1);
    });
    return trap;
  }

  private pushPlace({ native, func, pc }: Place, isTop: boolean): void {
    const { stack } = this.store;
    const { context } = native.inst.module;
    const at = isTop ? pc : instructionAfter(context, func, pc);
    if (stack.depth < stack.limits.frames) stack.push(native.inst.funcs[func] as FuncAddr, at, stack.top);
  }
}

/** What a run ended with, if the guest can handle it. */
function thrownBy({ heap }: Store, error: unknown): Thrown | undefined {
  if (error instanceof Thrown) return error.tag === undefined ? undefined : error;
  if (!(error instanceof UncaughtError)) return undefined;
  const { exception } = error;
  return new Thrown(error, heap.tag(exception), () => exception);
}
