// What the code of a rewritten body is put together of: locals, labels, what is around the guest's code. Where no fuel is
// left (fuel.ts charges it), code branches out of everything to a landing at the function's end, which spills the frame and
// returns. A frame's landing has live values only. body.ts writes bodies with it.
//
// The function, in words of the text format (groups of safe points with the same values share a landing):
//   (block $exit
//     (block $group1 (result …values at the points of the group, and the pc)
//       (block $group0 (result …)
//         (block $body (result …) …the guest's code… )
//         epilogue, return)
//       landing of $group0, br $exit)
//     landing of $group1)
//   zeros, fuel
// V8 unrolls a short loop if it is not too large for that, charge and all; it may be larger inside another loop. So where
// there is one, a loop that nothing branches to stands around $exit.

import { encodeInstruction } from '../../binary/encode-instruction.ts';
import { InstructionReader } from '../../binary/instruction.ts';
import { Writer } from '../../binary/writer.ts';
import type { Special } from '../../spec/instructions.ts';
import { bodyOf, type ModuleContext } from '../../validate/context.ts';
import type { Growth } from '../read/growth.ts';
import { type Env, gets, notNoted, type ScratchFunc } from '../read/index-spaces.ts';
import { atEntry, Groups } from '../read/landing-groups.ts';
import { hasMany } from '../read/many.ts';
import {
  type BlockShape,
  clauses,
  ends,
  Finder,
  type FunctionShape,
  handles,
  hasShortLoop,
  leastFrameBytes,
  opens,
  type PointShape,
} from '../read/shape.ts';
import { codeOfLow, type Local, type Low, type LowTypes, slotsOfLow, writeLocals } from '../read/types.ts';
import { FreeLocals } from './free-locals.ts';
import { Landings, note } from './landing.ts';
import { code, Op } from './ops.ts';
import { writeZero } from './sections.ts';

const none: readonly Local[] = [];
const ifNothing = Uint8Array.of(Op.if, Op.noType);
const noBlock = Uint8Array.of(Op.block, Op.noType);
const aroundShortLoops = Uint8Array.of(Op.loop, Op.noType);
/** Bodies are written one at a time: in here the guest's code, then out there with all around it. */
const inner = new Writer(1 << 16);
const outer = new Writer(1 << 16);

/** A guest's block that is open in the output. */
export interface Open {
  readonly block: BlockShape;
  /** Number of output labels around its own label, that one included. */
  readonly label: number;
  readonly stashes: readonly Local[];
  /** The same of the label that leads to its handlers, of a `try` or `try_table` that has any. */
  readonly handler: number | undefined;
  /** Of a clause: where code was not entered in its midst, another label lies within. */
  readonly guarded: boolean;
  /** Which of the open blocks, outermost first, handles what is thrown right inside; -1 if none does. */
  readonly thrownTo: number;
  /** Where its code begins; and of loops within each other in it the bytes of all, at most: a rest has them again. */
  readonly begun: number;
  loops: number;
  /** What it and the blocks around have stashed, once that was asked. */
  allStashes: readonly Local[] | undefined;
}

/** What is told of a block as it is opened. */
type Opening = Pick<Open, 'block' | 'label' | 'stashes'> & Partial<Pick<Open, 'handler' | 'guarded'>>;

/** What stands where in the code, for traps: (offset from the start of the function's body, pc), ascending. */
export type Origins = readonly number[];

export interface Written {
  /** Good until another body is written. */
  readonly bytes: Uint8Array;
  readonly origins: Origins;
}

export class BodyWriter {
  readonly w = inner;
  readonly reader: InstructionReader;
  readonly open: Open[] = [];
  /** Where the guest's first instruction is. */
  readonly bodyStart: number;
  private readonly extra: Low[] = [];
  private readonly free = new Map<Low, FreeLocals>();
  private readonly groups: Groups;
  /** Of the loops in no other. */
  loops = 0;
  /** Places where branches join. */
  private joins = 0;
  /** How much of what is written has been counted. */
  private counted = 0;
  readonly blockAt: Finder<BlockShape>;
  private readonly pointAt: Finder<PointShape>;
  /** Where code goes on after calls. */
  readonly calls: readonly PointShape[];
  private readonly origins: number[] = [];
  /** Output labels open within the groups. */
  depth = 0;
  readonly depthLocal: number;
  /** Holds the pc in landings, and of what threw. */
  readonly site: number;
  readonly fuelLocal: number;
  /** There are very many points. */
  private readonly hasMany: boolean;
  /** The pc at which the rest is entered, until its first instruction is written. */
  entered = -1;

