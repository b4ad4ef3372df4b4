// The code of a random function: statements that leave the stack as it was, and expressions that push a value. It seldom
// traps: addresses, indices and divisors are mostly made to fit; loops have few passes; and when the program's counter is
// used up, whatever function goes on returns at once.

import { Writer } from '../../src/binary/writer.ts';
import { type Instruction, instructionNamed, instructions } from '../../src/spec/instructions.ts';
import { throwing, trying } from './exceptions.ts';
import type { Random } from './random.ts';
import { reference, referenceStatement, referenceTest } from './references.ts';
import {
  codes,
  counter,
  dataSize,
  funcIndex,
  globalsOf,
  isReference,
  numbers,
  type Plain,
  type Shape,
  type Signature,
  type Type,
} from './shape.ts';

const plainTypes: readonly Plain[] = [...numbers, 'v128'];
const isPlain = (type: unknown): boolean => plainTypes.includes(type as Plain);
const always = ['mvp', 'sign-extension', 'saturating-conversion', 'simd'];
const plain = instructions.filter(
  (row) =>
    always.includes(row.feature) &&
    row.special === undefined &&
    row.results.length === 1 &&
    row.params.length > 0 &&
    row.params.every(isPlain) &&
    row.immediates.every((i) => i === 'lane' || i === 'lanes16'),
);
const byResult = new Map(plainTypes.map((type) => [type, plain.filter((row) => row.results[0] === type)]));

const isWait = ({ name }: Instruction): boolean => /wait|notify/.test(name);
const accesses = instructions.filter(
  (row) => [...always, 'threads'].includes(row.feature) && row.immediates[0]?.startsWith('memarg') && !isWait(row),
);
const isAtomic = (row: Instruction): boolean => row.feature === 'threads';

/** Rows whose result may be any of several NaNs. */
const vague = (row: Instruction): boolean =>
  row.results[0] !== 'i32' &&
  /^f(32|64)(x\d)?\./.test(row.name) &&
  !/\.(load|neg|abs|copysign|reinterpret|const)/.test(row.name);
/** Rows that trap for many operands, and those that do for a zero alone (or nearly so). */
const fragile = /^i(32|64)\.trunc_f/;
const divides = /^i(32|64)\.(div|rem)_/;

export const maxDepth = 4;

/** What a branch to a label carries, and whether `rethrow` may name it. */
export interface Label {
  readonly carries: readonly Type[];
  caught: boolean;
}

export class Body {
  readonly w = new Writer();
  readonly locals: Type[];
  readonly labels: Label[] = [];
  /** Handlers around. */
  handlers = 0;
  /** Instructions still to be emitted: keeps bodies short. */
  budget: number;
  private readonly self: Signature;
  private readonly loops: number[] = [];

  constructor(
    readonly random: Random,
    readonly shape: Shape,
    private readonly index: number,
  ) {
    this.self = shape.functions[index] ?? { params: [], results: [] };
    this.locals = [...this.self.params, ...shape.types, ...shape.types];
    this.budget = 20 + random.below(120);
  }

  get memories() {
    return this.shape.memories;
  }

  /** An instruction with immediates that are indices. */
  op(name: string, ...indices: readonly number[]): void {
    const { code } = instructionNamed(name);
    if (code < 0x10000) this.w.byte(code);
    else {
      this.w.byte(Math.floor(code / 0x10000));
      this.w.u32(code % 0x10000);
    }
    for (const index of indices) this.w.u32(index);
  }

  make(): void {
    this.spend();
    for (let n = 1 + this.random.below(5); n > 0; n--) this.statement(0);
    this.results(0);
    this.op('end');
  }

  private results(depth: number): void {
    for (const type of this.self.results) this.expression(type, depth);
  }

  // Structure

  /** A block of some kind around what `inside` emits; the block's type is nothing, a type, or an index. */
  block(kind: 'block' | 'loop' | 'if' | 'try', type: Type | number | undefined, inside: () => void): void {
    this.op(kind);
    this.blockType(type);
    this.within(
      typeof type === 'string' && kind !== 'loop' ? [type] : typeof type === 'number' ? undefined : [],
      inside,
    );
  }

