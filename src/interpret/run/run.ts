// A run of the interpreter: enters the loop, and does what the loop leaves to it: calls that leave the instance, lowering, growing the
// stack, fuel and pauses, exceptions. When it stops, all frames are canonical.

import { newException } from '../../runtime/collect.ts';
import { type Budget, type Halt, type HostPort, type Mixing, type Stop, Thrown } from '../../runtime/engine.ts';
import { frameWords } from '../../runtime/frame.ts';
import { refKinds } from '../../runtime/heap/ref.ts';
import type { MemoryInst } from '../../runtime/memory/memory.ts';
import { join, type PendingWait } from '../../runtime/memory/wait.ts';
import type { FuncInst, Store } from '../../runtime/store.ts';
import { CrashError, LimitError, Trap, UncaughtError } from '../../spec/errors.ts';
import { hostCall } from '../../spec/fuel.ts';
import { type FuncAddr, slotsOfAll, type TagAddr } from '../../spec/types.ts';
import { enter } from '../loop/enter.ts';
import { lower } from '../lower/lower.ts';
import { findHandler, type Handler, pointAt } from '../machine/code.ts';
import { Exit, Machine } from '../machine/machine.ts';
import { opNamed } from '../machine/ops.ts';
import { waiting } from '../routines/atomics.ts';
import { Frames, lacksRoom, type WasmFunc } from './frames.ts';

/**
 * Fuel between two looks at the pause flag, and between two entries of the loop: well under a millisecond of work, also
 * before V8 has optimised the loop. It takes up better code when it is entered anew, and has to be left before V8 makes
 * some for the call under way (generate.ts, `around`).
 */
const quantum = 4_000;
export class Run extends Frames {
  /** Fuel not yet handed to the machine. */
  protected reserve: number;
  /** Fuel handed to the machine. */
  protected granted = 0;

  constructor(
    store: Store,
    protected readonly floor: number,
    protected readonly budget: Budget,
    protected readonly host: HostPort,
    mix?: Mixing,
  ) {
    super(store, new Machine(store, budget.steps !== undefined, mix));
    this.m.steps = budget.steps ?? Infinity;
    this.reserve = budget.fuel - store.debt;
  }

  run(thrown?: Thrown): Halt {
    try {
      return this.underWay(() => this.begin(thrown) ?? this.loop());
    } finally {
      this.settleFuel();
    }
  }

  private begin(thrown?: Thrown): Halt | undefined {
    if (this.store.stack.depth === this.floor) return 'returned';
    if (!this.mayBegin) return 'fuel';
    this.refill();
    this.takeOver();
    if (thrown !== undefined) this.receive(thrown);
    return undefined;
  }

  // Where engines mix (mixed.ts)

  /** Whether there is fuel to begin with. */
  protected get mayBegin(): boolean {
    return this.reserve >= 0;
  }

  /** Whether another engine runs the canonical frame on top. */
  protected isOthers(): boolean {
    return false;
  }

  /** Whether others are to go on. */
  protected yields(): Halt | undefined {
    return undefined;
  }

  private loop(): Halt {
    for (;;) {
      const stop = this.attend(this.runLoop());
      if (stop !== undefined) return stop;
    }
  }

  private runLoop(): Exit {
    try {
      return enter(this.m);
    } catch (error) {
      if (error === waiting) return Exit.wait;
      throw error;
    }
  }

  /** Does what the loop was left for; a Stop ends the run. */
  private attend(exit: Exit): Halt | undefined {
    switch (exit) {
      case Exit.fuel:
        return this.outOfFuel();
      case Exit.returned:
        return this.returned();
      case Exit.call:
        return this.call(this.calleeAt(this.word(1)), this.word(2), 3);
      case Exit.callIndirect:
        return this.call(this.element(this.word(1), this.word(2), this.word(3)), this.word(4), 5);
      case Exit.callRef:
        return this.call(this.reference(this.word(1)), this.word(2), 3);
      case Exit.tailCall:
        return this.tailCall();
      case Exit.throw:
        return this.throw(this.word(1), this.word(2));
      case Exit.throwRef:
        return this.throwRef(this.word(1));
      case Exit.stack:
        return this.widen((this.m.fp + this.word(2)) / 2 + 1);
      case Exit.step:
        return this.stop('step');
      case Exit.handover:
        this.giveBack();
        if (this.isOthers()) return 'cross';
        this.takeOver();
        return undefined;
      case Exit.wait:
        return this.wait();
      case Exit.unreachable:
        throw new Trap('unreachable');
      case Exit.outOfBounds:
        throw new Trap('out of bounds memory access');
      default:
        throw new CrashError(`the interpreter met the unknown op ${this.word(0)}`);
    }
  }