  constructor(
    readonly context: ModuleContext,
    readonly shape: FunctionShape,
    readonly env: Env,
    /** The rest from a safe point: its parameters are depth and fuel alone. */
    readonly rest: boolean,
    private readonly growth: Growth,
    private readonly tracing = false,
  ) {
    this.groups = new Groups(growth);
    const body = bodyOf(context, shape.func);
    this.bodyStart = body.start;
    this.w.clear();
    this.blockAt = new Finder(shape.blocks);
    this.pointAt = new Finder(shape.points);
    this.calls = shape.points.filter(({ kind }) => kind === 'call');
    this.reader = new InstructionReader(context.syntax.bytes, body.start, body.end);
    this.depthLocal = rest ? 0 : shape.params.length;
    this.fuelLocal = this.depthLocal + 1;
    this.site = this.take('i32').index;
    this.hasMany = hasMany(shape);
  }

  /** A block's label was opened; one that handles exceptions has another within. */
  enter(block: BlockShape, stashes: readonly Local[], params: LowTypes): void {
    const label = this.depth;
    if (!handles(block)) this.push({ block, label, stashes });
    else {
      this.begin(Op.block, params, []);
      this.push({ block, label, stashes, handler: this.depth });
    }
  }

  push({ block, label, stashes, handler, guarded = false }: Opening, loops = 0): void {
    const place = this.open.length;
    const outer = this.open[place - 1 - Math.max(0, block.delegate)]?.thrownTo ?? -1;
    const thrownTo = handles(block) ? place : outer;
    const begun = this.w.length;
    // All have the same fields in the same order: there are millions, and V8 takes a tenth of the time for that.
    this.open.push({ block, label, stashes, handler, guarded, thrownTo, begun, loops, allStashes: undefined });
  }

  /** A block, which is open no longer, has been written. */
  written({ block, begun, loops }: Open): void {
    const size = block.kind === 'loop' ? loops + this.w.length - begun : loops;
    const around = this.open.at(-1) ?? this;
    around.loops = Math.max(around.loops, size);
  }

  // Reading

  get pc(): number {
    return this.reader.pos - this.bodyStart;
  }
  /** Where the instruction that is written now begins. */
  get here(): number {
    return this.reader.start - this.bodyStart;
  }
  seek(pc: number): void {
    this.reader.pos = this.bodyStart + pc;
  }

  /** Reads the next instruction, which is written now. */
  next(): void {
    const { reader } = this;
    reader.next();
    this.entered = -1;
    this.growth.use(this.w.length - this.counted);
    this.counted = this.w.length;
    if (this.tracing) this.origins.push(this.w.length, reader.start - this.bodyStart);
  }

  /** Traps. The fuel is noted, as it would be lost. */
  unreachable(): void {
    this.noteFuel();
    this.w.byte(Op.unreachable);
  }

  /** Notes the fuel where the engine finds it. */
  noteFuel(): void {
    this.index(Op.localGet, this.fuelLocal);
    this.index(Op.globalSet, this.env.own('fuel'));
  }

  /** What the engine has left of the fuel that was noted. */
  takeFuel(): void {
    this.index(Op.globalGet, this.env.own('fuel'));
    this.index(Op.localSet, this.fuelLocal);
    this.constant(notNoted);
    this.index(Op.globalSet, this.env.own('fuel'));
  }

  /** The instruction as it stands in the guest's code. */
  copy(): void {
    const { reader } = this;
    if (reader.pos - reader.start === 1) this.w.byte(reader.bytes[reader.start] as number);
    else this.w.range(reader.bytes, reader.start, reader.pos);
  }

