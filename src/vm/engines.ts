// The engines, by the names that options give them, and how one hands over to another. Native code begins at safe points
// only and counts no instructions: for all else there is the interpreter, which can begin and stop anywhere.

import { interpreter } from '../interpret/interpreter.ts';
import {
  bytesToRecall,
  bytesToRewrite,
  canEnter,
  canRun,
  isHandy,
  recallAll,
  rewriter,
} from '../rewrite/run/rewriter.ts';
import type { Budget, Engine, HostPort, Stop, Thrown } from '../runtime/engine.ts';
import type { Module } from '../runtime/module.ts';
import type { Store } from '../runtime/store.ts';
import { oneOf } from '../spec/options.ts';

/** Fuel that was both charged and granted. */
const paid = ({ fuelUsed, debt }: Store): number => fuelUsed - debt;

/** Runs natively; interprets where instructions are counted, and up to the next safe point. */
const native: Engine = {
  supports: (module, shared) => rewriter.supports(module, shared),
  run(store, floor, budget, host, thrown) {
    if (budget.steps !== undefined) return interpreter.run(store, floor, budget, host, thrown);
    if (canEnter(store)) return rewriter.run(store, floor, budget, host, thrown);
    return toSafePoint(store, floor, budget, host, thrown);
  },
};

/**
 * Interprets with what is owed, which is used up at the next safe point; from there on native code runs. Who is granted
 * less than is owed goes nowhere.
 */
function toSafePoint(store: Store, floor: number, budget: Budget, host: HostPort, thrown?: Thrown): Stop {
  const before = paid(store);
  const owed = store.debt;
  const stop = interpreter.run(store, floor, { ...budget, fuel: Math.min(budget.fuel, owed) }, host, thrown);
  if (stop !== 'fuel' || budget.fuel < owed) return stop;
  return native.run(store, floor, { ...budget, fuel: budget.fuel - (paid(store) - before) }, host);
}

/**
 * When `auto` thinks a store worth rewriting: once it has used as much fuel as would pay for that. Not constant, so that
 * tests can have native code from the start.
 */
export const heat = {
  /** In any case: making an instance takes the host a while. */
  least: 100_000,
  /** For each byte of code that is still to be rewritten, */
  perByte: 2,
  /** and until the cache is asked whether it has been. */
  perKeptByte: 0.25,
};

/** Fuel that the store has yet to use until native code is worth its while. */
function untilHot(store: Store): number {
  const atLeast = heat.least - store.fuelUsed;
  if (atLeast > 0) return atLeast;
  const toRecall = sumOf(store, bytesToRecall);
  if (toRecall > 0) {
    const soon = Math.ceil(heat.perKeptByte * toRecall) + atLeast;
    if (soon > 0) return soon;
    recallAll(store);
  }
  return heat.perByte * sumOf(store, bytesToRewrite) + atLeast;
}

const sumOf = (store: Store, bytesOf: (module: Module) => number): number =>
  store.instances.reduce((sum, { module }) => sum + bytesOf(module), 0);

/** Interprets what is short, and goes on natively, where all of the VM's code can be, with what is long. */
const auto: Engine = {
  supports: () => true,
  run(store, floor, budget, host, thrown) {
    if (budget.steps !== undefined) return interpreter.run(store, floor, budget, host, thrown);
    const cold = untilHot(store);
    if (cold <= 0)
      return (isHandy(store) && canRun(store) ? native : interpreter).run(store, floor, budget, host, thrown);
    const fuel = cold + store.debt;
    if (budget.fuel <= fuel) return interpreter.run(store, floor, budget, host, thrown);
    const before = paid(store);
    const stop = interpreter.run(store, floor, { ...budget, fuel }, host, thrown);
    if (stop !== 'fuel') return stop;
    return auto.run(store, floor, { ...budget, fuel: budget.fuel - (paid(store) - before) }, host);
  },
};

const engines = { auto, interpreter, native } as const satisfies Record<string, Engine>;

export type EngineName = keyof typeof engines;

export const engineOption = oneOf(...Object.keys(engines));

/** Throws UsageError for a name that is none. */
export function engineNamed(name: EngineName = 'auto'): Engine {
  engineOption(name, 'engine');
  return engines[name];
}
