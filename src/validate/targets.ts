// Where branches go: for each block of a body the pcs at which it begins, goes on and ends. It is looked up from a pc, so
// that no frame has to keep a stack of labels. Says nothing about types, and covers unreachable code as well.
// https://webassembly.github.io/spec/core/exec/instructions.html#control-instructions

import { type Catch, InstructionReader } from '../binary/instruction.ts';
import type { Special } from '../spec/instructions.ts';
import type { FuncIdx } from '../spec/types.ts';
import { bodyOf, type ModuleContext } from './context.ts';

/** A clause of a legacy `try`. */
export interface CatchClause {
  /** Of the `catch` or `catch_all`; its first instruction is at `start`. */
  readonly pc: number;
  readonly start: number;
  /** Absent for `catch_all`. */
  readonly tag: number | undefined;
}

export interface Block {
  readonly kind: 'block' | 'loop' | 'if' | 'try_table' | 'try';
  /** Of the opening instruction; the first one inside is at `start`. */
  readonly pc: number;
  readonly start: number;
  /** The block around it; undefined where that is the function itself. */
  readonly parent: Block | undefined;
  /** Of the `else`, and of the first instruction after it. */
  readonly else: { readonly pc: number; readonly start: number } | undefined;
  /** Of a `try_table`. Their labels count from the block around. */
  readonly catches: readonly Catch[];
  /** Of a legacy `try`. */
  readonly clauses: readonly CatchClause[];
  /** Of a `try` that ends in `delegate`: its label, counted from the block around. */
  readonly delegate: number | undefined;
  /** Of the `end` or `delegate`; `after` is the instruction behind it. */
  readonly end: number;
  readonly after: number;
}

export class Targets {
  private readonly byPc: ReadonlyMap<number, Block>;

  constructor(
    /** By pc. */
    readonly blocks: readonly Block[],
    /** pc of the function's closing `end`. */
    readonly end: number,
  ) {
    this.byPc = new Map(blocks.map((block) => [block.pc, block]));
  }

  /** The block that the instruction at the pc opens. */
  at(pc: number): Block | undefined {
    return this.byPc.get(pc);
  }

  /** The innermost block that the instruction at the pc stands in; its own `else` and `end` stand in a block. */
  around(pc: number): Block | undefined {
    let low = 0;
    let high = this.blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.blocks[middle] as Block).pc < pc) low = middle + 1;
      else high = middle;
    }
    let block = this.blocks[low - 1];
    while (block !== undefined && block.end < pc) block = block.parent;
    return block;
  }

  /** The block whose label an instruction at the pc means by `depth`; undefined for the function's. */
  label(pc: number, depth: number): Block | undefined {
    let block = this.around(pc);
    for (let i = 0; i < depth; i++) block = block?.parent;
    return block;
  }

  /** The pc at which a branch to `depth` from the pc continues: a loop's own, else behind the block's end. */
  branch(pc: number, depth: number): number {
    const block = this.label(pc, depth);
    if (block === undefined) return this.end;
    return block.kind === 'loop' ? block.pc : block.after;
  }
}

type Draft = { -readonly [K in keyof Block]: Block[K] } & { parent: Draft | undefined; clauses: CatchClause[] };

/** Reads a body's blocks. */
class BlockReader {
  private readonly reader: InstructionReader;
  private readonly blocks: Draft[] = [];
  private readonly start: number;
  private open: Draft | undefined;
  private depth = 1;

  constructor(context: ModuleContext, func: FuncIdx) {
    const body = bodyOf(context, func);
    this.reader = new InstructionReader(context.syntax.bytes, body.start, body.end);
    this.start = body.start;
  }

  run(): Targets {
    while (this.depth > 0) {
      this.reader.next();
      const { special } = this.reader.row;
      if (special !== undefined) this.instruction(special);
    }
    return new Targets(this.blocks, this.pc);
  }

  private get pc(): number {
    return this.reader.start - this.start;
  }
  private get next(): number {
    return this.reader.pos - this.start;
  }

  private instruction(special: Special): void {
    switch (special) {
      case 'block':
      case 'loop':
      case 'if':
      case 'try_table':
      case 'try':
        this.begin(special);
        return;
      case 'else':
        if (this.open !== undefined) this.open.else = { pc: this.pc, start: this.next };
        return;
      case 'catch':
      case 'catch_all':
        this.clause(special === 'catch' ? this.reader.x : undefined);
        return;
      case 'delegate':
        if (this.open !== undefined) this.open.delegate = this.reader.x;
        this.finish();
        return;
      case 'end':
        this.finish();
        return;
      default:
    }
  }

  private begin(kind: Block['kind']): void {
    this.open = {
      kind,
      pc: this.pc,
      start: this.next,
      parent: this.open,
      else: undefined,
      catches: kind === 'try_table' ? this.reader.catches : [],
      clauses: [],
      delegate: undefined,
      end: -1,
      after: -1,
    };
    this.blocks.push(this.open);
    this.depth++;
  }

  private clause(tag: number | undefined): void {
    this.open?.clauses.push({ pc: this.pc, start: this.next, tag });
  }

  private finish(): void {
    this.depth--;
    const block = this.open;
    if (block === undefined) return;
    block.end = this.pc;
    block.after = this.next;
    this.open = block.parent;
  }
}

const cache = new WeakMap<ModuleContext, Map<FuncIdx, Targets>>();

/** The blocks of a function that is no import, computed once. */
export function branchTargets(context: ModuleContext, func: FuncIdx): Targets {
  const known = cache.get(context) ?? new Map<FuncIdx, Targets>();
  cache.set(context, known);
  const targets = known.get(func) ?? new BlockReader(context, func).run();
  known.set(func, targets);
  return targets;
}