  /** A run that cannot be suspended does not wait: its time is over at once. */
  private wait(): Stop | undefined {
    const { m, store } = this;
    const wait = m.wait as PendingWait;
    if (!this.host.mayWait) {
      if (wait.until === null)
        throw new LimitError('the guest waits without a timeout in a call that cannot be suspended', { limit: 'wait' });
      m.pc += this.word(1);
      return undefined;
    }
    m.pc += this.word(1);
    store.wait = wait;
    join(store.memories[wait.memory] as MemoryInst, wait);
    return this.stop('wait');
  }

  protected word(k: number): number {
    return this.m.code[this.m.pc + k] as number;
  }

  // Fuel and pauses

  /** Hands the machine its next quantum, and what it owes. */
  protected refill(): void {
    const more = Math.min(quantum - Math.min(0, this.m.fuel), this.reserve);
    this.reserve -= more;
    this.granted += more;
    this.m.fuel += more;
  }

  private outOfFuel(): Halt | undefined {
    while (this.m.fuel < 0 && this.reserve > 0) this.refill();
    const stop = this.m.fuel < 0 ? 'fuel' : this.budget.interrupted?.() !== undefined ? 'pause' : this.yields();
    if (stop === undefined) return undefined;
    // Bulk instructions are left in their midst; in plain code they begin with a `step`, and that is the point.
    if (this.word(0) === bulkOp && pointAt(this.loweredOf(this.m.pc), this.m.pc) < 0) this.m.pc -= stepWords;
    return this.stop(stop);
  }

  /** Tells the store what this run has charged, and what it owes. */
  private settleFuel(): void {
    const { store, m } = this;
    store.fuelUsed += this.granted - m.fuel;
    store.debt = Math.max(0, -(this.reserve + m.fuel));
  }

  protected stop<S extends Halt>(stop: S): S {
    this.giveBack();
    return stop;
  }

  // Frames

  /** The lowest frame of the machine returned: done, or on with the canonical frame below. */
  private returned(): Halt | undefined {
    const { m, store } = this;
    const { stack } = store;
    const base = stack.base(m.floor / frameWords);
    stack.depth = m.floor / frameWords;
    stack.top = base;
    this.taken = false;
    if (stack.depth === this.floor) return 'returned';
    if (this.isOthers()) {
      stack.top = base + slotsOfAll(store.funcType(stack.func(stack.depth)).results);
      return 'cross';
    }
    this.takeOver();
    return undefined;
  }

  /** Makes room for the frame that has just been entered. */
  protected widen(slots: number): Halt | undefined {
    this.store.stack.reserveSlots(slots);
    this.m.refreshStack();
    return undefined;
  }

  // Calls

  private calleeAt(index: number): FuncAddr {
    return this.m.instance.funcs[index] as FuncAddr;
  }

  /** The function in a table's element, checked to be of the type. */
  private element(table: number, index: number, typeId: number): FuncAddr {
    const { m } = this;
    const { elements, size, type } = m.tables[table] as Machine['tables'][number];
    const at = m.fp + index;
    const wide = type.addr === 'i64' ? ((m.I[at + 1] as number) >>> 0) * 0x1_0000_0000 : 0;
    const i = wide + ((m.I[at] as number) >>> 0);
    if (i >= size) throw new Trap('undefined element', String(i));
    if (elements[2 * i + 1] === 0) throw new Trap('uninitialized element', String(i));
    const addr = elements[2 * i] as FuncAddr;
    const func = m.funcs[addr] as FuncInst;
    if (func.type.id !== typeId && !func.type.chain.some((t) => t.id === typeId))
      throw new Trap('indirect call type mismatch');
    return addr;
  }

  private reference(register: number): FuncAddr {
    const at = this.m.fp + register;
    if (this.m.I[at + 1] === 0) throw new Trap('null function reference');
    return this.m.I[at] as FuncAddr;
  }

  /** Calls a function from the op at `pc`, which has `words` words; arguments stand at register `base`. */
  protected call(addr: FuncAddr, base: number, words: number): Halt | undefined {
    const { m, store } = this;
    const func = store.funcs[addr] as FuncInst;
    if (func.kind === 'host') return this.callHost(addr, base, words);
    store.stack.reserveFrames(m.fi / frameWords + 2);
    m.refreshStack();
    const args = m.fp + base;
    m.pc += words;
    if (this.isNear(func)) return this.enterOwn(addr, func, args);
    this.giveBack();
    return this.enter(addr, func, args / 2);
  }

