// Lowered code: one array of words per module, and for each function where its code lies and how places in it
// correspond to the canonical frame's pc.

import type { Module } from '../runtime/module.ts';
import type { RefType } from '../spec/types.ts';

/**
 * A function lowered in one of two ways. *Folded* code is fast and can be left and entered at safe points; *plain* code
 * holds every operand in its slot and can be left and entered at each instruction.
 */
export interface Lowered {
  /** Offset of its `enter` op. */
  readonly entry: number;
  /** Past its last word. */
  readonly end: number;
  /** Slots that a frame needs, operands included. */
  readonly slots: number;
  /** Where code can be entered and left, ascending: code offsets, the pcs they stand for, slots in use there. */
  readonly pointOffsets: Int32Array;
  readonly pointPcs: Int32Array;
  readonly pointTops: Int32Array;
  /** Where an op stands in the function, for traps: (code offset, pc), ascending. */
  readonly origins: Int32Array;
}

export type Form = 'folded' | 'plain';

/** All code of one module in this thread. */
export class ModuleCode {
  words = new Int32Array(1024);
  length = 0;
  readonly entries: Record<Form, Int32Array>;
  readonly lowered: Record<Form, (Lowered | undefined)[]> = { folded: [], plain: [] };
  /** Reference types that routines name by their place here. */
  readonly refTypes: RefType[] = [];

  constructor(readonly module: Module) {
    const count = module.context.funcs.length;
    this.entries = { folded: new Int32Array(count).fill(-1), plain: new Int32Array(count).fill(-1) };
  }

  put(word: number): void {
    if (this.length === this.words.length) this.widen();
    this.words[this.length++] = word;
  }

  /** The place of a closed reference type in `refTypes`. */
  typeNumber(type: RefType): number {
    const known = this.refTypes.findIndex((t) => t.heap === type.heap && t.nullable === type.nullable);
    return known >= 0 ? known : this.refTypes.push(type) - 1;
  }

  private widen(): void {
    const wider = new Int32Array(this.words.length * 2);
    wider.set(this.words);
    this.words = wider;
  }

  /** The lowered function that a code offset lies in, among the two forms of one function. */
  holding(func: number, offset: number): Lowered {
    const plain = this.lowered.plain[func];
    if (plain !== undefined && offset >= plain.entry && offset < plain.end) return plain;
    return this.lowered.folded[func] as Lowered;
  }
}

const codes = new WeakMap<Module, ModuleCode>();

/** The code of a module, shared by all VMs of this thread. */
export function codeOf(module: Module): ModuleCode {
  let code = codes.get(module);
  if (code === undefined) codes.set(module, (code = new ModuleCode(module)));
  return code;
}

/** Index of the last element not above `key`, or -1. */
export function lastNotAbove(sorted: Int32Array, key: number, stride = 1): number {
  let low = 0;
  let high = sorted.length / stride;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle * stride] as number) <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The code offset for a pc, or -1 where the code cannot be entered there. */
export function offsetOf(lowered: Lowered, pc: number): number {
  const i = lastNotAbove(lowered.pointPcs, pc);
  return i >= 0 && lowered.pointPcs[i] === pc ? (lowered.pointOffsets[i] as number) : -1;
}

/** Index of the point at a code offset, or -1. */
export function pointAt(lowered: Lowered, offset: number): number {
  const i = lastNotAbove(lowered.pointOffsets, offset);
  return i >= 0 && lowered.pointOffsets[i] === offset ? i : -1;
}

/** The pc of the instruction that the op at a code offset came from. */
export function originOf(lowered: Lowered, offset: number): number {
  const i = lastNotAbove(lowered.origins, offset, 2);
  return i < 0 ? 0 : (lowered.origins[2 * i + 1] as number);
}
