// What lowering a function emits, and where its operands stand meanwhile: locals and constants read in place, results
// written straight into locals, comparisons taken back to be fused with branches. Plain code does none of this. What each
// instruction emits is told by the rows of the table, here, and by lower-specials.ts.

import { CrashError } from '../../spec/errors.ts';
import { isBulk, isGrown } from '../../spec/fuel.ts';
import { type Instruction, instructionNamed } from '../../spec/instructions.ts';
import { type FuncIdx, type FuncType, slotsOf, slotsOfAll, type ValType } from '../../spec/types.ts';
import { BodyValidator } from '../../validate/body.ts';
import type { ControlFrame } from '../../validate/machine.ts';
import { type FunctionPlan, planOf } from '../../validate/safepoints.ts';
import { type Form, type Handler, type Lowered, type ModuleCode, type Region, regionTable } from '../machine/code.ts';
import {
  accessBytes,
  constantName,
  isBranchable,
  isCondition,
  isMemory,
  isRenaming,
  isSeldom,
  opNamed,
  opNumber,
} from '../machine/ops.ts';
import { rareNumber } from '../routines/routines.ts';
import { vectorImmediates, vectorNumber } from '../routines/simd/numbers.ts';
import { type Operand, Operands } from './operands.ts';

/** A label, parallel to the validator's control frame. */
export interface Label {
  readonly kind: ControlFrame['kind'];
  /** Opened where the code can be reached. */
  readonly live: boolean;
  /** Operands below it, and the word offset where its own begin. */
  readonly height: number;
  readonly base: number;
  /** Code offset that a loop's label continues at; -1 for others. */
  readonly start: number;
  /** Code words to be set to the offset after the block's end. */
  readonly toEnd: number[];
  /** Code word to be set to the offset of the else branch. */
  toElse: number;
  /** The region of the code inside, or -1. */
  region: number;
  /** Handlers of a `try_table`, and where each branches to. */
  stubs: { readonly handler: Handler; readonly label: Label }[];
  /** Legacy `try`: in one of its clauses; and the region that the clauses handle. */
  clause: boolean;
  caughtBy: Region | undefined;
}

const wordsOf = (type: ValType): number => 2 * slotsOf(type);
const inverses: Record<string, string> = { eq: 'ne', lt_s: 'ge_s', lt_u: 'ge_u', gt_s: 'le_s', gt_u: 'le_u' };
for (const [name, inverse] of Object.entries(inverses)) inverses[inverse] = name;

/** The comparison that holds just when `row` does not; undefined for floats, where NaN makes neither hold. */
function inverseOf(row: Instruction): string | undefined {
  const [type, comparison = ''] = row.name.split('.');
  const inverse = inverses[comparison];
  return inverse === undefined || (type !== 'i32' && type !== 'i64') ? undefined : `${type}.${inverse}`;
}

const commutative = new Set(['add', 'mul', 'and', 'or', 'xor', 'eq', 'ne']);
const commutes = (row: Instruction): boolean => row.name.startsWith('i') && commutative.has(row.name.slice(4));

/** Rotations to the right, as those to the left that a negated count makes of them. */
const leftRotations: { readonly [name: string]: Instruction | undefined } = {
  'i32.rotr': instructionNamed('i32.rotl'),
  'i64.rotr': instructionNamed('i64.rotl'),
};

/** An op that made an operand. */
interface Made {
  start: number;
  readonly height: number;
  row: Instruction | undefined;
  readonly constant: boolean;
}
const nothing: Made = { start: -1, height: -1, row: undefined, constant: false };

export class Lowerer {
  readonly v: BodyValidator;
  readonly operands: Operands;
  readonly labels: Label[] = [];
  readonly plan: FunctionPlan;
  /** The op emitted last, where it made an operand: its offset (otherwise -1), and the count of operands then. */
  private last: Made = { start: -1, height: 0, row: undefined, constant: false };
  private readonly pointOffsets: number[] = [];
  private readonly pointPcs: number[] = [];
  private readonly pointTops: number[] = [];
  private readonly origins: number[] = [];
  readonly regions: Region[] = [];

