// Makes valid modules at random, from the instruction table itself: whatever row has a plain type is used. Programs end
// (a counter bounds loops and calls), and NaNs are made canonical, so that two engines must agree on every bit.

import { Writer } from '../../src/binary/writer.ts';
import { type Feature, type Instruction, instructionNamed, instructions } from '../../src/spec/instructions.ts';
import { encodeBlockEnd, opcode } from './emit.ts';
import type { Random } from './random.ts';

export type Type = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
const codes: Record<Type, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const numbers = ['i32', 'i64', 'f32', 'f64'] as const;
const types = [...numbers, 'v128'] as const;

export interface Signature {
  readonly params: readonly Type[];
  readonly results: readonly Type[];
}
export interface Program {
  readonly bytes: Uint8Array;
  readonly functions: readonly Signature[];
}

const features: readonly Feature[] = ['mvp', 'sign-extension', 'saturating-conversion', 'simd'];
const isType = (type: unknown): type is Type => typeof type === 'string' && type in codes;
const plain = instructions.filter(
  (row) =>
    features.includes(row.feature) &&
    row.special === undefined &&
    row.results.length === 1 &&
    row.params.length > 0 &&
    row.params.every(isType) &&
    row.immediates.every((i) => i === 'lane' || i === 'lanes16'),
);
const byResult = new Map(types.map((type) => [type, plain.filter((row) => row.results[0] === type)]));
const accesses = instructions.filter(
  (row) => features.includes(row.feature) && row.immediates[0]?.startsWith('memarg'),
);
const loadsOf = new Map(types.map((type) => [type, accesses.filter((row) => row.results[0] === type)]));
const stores = accesses.filter((row) => row.results.length === 0);

/** Rows whose result may be any of several NaNs. */
const vague = (row: Instruction): boolean =>
  row.results[0] !== 'i32' &&
  /^f(32|64)(x\d)?\./.test(row.name) &&
  !/\.(load|neg|abs|copysign|reinterpret|const)/.test(row.name);

const counter = 4;
const pages = 2;
const maxDepth = 4;

class Body {
  readonly w = new Writer();
  readonly locals: Type[];
  /** Operators still to be emitted: keeps bodies short. */
  private budget: number;

  constructor(
    private readonly random: Random,
    private readonly functions: readonly Signature[],
    private readonly self: Signature,
  ) {
    this.locals = [...self.params, ...types, ...types];
    this.budget = 20 + random.below(120);
  }

  make(): void {
    this.spend();
    for (let n = 1 + this.random.below(5); n > 0; n--) this.statement(0);
    for (const type of this.self.results) this.expression(type, 0);
    encodeBlockEnd(this.w);
  }

  // Statements

  private statement(depth: number): void {
    this.budget--;
    if (depth > maxDepth || this.budget < 0) return this.set();
    const kinds = [
      this.set,
      this.set,
      this.store,
      this.store,
      this.globalSet,
      this.loop,
      this.branch,
      this.call,
      this.fill,
      this.drop,
    ];
    this.random.pick(kinds).call(this, depth);
  }

  private set(depth = maxDepth): void {
    const local = this.random.below(this.locals.length);
    this.expression(this.locals[local] as Type, depth + 1);
    opcode(this.w, this.random.chance(4) ? 'local.tee' : 'local.set');
    this.w.u32(local);
    if (this.w.view()[this.w.length - 2] === instructionNamed('local.tee').code) opcode(this.w, 'drop');
  }

  private drop(depth: number): void {
    this.expression(this.random.pick(types), depth + 1);
    opcode(this.w, 'drop');
  }

  private globalSet(depth: number): void {
    const global = this.random.below(numbers.length);
    this.expression(numbers[global] as Type, depth + 1);
    opcode(this.w, 'global.set');
    this.w.u32(global);
  }

