// The stacks of the validation algorithm: operand types and control frames, what moves them, and what their checks say.
// What an instruction does with them is in rules.ts, specials.ts, exceptions.ts and gc.ts; body.ts has the two together.
// https://webassembly.github.io/spec/core/appendix/algorithm.html

import { InstructionReader } from '../binary/instruction.ts';
import type { Span } from '../binary/module.ts';
import { allMatch, type DefType } from '../spec/deftypes.ts';
import { InvalidError, LimitError, MalformedError } from '../spec/errors.ts';
import type {
  FuncIdx,
  FuncType,
  GlobalType,
  HeapType,
  MemType,
  NumType,
  RefType,
  TableType,
  TypeIdx,
  ValType,
  VecType,
} from '../spec/types.ts';
import { isRef, typeNames } from '../spec/types.ts';
import { closeType, isDefaultable, type ModuleContext } from './context.ts';
import { limits } from './limits.ts';
import { abstractRef, botRef, caught, type Operand, operandMatches } from './operand.ts';

export interface ControlFrame {
  readonly kind: 'func' | 'block' | 'loop' | 'if' | 'else' | 'try_table' | 'try' | 'catch' | 'catch_all';
  /** pc of the opening instruction (`if` for an `else`, `try` for a catch); of the function itself: -1. */
  readonly pc: number;
  /** pc of the `else`, `catch` or `catch_all` that began this clause; otherwise the same as `pc`. */
  readonly clause: number;
  /** Closed, as `results`. For the function itself empty: its parameters are locals. */
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
  /** Operands below the frame's own. In a catch clause that includes the caught exception, at `height - 1`. */
  readonly height: number;
  /** After an instruction that never continues, up to the end of the clause. */
  unreachable: boolean;
  /** The frame was opened in unreachable code. */
  readonly dead: boolean;
  /** A catch clause: a hidden `exnref`, the caught exception, lies right below the operands and leaves with the frame. */
  readonly hidden: boolean;
  /** How many locals had been set since function entry when the frame was opened. */
  readonly initHeight: number;
}

/** Types in a message, at most; the last ones are told. */
const mostTold = 32;
const told = (types: readonly Operand[]): string =>
  `${types.length > mostTold ? `${types.length - mostTold} and ` : ''}${typeNames(types.slice(-mostTold) as ValType[])}`;

const noTypes: readonly ValType[] = [];
const noBlock: FuncType = { kind: 'func', params: noTypes, results: noTypes };

const result = (type: ValType): FuncType => ({ kind: 'func', params: noTypes, results: [type] });
const numberBlocks: Record<NumType | VecType, FuncType> = {
  i32: result('i32'),
  i64: result('i64'),
  f32: result('f32'),
  f64: result('f64'),
  v128: result('v128'),
};

/** Locals as runs of equal types, so that a few bytes that declare many locals cost little. */
export interface LocalRuns {
  /** Index past the last local of each run; the first runs are the parameters, one each. */
  readonly ends: readonly number[];
  readonly types: readonly ValType[];
}
const noLocals: LocalRuns = { ends: [], types: [] };

export interface Signature {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

/** The stacks, and the reader of the instruction sequence that moves them. */
export class Machine {
  readonly reader: InstructionReader;
  /** Type stack, bottom first. */
  readonly operands: Operand[] = [];
  /** Innermost last. */
  readonly controls: ControlFrame[] = [];
  /** The `end` that closes the sequence was applied. */
  done = false;
  /** Offset of the instruction just read from the start of the sequence. */
  pc = -1;
  /** The innermost control frame. */
  top: ControlFrame;

  protected runs: LocalRuns = noLocals;
  protected paramCount = 0;
  /** Locals without a default value that have been set, in order. */
  private readonly initialized: number[] = [];
  private readonly initializedSet = new Set<number>();

  constructor(
    readonly context: ModuleContext,
    private readonly span: Span,
    results: readonly ValType[],
    private readonly name?: string,
  ) {
    this.reader = new InstructionReader(context.syntax.bytes, span.start, span.end);
    this.top = {
      kind: 'func',
      pc: -1,
      clause: -1,
      params: noTypes,
      results,
      height: 0,
      unreachable: false,
      dead: false,
      hidden: false,
      initHeight: 0,
    };
    this.controls.push(this.top);
  }

  /** Reads the next instruction: its row and immediates are in `reader`, the stacks are still those before it. */
  read(): void {
    const reader = this.reader;
    if (reader.pos >= reader.end) throw new MalformedError('unexpected end of section or function', reader.end);
    reader.next();
    this.pc = reader.start - this.span.start;
  }

  /** Whether the current point cannot be reached. */
  get unreachable(): boolean {
    return this.top.unreachable || this.top.dead;
  }