  constructor(
    readonly code: ModuleCode,
    readonly func: FuncIdx,
    readonly form: Form,
  ) {
    this.v = new BodyValidator(code.module.context, func);
    this.plan = planOf(code.module.context, func);
    this.operands = new Operands(2 * this.v.localSlots, (operand) => this.settle(operand));
  }

  get folding(): boolean {
    return this.form === 'folded';
  }

  /** Begins the function. */
  begin(): void {
    const type = this.v.context.funcs[this.func]?.comp as FuncType;
    this.op('enter');
    this.put(this.plan.entryCost, 0, 2 * slotsOfAll(type.params), this.operands.top);
    if (this.folding) this.point(0);
    this.openLabel('func', 0);
  }

  /** What was emitted since `entry`, where the function began. */
  finish(entry: number): Lowered {
    const { code } = this;
    code.words[entry + 2] = this.operands.highest + 4;
    return {
      entry,
      end: code.length,
      temps: 2 * this.v.localSlots,
      slots: this.operands.highest / 2 + 2,
      pointOffsets: Int32Array.from(this.pointOffsets),
      pointPcs: Int32Array.from(this.pointPcs),
      pointTops: Int32Array.from(this.pointTops),
      origins: Int32Array.from(this.origins),
      regions: this.regions,
      ...regionTable(this.regions),
    };
  }

  /** Begins an instruction. */
  next(): void {
    const cost = this.plan.charges.get(this.v.pc);
    if (cost !== undefined) this.spend(cost);
    this.origin();
    if (!this.folding) this.step();
  }

  /** A row without rules of its own. */
  plain(row: Instruction): void {
    if (vectorNumber(row) !== undefined) this.vector(row);
    else if (isMemory(row)) this.memory(row);
    else if (row.semantics !== '') this.numeric(row);
    else this.wordless(row);
  }

  /** Notes where the code of this instruction begins; code taken back since is forgotten. */
  private origin(): void {
    while (this.origins.length > 0 && (this.origins[this.origins.length - 2] as number) >= this.here) {
      this.origins.pop();
      this.origins.pop();
    }
    this.origins.push(this.here, this.v.pc);
  }

  private spend(cost: number): void {
    this.op('spend');
    this.put(cost);
  }

  private step(): void {
    this.point(this.v.pc);
    this.op('step');
  }

  // Emitting

  op(name: string): void {
    this.last.start = -1;
    this.code.put(opNamed(name));
  }

  put(...words: number[]): void {
    for (const word of words) this.code.put(word);
  }

  get here(): number {
    return this.code.length;
  }

  /** Marks this place as one where code can be left and entered: all operands are in their slots. */
  point(pc: number): void {
    if (this.folding && this.pointPcs.at(-1) === pc) return;
    this.pointOffsets.push(this.here);
    this.pointPcs.push(pc);
    this.pointTops.push(this.operands.top / 2);
  }

  private settle({ where, at, width, lo, hi }: Operand): void {
    if (where === 'local') return this.move(at, lo, width);
    this.op(where === 'word' ? 'const32' : 'const64');
    if (where === 'word') this.put(at, lo);
    else this.put(at, lo, hi);
  }

  move(to: number, from: number, width: number): void {
    for (let k = 0; k < width; k += 2) {
      this.op('copy');
      this.put(to + k, from + k);
    }
  }

  // Operands

  pushSlot(width = 2): void {
    this.operands.push('slot', width);
  }
  pushTypes(types: readonly ValType[]): void {
    for (const type of types) this.pushSlot(wordsOf(type));
  }
  pushConst(lo: number, hi?: number): void {
    this.operands.push(hi === undefined ? 'word' : 'words', 2, lo, hi);
    if (!this.folding) this.operands.flush();
  }

  /** The register of an operand that was popped; a constant is put into its slot first. */
  register(operand: Operand): number {
    if (operand.where === 'slot') return operand.at;
    if (operand.where === 'local') return operand.lo;
    this.settle(operand);
    return operand.at;
  }

  // Locals

  /** The word offset of a local. */
  private localOffset(index: number): number {
    return 2 * this.v.localSlot(index);
  }