  /** Goes on at the `else` or `end` of the current clause: what lies before it cannot be reached. */
  skipDead(): void {
    const { reader } = this;
    for (let nested = 0; ; ) {
      reader.next();
      const special = reader.row.special as Special;
      if (opens.has(special)) nested++;
      else if (ends.has(special) || clauses.has(special)) {
        if (nested === 0) {
          reader.pos = reader.start;
          return;
        }
        if (ends.has(special)) nested--;
      }
    }
  }

  // Blocks

  openBody(): void {
    this.begin(Op.block, [], this.shape.results);
  }

  begin(opcode: number, params: LowTypes, results: LowTypes): void {
    this.joins++;
    this.w.byte(opcode);
    this.blockType(params, results);
    this.depth++;
  }

  private blockType(params: LowTypes, results: LowTypes): void {
    writeBlockType(this.w, this.env, params, results);
  }

  endLabel(): void {
    this.w.byte(Op.end);
    this.depth--;
  }

  /** What a branch to the guest's label is in the output. */
  label(depth: number): number {
    this.joins++;
    const target = this.open[this.open.length - 1 - depth]?.label ?? 1;
    return this.depth - target;
  }

  /** The label that stands for the function. */
  get bodyLabel(): number {
    return this.depth - 1;
  }

  // Locals

  /** The output's number for a guest's local. */
  local(index: number): number {
    return !this.rest && index < this.shape.params.length ? index : index + 2;
  }

  /** A local that nobody else uses, until it is given back. */
  take(type: Low): Local {
    return this.free.get(type)?.take() ?? this.fresh(type);
  }
  private fresh(type: Low): Local {
    return { index: this.shape.locals.length + 2 + this.extra.push(type) - 1, type };
  }
  give(local: Local): void {
    const free = this.free.get(local.type) ?? new FreeLocals();
    free.give(local);
    this.free.set(local.type, free);
  }

  /** Pops operands of the types into locals. */
  popInto(types: LowTypes): readonly Local[] {
    const locals = types.map((type) => this.take(type));
    for (let i = locals.length - 1; i >= 0; i--) this.index(Op.localSet, (locals[i] as Local).index);
    return locals;
  }
  pushFrom(locals: readonly Local[]): void {
    for (const local of locals) {
      this.index(Op.localGet, local.index);
      this.give(local);
    }
  }

  liveLocals({ live }: PointShape): (Local & { guest: number })[] {
    const list: (Local & { guest: number })[] = [];
    for (let i = 0; i < live.length; i++)
      for (let word = live[i] as number; word !== 0; word &= word - 1) {
        const guest = i * 32 + 31 - Math.clz32(word & -word);
        list.push({ index: this.local(guest), type: this.shape.locals[guest] as Low, guest });
      }
    return list;
  }

  // Small pieces

  index(opcode: number, index: number): void {
    this.w.byte(opcode);
    this.w.u32(index);
  }
  constant(value: number): void {
    this.w.byte(Op.i32Const);
    this.w.s32(value);
  }
  encode(): void {
    encodeInstruction(this.reader, this.w);
  }

  /** Calls a function of the engine: operands are on the stack, immediates follow them. */
  thunk(name: Parameters<Env['thunk']>[0], ...immediates: number[]): void {
    for (const immediate of immediates) this.constant(immediate);
    this.index(Op.call, this.env.thunk(name));
  }

  /** Calls the function that makes objects. */
  callAllocate(): void {
    this.w.byte(Op.call);
    this.w.wide(this.env.allocate());
  }

  scratch(w: Writer, name: ScratchFunc): void {
    w.byte(Op.call);
    w.u32(this.env.scratch(name));
  }

  /** Reads a value of the frame onto the stack or into a local. */
  fetch(type: Low, slot: number, local?: number): void {
    this.constant(slot * 8);
    this.scratch(this.w, gets[type]);
    if (local !== undefined) this.index(Op.localSet, local);
  }

  // Calls

  /** Before a call: what every function takes besides its own parameters. */
  pushDepthAndFuel(): void {
    this.index(Op.localGet, this.depthLocal);
    this.index(Op.localGet, this.fuelLocal);
  }

