// A run where native code has some functions of the store (vm/mixed.ts): it calls them on top of itself, and stops where they are to go
// on. Frames below may be native code's, which is why limits may be narrow for now: what does not fit goes on once all have left.

import { beginningOf, pushCall } from '../../runtime/calls.ts';
import { type Budget, type Halt, type HostPort, type Mixing, Thrown } from '../../runtime/engine.ts';
import { frameWords } from '../../runtime/frame.ts';
import type { FuncInst, Store } from '../../runtime/store.ts';
import { UncaughtError } from '../../spec/errors.ts';
import type { FuncAddr, TagAddr } from '../../spec/types.ts';
import type { WasmFunc } from './frames.ts';
import { Run } from './run.ts';

const enterWords = 5;

export class MixedRun extends Run {
  constructor(
    store: Store,
    floor: number,
    budget: Budget,
    host: HostPort,
    private readonly mix: Mixing,
  ) {
    super(store, floor, budget, host, mix);
  }

  protected override get mayBegin(): boolean {
    return this.reserve >= 0 || this.mix.goesOn;
  }

  protected override isOthers(): boolean {
    const { stack } = this.store;
    return this.mix.isNative(stack.func(stack.depth - 1));
  }

  protected override yields(): Halt | undefined {
    const { mix, m, store } = this;
    if (mix.isNested && (store.heap.isCrowded || store.hostValues.isFull)) return 'over';
    return mix.isNative(m.FR[m.fi] as FuncAddr) ? 'cross' : undefined;
  }

  /** Charges what is done at once; says whether there was so much. */
  private spend(cost: number): boolean {
    const { m } = this;
    m.fuel -= cost;
    while (m.fuel < 0 && this.reserve > 0) this.refill();
    return m.fuel >= 0;
  }

  /** Makes room for the frame that has just been entered. Where the limits are narrow for now, that is for later. */
  protected override widen(slots: number): Halt | undefined {
    const { m, store } = this;
    const { stack } = store;
    const isOver = stack.isNarrow && slots > stack.limits.slots;
    stack.widely(() => stack.reserveSlots(slots));
    m.refreshStack();
    if (!isOver) return undefined;
    // What the op does that enters a function.
    m.I.fill(0, m.fp + this.word(3), m.fp + this.word(4));
    const paid = this.spend(this.word(1));
    m.pc += enterWords;
    return this.stop(paid ? 'over' : 'fuel');
  }

  protected override callCharged(addr: FuncAddr, base: number): boolean {
    return this.store.stack.widely(() => super.callCharged(addr, base));
  }

  // Calls of native code

  protected override call(addr: FuncAddr, base: number, words: number): Halt | undefined {
    const { m, store, mix } = this;
    const { stack } = store;
    const isTooDeep = stack.isNarrow && m.fi / frameWords + 2 > stack.limits.frames;
    const { kind } = store.funcs[addr] as FuncInst;
    if (kind === 'host' || !(isTooDeep || mix.isNative(addr))) return super.call(addr, base, words);
    return this.callOther(addr, (m.fp + base) / 2, words);
  }

  protected override replace(addr: FuncAddr, func: WasmFunc): Halt | undefined {
    return this.mix.isNative(addr) ? this.replaceByOther(addr) : super.replace(addr, func);
  }

  /** Calls a function that this run does not go on in: on top of it if there is room, and else once it has ended. */
  private callOther(addr: FuncAddr, args: number, words: number): Halt | undefined {
    const { m, store, mix } = this;
    const { stack } = store;
    const level = m.fi / frameWords + 1;
    const { locals, cost } = beginningOf(store, addr);
    const { frames, slots } = stack.limits;
    const isOver =
      !mix.isNative(addr) || !mix.hasRoom || (stack.isNarrow && (level >= frames || args + locals > slots));
    stack.depth = level;
    stack.widely(() => pushCall(store, addr, args));
    m.refreshStack();
    this.callWords = words;
    if (isOver) {
      const paid = this.spend(cost);
      this.leaveBelow();
      return paid ? 'over' : 'fuel';
    }
    const from = m.pc;
    let halt: Halt;
    try {
      halt = this.runOther(level, cost);
    } catch (error) {
      this.refresh();
      return this.otherThrew(error, level, from);
    }
    this.refresh();
    if (halt !== 'returned') this.leaveBelow();
    else if (this.taken) m.pc += words;
    else this.takeOver();
    return halt === 'returned' ? undefined : halt;
  }

  /** Runs the call that was pushed, which is paid from this run's fuel; what that leaves of a quantum is this one's. */
  private runOther(level: number, cost: number): Halt {
    const { m, store, mix } = this;
    const before = store.fuelUsed;
    store.fuelUsed += cost;
    store.debt = 0;
    try {
      return mix.within(level, { ...this.budget, fuel: m.fuel + this.reserve - cost });
    } finally {
      const used = store.fuelUsed - before;
      this.granted -= used;
      m.fuel -= used;
    }
  }

  private otherThrew(error: unknown, level: number, from: number): undefined {
    const { stack, heap } = this.store;
    if (error instanceof Thrown ? error.tag === undefined : !(error instanceof UncaughtError)) {
      this.leaveBelow();
      throw error;
    }
    stack.depth = level;
    const offset = this.taken ? from : this.returnToCode(from);
    if (error instanceof Thrown) this.unwind(error.tag as TagAddr, error.exception, () => error, offset);
    else {
      const { exception } = error as UncaughtError;
      this.unwind(
        heap.tag(exception),
        () => exception,
        () => error,
        offset,
      );
    }
  }

  /** Makes the frames canonical that wait for a call which others go on with. */
  private leaveBelow(): void {
    const { m, store } = this;
    if (this.taken) {
      const top = m.fi / frameWords;
      store.stack.setPc(top, m.pc + this.callWords);
      for (let i = m.floor / frameWords; i <= top; i++) this.makeCanonical(i);
    }
    this.taken = false;
    this.calledFrom = undefined;
  }

  /** The frame of the caller becomes that of a function which native code runs, once this run has ended. */
  private replaceByOther(addr: FuncAddr): Halt {
    const { m, store } = this;
    const { stack } = store;
    const base = m.fp / 2;
    if (m.fi > m.floor) {
      m.fi -= frameWords;
      m.pc = m.FR[m.fi + 1] as number;
      this.giveBack();
    } else {
      this.taken = false;
      stack.depth = m.fi / frameWords;
    }
    stack.widely(() => pushCall(store, addr, base));
    return this.spend(beginningOf(store, addr).cost) ? 'cross' : 'fuel';
  }
}
