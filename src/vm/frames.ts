// What a stack looks like to people: all of a frame's values for those who inspect it, a short trace for errors. Both
// read the canonical stack (runtime/frame.ts) and change nothing.

import type { Value } from '../runtime/heap/ref.ts';
import type { FuncInst, InstanceInst, Store } from '../runtime/store.ts';
import { readValues } from '../runtime/value.ts';
import { CrashError, type GuestError, type TraceFrame } from '../spec/errors.ts';
import { showGuest } from '../spec/stacks.ts';
import { cut } from '../spec/told.ts';
import { slotsOfAll, type ValType } from '../spec/types.ts';
import { type FrameShape, frameShapes } from '../validate/frames.ts';

export interface FrameView extends TraceFrame {
  /** Address of the instance in its VM. */
  readonly instance: number;
  readonly locals: readonly { readonly name: string | undefined; readonly type: ValType; readonly value: Value }[];
  /** Bottom first. In a frame that waits, without the results that it waits for. */
  readonly operands: readonly { readonly type: ValType; readonly value: Value }[];
}

/** Most frames in a trace; a runaway recursion has a hundred thousand. */
const mostTraced = 64;

/** Tells the error the guest's stack, down to frame `floor`. */
export function trace(store: Store, floor: number, error: GuestError): void {
  const { depth } = store.stack;
  const last = Math.max(floor, depth - mostTraced);
  const frames = Array.from({ length: Math.max(0, depth - last) }, (_, i) => traceFrame(store, depth - 1 - i));
  showGuest(error, frames, last - floor);
}

function wasmFunc(store: Store, i: number): FuncInst & { kind: 'wasm' } {
  const func = store.funcs[store.stack.func(i)];
  if (func?.kind !== 'wasm') throw new CrashError(`frame ${i} is of no function with a body`);
  return func;
}

function traceFrame(store: Store, i: number): TraceFrame {
  const { instance, index } = wasmFunc(store, i);
  const { module } = instance;
  const pc = store.stack.pc(i);
  const body = module.syntax.funcs[index - module.context.importedFuncs]?.body;
  return { name: module.funcName(index), func: index, pc, offset: (body?.start ?? 0) + pc };
}

/** All frames, innermost first. */
export function viewFrames(store: Store): FrameView[] {
  const shapes = shapesOf(store);
  const { depth } = store.stack;
  return Array.from({ length: depth }, (_, k) => viewFrame(store, shapes, depth - 1 - k));
}

type Shapes = ReadonlyMap<InstanceInst, ReadonlyMap<number, ReadonlyMap<number, FrameShape>>>;

/** The shapes of all frames, with one pass over each function however often it stands on the stack. */
function shapesOf(store: Store): Shapes {
  const pcs = new Map<InstanceInst, Map<number, Set<number>>>();
  for (let i = 0; i < store.stack.depth; i++) {
    const { instance, index } = wasmFunc(store, i);
    const funcs = pcs.get(instance) ?? new Map<number, Set<number>>();
    pcs.set(instance, funcs.set(index, (funcs.get(index) ?? new Set()).add(store.stack.pc(i))));
  }
  return new Map(
    [...pcs].map(([instance, funcs]) => [
      instance,
      new Map([...funcs].map(([index, set]) => [index, frameShapes(instance.module.context, index, set)])),
    ]),
  );
}

function viewFrame(store: Store, shapes: Shapes, i: number): FrameView {
  const { instance, index } = wasmFunc(store, i);
  const { stack } = store;
  const shape = shapes.get(instance)?.get(index)?.get(stack.pc(i));
  if (shape === undefined) throw new CrashError(`frame ${i} is at no instruction`);
  const names = instance.module.syntax.names.locals.get(index);
  const locals = typed(store, stack.base(i), shape.locals);
  const operands = typed(store, stack.base(i) + slotsOfAll(shape.locals), present(store, i, shape));
  return {
    ...traceFrame(store, i),
    instance: instance.addr,
    locals: locals.map((local, k) => ({ name: cut(names?.get(k)), ...local })),
    operands,
  };
}

/** A frame below another one, or below a pending call, has no results yet. */
function present(store: Store, i: number, { operands, afterCall }: FrameShape): readonly ValType[] {
  const waits = i < store.stack.depth - 1 || store.pending !== null;
  return waits && afterCall !== undefined ? operands.slice(0, operands.length - afterCall.results.length) : operands;
}

function typed(store: Store, slot: number, types: readonly ValType[]): { type: ValType; value: Value }[] {
  const values = readValues(store.stack.words, slot, types, store);
  return types.map((type, k) => ({ type, value: values[k] }));
}