  fail(message: string): never {
    throw new InvalidError(message, this.reader.start, this.name);
  }

  exceeded(what: keyof typeof limits): never {
    throw new LimitError(
      `too many ${what}: more than ${limits[what]}${this.name === undefined ? '' : ` in ${this.name}`}`,
      { limit: what, value: limits[what] },
    );
  }

  // Operands

  /** Pops and pushes what a plain row of the table says. */
  plain({ params, results }: Signature): void {
    const operands = this.operands;
    const height = this.top.height;
    for (let i = params.length - 1; i >= 0; i--) {
      const want = params[i] as ValType;
      if (operands.length > height) {
        const have = operands.pop() as Operand;
        if (have !== want && !operandMatches(have, want)) this.mismatch(params, i, have);
      } else if (!this.top.unreachable) this.mismatch(params, i, undefined);
    }
    for (let i = 0; i < results.length; i++) operands.push(results[i] as ValType);
  }

  /** Operand `i` of those wanted was not there or not of the type; those after it have been popped and were right. */
  private mismatch(want: readonly ValType[], i: number, have: Operand | undefined): never {
    const { operands, top } = this;
    const below = have === undefined ? [] : operands.slice(Math.max(top.height, operands.length - i));
    const stack = have === undefined ? want.slice(i + 1) : [...below, have, ...want.slice(i + 1)];
    this.fail(`type mismatch: instruction requires ${told(want)} but stack has ${told(stack)}`);
  }

  push(type: Operand): void {
    this.operands.push(type);
  }

  pushAll(types: readonly ValType[]): void {
    for (let i = 0; i < types.length; i++) this.operands.push(types[i] as ValType);
  }

  /** Pops an operand of any type. */
  popAny(): Operand {
    if (this.operands.length > this.top.height) return this.operands.pop() as Operand;
    if (!this.top.unreachable) this.fail('type mismatch: instruction requires an operand but stack has []');
    return 'bot';
  }

  pop(want: ValType): void {
    if (this.operands.length > this.top.height) {
      const have = this.operands.pop() as Operand;
      if (have !== want && !operandMatches(have, want)) this.mismatch([want], 0, have);
    } else if (!this.top.unreachable) this.mismatch([want], 0, undefined);
  }

  popAll(want: readonly ValType[]): void {
    for (let i = want.length - 1; i >= 0; i--) {
      if (this.operands.length > this.top.height) {
        const have = this.operands.pop() as Operand;
        if (have !== want[i] && !operandMatches(have, want[i] as ValType)) this.mismatch(want, i, have);
      } else if (this.top.unreachable) return;
      else this.mismatch(want, i, undefined);
    }
  }

  /** Pops a reference of any type. */
  popRef(): RefType {
    const have = this.popAny();
    if (have === 'bot') return botRef;
    if (!isRef(have)) this.fail(`type mismatch: instruction requires a reference but stack has ${typeNames([have])}`);
    return have;
  }

  /** Checks that the operands on top are of the types, and leaves them. */
  expect(want: readonly ValType[]): void {
    const { operands, top } = this;
    for (let i = want.length - 1, at = operands.length - 1; i >= 0; i--, at--) {
      if (at < top.height && top.unreachable) return;
      if (at >= top.height && operandMatches(operands[at] as Operand, want[i] as ValType)) continue;
      const stack = told(this.own().slice(-want.length));
      this.fail(`type mismatch: instruction requires ${told(want)} but stack has ${stack}`);
    }
  }

  /** Pops the types and pushes them: what a conditional branch leaves has the types of the label. */
  replace(types: readonly ValType[]): void {
    this.popAll(types);
    this.pushAll(types);
  }

  /** The operands of the innermost frame. */
  private own(): ValType[] {
    return this.operands.slice(this.top.height) as ValType[];
  }

  // Control

  /** Opens a frame whose parameters are on the stack: checks them and makes them its first operands. */
  open(kind: ControlFrame['kind'], { params, results }: FuncType): void {
    if (this.controls.length > limits.labels) this.exceeded('labels');
    this.popAll(params);
    this.enter({
      kind,
      pc: this.pc,
      clause: this.pc,
      params,
      results,
      height: this.operands.length,
      unreachable: false,
      dead: this.unreachable,
      hidden: false,
      initHeight: this.initialized.length,
    });
    this.pushAll(params);
  }

  /** Closes the innermost clause: its results must be all that is on its stack; they and what was hidden are popped. */
  close(): ControlFrame {
    const frame = this.top;
    this.popAll(frame.results);
    if (this.operands.length !== frame.height) {
      this.fail(
        `type mismatch: block requires ${told(frame.results)} but stack has ${told([...this.own(), ...frame.results])}`,
      );
    }
    if (frame.hidden) this.operands.pop();
    while (this.initialized.length > frame.initHeight) this.initializedSet.delete(this.initialized.pop() as number);
    this.controls.pop();
    this.top = this.controls[this.controls.length - 1] ?? frame;
    return frame;
  }

