// Visits the frames of a stack with what they must look like. Frames at the same place of the same function are visited
// together, each function's body is read once: so the cost is that of the code and of the stack, whatever stands in it. What
// is known of a place is kept: to read the loop of QuickJS up to there takes four milliseconds.

import { bounds } from '../../runtime/kept/bounds.ts';
import { Lru } from '../../runtime/kept/lru.ts';
import { checkDeadline } from '../../spec/patience.ts';
import type { FuncIdx } from '../../spec/types.ts';
import type { ModuleContext } from '../../validate/context.ts';
import { type FrameShape, visitFrameShapes } from '../../validate/frames.ts';

export interface Body {
  readonly context: ModuleContext;
  readonly index: FuncIdx;
}

type ByPc = Map<number, number[]>;

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/**
 * `bodyOf` and `pcOf` are of the frame at a depth. Visits each of the frames whose pc is the start of a reachable
 * instruction, and returns how many those were.
 */
export function visitFrames(
  depth: number,
  bodyOf: (frame: number) => Body,
  pcOf: (frame: number) => number,
  visit: (frames: readonly number[], body: Body, pc: number, shape: FrameShape) => void,
): number {
  const groups = new Map<ModuleContext, Map<FuncIdx, ByPc>>();
  for (let i = 0; i < depth; i++) {
    checkDeadline('reading the stack');
    const { context, index } = bodyOf(i);
    const byFunc = entry(groups, context, () => new Map<FuncIdx, ByPc>());
    const byPc = entry(byFunc, index, () => new Map<number, number[]>());
    entry(byPc, pcOf(i), () => []).push(i);
  }
  let visited = 0;
  for (const [context, byFunc] of groups)
    for (const [index, byPc] of byFunc)
      visitPlaces({ context, index }, [...byPc.keys()], (pc, shape) => {
        const frames = byPc.get(pc) as number[];
        visited += frames.length;
        visit(frames, { context, index }, pc, shape);
      });
  return visited;
}

/** By module and place in it. */
const known = new Lru<string, FrameShape>(() => bounds.frameShapes);

/** What this thread keeps of them, in bytes. */
export const keptFrameShapes = (): number => known.bytes;

const numbers = new WeakMap<ModuleContext, number>();
let numbered = 0;

function placeKey({ context, index }: Body): (pc: number) => string {
  const number = numbers.get(context) ?? ++numbered;
  numbers.set(context, number);
  return (pc) => `${number} ${index} ${pc}`;
}

function visitPlaces(body: Body, pcs: readonly number[], visit: (pc: number, shape: FrameShape) => void): void {
  const key = placeKey(body);
  const missing = new Set<number>();
  for (const pc of pcs) {
    const shape = known.get(key(pc));
    if (shape === undefined) missing.add(pc);
    else visit(pc, shape);
  }
  if (missing.size === 0) return;
  visitFrameShapes(body.context, body.index, missing, (pc, shape) => {
    visit(pc, shape);
    keep(key(pc), shape);
  });
}

/** Beside its lists. */
const shapeBytes = 200;
/** Of a hostile module all may be large: to copy them would take more than to find them. */
const mostBytes = 64 * 1024;

function keep(key: string, shape: FrameShape): void {
  const bytes = shapeBytes + 8 * (shape.locals.length + shape.operands.length + shape.unset.length);
  if (bytes > mostBytes) return;
  known.set(key, { ...shape, locals: shape.locals.slice(), operands: shape.operands.slice() }, bytes);
}
