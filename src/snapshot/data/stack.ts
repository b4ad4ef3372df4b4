// Believes a saved stack, or does not. The invariants are those of runtime/frame.ts.

import { frameWords } from '../../runtime/frame.ts';
import type { Module } from '../../runtime/module/module.ts';
import type { VmLimits } from '../../runtime/store.ts';
import { allMatch, type DefType } from '../../spec/deftypes.ts';
import { checkDeadline } from '../../spec/patience.ts';
import { type FuncType, isRef, type MemType, slotsOf, slotsOfAll, type ValType } from '../../spec/types.ts';
import type { FrameShape } from '../../validate/frames.ts';
import { isLive, liveAt, planOf } from '../../validate/safepoints.ts';
import { bad } from './form.ts';
import { hostMade, type SnapshotData } from './format.ts';
import { type Body, visitFrames } from './frames.ts';
import type { Refs } from './refs.ts';

/** Throws SnapshotError. Types of functions are by address, modules by instance. */
export function checkStack(
  data: SnapshotData,
  funcs: readonly DefType[],
  modules: readonly Module[],
  refs: Refs,
  limits: VmLimits,
  memories: readonly MemType[],
): void {
  const stack = new SavedStack(data, funcs, modules, refs);
  stack.checkBounds(limits);
  stack.checkPending();
  stack.checkFrames();
  stack.checkWait(memories);
}

class SavedStack {
  private readonly depth: number;
  private readonly top: number;
  /** The type of what lies on top of the stack. */
  private topOperand: ValType | undefined;

  constructor(
    private readonly data: SnapshotData,
    private readonly funcs: readonly DefType[],
    private readonly modules: readonly Module[],
    private readonly refs: Refs,
  ) {
    this.depth = data.frames.length / frameWords;
    this.top = data.slots.length / 2;
  }

  checkBounds(limits: VmLimits): void {
    const { depth, top } = this;
    const { debt, fuelUsed } = this.data;
    if (debt > fuelUsed) bad(`${debt} units are owed, and ${fuelUsed} were used`, 'debt');
    if (!Number.isInteger(depth) || !Number.isInteger(top)) bad('cut short', 'stack');
    if (depth > limits.frames) bad(`${depth} frames are over the limit of ${limits.frames}`, 'stack');
    if (top > Math.floor(limits.stack / 8)) bad(`${top * 8} bytes are over the limit of ${limits.stack}`, 'stack');
    if (depth === 0 && top !== 0) bad('values without a frame', 'stack');
    for (let i = 0, before = 0; i < depth; i++) {
      checkDeadline('verifying a snapshot');
      const base = this.base(i);
      if (i === 0 ? base !== 0 : base < before) bad('does not begin where it should', `frame ${i}`);
      if (base > top) bad('begins beyond the stack', `frame ${i}`);
      before = base;
    }
  }

  checkPending(): void {
    const { pending, origins, calls } = this.data;
    if (pending === null) return;
    const where = 'pending call';
    if (origins.func[pending.func * 2] !== hostMade) bad('calls no host function', where);
    if (pending.id !== calls) bad(`has the id ${pending.id}, but there were ${calls} calls`, where);
    const { params } = this.typeOf(pending.func);
    if (pending.args.length !== slotsOfAll(params) * 2) bad('has other arguments than its function takes', where);
    this.checkValues(pending.args, 0, params, (i) => `${where}, argument ${i}`);
  }

  /** Waits, the top frame's result is there to be replaced. */
  checkWait(memories: readonly MemType[]): void {
    const { wait, pending } = this.data;
    if (wait === undefined) return;
    const where = 'wait';
    const type = memories[wait.memory];
    if (type === undefined || !type.shared) return bad('is at no shared memory', where);
    if (pending !== null) bad('and a pending call exclude each other', where);
    const size = (this.data.memories[wait.memory]?.size as number) * 2 ** type.pageLog2;
    if (wait.address % wait.bytes !== 0 || wait.address + wait.bytes > size) bad('is at no cell of its memory', where);
    if (this.topOperand !== 'i32') bad('has no place for its result', where);
  }