  private store(depth: number): void {
    const row = this.random.pick(stores);
    this.address(depth + 1);
    this.expression(row.params[1] as Type, depth + 1);
    this.access(row);
  }

  private fill(depth: number): void {
    const copy = this.random.chance(2);
    this.address(depth + 1);
    this.expression('i32', depth + 2);
    if (copy) this.mask(0xffff);
    this.constant('i32', this.random.below(300));
    opcode(this.w, copy ? 'memory.copy' : 'memory.fill');
    this.w.byte(0);
    if (copy) this.w.byte(0);
  }

  /** A loop that the counter bounds. */
  private loop(depth: number): void {
    opcode(this.w, 'loop');
    this.w.byte(0x40);
    this.spend();
    for (let n = 1 + this.random.below(3); n > 0; n--) this.statement(depth + 1);
    this.expression('i32', depth + 1);
    opcode(this.w, 'br_if');
    this.w.u32(0);
    encodeBlockEnd(this.w);
  }

  /** `if` with or without `else`, a block that may be left early, or a br_table in nested blocks. */
  private branch(depth: number): void {
    if (this.random.chance(3)) return this.table(depth);
    const test = this.random.chance(2);
    if (test) this.expression('i32', depth + 1);
    opcode(this.w, test ? 'if' : 'block');
    this.w.byte(0x40);
    this.statement(depth + 1);
    this.leave(depth);
    this.statement(depth + 1);
    if (test && this.random.chance(2)) {
      opcode(this.w, 'else');
      this.statement(depth + 1);
    }
    encodeBlockEnd(this.w);
  }

  /** Leaves one of the blocks around, perhaps. */
  private leave(depth: number): void {
    this.expression('i32', depth + 1);
    opcode(this.w, 'br_if');
    this.w.u32(0);
  }

  private table(depth: number): void {
    const count = 1 + this.random.below(3);
    for (let i = 0; i < count; i++) {
      opcode(this.w, 'block');
      this.w.byte(0x40);
    }
    this.expression('i32', depth + 1);
    this.mask(3);
    opcode(this.w, 'br_table');
    this.w.list([...Array(count).keys()].slice(1), (w, label) => w.u32(label));
    this.w.u32(0);
    for (let i = 0; i < count; i++) {
      encodeBlockEnd(this.w);
      this.statement(depth + 1);
    }
  }

  private call(depth: number): void {
    const index = this.random.below(this.functions.length);
    const { results } = this.called(index, depth);
    for (const _ of results) opcode(this.w, 'drop');
  }

  private called(index: number, depth: number): Signature {
    const callee = this.functions[index] as Signature;
    for (const type of callee.params) this.expression(type, depth + 1);
    if (this.random.chance(3)) {
      this.expression('i32', depth + 2);
      this.mask(this.random.chance(2) ? 0 : 7);
      opcode(this.w, 'call_indirect');
      this.w.u32(index);
      this.w.u32(0);
    } else {
      opcode(this.w, 'call');
      this.w.u32(index);
    }
    return callee;
  }

  /** Counts down; the program is over when nothing is left. */
  private spend(): void {
    opcode(this.w, 'global.get');
    this.w.u32(counter);
    this.constant('i32', 1);
    opcode(this.w, 'i32.sub');
    opcode(this.w, 'global.set');
    this.w.u32(counter);
    opcode(this.w, 'global.get');
    this.w.u32(counter);
    this.constant('i32', 0);
    opcode(this.w, 'i32.lt_s');
    opcode(this.w, 'if');
    this.w.byte(0x40);
    opcode(this.w, 'unreachable');
    encodeBlockEnd(this.w);
  }

  // Expressions

  private expression(type: Type, depth: number): void {
    this.budget--;
    if (depth > maxDepth + 3 || this.budget < 0) return this.leaf(type);
    switch (this.random.below(10)) {
      case 0:
      case 1:
        return this.leaf(type);
      case 2:
        return this.load(type, depth);
      case 3:
        return this.choice(type, depth);
      case 4:
        return this.result(type, depth);
      default:
        return this.operation(type, depth);
    }
  }

