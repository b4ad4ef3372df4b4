// The frames of a run, of which those on top may be in the machine's form, their pcs places in code: taking them over, and
// making them canonical again. They are where a run stops, and where code has to be forgotten because there is no room for more: also
// those of runs that wait for a host function, which has begun the run that lacks it.

import { frameWords } from '../../runtime/frame.ts';
import type { Module } from '../../runtime/module/module.ts';
import type { FuncInst, Store } from '../../runtime/store.ts';
import { CrashError } from '../../spec/errors.ts';
import { lower } from '../lower/lower.ts';
import {
  type Form,
  forgetCode,
  isCodeFull,
  type Lowered,
  type ModuleCode,
  offsetOf,
  originOf,
  pointAt,
  spareCode,
} from '../machine/code.ts';
import type { Machine } from '../machine/machine.ts';

/** Runs under way in this thread, outermost first: host functions may run other VMs. */
const underWay: Frames[] = [];

export type WasmFunc = FuncInst & { kind: 'wasm' };

export class Frames {
  /** The machine has frames in its own form. */
  protected taken = false;
  /** Words of the op that has called others, while it does; 0 where that is the last that its frame does. */
  protected callWords = 0;
  /** The pc of the call, where frames were made canonical meanwhile. */
  protected calledFrom: number | undefined;

  constructor(
    protected readonly store: Store,
    protected readonly m: Machine,
  ) {}

  /** While it runs, other runs may have its frames made canonical; what it throws leaves them so. */
  protected underWay<T>(act: () => T): T {
    if (underWay.length === 0) spareCode(modulesOf(this.store));
    underWay.push(this);
    try {
      return act();
    } catch (error) {
      this.fault();
      throw error;
    } finally {
      underWay.pop();
    }
  }

  /** Enters the store's top frame: its pc becomes a place in code. */
  protected takeOver(): void {
    const { m, store } = this;
    const { stack } = store;
    const i = stack.depth - 1;
    const func = store.funcs[stack.func(i)] as WasmFunc;
    const pc = stack.pc(i);
    this.calledFrom = undefined;
    const { lowered, offset } = this.place(func, pc);
    stack.reserveSlots(stack.base(i) + lowered.slots);
    m.refreshStack();
    m.refreshCode();
    m.refreshMemory();
    m.fi = i * frameWords;
    m.floor = m.fi;
    m.fp = 2 * stack.base(i);
    m.pc = offset;
    this.taken = true;
  }

  /** Where code goes on at a pc: in folded code if that can be entered there and nobody counts steps. */
  protected place(func: WasmFunc, pc: number): { lowered: Lowered; offset: number } {
    const folded = this.m.stepping ? undefined : this.lowered(func, 'folded');
    const offset = folded === undefined ? -1 : offsetOf(folded, pc);
    if (folded !== undefined && offset >= 0) return { lowered: folded, offset };
    const plain = this.lowered(func, 'plain');
    const plainOffset = offsetOf(plain, pc);
    if (plainOffset < 0) throw new CrashError(`function ${func.index} cannot be entered at pc ${pc}`);
    return { lowered: plain, offset: plainOffset };
  }

  /** Enters a function's instance, and gives its code. No frame of this run is in code. */
  protected lowered(func: WasmFunc, form: Form): Lowered {
    const { m } = this;
    m.enterInstance(func.instance);
    if (lacksRoom(m.moduleCode, func, form)) {
      for (const run of underWay) if (run !== this) run.leaveCode();
      forgetCode();
      m.enterInstance(func.instance);
    }
    return lower(m.moduleCode, func.index, form);
  }

  /** Makes the frames canonical of a run that waits for a host function. */
  protected leaveCode(): void {
    if (!this.taken) return;
    const { m, store, callWords } = this;
    const { stack } = store;
    const top = m.fi / frameWords;
    stack.setPc(top, m.pc);
    this.calledFrom = originOf(this.loweredAt(top), m.pc);
    stack.setPc(top, callWords === 0 ? this.calledFrom : m.pc + callWords);
    for (let i = m.floor / frameWords; i < top || (i === top && callWords > 0); i++) this.makeCanonical(i);
    this.taken = false;
  }

  /** Makes all frames canonical again; the machine stands at a point of its code. */
  protected giveBack(): void {
    const { m, store } = this;
    const { stack } = store;
    stack.depth = m.fi / frameWords + 1;
    m.FR[m.fi + 1] = m.pc;
    const top = stack.depth - 1;
    for (let i = m.floor / frameWords; i <= top; i++) {
      const slots = this.makeCanonical(i);
      if (i === top) stack.top = stack.base(i) + slots;
    }
    this.taken = false;
  }

  /** Makes a frame canonical that is at a point of its code; returns the slots that are in use there. */
  protected makeCanonical(i: number): number {
    const { stack } = this.store;
    const lowered = this.loweredAt(i);
    const point = pointAt(lowered, stack.pc(i));
    if (point < 0) throw new CrashError(`code offset ${stack.pc(i)} is no point of its function`);
    stack.setPc(i, lowered.pointPcs[point] as number);
    return lowered.pointTops[point] as number;
  }

  /** The code that a frame of this machine is in. */
  protected loweredAt(i: number): Lowered {
    const { stack, funcs } = this.store;
    const func = funcs[stack.func(i)] as WasmFunc;
    return this.m.moduleCode.holding(func.index, stack.pc(i));
  }

  /** After a throw: frames become canonical for the trace; the top one stands at the instruction that failed. */
  protected fault(): void {
    const { m, store } = this;
    const { stack } = store;
    const top = m.fi / frameWords;
    if (!this.taken && this.calledFrom === undefined) return;
    stack.depth = top + 1;
    if (!this.taken) return stack.setPc(top, this.calledFrom as number);
    m.FR[m.fi + 1] = m.pc;
    for (let i = m.floor / frameWords; i <= top; i++) {
      const lowered = this.loweredAt(i);
      const point = i === top ? -1 : pointAt(lowered, stack.pc(i));
      stack.setPc(i, point >= 0 ? (lowered.pointPcs[point] as number) : originOf(lowered, stack.pc(i)));
    }
    this.taken = false;
  }

  /** A host function may have called the guest, and made anything larger. */
  protected refresh(): void {
    this.m.refreshStack();
    this.m.refreshMemory();
    this.m.refreshCode();
  }

  protected loweredOf(offset: number): Lowered {
    const { m } = this;
    return m.moduleCode.holding((m.funcs[m.FR[m.fi] as number] as WasmFunc).index, offset);
  }
}

/** Whether there is no room for code that a function does not have yet. */
export const lacksRoom = ({ lowered }: ModuleCode, { index }: WasmFunc, form: Form): boolean =>
  isCodeFull() && lowered[form][index] === undefined;

function* modulesOf({ instances }: Store): Iterable<Module> {
  for (const { module } of instances) yield module;
}
