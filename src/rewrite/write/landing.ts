// Landings: where code goes that leaves a function at a safe point. One hands the frame's live values over, as words of 64
// bits, in the order in which spill.ts reads them back: own operands from the top down, then those below blocks, then locals.

import type { Writer } from '../../binary/writer.ts';
import { type Env, leave, mostLeft, type Note } from '../read/index-spaces.ts';
import { type Group, ofThrown } from '../read/landing-groups.ts';
import { arranged } from '../read/many.ts';
import type { Local, Low, LowTypes } from '../read/types.ts';
import { code, Op } from './ops.ts';
import { writeZero } from './sections.ts';

/** What the landings of a function have in common. */
export interface Leaving {
  readonly env: Env;
  readonly func: number;
  /** The local that the pc goes to, which lies on top of the operands; and that of the fuel. */
  readonly site: number;
  readonly fuel: number;
  /** The function has very many safe points (many.ts). */
  readonly hasMany: boolean;
  /** A new local. */
  readonly local: (type: Low) => Local;
}

export class Landings {
  /** Locals that operands are put into; no stash is among them. */
  private readonly pool = new Map<Low, Local[]>();
  private readonly temps: readonly (readonly Local[])[];

  /** Takes the locals that it needs: all of a function are known before its landings are written. */
  constructor(
    private readonly groups: readonly Group[],
    private readonly leaving: Leaving,
  ) {
    this.temps = groups.map((group) => this.tempsFor(operandsOf(group)));
  }

  /** A single operand already is where it has to be; of more the top one comes first. */
  private tempsFor(operands: LowTypes): readonly Local[] {
    const isThere = operands.length === 1 && operands[0] !== 'v128' && !this.leaving.hasMany;
    if (operands.length === 0 || isThere) return [];
    const taken = new Map<Low, number>();
    return operands.map((type) => {
      const locals = this.pool.get(type) ?? [];
      this.pool.set(type, locals);
      const i = taken.get(type) ?? 0;
      taken.set(type, i + 1);
      locals[i] ??= this.leaving.local(type);
      return locals[i];
    });
  }

  /** The operands of a group's points lie on the stack, and the pc above them. */
  write(out: Writer, number: number): void {
    const group = this.groups[number] as Group;
    const temps = this.temps[number] as readonly Local[];
    if (this.leaving.hasMany) return this.writeOneOfMany(out, group, temps);
    const { env, site } = this.leaving;
    const [operand] = operandsOf(group);
    index(out, Op.localSet, site);
    for (let i = 0; i < group.results; i++) out.byte(code.drop);
    for (const local of temps) index(out, Op.localSet, local.index);
    let words = 0;
    const word = (conversion: Uint8Array, local?: Local) => {
      if (words === mostLeft) {
        index(out, Op.call, env.scratch('put'));
        words = 0;
      }
      if (local !== undefined) index(out, Op.localGet, local.index);
      out.bytes(conversion);
      words++;
    };
    if (operand !== undefined && operand !== 'v128' && temps.length === 0) word(asWord[operand]);
    for (const local of [...temps, ...group.stashes, ...group.live])
      if (local.type === 'v128') for (const lane of lanes) word(lane, local);
      else word(asWord[local.type], local);
    this.end(out, words);
  }

  /** A helper spills the values. What lies above the operands says nothing: pc and fuel are noted, but of what was thrown. */
  private writeOneOfMany(out: Writer, group: Group, temps: readonly Local[]): void {
    const { env } = this.leaving;
    if (group === ofThrown) {
      note(out, Op.globalSet, env, 'site');
      index(out, Op.localGet, this.leaving.fuel);
      return note(out, Op.globalSet, env, 'fuel');
    }
    out.byte(code.drop);
    for (const local of temps) index(out, Op.localSet, local.index);
    const values = arranged([...group.stashes, ...temps.toReversed(), ...group.live]);
    for (const { type, value } of values)
      if (value === undefined) writeZero(out, type);
      else index(out, Op.localGet, value.index);
    if (values.length === 0) return;
    out.byte(Op.call);
    out.wide(env.helper(values.map(({ type }) => type)));
  }

  /** Where all landings of a function with very many points go on. */
  writeEnd(out: Writer): void {
    const { env, site, fuel } = this.leaving;
    note(out, Op.globalGet, env, 'site');
    index(out, Op.localSet, site);
    note(out, Op.globalGet, env, 'fuel');
    index(out, Op.localSet, fuel);
    this.end(out, 0);
  }

  private end(out: Writer, words: number): void {
    const { env, func, site, fuel } = this.leaving;
    index(out, Op.globalGet, env.own('self'));
    out.byte(Op.i32Const);
    out.s32(func);
    index(out, Op.localGet, site);
    index(out, Op.localGet, fuel);
    index(out, Op.call, env.scratch(leave(words)));
    index(out, Op.localSet, fuel);
  }
}

/** Those that are spilled, from the top down: without the results that a frame waits for. */
const operandsOf = ({ own, results }: Group): LowTypes => own.slice(0, own.length - Math.max(0, results)).toReversed();

/** Sets or gets what code notes where it leaves a function with very many points. */
export function note(out: Writer, opcode: number, env: Env, what: Note): void {
  out.byte(opcode);
  out.wide(env.note(what));
}

function index(out: Writer, opcode: number, number: number): void {
  out.byte(opcode);
  out.u32(number);
}

/** What makes a word of a value, of a v128 one for each half. */
export const asWord: Readonly<Record<Exclude<Low, 'v128'>, Uint8Array>> = {
  i32: Uint8Array.of(code['i64.extend_i32_u']),
  i64: Uint8Array.of(),
  f32: Uint8Array.of(code['i32.reinterpret_f32'], code['i64.extend_i32_u']),
  f64: Uint8Array.of(code['i64.reinterpret_f64']),
};
export const lanes = [0, 1].map((lane) => Uint8Array.of(0xfd, 29, lane));