  private leaf(type: Type): void {
    const local = this.locals.findIndex(
      (t, i) => t === type && (i === this.locals.length - 1 || this.random.chance(2)),
    );
    if (local >= 0 && !this.random.chance(3)) {
      opcode(this.w, 'local.get');
      this.w.u32(local);
    } else if (type !== 'v128' && this.random.chance(3)) {
      opcode(this.w, 'global.get');
      this.w.u32(numbers.indexOf(type));
    } else this.constant(type, this.random.int());
  }

  constant(type: Type, int: number): void {
    opcode(this.w, `${type}.const`);
    if (type === 'i32') this.w.s32(int);
    else if (type === 'i64') this.w.s64(int, this.random.chance(2) ? int >> 31 : this.random.bits());
    else if (type === 'f32') this.w.fixed32(this.random.single());
    else if (type === 'f64') for (const half of this.random.double()) this.w.fixed32(half);
    else for (let i = 0; i < 4; i++) this.w.fixed32(this.random.bits());
  }

  private operation(type: Type, depth: number): void {
    const row = this.random.pick(byResult.get(type) ?? []);
    for (const param of row.params) this.expression(param as Type, depth + 1);
    opcode(this.w, row.name);
    if (row.immediates[0] === 'lane') this.w.byte(this.random.below(lanesOf(row)));
    if (row.immediates[0] === 'lanes16') for (let i = 0; i < 16; i++) this.w.byte(this.random.below(32));
    if (vague(row)) this.canonical(type, row.name.startsWith('f64') ? 'f64' : 'f32');
  }

  /** Replaces a NaN on the stack, or the lanes that are NaN, by the canonical one. */
  private canonical(type: Type, lane: 'f32' | 'f64'): void {
    const local = this.locals.lastIndexOf(type);
    opcode(this.w, 'local.tee');
    this.w.u32(local);
    opcode(this.w, `${type}.const`);
    const nan = lane === 'f32' ? [0x7fc00000] : [0, 0x7ff80000];
    for (let i = 0; i < (type === 'v128' ? 4 : nan.length); i++) this.w.fixed32(nan[i % nan.length] as number);
    for (let i = 0; i < 2; i++) {
      opcode(this.w, 'local.get');
      this.w.u32(local);
    }
    opcode(this.w, type === 'v128' ? (lane === 'f32' ? 'f32x4.eq' : 'f64x2.eq') : `${lane}.eq`);
    opcode(this.w, type === 'v128' ? 'v128.bitselect' : 'select');
    opcode(this.w, 'local.tee');
    this.w.u32(local);
  }

  private load(type: Type, depth: number): void {
    const row = this.random.pick(loadsOf.get(type) ?? []);
    this.address(depth + 1);
    if (row.params.length > 1) this.expression('v128', depth + 1);
    this.access(row);
  }

  private access(row: Instruction): void {
    opcode(this.w, row.name);
    const bytes = Number(row.immediates[0]?.slice(6));
    this.w.u32(this.random.below(Math.log2(bytes) + 1));
    this.w.u32(this.random.chance(40) ? this.random.bits() : this.random.below(64));
    if (row.immediates.includes('lane')) this.w.byte(this.random.below(16 / bytes));
  }

  /** An address that is mostly within the memory. */
  private address(depth: number): void {
    this.expression('i32', depth + 1);
    if (!this.random.chance(40)) this.mask(0xffff);
  }

  private mask(bits: number): void {
    this.constant('i32', bits);
    opcode(this.w, 'i32.and');
  }

