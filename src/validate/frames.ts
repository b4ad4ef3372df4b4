// What a canonical frame must look like at a pc: the types of its locals and operands follow from the body alone. The pc
// may come from anywhere, a forged snapshot included.
//
// In a clause of a legacy `try` the caught exception is live: `rethrow` may throw it again. A frame keeps it as a hidden
// operand of type exnref right below the clause's own operands, from the `catch` on until the clause is left; no
// instruction but `rethrow` sees it. Here it stands among `operands` like any other.

import { instructionNamed } from '../spec/instructions.ts';
import { checkDeadline } from '../spec/patience.ts';
import type { FuncIdx, FuncType, ValType } from '../spec/types.ts';
import { BodyValidator } from './body.ts';
import { funcType, isDefaultable, type ModuleContext } from './context.ts';

export interface FrameShape {
  readonly kind: 'instruction';
  /** Parameters first. */
  readonly locals: readonly ValType[];
  /** Before the instruction at the pc, bottom first. */
  readonly operands: readonly ValType[];
  /** Locals whose type has no default value and that are not set there: they hold null, whatever their type. */
  readonly unset: readonly number[];
  /**
   * The instruction just before is a call, no tail call, of this type. In a frame that waits for its callee the results
   * are missing from the operands.
   */
  readonly afterCall?: FuncType;
}

const calls = {
  call: instructionNamed('call'),
  call_indirect: instructionNamed('call_indirect'),
  call_ref: instructionNamed('call_ref'),
};

/** The callee's type if the instruction just read is a call. */
function calleeType({ reader, context }: BodyValidator): FuncType | undefined {
  if (reader.row === calls.call) return funcType(context, reader.x);
  if (reader.row !== calls.call_indirect && reader.row !== calls.call_ref) return undefined;
  return context.types[reader.x]?.comp as FuncType;
}

/**
 * Visits those of the pcs that are the start of a reachable instruction, in their order, in one pass over the body. The
 * operands of the shape change after the visit: copy them to keep them.
 */
export function visitFrameShapes(
  context: ModuleContext,
  func: FuncIdx,
  pcs: ReadonlySet<number>,
  visit: (pc: number, shape: FrameShape) => void,
): void {
  if (context.syntax.funcs[func - context.importedFuncs] === undefined) return;
  const v = new BodyValidator(context, func);
  const { reader, locals } = v;
  const start = reader.pos;
  const tracked = !locals.every(isDefaultable);
  let afterCall: FuncType | undefined;
  for (let left = pcs.size; left > 0 && !v.done; ) {
    const pc = reader.pos - start;
    if (pcs.has(pc)) {
      left--;
      const shape = { kind: 'instruction', locals, operands: v.operands as ValType[] } as const;
      const unset = tracked ? v.unsetLocals() : [];
      if (!v.unreachable) visit(pc, { ...shape, unset, ...(afterCall === undefined ? {} : { afterCall }) });
    }
    checkDeadline('finding the values of frames');
    v.read();
    afterCall = calleeType(v);
    v.apply();
  }
}

/** The shapes at those of the pcs that are the start of a reachable instruction. */
export function frameShapes(
  context: ModuleContext,
  func: FuncIdx,
  pcs: Iterable<number>,
): ReadonlyMap<number, FrameShape> {
  const shapes = new Map<number, FrameShape>();
  visitFrameShapes(context, func, new Set(pcs), (pc, shape) => {
    shapes.set(pc, { ...shape, operands: shape.operands.slice() });
  });
  return shapes;
}

/** The shape at one pc; undefined if the function has no body or no reachable instruction starts there. */
export const frameShape = (context: ModuleContext, func: FuncIdx, pc: number): FrameShape | undefined =>
  frameShapes(context, func, [pc]).get(pc);