  /** An `if` without `else` leaves its parameters as they are where the condition does not hold. */
  implicitElse({ params, results }: ControlFrame): void {
    if (allMatch(params, results)) return;
    this.fail(`type mismatch: instruction requires ${told(results)} but stack has ${told(params)}`);
  }

  /** Begins another clause (`else`, a catch) of a block whose clause before it was closed. */
  clause(kind: ControlFrame['kind'], before: ControlFrame, operands: readonly ValType[], hidden = false): void {
    if (hidden) this.operands.push(caught);
    this.enter({ ...before, kind, clause: this.pc, height: this.operands.length, unreachable: false, hidden });
    this.pushAll(operands);
  }

  private enter(frame: ControlFrame): void {
    this.controls.push(frame);
    this.top = frame;
  }

  /** After an instruction that never continues. */
  setUnreachable(): void {
    const { operands, top } = this;
    while (operands.length > top.height) operands.pop();
    top.unreachable = true;
  }

  label(depth: number): ControlFrame {
    return this.controls[this.controls.length - 1 - depth] ?? this.fail(`unknown label ${depth}`);
  }

  /** What a branch to the frame's label takes along. */
  labelTypes(frame: ControlFrame): readonly ValType[] {
    return frame.kind === 'loop' ? frame.params : frame.results;
  }

  // Locals

  localType(index: number): ValType {
    return this.runs.types[this.runOf(index)] ?? this.fail(`unknown local ${index}`);
  }

  /** The run that a local is in. */
  protected runOf(index: number): number {
    const { ends } = this.runs;
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (index < (ends[middle] as number)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** A local without a default value must be set before it is read, in the same block or one around it. */
  isInitialized(index: number, type: ValType): boolean {
    return isDefaultable(type) || index < this.paramCount || this.initializedSet.has(index);
  }

  initialize(index: number, type: ValType): void {
    if (this.isInitialized(index, type)) return;
    this.initializedSet.add(index);
    this.initialized.push(index);
  }

  // Index spaces

  typeAt(index: TypeIdx): DefType {
    return this.context.types[index] ?? this.fail(`unknown type ${index}`);
  }
  funcTypeAt(index: TypeIdx): FuncType {
    const { comp } = this.typeAt(index);
    return comp.kind === 'func' ? comp : this.fail(`non-function type ${index}`);
  }
  funcAt(index: FuncIdx): DefType {
    return this.context.funcs[index] ?? this.fail(`unknown function ${index}`);
  }
  tableAt(index: number): TableType {
    return this.context.tables[index] ?? this.fail(`unknown table ${index}`);
  }
  memoryAt(index: number): MemType {
    return this.context.memories[index] ?? this.fail(`unknown memory ${index}`);
  }
  globalAt(index: number): GlobalType {
    return this.context.globals[index] ?? this.fail(`unknown global ${index}`);
  }
  tagAt(index: number): FuncType {
    return (this.context.tags[index] ?? this.fail(`unknown tag ${index}`)).comp as FuncType;
  }
  elemAt(index: number): RefType {
    return this.context.elemTypes[index] ?? this.fail(`unknown elem segment ${index}`);
  }
  checkData(index: number): void {
    const count = this.context.dataCount;
    if (count === undefined) throw new MalformedError('data count section required', this.reader.start);
    if (index >= count) this.fail(`unknown data segment ${index}`);
  }

  // Types in immediates

  closed(type: ValType): ValType {
    return closeType(this.context, type) ?? this.fail(`unknown type ${(type as RefType).heap}`);
  }
  closedRef(heap: HeapType, nullable: boolean): RefType {
    if (typeof heap !== 'number') return abstractRef(heap, nullable);
    return this.context.typeRefs[2 * heap + (nullable ? 1 : 0)] ?? this.fail(`unknown type ${heap}`);
  }

  /** https://webassembly.github.io/spec/core/valid/types.html#block-types */
  blockType(): FuncType {
    const { block } = this.reader;
    if ('type' in block) return this.funcTypeAt(block.type);
    if (block.result === undefined) return noBlock;
    if (typeof block.result !== 'string') return result(this.closed(block.result));
    return numberBlocks[block.result];
  }

  /** `ref.func` outside of a body declares the function (const.ts); in a body it must have been declared. */
  refFunc(index: FuncIdx): void {
    if (!this.context.refs.has(index)) this.fail(`undeclared function reference ${index}`);
  }
}