  /** After the opening of a block; branches carry so much, or none may name it. */
  within(carries: readonly Type[] | undefined, inside: () => void): void {
    this.labels.push({ carries: carries ?? ['v128', 'v128', 'v128'], caught: false });
    inside();
    this.labels.pop();
    this.op('end');
  }

  blockType(type: Type | number | undefined): void {
    if (typeof type === 'number') this.w.s33(type);
    else this.w.byte(type === undefined ? 0x40 : codes[type]);
  }

  // Statements

  statement(depth: number): void {
    this.budget--;
    if (depth > maxDepth || this.budget < 0) return this.set();
    const { features } = this.shape;
    const kinds: ((depth: number) => void)[] = [this.set, this.set, this.store, this.store, this.globalSet];
    kinds.push(this.loop, this.branch, this.call);
    kinds.push(this.bulk, this.drop, this.leave, this.typed);
    if (features.has('references')) kinds.push((at) => referenceStatement(this, at));
    if (features.has('gc')) kinds.push((at) => referenceStatement(this, at));
    if (features.has('exceptions') || features.has('legacy-exceptions')) kinds.push((at) => trying(this, at));
    if (this.shape.asks) kinds.push(this.ask, this.ask);
    if (this.random.chance(30)) return this.end(depth);
    this.random.pick(kinds).call(this, depth);
  }

  private set(depth = maxDepth): void {
    const local = this.random.below(this.locals.length);
    this.expression(this.locals[local] as Type, depth + 1);
    if (!this.random.chance(4)) return this.op('local.set', local);
    this.op('local.tee', local);
    this.op('drop');
  }

  private drop(depth: number): void {
    this.expression(this.random.pick(this.shape.types), depth + 1);
    this.op('drop');
  }

  private globalSet(depth: number): void {
    const globals = globalsOf(this.shape);
    const global = this.random.below(globals.length);
    if (global === counter) return this.drop(depth);
    this.expression(globals[global] as Type, depth + 1);
    this.op('global.set', global);
  }

  private store(depth: number): void {
    const row = this.random.pick(this.accesses(undefined));
    const memory = this.memory();
    this.address(memory, depth + 1, isAtomic(row));
    this.expression(row.params[1] as Type, depth + 1);
    this.access(row, memory);
  }

  private bulk(depth: number): void {
    const memory = this.memory();
    const wide = this.memories[memory] === 'i64';
    switch (this.random.below(4)) {
      case 0: {
        const from = this.memory();
        this.address(memory, depth + 1);
        this.address(from, depth + 2);
        this.constant(wide && this.memories[from] === 'i64' ? 'i64' : 'i32', this.random.below(300), 0);
        return this.op('memory.copy', memory, from);
      }
      case 1:
        this.address(memory, depth + 1);
        this.masked(dataSize / 2 - 1, depth + 2);
        this.masked(dataSize / 2 - 1, depth + 2);
        return this.op('memory.init', 0, memory);
      case 2:
        if (wide) this.constant('i64', this.random.below(2), 0);
        else this.masked(1, depth + 1);
        this.op('memory.grow', memory);
        return this.op('drop');
      default:
        this.address(memory, depth + 1);
        this.expression('i32', depth + 2);
        this.constant(wide ? 'i64' : 'i32', this.random.below(300), 0);
        return this.op('memory.fill', memory);
    }
  }

  /** A loop that its own local and the counter bound. */
  private loop(depth: number): void {
    const trips = this.trips();
    if (trips === undefined) return this.branch(depth);
    this.constant('i32', 1 + this.random.below(this.random.chance(6) ? 200 : 12), 0);
    this.op('local.set', trips);
    this.block('loop', undefined, () => {
      this.spend();
      this.loops.push(trips);
      for (let n = 1 + this.random.below(3); n > 0; n--) this.statement(depth + 1);
      if (this.random.chance(2)) {
        this.expression('i32', depth + 1);
        this.mask(this.random.pick([1, 3, 7, -1]));
      } else this.constant('i32', 1, 0);
      this.loops.pop();
      this.constant('i32', 0, 0);
      this.op('local.get', trips);
      this.constant('i32', 1, 0);
      this.op('i32.sub');
      this.op('local.tee', trips);
      this.op('select');
      this.op('br_if', 0);
    });
  }