  /** Whether a function is entered from code: it is of the same instance, and there is room for its code. */
  private isNear(func: WasmFunc): boolean {
    const { instance, moduleCode, form } = this.m;
    return func.instance === instance && !lacksRoom(moduleCode, func, form);
  }

  /** Enters a function of the same instance, as the loop itself does. */
  private enterOwn(addr: FuncAddr, func: WasmFunc, args: number): undefined {
    const { m } = this;
    const lowered = lower(m.moduleCode, func.index, m.form);
    m.refreshCode();
    m.FR[m.fi + 1] = m.pc;
    m.fi += frameWords;
    m.FR[m.fi] = addr;
    m.FR[m.fi + 2] = args / 2;
    m.fp = args;
    m.pc = lowered.entry;
    return undefined;
  }

  /** Pushes a frame on the canonical stack, its arguments in place, and goes on in it. */
  private enter(addr: FuncAddr, func: WasmFunc, base: number): undefined {
    const { m, store } = this;
    store.stack.push(addr, 0, base);
    const lowered = this.lowered(func, m.form);
    m.refreshStack();
    m.refreshCode();
    m.refreshMemory();
    m.fi = (store.stack.depth - 1) * frameWords;
    m.floor = m.fi;
    m.fp = 2 * base;
    m.pc = lowered.entry;
    this.taken = true;
    return undefined;
  }

  // Calls of the host

  private callHost(addr: FuncAddr, base: number, words: number): Stop | undefined {
    const { m, store } = this;
    const { stack } = store;
    const args = (m.fp + base) / 2;
    stack.depth = m.fi / frameWords + 1;
    stack.top = args + slotsOfAll(store.funcType(addr).params);
    stack.reserveSlots(stack.top);
    this.callWords = words;
    const done = this.callCatching(addr, args, m.pc);
    if (done === undefined) return undefined;
    if (this.taken) m.pc += words;
    else if (done) this.takeOver();
    if (done) return undefined;
    if (this.taken) this.giveBack();
    stack.top = args;
    return 'host';
  }

  /**
   * Calls the host from the op at a code offset. Undefined where the function threw and a handler of the guest goes on:
   * one in this frame if the offset is not -1, or in those below.
   */
  private callCatching(addr: FuncAddr, base: number, offset: number): boolean | undefined {
    try {
      return this.callCharged(addr, base);
    } catch (error) {
      if (!(error instanceof Thrown) || error.tag === undefined) throw error;
      this.refresh();
      this.unwind(error.tag, error.exception, () => error, this.taken ? offset : this.returnToCode(offset));
      return undefined;
    } finally {
      this.refresh();
    }
  }

  /** The place of a call in code that was lowered again since; -1 for one whose frame is gone. */
  protected returnToCode(offset: number): number {
    const { m } = this;
    if (offset < 0) {
      m.floor = m.fi;
      return -1;
    }
    this.takeOver();
    return m.pc - 1;
  }

  /** Calls the host; what guests use meanwhile that it calls in turn is paid from this run's fuel, and so is the call. */
  protected callCharged(addr: FuncAddr, base: number): boolean {
    const { store, m } = this;
    const before = store.fuelUsed;
    store.fuelUsed += hostCall;
    try {
      return this.host.call(addr, base, m.instance);
    } finally {
      this.pay(store.fuelUsed - before);
    }
  }

  /** What is already in the store's count is taken from what the machine was not yet given, and then from what it has. */
  private pay(used: number): void {
    this.reserve -= used;
    if (this.reserve >= 0) return;
    this.granted += this.reserve;
    this.m.fuel += this.reserve;
    this.reserve = 0;
  }

  /** The frame of the caller becomes that of the callee. */
  private tailCall(): Halt | undefined {
    const { m, store } = this;
    const op = this.word(0);
    const direct = op === tailOps.direct;
    const addr = direct
      ? this.calleeAt(this.word(1))
      : op === tailOps.indirect
        ? this.element(this.word(1), this.word(2), this.word(3))
        : this.reference(this.word(1));
    const base = this.word(op === tailOps.indirect ? 4 : 2);
    const words = this.word(op === tailOps.indirect ? 5 : 3);
    const func = store.funcs[addr] as FuncInst;
    store.stack.reserveSlots((m.fp + words) / 2);
    m.refreshStack();
    m.I.copyWithin(m.fp, m.fp + base, m.fp + base + words);
    if (func.kind === 'host') return this.tailHost(addr);
    return this.replace(addr, func);
  }

