// Evaluates constant expressions, which validation let pass, to slot words. It runs no code of a function.
// https://webassembly.github.io/spec/core/valid/instructions.html#constant-expressions

import { InstructionReader } from '../binary/instruction.ts';
import type { Expr } from '../binary/module.ts';
import { newObject } from '../runtime/collect.ts';
import { refKinds } from '../runtime/heap/ref.ts';
import { type Shape, shapeOf } from '../runtime/heap/shape.ts';
import type { Module } from '../runtime/module/module.ts';
import { globalWords, type Store } from '../runtime/store.ts';
import type { DefType } from '../spec/deftypes.ts';
import { CrashError } from '../spec/errors.ts';
import { checkDeadline } from '../spec/patience.ts';
import type { FuncAddr, GlobalAddr } from '../spec/types.ts';

/** Words of one value: a v128 takes all four. */
const valueWords = 4;

/** The index spaces of the instance, as far as they are allocated. Objects that are made must be kept (heap.ts). */
export interface Scope {
  readonly module: Module;
  readonly funcs: readonly FuncAddr[];
  readonly globals: readonly GlobalAddr[];
}

/** One row for each instruction that a constant expression may hold. */
const steps = new Map<string, (machine: Machine) => void>([
  ['end', () => undefined],
  ['i32.const', (m) => m.push(m.reader.x, 0)],
  ['f32.const', (m) => m.push(m.reader.x, 0)],
  ['i64.const', (m) => m.push(m.reader.x, m.reader.y)],
  ['f64.const', (m) => m.push(m.reader.x, m.reader.y)],
  ['v128.const', (m) => m.pushWords(m.reader.vector)],
  ['i32.add', (m) => m.i32((a, b) => a + b)],
  ['i32.sub', (m) => m.i32((a, b) => a - b)],
  ['i32.mul', (m) => m.i32(Math.imul)],
  ['i64.add', (m) => m.i64((a, b) => a + b)],
  ['i64.sub', (m) => m.i64((a, b) => a - b)],
  ['i64.mul', (m) => m.i64((a, b) => a * b)],
  ['ref.null', (m) => m.push(0, refKinds.null)],
  ['ref.func', (m) => m.push(m.scope.funcs[m.reader.x] as FuncAddr, refKinds.func)],
  ['global.get', (m) => m.global(m.scope.globals[m.reader.x] as GlobalAddr)],
  // References keep their kind as they are converted.
  ['any.convert_extern', () => undefined],
  ['extern.convert_any', () => undefined],
  ['ref.i31', (m) => m.push((m.pop() << 1) >> 1, refKinds.i31)],
  ['struct.new', (m) => m.struct()],
  ['struct.new_default', (m) => m.pushObject(m.make(0))],
  ['array.new', (m) => m.array(m.pop() >>> 0)],
  ['array.new_default', (m) => m.pushObject(m.make(m.pop() >>> 0))],
  ['array.new_fixed', (m) => m.arrayFixed(m.reader.y)],
]);

/** Evaluates the constant expressions of one instance. */
export class Evaluator {
  private machine: Machine | undefined;

  constructor(
    private readonly store: Store,
    private readonly scope: Scope,
  ) {}

  /** The words of the value: two, or four of a v128. They are overwritten by the next call. */
  evaluate(expr: Expr): Int32Array {
    const { store, scope } = this;
    this.machine ??= new Machine(store, scope, new InstructionReader(scope.module.bytes));
    const { machine } = this;
    const { reader } = machine;
    reader.pos = expr.start;
    machine.height = 0;
    while (reader.pos < expr.end) {
      checkDeadline('linking');
      reader.next();
      (steps.get(reader.row.name) ?? unknown(reader.row.name))(machine);
    }
    return machine.top();
  }
}

function unknown(name: string): never {
  throw new CrashError(`${name} in a constant expression is not evaluated`);
}

class Machine {
  height = 0;
  private stack = new Int32Array(8 * valueWords);
  private readonly result = new Int32Array(valueWords);

  constructor(
    private readonly store: Store,
    readonly scope: Scope,
    readonly reader: InstructionReader,
  ) {}

  top(): Int32Array {
    this.result.set(this.stack.subarray((this.height - 1) * valueWords, this.height * valueWords));
    return this.result;
  }

  push(lo: number, hi: number): void {
    this.pushWords([lo, hi, 0, 0]);
  }

  pushWords(words: ArrayLike<number>): void {
    const at = this.height++ * valueWords;
    if (at === this.stack.length) {
      const wider = new Int32Array(this.stack.length * 2);
      wider.set(this.stack);
      this.stack = wider;
    }
    this.stack.set(words, at);
  }

  /** Pops a value; returns its first word. */
  pop(): number {
    this.height--;
    return this.word(0);
  }

  pushObject(address: number): void {
    this.push(address, refKinds.object);
  }

  private shape(): Shape {
    return shapeOf(this.scope.module.context.types[this.reader.x] as DefType);
  }

  /** A new object of the type that the instruction names. Objects on this stack are kept by whoever evaluates. */
  make(length: number): number {
    return newObject(this.store, this.shape(), length, this.store.stack.top * 2);
  }

  struct(): void {
    const { fields } = this.shape();
    const address = this.make(0);
    this.height -= fields.length;
    fields.forEach((field, i) => {
      this.store.heap.setField(address, field, this.stack, (this.height + i) * valueWords);
    });
    this.pushObject(address);
  }

  array(length: number): void {
    const address = this.make(length);
    this.height--;
    this.store.heap.fill(address, this.shape(), 0, length, this.stack, this.height * valueWords);
    this.pushObject(address);
  }

  arrayFixed(length: number): void {
    const address = this.make(length);
    this.height -= length;
    for (let i = 0; i < length; i++)
      this.store.heap.setElement(address, this.shape(), i, this.stack, (this.height + i) * valueWords);
    this.pushObject(address);
  }

  global(addr: GlobalAddr): void {
    const at = addr * globalWords;
    this.pushWords(this.store.globalWords.subarray(at, at + globalWords));
  }

  i32(apply: (a: number, b: number) => number): void {
    this.height -= 2;
    this.push(apply(this.word(0), this.word(valueWords)), 0);
  }

  i64(apply: (a: bigint, b: bigint) => bigint): void {
    this.height -= 2;
    const result = apply(this.long(0), this.long(valueWords));
    this.push(Number(BigInt.asIntN(32, result)), Number(BigInt.asIntN(32, result >> 32n)));
  }

  /** The words above the stack's top, where operands stood. */
  private word(i: number): number {
    return this.stack[this.height * valueWords + i] as number;
  }

  private long(i: number): bigint {
    return (BigInt(this.word(i + 1)) << 32n) | BigInt(this.word(i) >>> 0);
  }
}