  /** Before a tail call: this frame's share of the native stack is free again. */
  pushTailDepthAndFuel(): void {
    this.index(Op.localGet, this.depthLocal);
    this.constant(this.rest ? leastFrameBytes : this.shape.frameBytes);
    this.w.byte(code['i32.add']);
    this.index(Op.localGet, this.fuelLocal);
  }

  /** A call that was last where the output has no tail calls: if the callee left, so does this, without a frame. */
  afterTailCall(): void {
    this.index(Op.localSet, this.fuelLocal);
    this.giveBack(this.w);
  }

  // Safe points

  point(pc: number): PointShape {
    return this.pointAt.at(pc) as PointShape;
  }

  /** Leaves the function with an exception, which no block of it handles. The site is set. */
  leaveThrowing(): void {
    this.index(Op.localGet, this.site);
    this.index(Op.br, this.depth + this.groups.thrown());
  }

  /**
   * Leaves where no fuel is left. Two kinds of points may have one pc: only after a call does the frame wait for results.
   * Bulk work that has cost nothing leaves nothing: less than none there was before.
   */
  leaveIf(point: PointShape, at: PointShape['kind'], cost?: Local): void {
    this.joins++;
    if (this.hasMany) return this.leaveOneOfMany(point, at, cost);
    const group = this.group(point, at);
    this.constant(point.pc);
    this.hasNone(at, cost);
    this.index(Op.brIf, this.depth + group);
    this.w.byte(code.drop);
  }

  /** Whether no fuel is left, or at an entry none of the host's stack. */
  private hasNone(at: PointShape['kind'], cost?: Local): void {
    const { w } = this;
    this.index(Op.localGet, this.fuelLocal);
    if (at === 'entry') {
      this.index(Op.localGet, this.depthLocal);
      w.byte(code['i32.or']);
    }
    this.constant(0);
    w.byte(code['i32.lt_s']);
    if (cost !== undefined) {
      this.constant(0);
      this.index(Op.localGet, cost.index);
      w.bytes(Uint8Array.of(code['i32.lt_u'], code['i32.and']));
    }
  }

  /** The same where there are very many points. */
  private leaveOneOfMany(point: PointShape, at: PointShape['kind'], cost?: Local): void {
    const kept = point.own.length - (at === 'call' ? point.results : 0);
    const own = kept > 0 ? this.popInto(point.own) : none;
    this.hasNone(at, cost);
    this.begin(Op.if, [], []);
    this.constant(point.pc);
    note(this.w, Op.globalSet, this.env, 'site');
    this.index(Op.localGet, this.fuelLocal);
    note(this.w, Op.globalSet, this.env, 'fuel');
    for (const { index } of own.slice(0, kept)) this.index(Op.localGet, index);
    this.constant(0);
    const group = this.find(point, point.own.slice(0, kept), 0);
    this.index(Op.br, this.depth + group);
    this.endLabel();
    this.pushFrom(own);
  }

  private group(point: PointShape, at: PointShape['kind']): number {
    const results = at === 'entry' ? atEntry : at === 'call' ? point.results : 0;
    return this.find(point, point.own, results);
  }

  private find(point: PointShape, own: LowTypes, results: number): number {
    return this.groups.find(own, results, this.stashed(), point.live, () => this.liveLocals(point));
  }

  /** What the blocks around have stashed, outermost first. Blocks that share all of it share the list. */
  private stashed(): readonly Local[] {
    const place = this.open.length - 1;
    const open = this.open[place];
    if (open === undefined) return none;
    if (open.allStashes !== undefined) return open.allStashes;
    const around = this.open[place - 1];
    if (around !== undefined) around.allStashes ??= this.collected(place - 1);
    const below = around?.allStashes ?? none;
    open.allStashes = open.stashes.length === 0 ? below : this.joined([below, open.stashes]);
    return open.allStashes;
  }