  protected replace(addr: FuncAddr, func: WasmFunc): Halt | undefined {
    const { m } = this;
    if (!this.isNear(func) && m.fi > m.floor) {
      m.fi -= frameWords;
      const base = m.fp / 2;
      m.pc = m.FR[m.fi + 1] as number;
      this.giveBack();
      return this.enter(addr, func, base);
    }
    const lowered = this.lowered(func, m.form);
    m.refreshCode();
    m.FR[m.fi] = addr;
    m.pc = lowered.entry;
    return undefined;
  }

  /** A host function called last: its results are those of the frame that called it, which is gone then. */
  private tailHost(addr: FuncAddr): Halt | undefined {
    const { m, store } = this;
    const { stack } = store;
    const base = m.fp / 2;
    stack.depth = m.fi / frameWords + 1;
    stack.top = base + slotsOfAll(store.funcType(addr).params);
    this.callWords = 0;
    const done = this.callCatching(addr, base, -1);
    if (done === undefined) return undefined;
    if (!this.taken) m.floor = m.fi;
    if (done && m.fi === m.floor) return this.returned();
    m.fi -= frameWords;
    if (m.fi < m.floor) {
      this.taken = false;
      stack.depth = m.floor / frameWords;
    } else {
      m.pc = m.FR[m.fi + 1] as number;
      m.fp = 2 * (m.FR[m.fi + 2] as number);
      if (done) return undefined;
      this.giveBack();
    }
    stack.top = base;
    return 'host';
  }

  // Exceptions

  private throw(tag: number, register: number): undefined {
    const { m, store } = this;
    this.throwException(newException(store, m.instance.tags[tag] as TagAddr, m.fp + register));
  }

  private throwRef(register: number): undefined {
    const at = this.m.fp + register;
    if (this.m.I[at + 1] === 0) throw new Trap('null exception reference');
    this.throwException(this.m.I[at] as number);
  }

  /** The call that the top frame waits for threw. */
  private receive(thrown: Thrown): void {
    if (thrown.tag === undefined) throw thrown;
    this.unwind(thrown.tag, thrown.exception, () => thrown, this.m.pc - 1);
  }

  private throwException(addr: number): void {
    this.unwind(
      this.store.heap.tag(addr),
      () => addr,
      () => new UncaughtError(addr),
      this.m.pc,
    );
  }

  /**
   * Takes frames off the stack until one handles an exception with the tag, and goes on there; throws `uncaught` where
   * none does. The frame at the top is at the code offset, or is not asked where that is -1.
   */
  protected unwind(thrown: TagAddr, exception: () => number, uncaught: () => unknown, offset: number): void {
    const { m } = this;
    const hasTag = (tag: number) => m.instance.tags[tag] === thrown;
    for (let at = offset; ; at = m.pc - 1) {
      const handler = at < 0 ? undefined : findHandler(this.loweredOf(at), at, hasTag);
      if (handler !== undefined) {
        this.handle(handler, exception);
        return;
      }
      if (m.fi / frameWords === this.floor) {
        if (at >= 0) m.pc = at;
        throw uncaught();
      }
      this.popFrame();
    }
  }

  /** Makes the frame below the current one: it stands after its call. */
  private popFrame(): void {
    const { m, store } = this;
    if (m.fi > m.floor) {
      m.fi -= frameWords;
      m.pc = m.FR[m.fi + 1] as number;
      m.fp = 2 * (m.FR[m.fi + 2] as number);
      return;
    }
    store.stack.depth = m.floor / frameWords;
    this.taken = false;
    this.takeOver();
  }

  private handle({ base, target, tag, ref, hidden }: Handler, exception: () => number): void {
    const { m, store } = this;
    const addr = hidden || ref || tag >= 0 ? exception() : 0;
    m.refreshStack();
    let at = m.fp + base;
    const putRef = () => {
      m.I[at] = addr;
      m.I[at + 1] = refKinds.exn;
      at += 2;
    };
    if (hidden) putRef();
    if (tag >= 0) {
      const shape = store.heap.shape(addr);
      store.heap.getFields(addr, shape, m.I, at);
      at += shape.slotWords;
    }
    if (ref) putRef();
    m.pc = target;
  }
}

const bulkOp = opNamed('bulk');
const stepWords = 1;

const tailOps = {
  direct: opNamed('return_call'),
  indirect: opNamed('return_call_indirect'),
};