  localGet(index: number): void {
    const width = wordsOf(this.v.localType(index));
    this.operands.push('local', width, this.localOffset(index));
    if (!this.folding) this.operands.flush();
  }

  /** Sets a local from the top operand: the op that made it writes there at once, where that is possible. */
  localSet(index: number): void {
    const to = this.localOffset(index);
    const maker = this.maker();
    const operand = this.operands.pop();
    const stale = this.here;
    this.operands.flushLocal(to);
    if (maker !== undefined && this.here === stale) {
      this.code.words[maker.start + 1] = to;
      this.last.start = -1;
    } else this.assign(to, operand);
  }

  private assign(to: number, operand: Operand): void {
    if (operand.where === 'slot') this.move(to, operand.at, operand.width);
    else if (operand.where !== 'local' || operand.lo !== to) this.settle({ ...operand, at: to });
  }

  localTee(index: number): void {
    const { width } = this.operands.list[this.operands.list.length - 1] as Operand;
    if (this.folding) {
      this.localSet(index);
      this.operands.push('local', width, this.localOffset(index));
    } else {
      const { at } = this.operands.list[this.operands.list.length - 1] as Operand;
      this.move(this.localOffset(index), at, width);
    }
  }

  // Rows of the table

  private numeric(row: Instruction): void {
    if (isRenaming(row) || (row.name === 'i32.eqz' && this.invertLast())) return;
    const popped = row.params.map(() => this.operands.pop()).reverse();
    const [a, b] = popped as [Operand, Operand];
    if (popped.length === 2 && this.constantForm(row, a, b)) return;
    // What was made last comes first where the order does not matter: half as many sequences to fuse.
    if (b?.where === 'slot' && commutes(row)) popped.reverse();
    const registers = popped.map((operand) => this.register(operand));
    if (isSeldom(row)) this.emitRow(row, 'numeric', false, [registers[0] as number, registers[1] ?? 0, row.code]);
    else this.emitRow(row, row.name, false, registers);
  }

  /** Emits a row with a constant as its second operand, where it has such a form. */
  private constantForm(row: Instruction, a: Operand, b: Operand): boolean {
    const left = leftRotations[row.name];
    if (left !== undefined && isSmall(b)) return this.constantForm(left, a, { ...b, where: 'word', lo: -b.lo });
    if (isSmall(b)) return this.emitConstant(row, a, b.lo);
    return isSmall(a) && commutes(row) && this.emitConstant(row, b, a.lo);
  }

  private emitConstant(row: Instruction, operand: Operand, constant: number): boolean {
    const name = constantName(row, constant);
    if (opNumber(name) === undefined) return false;
    this.emitRow(row, name, true, [this.register(operand), constant]);
    return true;
  }

  private emitRow(row: Instruction, name: string, constant: boolean, words: number[]): void {
    const start = this.opAt(name);
    this.put(this.operands.top, ...words);
    this.pushSlot();
    this.made(start, row, constant);
  }

  private opAt(name: string): number {
    this.op(name);
    return this.here - 1;
  }

  /** Notes that the op at `start`, with its destination in the next word, made the top operand. */
  made(start: number, row?: Instruction, constant = false): void {
    this.last = { start, height: this.operands.list.length, row, constant };
  }

  /** The op emitted last, if it made just the operand that is on top now: then it may still be changed. */
  private maker(): Made | undefined {
    const { list } = this.operands;
    const fits = this.folding && this.last.start >= 0 && this.last.height === list.length;
    return fits && list[list.length - 1]?.where === 'slot' ? this.last : undefined;
  }

  /** Turns the comparison just emitted around, for an `i32.eqz` after it. */
  private invertLast(): boolean {
    const { start, row, constant } = this.maker() ?? nothing;
    if (row === undefined || !isCondition(row)) return false;
    const inverse = inverseOf(row);
    const number = inverse === undefined ? undefined : opNumber(constant ? `${inverse} k` : inverse);
    if (number === undefined) return false;
    this.code.words[start] = number;
    this.last.row = { ...row, name: inverse as string };
    return true;
  }

