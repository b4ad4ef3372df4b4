// The frame of a call that an engine makes for another one: on the canonical stack, before the first instruction.

import type { FuncAddr, FuncIdx } from '../spec/types.ts';
import { slotsOf, slotsOfAll } from '../spec/types.ts';
import { funcType, type ModuleContext } from '../validate/context.ts';
import { planOf } from '../validate/safepoints.ts';
import type { FuncInst, Store } from './store.ts';

/** What a call of a function begins with. */
interface Beginning {
  /** Slots of the parameters, and of all locals. */
  readonly params: number;
  readonly locals: number;
  /** What the call charges. */
  readonly cost: number;
}

const beginnings = new WeakMap<ModuleContext, (Beginning | undefined)[]>();

/** What a call of a function with a body begins with. */
export function beginningOf({ funcs }: Store, addr: FuncAddr): Beginning {
  const { instance, index } = funcs[addr] as FuncInst & { kind: 'wasm' };
  const { context } = instance.module;
  const known = beginnings.get(context) ?? [];
  beginnings.set(context, known);
  known[index] ??= beginning(context, index);
  return known[index];
}

function beginning(context: ModuleContext, func: FuncIdx): Beginning {
  const declared = context.syntax.funcs[func - context.importedFuncs]?.locals ?? [];
  const params = slotsOfAll(funcType(context, func).params);
  const locals = declared.reduce((sum, { count, type }) => sum + count * slotsOf(type), params);
  return { params, locals, cost: planOf(context, func).entryCost };
}

/** Pushes the frame of a call whose arguments stand from slot `base` on. Its charge is the caller's to make. Throws ExhaustionError. */
export function pushCall(store: Store, addr: FuncAddr, base: number): void {
  const { stack } = store;
  const { params, locals } = beginningOf(store, addr);
  stack.reserveSlots(base + locals);
  stack.push(addr, 0, base);
  stack.words.fill(0, (base + params) * 2, (base + locals) * 2);
  stack.top = base + locals;
}
