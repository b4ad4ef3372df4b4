// Lowered code: words in the one array of the thread, and for each function where its code lies and how places in it
// correspond to the canonical frame's pc.

import type { Shape } from '../../runtime/heap/shape.ts';
import { bounds } from '../../runtime/kept/bounds.ts';
import type { Module } from '../../runtime/module/module.ts';
import type { FuncIdx, HeapType, RefType } from '../../spec/types.ts';
import { threadArrays } from './thread-arrays.ts';

/**
 * A function lowered in one of two ways. *Folded* code is fast and can be left and entered at safe points; *plain* code
 * holds every operand in its slot and can be left and entered at each instruction.
 */
export interface Lowered {
  /** Offset of its `enter` op. */
  readonly entry: number;
  /** Past its last word. */
  readonly end: number;
  /** Registers from here on are operands; those below are locals. */
  readonly temps: number;
  /** Slots that a frame needs, operands included. */
  readonly slots: number;
  /** Where code can be entered and left, ascending: code offsets, the pcs they stand for, slots in use there. */
  readonly pointOffsets: Int32Array;
  readonly pointPcs: Int32Array;
  readonly pointTops: Int32Array;
  /** Where an op stands in the function, for traps: (code offset, pc), ascending. */
  readonly origins: Int32Array;
  /** In the order of their starts. */
  readonly regions: readonly Region[];
  /** Which of them a code offset lies in, the innermost: offsets from which on it is another one, and that one or -1. */
  readonly regionStarts: Int32Array;
  readonly regionAt: Int32Array;
}

/** Where an exception goes on. */
export interface Handler {
  /** Tag index in the module, -1 for any exception. */
  readonly tag: number;
  /** The exception itself follows what the tag carries. */
  readonly ref: boolean;
  /** Legacy: the exception itself comes first, hidden below the clause's operands. */
  readonly hidden: boolean;
  /** Word offset in the frame where the values go. */
  readonly base: number;
  /** Code offset to go on at. */
  target: number;
}

/** Code whose exceptions have handlers: offsets [start, end). Regions nest; `parent` is the place of the one around. */
export interface Region {
  readonly start: number;
  end: number;
  readonly parent: number;
  readonly handlers: Handler[];
  /** Legacy `delegate`: the region (or -1) that handles exceptions instead of the one around. */
  delegate: number | undefined;
}

export type Form = 'folded' | 'plain';

/** All code of one module in this thread. */
export class ModuleCode {
  readonly entries: Record<Form, Int32Array>;
  /** Those of folded code, where native code runs some functions: these have none. */
  private beside: { readonly natives: Uint8Array; readonly entries: Int32Array } | undefined;
  readonly lowered: Record<Form, (Lowered | undefined)[]> = { folded: [], plain: [] };
  /** Reference types that routines name by their place here. */
  readonly refTypes: RefType[] = [];
  /** Places in `refTypes`, of types without null and with it. */
  private readonly typeNumbers = [new Map<HeapType, number>(), new Map<HeapType, number>()] as const;
  /** Shapes that routines name by their place here. */
  readonly shapes: Shape[] = [];
  private readonly shapeNumbers = new Map<Shape, number>();

  /** Outlasts this. */
  readonly share: Share = { bytes: 0, codes };

  constructor(readonly module: Module) {
    const count = module.context.funcs.length;
    this.entries = { folded: new Int32Array(count).fill(-1), plain: new Int32Array(count).fill(-1) };
    this.cost(16 * count);
  }

  /** Enters a function whose code was put. */
  add(func: FuncIdx, form: Form, lowered: Lowered): void {
    this.lowered[form][func] = lowered;
    this.entries[form][func] = lowered.entry;
    if (form === 'folded' && this.beside?.natives[func] === 0) this.beside.entries[func] = lowered.entry;
    const { entry, end, pointOffsets, origins, regions } = lowered;
    this.cost(4 * (end - entry) + 12 * pointOffsets.length + 4 * origins.length + 200 * regions.length + 600);
  }

  /** Entries of folded code, but for the functions that native code runs: always the same ones. */
  entriesBeside(natives: Uint8Array): Int32Array {
    this.beside ??= { natives, entries: this.entries.folded.map((entry, i) => (natives[i] === 1 ? -1 : entry)) };
    return this.beside.entries;
  }

  private cost(bytes: number): void {
    this.share.bytes += bytes;
    heldBytes += bytes;
  }

  /** All code of this thread, where its own is too. */
  get words(): Int32Array {
    return threadArrays.code;
  }
  /** Offset of the next word. */
  get length(): number {
    return used;
  }
  /** Takes back what was put from here on. */
  set length(length: number) {
    used = length;
  }

  put(word: number): void {
    if (used === threadArrays.code.length) threadArrays.widenCode();
    threadArrays.code[used++] = word;
  }