  private memory(row: Instruction): void {
    const { x, offset, offsetHi, offsetLo } = this.v.reader;
    const type = this.v.memoryAt(x);
    const load = row.results.length > 0;
    if (x !== 0 || type.addr !== 'i32' || offset >= 0x8000_0000 || row.semantics === '')
      return this.rare(row.semantics === '' ? row.name : load ? 'load' : 'store', row, [
        row.code,
        x,
        offsetLo,
        offsetHi,
        this.v.reader.lane,
        accessBytes(row),
      ]);
    const value = load ? undefined : this.operands.pop();
    const address = this.register(this.operands.pop());
    if (value === undefined) {
      const start = this.opAt(row.name);
      this.put(this.operands.top, address, offset);
      this.pushSlot();
      this.made(start);
    } else {
      const from = this.register(value);
      this.op(row.name);
      this.put(address, offset, from);
    }
  }

  /** Rows without semantics: constants, and what routines do. */
  private wordless(row: Instruction): void {
    const { x, y } = this.v.reader;
    if (row.name === 'i32.const' || row.name === 'f32.const') this.pushConst(x);
    else if (row.name === 'i64.const' || row.name === 'f64.const') this.pushConst(x, y);
    else if (row.name !== 'nop') this.rare(row.name, row, [x, y]);
  }

  /** Vector instructions: a routine each, with its operands and its result in registers. */
  private vector(row: Instruction): void {
    const registers = row.params
      .map(() => this.operands.pop())
      .reverse()
      .map((operand) => this.register(operand));
    const immediates = vectorImmediates(row, this.v.reader);
    const start = this.opAt('vector');
    this.put(
      this.operands.top,
      4 + registers.length + immediates.length,
      vectorNumber(row) as number,
      ...registers,
      ...immediates,
    );
    if (row.results.length === 0) return;
    this.pushSlot(wordsOf(row.results[0] as ValType));
    this.made(start);
  }

  private rare(name: string, row: Instruction, immediates: number[]): void {
    const width = (type: unknown) => (type === 'v128' ? 4 : 2);
    this.routine(name, row.params.length, row.results.map(width), immediates);
  }

  /** Emits an op that routines.ts carries out: its operands in their slots, its results from the same place on. */
  routine(name: string, params: number, results: readonly number[], immediates: readonly number[]): void {
    const number = rareNumber(name);
    if (number === undefined) throw new CrashError(`the interpreter has no routine for ${name}`);
    this.operands.flush();
    if (this.folding && isBulk(name)) this.point(this.v.pc);
    for (let i = 0; i < params; i++) this.operands.pop();
    const base = this.operands.top;
    this.op(isBulk(name) || isGrown(name) ? 'bulk' : 'rare');
    this.put(4 + immediates.length, number, base, ...immediates);
    for (const width of results) this.pushSlot(width);
    if (this.folding && name.startsWith('memory.atomic.wait'))
      this.point(this.v.reader.pos - this.v.reader.start + this.v.pc);
  }

  // Control

  openLabel(kind: Label['kind'], params: number): void {
    this.last.start = -1;
    const live = !this.v.unreachable;
    const height = this.operands.list.length - (live ? params : 0);
    const base = this.operands.list[height]?.at ?? this.operands.top;
    const around = this.labels[this.labels.length - 1]?.region ?? -1;
    const start = kind === 'loop' ? (this.folding ? this.here : this.here - 1) : -1;
    this.labels.push({
      kind,
      live,
      height,
      base,
      start,
      toEnd: [],
      toElse: -1,
      region: around,
      stubs: [],
      clause: false,
      caughtBy: undefined,
    });
  }

  label(depth: number): Label {
    return this.labels[this.labels.length - 1 - depth] as Label;
  }

  /** Forgets what cannot be reached: called after an instruction that never continues. */
  dead(): void {
    this.last.start = -1;
    this.operands.truncate(this.label(0).height);
  }

  /** Emits a word that a jump to the label's continuation reads. */
  target(label: Label): void {
    if (label.kind === 'loop') return this.put(label.start);
    label.toEnd.push(this.here);
    this.put(0);
  }