  private collected(place: number): readonly Local[] {
    const lists: (readonly Local[])[] = [];
    for (let i = place; i >= 0; i--) {
      const { stashes, allStashes } = this.open[i] as Open;
      this.growth.use(1);
      if (allStashes === undefined && stashes.length === 0) continue;
      lists.push(allStashes ?? stashes);
      if (allStashes !== undefined) break;
    }
    return this.joined(lists.reverse());
  }

  private joined(lists: readonly (readonly Local[])[]): readonly Local[] {
    const some = lists.filter(({ length }) => length > 0);
    if (some.length <= 1) return some[0] ?? none;
    this.growth.use(some.reduce((sum, { length }) => sum + length, 0));
    return some.flat();
  }

  // The function around the body

  compose(): Written {
    this.endLabel();
    const out = outer;
    const groups = this.groups.list;
    this.growth.join(this.joins, this.shape.locals.length + this.extra.length);
    out.clear();
    const landings = new Landings(groups, {
      env: this.env,
      func: this.shape.func,
      site: this.site,
      fuel: this.fuelLocal,
      hasMany: this.hasMany,
      local: (type) => this.fresh(type),
    });
    writeLocals(out, [...this.shape.locals.slice(this.rest ? 0 : this.shape.params.length), ...this.extra]);
    const unrolls = hasShortLoop(this.shape);
    if (unrolls) out.bytes(aroundShortLoops);
    for (let i = this.hasMany ? 2 : 1; i > 0; i--) out.bytes(noBlock);
    for (const { own } of groups.toReversed()) {
      out.byte(Op.block);
      writeBlockType(out, this.env, [], [...own, 'i32']);
    }
    const at = out.length;
    out.bytes(this.w.view());
    this.epilogue(out);
    groups.forEach((_, i) => {
      out.byte(Op.end);
      landings.write(out, i);
      if (i === groups.length - 1) return;
      out.byte(Op.br);
      out.u32(groups.length - 1 - i);
    });
    if (this.hasMany) {
      out.byte(Op.end);
      landings.writeEnd(out);
    }
    out.byte(Op.end);
    if (unrolls) out.byte(Op.end);
    if (!this.rest) for (const type of this.shape.results) writeZero(out, type);
    out.byte(Op.localGet);
    out.u32(this.fuelLocal);
    out.byte(Op.end);
    this.growth.body(out.length + this.loops);
    return { bytes: out.view(), origins: this.origins.map((value, i) => (i % 2 === 0 ? value + at : value)) };
  }

  /** After the guest's last instruction: its results are on the stack. */
  private epilogue(out: Writer): void {
    if (this.shape.owes) this.owe(out);
    this.giveBack(out);
  }

  /** What code was charged and had not it owes: less than no fuel would say that it has left. */
  private owe(out: Writer): void {
    const fuel = (opcode: number) => {
      out.byte(opcode);
      out.u32(this.fuelLocal);
    };
    fuel(Op.localGet);
    out.bytes(Uint8Array.of(Op.i32Const, 0, code['i32.lt_s'], ...ifNothing, Op.globalGet));
    out.u32(this.env.owed());
    fuel(Op.localGet);
    out.bytes(Uint8Array.of(code['i32.sub'], Op.globalSet));
    out.u32(this.env.owed());
    out.bytes(Uint8Array.of(Op.i32Const, 0));
    fuel(Op.localSet);
    out.byte(Op.end);
  }

  /** The results, which are on the stack, and the fuel that is left. */
  private giveBack(out: Writer): void {
    if (this.rest) this.setResults(out);
    out.byte(Op.localGet);
    out.u32(this.fuelLocal);
    out.byte(Op.return);
  }

  private setResults(out: Writer): void {
    const { results } = this.shape;
    let slot = results.reduce((sum, type) => sum + slotsOfLow(type), 0);
    for (const type of results.toReversed()) {
      slot -= slotsOfLow(type);
      out.byte(Op.i32Const);
      out.s32(slot * 8);
      this.scratch(out, `set_${type}`);
    }
  }
}

function writeBlockType(w: Writer, env: Env, params: LowTypes, results: LowTypes): void {
  if (params.length > 0 || results.length > 1) w.s33(env.type(params, results));
  else w.byte(results.length === 0 ? Op.noType : codeOfLow(results[0] as Low));
}