  private choice(type: Type, depth: number): void {
    if (this.random.chance(2)) {
      this.expression(type, depth + 1);
      this.expression(type, depth + 1);
      this.expression('i32', depth + 1);
      return opcode(this.w, 'select');
    }
    this.expression('i32', depth + 1);
    opcode(this.w, 'if');
    this.w.byte(codes[type]);
    this.expression(type, depth + 1);
    if (this.random.chance(2)) this.carry();
    opcode(this.w, 'else');
    this.expression(type, depth + 1);
    encodeBlockEnd(this.w);
  }

  /** Leaves the block with its result, perhaps. */
  private carry(): void {
    this.leaf('i32');
    opcode(this.w, 'br_if');
    this.w.u32(0);
  }

  private result(type: Type, depth: number): void {
    const index = this.functions.findIndex(({ results }) => results[0] === type && results.length === 1);
    if (index < 0) return this.operation(type, depth);
    this.called(index, depth);
  }
}

const lanesOf = (row: Instruction): number => Number(/x(\d+)/.exec(row.name)?.[1] ?? 4);

function section(w: Writer, id: number, write: (w: Writer) => void): void {
  w.byte(id);
  w.sized(write);
}

function signature(random: Random): Signature {
  const some = (most: number) => Array.from({ length: random.below(most + 1) }, () => random.pick(numbers));
  return { params: some(4), results: some(2) };
}

/** A module that exports its functions as f0, f1, …, its memory as `m`, its globals as g0, g1, …. */
export function generate(random: Random): Program {
  const functions = Array.from({ length: 2 + random.below(5) }, () => signature(random));
  const w = new Writer(4096);
  w.bytes(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  section(w, 1, (s) =>
    s.list(functions, (t, { params, results }) => {
      t.byte(0x60);
      t.list(params, (u, type) => u.byte(codes[type]));
      t.list(results, (u, type) => u.byte(codes[type]));
    }),
  );
  section(w, 3, (s) => s.list([...functions.keys()], (t, i) => t.u32(i)));
  section(w, 4, (s) => s.list([0], (t) => t.bytes(Uint8Array.of(0x70, 0, 8))));
  section(w, 5, (s) => s.list([0], (t) => t.bytes(Uint8Array.of(1, pages, pages + 2))));
  section(w, 6, (s) => writeGlobals(s, random));
  section(w, 7, (s) => writeExports(s, functions.length));
  section(w, 9, (s) => s.list([0], (t) => writeElements(t, functions.length)));
  section(w, 10, (s) => s.list(functions, (t, self) => t.sized((u) => writeBody(u, random, functions, self))));
  return { bytes: w.finish(), functions };
}

function writeGlobals(w: Writer, random: Random): void {
  const scratch = new Body(random, [], { params: [], results: [] });
  w.list([...numbers, 'i32'] as const, (t, type) => {
    t.byte(codes[type]);
    t.byte(1);
    const start = scratch.w.length;
    scratch.constant(type, random.int());
    encodeBlockEnd(scratch.w);
    t.bytes(scratch.w.view().subarray(start));
  });
}

function writeExports(w: Writer, functions: number): void {
  const all = [
    ...[...Array(functions).keys()].map((i) => ({ name: `f${i}`, kind: 0, index: i })),
    { name: 'm', kind: 2, index: 0 },
    ...[...Array(counter + 1).keys()].map((i) => ({ name: `g${i}`, kind: 3, index: i })),
  ];
  w.list(all, (t, { name, kind, index }) => {
    t.name(name);
    t.byte(kind);
    t.u32(index);
  });
}

/** The table holds the functions, and empty places after them. */
function writeElements(w: Writer, functions: number): void {
  w.bytes(Uint8Array.of(0, 0x41, 0, 0x0b));
  w.list([...Array(functions).keys()], (t, i) => t.u32(i));
}

function writeBody(w: Writer, random: Random, functions: readonly Signature[], self: Signature): void {
  const body = new Body(random, functions, self);
  body.make();
  w.list(body.locals.slice(self.params.length), (t, type) => {
    t.u32(1);
    t.byte(codes[type]);
  });
  w.bytes(body.w.view());
}
