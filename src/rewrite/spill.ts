// Spilled frames made canonical: body.ts writes them to the scratch memory, innermost first; from the end they are read
// outermost first, as the stack has them.

import type { Stack } from '../runtime/frame.ts';
import type { InstanceInst, Store } from '../runtime/store.ts';
import { CrashError } from '../spec/errors.ts';
import type { FuncIdx } from '../spec/types.ts';
import { isLive } from '../validate/safepoints.ts';
import { keptShape } from './continuation.ts';
import { type Scratch, spilledFrameBytes, spillStart } from './scratch.ts';
import { operandPlaces, pointOf } from './shape.ts';
import { slotsOfLow, slotsOfLows } from './types.ts';

/** How a frame at a safe point is spilled. */
interface Layout {
  /** For each spilled slot, in the order of the scratch memory, the slot of the frame that it goes to. */
  readonly slots: Int32Array;
  /** Slots of the frame, without the results that it waits for. */
  readonly size: number;
  /** Slots that must be free for it: as a call asks for them (spareSlots), or just its own. */
  readonly needed: number;
}

/** A call asks for so many slots more than the callee uses, on either engine. */
export const spareSlots = 2;

const layouts = new WeakMap<InstanceInst['module'], Map<string, Layout>>();

function layoutOf(module: InstanceInst['module'], func: FuncIdx, pc: number): Layout {
  const known = layouts.get(module) ?? new Map<string, Layout>();
  layouts.set(module, known);
  const key = `${func} ${pc}`;
  const layout = known.get(key) ?? makeLayout(module, func, pc);
  known.set(key, layout);
  return layout;
}

function makeLayout(module: InstanceInst['module'], func: FuncIdx, pc: number): Layout {
  const shape = keptShape(module, func);
  const point = pointOf(shape, pc);
  if (point === undefined) throw new CrashError(`function ${func} was left at pc ${pc}, which is no safe point`);
  const { below, own } = operandPlaces(shape, point);
  const kept = own.slice(0, own.length - point.results);
  const slots: number[] = [];
  const add = (slot: number, count: number) => {
    for (let i = 0; i < count; i++) slots.push(slot + i);
  };
  for (const { slot, type } of [...kept.toReversed(), ...below.flat()]) add(slot, slotsOfLow(type));
  shape.locals.forEach((type, i) => {
    if (isLive(point.live, i)) add(shape.localSlots[i] as number, slotsOfLow(type));
  });
  const operandSlots = slotsOfLows([...below.flat(), ...kept].map(({ type }) => type));
  const size = (shape.localSlots[shape.locals.length] as number) + operandSlots;
  return { slots: Int32Array.from(slots), size, needed: pc === 0 ? shape.slots + spareSlots : size };
}

/** Is told of the first frame that does not fit. */
export type Refused = (inst: InstanceInst, func: FuncIdx, pc: number) => void;

/** Pushes the spilled frames on the stack. Throws ExhaustionError; those that fit are on the stack then. */
export function takeSpilled(store: Store, scratch: Scratch, refused: Refused): void {
  const { words } = scratch;
  const ends: number[] = [];
  for (let end = scratch.spilled; end > spillStart; ) {
    ends.push(end);
    const [inst, func, pc] = header(store, words, end);
    end -= spilledFrameBytes + layoutOf(inst.module, func, pc).slots.length * 8;
  }
  for (const end of ends) {
    const [inst, func, pc] = header(store, words, end);
    try {
      pushFrame(store.stack, words, end, inst.funcs[func] as number, pc, layoutOf(inst.module, func, pc));
    } catch (error) {
      refused(inst, func, pc);
      throw error;
    }
  }
}

function header(store: Store, words: Int32Array, end: number): [InstanceInst, FuncIdx, number] {
  const at = (end - spilledFrameBytes) >> 2;
  return [store.instances[words[at] as number] as InstanceInst, words[at + 1] as number, words[at + 2] as number];
}

function pushFrame(
  stack: Stack,
  from: Int32Array,
  end: number,
  func: number,
  pc: number,
  { slots, size, needed }: Layout,
): void {
  const base = stack.top;
  stack.reserveSlots(base + needed);
  stack.push(func, pc, base);
  stack.top = base + size;
  const { words } = stack;
  words.fill(0, base * 2, (base + size) * 2);
  let at = ((end - spilledFrameBytes) >> 2) - slots.length * 2;
  for (let i = 0; i < slots.length; i++) {
    const to = (base + (slots[i] as number)) * 2;
    words[to] = from[at++] as number;
    words[to + 1] = from[at++] as number;
  }
}