  /** A local for a loop's passes that no statement sets: each is added behind the others, before it is used. */
  private trips(): number | undefined {
    if (this.loops.length > 3) return undefined;
    this.hidden.push('i32');
    return this.locals.length + this.hidden.length - 1;
  }
  /** Locals behind the others, which only those who asked for them use. */
  readonly hidden: Type[] = [];

  /** `if` with or without `else`, a block that may be left early, or a br_table in nested blocks. */
  private branch(depth: number): void {
    if (this.random.chance(3)) return this.table(depth);
    const test = this.random.chance(2);
    if (test) this.expression('i32', depth + 1);
    this.block(test ? 'if' : 'block', undefined, () => {
      this.statement(depth + 1);
      this.leave(depth);
      this.statement(depth + 1);
      if (!test || !this.random.chance(2)) return;
      this.op('else');
      this.statement(depth + 1);
    });
  }

  /** Leaves one of the blocks around, perhaps, or begins a loop anew. */
  private leave(depth: number): void {
    const label = this.random.below(this.labels.length + 1);
    if (this.labels.at(-1 - label)?.carries.length !== 0) return this.set(depth);
    this.expression('i32', depth + 1);
    this.op('br_if', label);
  }

  /** Ends the function, perhaps; what follows may be dead. */
  private end(depth: number): void {
    const { random } = this;
    const sure = random.chance(5);
    if (sure) return this.leap(depth);
    this.masked(random.pick([1, 3, 15]), depth + 1);
    this.op('i32.eqz');
    this.block('if', undefined, () => this.leap(depth + 1));
  }

  private leap(depth: number): void {
    if (this.random.chance(30)) return this.op('unreachable');
    if (this.shape.features.has('tail-call') && this.random.chance(2)) return this.tail(depth);
    this.results(depth + 1);
    this.op('return');
  }

  private tail(depth: number): void {
    const wanted = this.self.results.join();
    const alike = [...this.shape.functions.keys()].filter((i) => this.shape.functions[i]?.results.join() === wanted);
    const index = this.random.pick(alike);
    this.args(index, depth);
    if (!this.random.chance(3)) return this.op('return_call', funcIndex(this.shape, index));
    this.element(index, depth);
    this.op('return_call_indirect', index, 0);
  }

  private table(depth: number): void {
    const count = 1 + this.random.below(3);
    const inside = (left: number): void => {
      if (left > 0)
        this.block('block', undefined, () => {
          inside(left - 1);
          this.statement(depth + 1);
        });
      else {
        this.masked(3, depth + 1);
        this.op('br_table');
        this.w.list([...Array(count).keys()].slice(1), (w, label) => w.u32(label));
        this.w.u32(0);
      }
    };
    inside(count);
  }

  /** A block with parameters and results, of the type of a function. */
  private typed(depth: number): void {
    const index = this.random.below(this.shape.functions.length);
    const { params, results } = this.shape.functions[index] as Signature;
    for (const type of params) this.expression(type, depth + 1);
    this.block('block', index, () => {
      for (const type of params.toReversed()) this.op('local.set', this.locals.lastIndexOf(type));
      this.statement(depth + 1);
      for (const type of results) this.expression(type, depth + 1);
      if (this.random.chance(2)) {
        this.masked(1, depth + 1);
        this.op('br_if', 0);
      }
    });
    for (const _ of results) this.op('drop');
  }

  private call(depth: number): void {
    const { functions, features } = this.shape;
    if (features.has('exceptions') || features.has('legacy-exceptions'))
      if (this.random.chance(5)) throwing(this, depth);
    const later = functions.length - 1 - this.index;
    const index =
      later > 0 && !this.random.chance(6)
        ? this.index + 1 + this.random.below(later)
        : this.random.below(functions.length);
    for (const _ of this.called(index, depth).results) this.op('drop');
  }

  /** Whatever the host does then. */
  private ask(depth: number): void {
    this.expression('i32', depth + 1);
    this.op('call', 0);
    this.op('local.set', this.locals.indexOf('i32'));
  }