  /** The place of a closed reference type in `refTypes`. */
  typeNumber(type: RefType): number {
    const numbers = this.typeNumbers[type.nullable ? 1 : 0];
    const number = numbers.get(type.heap) ?? this.refTypes.push(type) - 1;
    numbers.set(type.heap, number);
    return number;
  }

  /** The place of a shape in `shapes`. */
  shapeNumber(shape: Shape): number {
    const number = this.shapeNumbers.get(shape) ?? this.shapes.push(shape) - 1;
    this.shapeNumbers.set(shape, number);
    return number;
  }

  /** The lowered function that a code offset lies in, among the two forms of one function. */
  holding(func: number, offset: number): Lowered {
    const plain = this.lowered.plain[func];
    if (plain !== undefined && offset >= plain.entry && offset < plain.end) return plain;
    return this.lowered.folded[func] as Lowered;
  }
}

/** What one module's code takes, with what is known of it. */
interface Share {
  bytes: number;
  readonly codes: WeakMap<Module, ModuleCode>;
}

let codes = new WeakMap<Module, ModuleCode>();
/** Words of code in use; the first one is `noOp`. */
let used = 1;
/** Bytes that all code takes, and those of them whose module is gone. */
let heldBytes = 0;
let deadBytes = 0;
const gone = new FinalizationRegistry<Share>(({ bytes, codes: among }) => {
  if (among === codes) deadBytes += bytes;
});

/** Bytes of code that this thread keeps, with what is known of it. */
export const codeBytes = (): number => heldBytes;

/** What code may take while runs are under way. */
let limit = 0;
const currentLimit = (): number => Math.max(limit, bounds.loweredCode);

/** Whether all code has to be forgotten before more is lowered. */
export const isCodeFull = (): boolean => heldBytes >= currentLimit();

/**
 * Forgets all code: it is lowered again when it is called. No frame may be in code. Runs that are under way may have twice
 * as much from then on: those that need it all do not lower all of it with each call.
 */
export function forgetCode(): void {
  limit = 2 * currentLimit();
  if (2 * deadBytes > heldBytes || 4 * threadArrays.code.length > 2 * bounds.loweredCode) threadArrays.renewCode();
  codes = new WeakMap();
  used = 1;
  heldBytes = 0;
  deadBytes = 0;
}

/** What is dead below this is not worth lowering the rest again, in bytes. */
const fewDead = 2 ** 20;

/**
 * Before a run while there is none: forgets all code if little room is left for more, unless half of it is of the modules
 * that shall run, or if most of it is of modules that are gone. No frame may be in code.
 */
export function spareCode(modules: Iterable<Module> = []): void {
  limit = 0;
  const isScarce = used >= 0.75 * threadArrays.code.length || isCodeFull();
  if (!isScarce && (deadBytes <= fewDead || 2 * deadBytes <= heldBytes)) return;
  let own = 0;
  for (const module of new Set(modules)) own += codes.get(module)?.share.bytes ?? 0;
  if (2 * own > heldBytes) limit = 2 * heldBytes;
  else forgetCode();
}

/** The code of a module, shared by all VMs of this thread. */
export function codeOf(module: Module): ModuleCode {
  const known = codes.get(module);
  if (known !== undefined) return known;
  const code = new ModuleCode(module);
  codes.set(module, code);
  gone.register(module, code.share);
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

/** Where which region begins to be the innermost one: they nest, and are in the order of their starts. */
export function regionTable(regions: readonly Region[]): Pick<Lowered, 'regionStarts' | 'regionAt'> {
  const starts: number[] = [];
  const at: number[] = [];
  const open: number[] = [];
  const note = (offset: number, region: number): void => {
    if (starts.at(-1) === offset) at[at.length - 1] = region;
    else {
      starts.push(offset);
      at.push(region);
    }
  };
  const close = (offset: number): void => {
    for (;;) {
      const innermost = regions[open.at(-1) ?? -1];
      if (innermost === undefined || innermost.end > offset) return;
      open.pop();
      note(Math.min(innermost.end, 0x7fff_ffff), open.at(-1) ?? -1);
    }
  };
  regions.forEach(({ start, end }, i) => {
    if (end <= start) return;
    close(start);
    open.push(i);
    note(start, i);
  });
  close(Number.POSITIVE_INFINITY);
  return { regionStarts: Int32Array.from(starts), regionAt: Int32Array.from(at) };
}

/** The handler of an exception thrown at a code offset, from the innermost region outwards. */
export function findHandler(
  { regions, regionStarts, regionAt }: Lowered,
  offset: number,
  hasTag: (tag: number) => boolean,
): Handler | undefined {
  let place = regionAt[lastNotAbove(regionStarts, offset)] ?? -1;
  for (let region = regions[place]; region !== undefined; region = regions[place]) {
    const handler = region.handlers.find(({ tag }) => tag < 0 || hasTag(tag));
    if (region.delegate === undefined && handler !== undefined) return handler;
    place = region.delegate ?? region.parent;
  }
  return undefined;
}
