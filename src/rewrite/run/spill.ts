// Spilled frames made canonical: body-writer.ts writes them to the scratch memory, innermost first; from the end they
// are read outermost first, as the stack has them.

import type { Stack } from '../../runtime/frame.ts';
import type { Module } from '../../runtime/module/module.ts';
import type { InstanceInst, Store } from '../../runtime/store.ts';
import { CrashError } from '../../spec/errors.ts';
import type { FuncIdx } from '../../spec/types.ts';
import { placeOf } from '../../validate/context.ts';
import { isLive } from '../../validate/safepoints.ts';
import { byContent } from '../module/cache.ts';
import { keptShape } from '../module/continuation.ts';
import { type Scratch, spilledFrameBytes, spillStart } from '../module/scratch-memory.ts';
import { mostLeft } from '../read/index-spaces.ts';
import { arranged, hasMany } from '../read/many.ts';
import { operandPlaces, type Place, pointOf } from '../read/shape.ts';
import { slotsOfLows } from '../read/types.ts';

/** How a frame at a safe point is spilled. */
interface Layout {
  /** For each spilled slot, in the order of the scratch memory, the slot of the frame that it goes to; less than 0 if to none. */
  readonly slots: Int32Array;
  /** Slots of the frame, without the results that it waits for. */
  readonly size: number;
  /** Slots that must be free for it: as a call asks for them (spareSlots), or just its own. */
  readonly needed: number;
}

/** A call asks for so many slots more than the callee uses, on either engine. */
export const spareSlots = 2;

/** By place in the module's code. */
const layoutsOf = byContent(() => new Map<number, Layout>());

function layoutOf(module: Module, func: FuncIdx, pc: number): Layout {
  const kept = layoutsOf(module);
  const place = placeOf(module.context, func, pc);
  const known = kept.get(place);
  if (known !== undefined) return known;
  const layout = makeLayout(module, func, pc);
  kept.set(place, layout);
  return layout;
}

function makeLayout(module: Module, func: FuncIdx, pc: number): Layout {
  const shape = keptShape(module, func);
  const point = pointOf(shape, pc);
  if (point === undefined) throw new CrashError(`function ${func} was left at pc ${pc}, which is no safe point`);
  const { below, own } = operandPlaces(shape, point);
  const kept = own.slice(0, own.length - point.results);
  const locals = shape.locals
    .map((type, i) => ({ slot: shape.localSlots[i] as number, type }))
    .filter((_, i) => isLive(point.live, i));
  const slots = hasMany(shape)
    ? slotsOfMany([...below.flat(), ...kept, ...locals])
    : slotsOf([...kept.toReversed(), ...below.flat(), ...locals]);
  const operandSlots = slotsOfLows([...below.flat(), ...kept].map(({ type }) => type));
  const size = (shape.localSlots[shape.locals.length] as number) + operandSlots;
  return { slots: Int32Array.from(slots), size, needed: pc === 0 ? shape.slots + spareSlots : size };
}

const slotsOf = (places: readonly Place[]): number[] =>
  places.flatMap(({ slot, type }) => (type === 'v128' ? [slot, slot + 1] : [slot]));

/** The same of a function with very many points: in another order, with some words that say nothing. */
function slotsOfMany(places: readonly Place[]): number[] {
  const slots = arranged(places).flatMap(({ type, value }) => slotsOf([value ?? { slot: -2, type }]));
  while (slots.length % mostLeft !== 0) slots.push(-1);
  return slots;
}

/** Is told of the first frame that does not fit. */
export type Refused = (inst: InstanceInst, func: FuncIdx, pc: number) => void;

/** Where the spilled frames end, innermost first. Kept from use to use. */
const ends: number[] = [];

/** Pushes the spilled frames on the stack. Throws ExhaustionError; those that fit are on the stack then. */
export function takeSpilled(store: Store, scratch: Scratch, refused: Refused): void {
  const { words } = scratch;
  let count = 0;
  for (let end = scratch.take(); end > spillStart; ) {
    ends[count++] = end;
    const at = headerAt(end);
    const { module } = instanceAt(store, words, at);
    end -= spilledFrameBytes + layoutOf(module, words[at + 1] as number, words[at + 2] as number).slots.length * 8;
  }
  for (let i = 0; i < count; i++) {
    const at = headerAt(ends[i] as number);
    const inst = instanceAt(store, words, at);
    const func = words[at + 1] as number;
    const pc = words[at + 2] as number;
    try {
      pushFrame(store.stack, words, at, inst.funcs[func] as number, pc, layoutOf(inst.module, func, pc));
    } catch (error) {
      refused(inst, func, pc);
      throw error;
    }
  }
}

/** Words of a frame that ends there: address of the instance, function index, pc. */
const headerAt = (end: number): number => (end - spilledFrameBytes) >> 2;

const instanceAt = (store: Store, words: Int32Array, at: number): InstanceInst =>
  store.instances[words[at] as number] as InstanceInst;

function pushFrame(
  stack: Stack,
  from: Int32Array,
  header: number,
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
  let at = header - slots.length * 2;
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] as number;
    if (slot >= 0) {
      words[(base + slot) * 2] = from[at] as number;
      words[(base + slot) * 2 + 1] = from[at + 1] as number;
    }
    at += 2;
  }
}
