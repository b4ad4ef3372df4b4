// The plan that both engines follow: where a running function may be suspended, what it costs to go on, and which locals
// are live there. The same program with the same fuel thereby stops at the same frame on either engine.
//
// Fuel is charged, at the prices of spec/fuel.ts,
// - when a frame is pushed: `entryCost`, the instructions on the longest way (charges.ts) through those that are in no
//   loop (at least 1);
// - each time a `loop` instruction is executed: its cost, the same of the loop's instructions that are in no loop inside
//   it, its own `loop` included. A branch to a loop's label goes to the `loop` instruction, which charges
//   again;
// - where ways part or meet and the longest one is long: what follows there, when code comes there. It may then owe;
// - for work that has a length, by that length, when it is done: a bulk instruction's after each chunk of it.
// So nobody runs more instructions than are charged, and owes no more than one way to the next safe point costs; and of a
// switch's many cases one is paid for, not all or the longest.
//
// Safe points are
// - `entry`: pc 0, the entry cost is paid;
// - `loop`: the pc just after a `loop` instruction, the loop's cost is paid;
// - `call`: the pc just after a call that is no tail call. The frame waits there for its callee;
// - `bulk`: the pc of a bulk instruction. Its operands say what is left to do, which may be nothing. Where one of the
//   others has the same pc, that is the point.
// Suspension for want of fuel happens just after a charge at a safe point, so at all but a `call`; what is done at once
// (spec/fuel.ts, `grown`) and what follows where ways part is charged there and then, and what it was too much for is
// the charge after it. Unreachable code has no safe points.
//
// A local is live where some path reads it before writing it. At a call that includes the paths through the handlers
// that an exception of the callee may reach. Locals that are dead are zero in a canonical frame, parameters too.

import type { FuncIdx } from '../spec/types.ts';
import { chargesOf } from './charges.ts';
import type { ModuleContext } from './context.ts';
import { flowOf } from './flow.ts';
import { type LocalSet, livenessOf } from './liveness.ts';

export type { LocalSet } from './liveness.ts';

export interface SafePoint {
  readonly pc: number;
  readonly kind: 'entry' | 'loop' | 'call' | 'bulk';
  /** Read it with `isLive`; sets are shared and must not be changed. */
  readonly live: LocalSet;
}

export interface FunctionPlan {
  readonly entryCost: number;
  /** By the pc of the `loop` instruction. */
  readonly loopCosts: ReadonlyMap<number, number>;
  /** By the pc that code comes to: what it pays there besides. */
  readonly charges: ReadonlyMap<number, number>;
  /** By pc. */
  readonly points: readonly SafePoint[];
}

const cache = new WeakMap<ModuleContext, Map<FuncIdx, FunctionPlan>>();

/** The plan of a function that is no import, computed once. */
export function planOf(context: ModuleContext, func: FuncIdx): FunctionPlan {
  const known = cache.get(context) ?? new Map<FuncIdx, FunctionPlan>();
  cache.set(context, known);
  const plan = known.get(func) ?? makePlan(context, func);
  known.set(func, plan);
  return plan;
}

function makePlan(context: ModuleContext, func: FuncIdx): FunctionPlan {
  const flow = flowOf(context, func);
  const { entry, points } = livenessOf(flow);
  const { entryCost, loops, charges } = chargesOf(flow);
  const loopCosts = new Map(flow.loops.map((pc, i) => [pc, loops[i] as number]));
  const safe: SafePoint[] = [{ pc: 0, kind: 'entry', live: entry }];
  flow.points.forEach(({ pc, kind }, i) => {
    safe.push({ pc, kind, live: points[i] as LocalSet });
  });
  return { entryCost, loopCosts, charges, points: safe };
}

/** The safe point at the pc, if there is one. */
export function pointAt(plan: FunctionPlan, pc: number): SafePoint | undefined {
  const { points } = plan;
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle] as SafePoint).pc < pc) low = middle + 1;
    else high = middle;
  }
  return points[low]?.pc === pc ? points[low] : undefined;
}

/** What is live at the pc; undefined where it is no safe point. */
export const liveAt = (plan: FunctionPlan, pc: number): LocalSet | undefined => pointAt(plan, pc)?.live;

export const isLive = (live: LocalSet, local: number): boolean =>
  (((live[local >>> 5] ?? 0) >>> (local & 31)) & 1) === 1;