  private args(index: number, depth: number): void {
    for (const type of (this.shape.functions[index] as Signature).params) this.expression(type, depth + 1);
  }

  /** Where a function stands in the first table, or somewhere else. */
  private element(index: number, depth: number): void {
    if (this.random.chance(60)) return this.masked(7, depth + 2);
    this.masked(0, depth + 2);
    this.constant('i32', index, 0);
    this.op('i32.add');
  }

  private called(index: number, depth: number): Signature {
    const callee = this.shape.functions[index] as Signature;
    this.args(index, depth);
    if (this.random.chance(3)) {
      this.element(index, depth);
      this.op('call_indirect', index, 0);
    } else if (this.shape.features.has('function-references') && this.random.chance(2)) {
      this.op('ref.func', funcIndex(this.shape, index));
      this.op('call_ref', index);
    } else this.op('call', funcIndex(this.shape, index));
    return callee;
  }

  /** Counts down; when nothing is left the function returns. */
  private spend(): void {
    this.op('global.get', counter);
    this.constant('i32', 1, 0);
    this.op('i32.sub');
    this.op('global.set', counter);
    this.op('global.get', counter);
    this.constant('i32', 0, 0);
    this.op('i32.lt_s');
    this.block('if', undefined, () => {
      for (const type of this.self.results) this.leaf(type);
      this.op('return');
    });
  }

  // Expressions

  expression(type: Type, depth: number): void {
    this.budget--;
    if (depth > maxDepth + 3 || this.budget < 0) return this.leaf(type);
    switch (this.random.below(10)) {
      case 0:
      case 1:
        return this.leaf(type);
      case 2:
        return isReference(type) ? reference(this, type, depth) : this.load(type, depth);
      case 3:
        return this.choice(type, depth);
      case 4:
        return this.result(type, depth);
      default:
        return isReference(type) ? reference(this, type, depth) : this.operation(type, depth);
    }
  }

  leaf(type: Type): void {
    const { random } = this;
    const local = this.locals.findIndex((t, i) => t === type && (i === this.locals.length - 1 || random.chance(2)));
    const global = globalsOf(this.shape).indexOf(type);
    if (local >= 0 && !random.chance(3)) this.op('local.get', local);
    else if (global >= 0 && random.chance(3)) this.op('global.get', global);
    else if (!isReference(type)) this.constant(type, random.int());
    else if (type === 'funcref' && random.chance(2))
      this.op('ref.func', funcIndex(this.shape, random.below(this.shape.functions.length)));
    else this.op('ref.null', codes[type]);
  }

  constant(type: Plain, int: number, high?: number): void {
    this.op(`${type}.const`);
    if (type === 'i32') this.w.s32(int);
    else if (type === 'i64') this.w.s64(int, high ?? (this.random.chance(2) ? int >> 31 : this.random.bits()));
    else if (type === 'f32') this.w.fixed32(this.random.single());
    else if (type === 'f64') for (const half of this.random.double()) this.w.fixed32(half);
    else for (let i = 0; i < 4; i++) this.w.fixed32(this.random.bits());
  }

  private operation(type: Plain, depth: number): void {
    const row = this.random.pick(byResult.get(type) ?? []);
    const tame = !this.random.chance(50);
    if (type === 'i32' && this.random.chance(6) && this.shape.features.has('references'))
      return referenceTest(this, depth);
    if (tame && fragile.test(row.name)) return this.operation(type, depth);
    for (const param of row.params) this.expression(param as Type, depth + 1);
    if (tame && divides.test(row.name)) this.nonzero(type as 'i32' | 'i64');
    this.op(row.name);
    if (row.immediates[0] === 'lane') this.w.byte(this.random.below(lanesOf(row)));
    if (row.immediates[0] === 'lanes16') for (let i = 0; i < 16; i++) this.w.byte(this.random.below(32));
    if (vague(row)) this.canonical(type, row.name.startsWith('f64') ? 'f64' : 'f32');
  }

  /** A divisor that is odd, and seldom -1. */
  private nonzero(type: 'i32' | 'i64'): void {
    this.constant(type, 0x7ffffffd, 0x7fffffff);
    this.op(`${type}.and`);
    this.constant(type, 1, 0);
    this.op(`${type}.or`);
  }

