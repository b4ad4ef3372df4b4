// The validation algorithm for instruction sequences: one instruction at a time is read, and moves the machine's stacks by
// its rule. Lowering drives the same to know types.
// https://webassembly.github.io/spec/core/appendix/algorithm.html

import type { Span } from '../binary/module.ts';
import { MalformedError } from '../spec/errors.ts';
import { checkDeadline } from '../spec/patience.ts';
import { type FuncIdx, slotsOf, type ValType } from '../spec/types.ts';
import { funcName, funcType, type ModuleContext } from './context.ts';
import { limits } from './limits.ts';
import { type LocalRuns, Machine } from './machine.ts';
import { ruleAt, slotOfCode, slots } from './rules.ts';

const maxOperands: number = limits.operands;
const ofConstants: Uint8Array = new Uint8Array(slots);

/** A sequence of instructions up to its `end`. */
export class Sequence extends Machine {
  constructor(
    context: ModuleContext,
    span: Span,
    results: readonly ValType[],
    name?: string,
    /** Where the rows that it has are noted. */
    private readonly used = ofConstants,
  ) {
    super(context, span, results, name);
  }

  /** Types the instruction just read: the stacks become those after it. */
  apply(): void {
    const slot = slotOfCode(this.reader.row.code);
    this.used[slot] = 1;
    const { special, checks, narrow, wide } = ruleAt(slot);
    if (special !== undefined) special(this);
    else this.plain(checks !== undefined && checks(this) === 'i64' ? wide : narrow);
    if (this.operands.length > maxOperands) this.exceeded('operands');
  }

  /** Reads and types the whole sequence. */
  run(): void {
    while (!this.done) {
      checkDeadline('validating');
      this.read();
      this.apply();
    }
    if (this.reader.pos !== this.reader.end) throw new MalformedError('section size mismatch', this.reader.pos);
  }
}

/** A function's body, and its locals. */
export class BodyValidator extends Sequence {
  private readonly count: number;
  /** Slots of the frame below each run of locals, and below the operands. */
  private readonly slots: readonly number[];
  private expanded: readonly ValType[] | undefined;

  /** `func` counts imports first, and must not be one. */
  constructor(context: ModuleContext, func: FuncIdx) {
    const syntax = context.syntax.funcs[func - context.importedFuncs];
    if (syntax === undefined) throw new RangeError(`function ${func} has no body`);
    const { params, results } = funcType(context, func);
    super(context, syntax.body, results, funcName(context.syntax, func), context.used);
    this.reader.start = syntax.body.start;
    const ends = params.map((_, i) => i + 1);
    const types = [...params];
    let count = params.length;
    for (const run of syntax.locals) {
      if (run.count === 0) continue;
      const type = this.closed(run.type);
      count += run.count;
      if (count > limits.locals) this.exceeded('locals');
      ends.push(count);
      types.push(type);
    }
    this.runs = { ends, types };
    this.count = count;
    this.slots = slotsBelow(this.runs);
    this.paramCount = params.length;
    const affordable = syntax.body.end - syntax.body.start + 16;
    this.expanded = count <= affordable ? expand(this.runs) : undefined;
  }

  /** Closed types of all locals, parameters first. */
  get locals(): readonly ValType[] {
    this.expanded ??= expand(this.runs);
    return this.expanded;
  }

  /** Where a local stands in a frame, in slots from its base. */
  localSlot(index: number): number {
    const run = this.runOf(index);
    const first = run === 0 ? 0 : (this.runs.ends[run - 1] as number);
    return (this.slots[run] as number) + (index - first) * slotsOf(this.runs.types[run] as ValType);
  }

  /** How many slots all locals take. */
  get localSlots(): number {
    return this.slots[this.slots.length - 1] as number;
  }

  override localType(index: number): ValType {
    if (index >= this.count) this.fail(`unknown local ${index}`);
    return this.expanded?.[index] ?? super.localType(index);
  }

  /** Locals without a default value that are not set at the current point: no value of their type is in them. */
  unsetLocals(): number[] {
    const unset: number[] = [];
    this.locals.forEach((type, index) => {
      if (!this.isInitialized(index, type)) unset.push(index);
    });
    return unset;
  }
}

function slotsBelow({ ends, types }: LocalRuns): number[] {
  const slots = [0];
  ends.forEach((end, i) => {
    const count = end - (ends[i - 1] ?? 0);
    slots.push((slots[i] as number) + count * slotsOf(types[i] as ValType));
  });
  return slots;
}

function expand({ ends, types }: LocalRuns): ValType[] {
  const all: ValType[] = [];
  ends.forEach((end, i) => {
    while (all.length < end) all.push(types[i] as ValType);
  });
  return all;
}

/** Checks a function's body. https://webassembly.github.io/spec/core/valid/modules.html#functions */
export function validateBody(context: ModuleContext, func: FuncIdx): void {
  new BodyValidator(context, func).run();
}