  /** Whether a branch finds its operands already where the label wants them. */
  inPlace(label: Label, count: number): boolean {
    const first = this.operands.list[this.operands.list.length - count];
    return count === 0 || first?.at === label.base;
  }

  /** Copies the top `count` operands to where the label wants them; they stay what they are for the code after. */
  carry(label: Label, count: number): void {
    const { list, top } = this.operands;
    if (count > mostCopied) {
      this.operands.flush();
      const { at } = list[list.length - count] as Operand;
      this.op('rare');
      return this.put(6, rareNumber('carry') as number, at, at - label.base, top - at);
    }
    let to = label.base;
    for (const operand of list.slice(list.length - count)) {
      this.assign(to, operand);
      to += operand.width;
    }
  }

  branch(depth: number): void {
    const label = this.label(depth);
    const count = this.v.labelTypes(this.v.label(depth)).length;
    if (this.inPlace(label, count)) this.operands.flush();
    else this.carry(label, count);
    this.op('br');
    this.target(label);
  }

  /** Branches to the label where the condition holds; the condition was taken by `takeCondition`. */
  branchIf(depth: number, condition: Condition, negate: boolean): void {
    const label = this.label(depth);
    const count = this.v.labelTypes(this.v.label(depth)).length;
    this.operands.flush();
    if (this.inPlace(label, count)) {
      this.jumpOn(condition, negate);
      return this.target(label);
    }
    this.jumpOn(condition, !negate);
    const skip = this.here;
    this.put(0);
    this.carry(label, count);
    this.op('br');
    this.target(label);
    this.code.words[skip] = this.here;
    this.last.start = -1;
  }

  /** Pops the condition of a branch; a comparison just emitted is taken back, to be fused with the branch. */
  takeCondition(): Condition {
    const { start, row, constant } = this.maker() ?? nothing;
    const operand = this.operands.pop();
    if (row === undefined || !isBranchable(row))
      return { row: undefined, constant: false, words: [this.register(operand)] };
    const words = [...this.code.words.subarray(start + 2, this.here)];
    this.code.length = start;
    this.last.start = -1;
    return { row, constant, words };
  }

  /** Emits a jump on a condition, all but its target. */
  jumpOn({ row, constant, words }: Condition, negate: boolean): void {
    if (row === undefined) this.op(negate ? 'br_unless' : 'br_if');
    else if (!negate) this.op(`br_if ${row.name}${constant ? ' k' : ''}`);
    else if (opNumber(`br_unless ${row.name}`) !== undefined) this.op(`br_unless ${row.name}`);
    else this.op(`br_if ${inverseOf(row)}${constant ? ' k' : ''}`);
    this.put(...words);
  }

  /** Lands forward jumps here. */
  land(places: readonly number[]): void {
    for (const place of places) this.code.words[place] = this.here;
    this.last.start = -1;
  }

  /** Emits the return of results that are the top operands. */
  return(types: readonly ValType[]): void {
    const words = 2 * slotsOfAll(types);
    if (words === 2) {
      const from = this.register(this.operands.list[this.operands.list.length - 1] as Operand);
      this.op('return1');
      return this.put(from);
    }
    this.operands.flush();
    if (words === 0) return this.op('return0');
    this.op('return');
    this.put(this.operands.top - words, words);
  }

  /** Emits a call whose arguments are the top operands, and the safe point after it. */
  call(type: FuncType, emit: (base: number) => void): void {
    this.operands.flush();
    for (let i = 0; i < type.params.length; i++) this.operands.pop();
    emit(this.operands.top);
    this.pushTypes(type.results);
    if (this.folding) this.point(this.v.reader.pos - this.v.reader.start + this.v.pc);
  }
}

/** What a conditional branch tests: a comparison and its operand words, or just a register. */
export interface Condition {
  readonly row: Instruction | undefined;
  readonly constant: boolean;
  readonly words: readonly number[];
}

/** So many operands are copied one by one where a branch takes them along; of more the code would be too long. */
const mostCopied = 8;

/** A constant that fits the one word of a constant form. */
const isSmall = ({ where, lo, hi }: Operand): boolean => where === 'word' || (where === 'words' && hi === lo >> 31);