  /** Replaces a NaN on the stack, or the lanes that are NaN, by the canonical one. */
  private canonical(type: Plain, lane: 'f32' | 'f64'): void {
    const local = this.locals.lastIndexOf(type);
    this.op('local.tee', local);
    this.op(`${type}.const`);
    const nan = lane === 'f32' ? [0x7fc00000] : [0, 0x7ff80000];
    for (let i = 0; i < (type === 'v128' ? 4 : nan.length); i++) this.w.fixed32(nan[i % nan.length] as number);
    for (let i = 0; i < 2; i++) this.op('local.get', local);
    this.op(type === 'v128' ? (lane === 'f32' ? 'f32x4.eq' : 'f64x2.eq') : `${lane}.eq`);
    this.op(type === 'v128' ? 'v128.bitselect' : 'select');
    this.op('local.tee', local);
  }

  // Memories

  private memory(): number {
    return this.random.below(this.memories.length);
  }

  /** Loads and the like with the result, or stores; atomic ones too where the program has them. */
  private accesses(result: Plain | undefined): readonly Instruction[] {
    const atomic = this.shape.features.has('atomics') && this.random.chance(3);
    return accesses.filter((row) => row.results[0] === result && (atomic || !isAtomic(row)));
  }

  private load(type: Plain, depth: number): void {
    const row = this.random.pick(this.accesses(type));
    const memory = this.memory();
    this.address(memory, depth + 1, isAtomic(row));
    for (const param of row.params.slice(1)) this.expression(param as Type, depth + 1);
    this.access(row, memory);
  }

  private access(row: Instruction, memory: number): void {
    const { random, w } = this;
    this.op(row.name);
    const bytes = Number(row.immediates[0]?.slice(6));
    const align = isAtomic(row) ? Math.log2(bytes) : random.below(Math.log2(bytes) + 1);
    w.u32(align + (memory > 0 ? 64 : 0));
    if (memory > 0) w.u32(memory);
    w.u32(random.chance(400) ? random.bits() : isAtomic(row) ? 8 * random.below(8) : random.below(64));
    if (row.immediates.includes('lane')) w.byte(random.below(16 / bytes));
  }

  /** An address that is mostly within the memory. */
  private address(memory: number, depth: number, aligned = false): void {
    const type = this.memories[memory] as 'i32' | 'i64';
    this.expression(type, depth + 1);
    if (this.random.chance(300)) return;
    this.constant(type, aligned ? 0xfff8 : 0xffff, 0);
    this.op(`${type}.and`);
  }

  mask(bits: number): void {
    this.constant('i32', bits, 0);
    this.op('i32.and');
  }

  masked(bits: number, depth: number): void {
    this.expression('i32', depth);
    this.mask(bits);
  }

  private choice(type: Type, depth: number): void {
    if (this.random.chance(2)) {
      this.expression(type, depth + 1);
      this.expression(type, depth + 1);
      this.expression('i32', depth + 1);
      if (!isReference(type)) return this.op('select');
      this.op('select t', 1);
      return this.w.byte(codes[type]);
    }
    this.expression('i32', depth + 1);
    this.block('if', type, () => {
      this.expression(type, depth + 1);
      if (this.random.chance(2)) this.carry(type);
      this.op('else');
      this.expression(type, depth + 1);
    });
  }

  /** Leaves a block around with its result, perhaps. */
  private carry(type: Type): void {
    const label = this.random.below(this.labels.length);
    const carries = this.labels.at(-1 - label)?.carries;
    this.leaf('i32');
    this.op('br_if', carries?.length === 1 && carries[0] === type ? label : 0);
  }

  private result(type: Type, depth: number): void {
    const index = this.shape.functions.findIndex(
      ({ results }, i) => results[0] === type && results.length === 1 && (i > this.index || this.random.chance(6)),
    );
    if (index < 0) return isReference(type) ? reference(this, type, depth) : this.operation(type, depth);
    this.called(index, depth);
  }
}

const lanesOf = (row: Instruction): number => Number(/x(\d+)/.exec(row.name)?.[1] ?? 4);
