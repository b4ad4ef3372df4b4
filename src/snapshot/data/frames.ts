// Visits the frames of a stack with what they must look like. Frames at the same place of the same function are visited
// together, each function's body is read once: so the cost is that of the code and of the stack, whatever stands in it.

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
      visitFrameShapes(context, index, new Set(byPc.keys()), (pc, shape) => {
        const frames = byPc.get(pc) as number[];
        visited += frames.length;
        visit(frames, { context, index }, pc, shape);
      });
  return visited;
}