  checkFrames(): void {
    const seen = new Uint8Array(this.depth);
    const visited = visitFrames(
      this.depth,
      (i) => this.body(i),
      (i) => this.pc(i),
      (frames, body, pc, shape) => {
        const checker = new FrameChecker(body, pc, shape);
        for (const i of frames) {
          checkDeadline('verifying a snapshot');
          seen[i] = 1;
          this.checkFrame(i, checker);
        }
      },
    );
    if (visited < this.depth) bad('its pc is at no instruction that runs', `frame ${seen.indexOf(0)}`);
  }

  private checkFrame(i: number, checker: FrameChecker): void {
    const where = `frame ${i}`;
    const callee = i + 1 < this.depth ? this.func(i + 1) : this.data.pending?.func;
    const operands = callee === undefined ? checker.operands : checker.waitingFor(this.typeOf(callee), where);
    const base = this.base(i);
    const end = i + 1 < this.depth ? this.base(i + 1) : this.top;
    const operandsAt = base + checker.localSlots;
    if (operandsAt + slotsOfAll(operands) !== end) bad('has more or fewer values than its function there', where);
    const { slots } = this.data;
    this.checkValues(
      slots,
      base,
      checker.locals,
      (k) => `${where}, local ${k}`,
      (k) => checker.mayBeNull(k),
    );
    this.checkValues(slots, operandsAt, operands, (k) => `${where}, operand ${k}`);
    if (i + 1 === this.depth) this.topOperand = operands[operands.length - 1];
  }

  private checkValues(
    words: Int32Array,
    slot: number,
    types: readonly ValType[],
    where: (i: number) => string,
    mayBeNull?: (i: number) => boolean,
  ): void {
    let at = slot * 2;
    for (let i = 0; i < types.length; i++) {
      const type = types[i] as ValType;
      if (isRef(type) && !(isNull(words, at) && mayBeNull?.(i))) this.refs.check(words, at, type, () => where(i));
      at += slotsOf(type) * 2;
    }
  }

  private body(i: number): Body {
    const { origins } = this.data;
    const func = this.func(i);
    const instance = origins.func[func * 2] ?? hostMade;
    const module = this.modules[instance];
    if (module === undefined) return bad('is in no function of a module', `frame ${i}`);
    return { context: module.context, index: origins.func[func * 2 + 1] as number };
  }

  private typeOf(func: number): FuncType {
    return (this.funcs[func] as DefType).comp as FuncType;
  }
  private func(i: number): number {
    return this.data.frames[i * frameWords] as number;
  }
  private pc(i: number): number {
    return this.data.frames[i * frameWords + 1] as number;
  }
  private base(i: number): number {
    return this.data.frames[i * frameWords + 2] as number;
  }
}

const isNull = (words: Int32Array, at: number): boolean => words[at] === 0 && words[at + 1] === 0;

/** What all frames at one place of a function must look like. */
class FrameChecker {
  readonly locals: readonly ValType[];
  readonly operands: readonly ValType[];
  readonly localSlots: number;
  private nulls: ReadonlySet<number> | undefined;

  constructor(
    private readonly body: Body,
    private readonly pc: number,
    private readonly shape: FrameShape,
  ) {
    this.locals = shape.locals;
    this.operands = shape.operands;
    this.localSlots = slotsOfAll(shape.locals);
  }

  /**
   * The operands while a function of the type runs. Its parameters may differ from those of the call: it may be the
   * target of tail calls since.
   */
  waitingFor(callee: FuncType, where: string): readonly ValType[] {
    const { afterCall } = this.shape;
    if (afterCall === undefined) return bad('waits, but its pc is not after a call', where);
    if (!allMatch(callee.results, afterCall.results)) bad('waits for a function of another type', where);
    return this.operands.slice(0, this.operands.length - afterCall.results.length);
  }

  /**
   * Whether a local may be null although its type says no: it is not set yet, or not used any more. Between safe points
   * nobody knows what is still used. Engines take a null for what it is in any case.
   */
  mayBeNull(local: number): boolean {
    this.nulls ??= new Set([...this.shape.unset, ...this.dead()]);
    return this.nulls.has(local);
  }

  private dead(): number[] {
    const { context, index } = this.body;
    const live = liveAt(planOf(context, index), this.pc);
    return [...this.locals.keys()].filter((i) => live === undefined || !isLive(live, i));
  }
}
