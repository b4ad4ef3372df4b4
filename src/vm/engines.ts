// The engines, by the names that options give them, and how one hands over to another. Native code begins at safe points
// only and counts no instructions: for all else there is the interpreter, which can begin and stop anywhere.

import { interpreter } from '../interpret/interpreter.ts';
import { canEnter, canRun, isHandy, rewriter } from '../rewrite/run/rewriter.ts';
import type { Budget, Engine, HostPort, Stop, Thrown } from '../runtime/engine.ts';
import type { Store } from '../runtime/store.ts';
import { oneOf } from '../spec/options.ts';
import { noteUse, untilHot } from './heat.ts';

export { heat } from './heat.ts';

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
  letGo: (store) => rewriter.letGo?.(store),
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

/** Interprets what is short, and goes on natively, where all of the VM's code can be, with what is long. */
const auto: Engine = {
  supports: () => true,
  run(store, floor, budget, host, thrown) {
    if (budget.steps !== undefined) return interpreter.run(store, floor, budget, host, thrown);
    const cold = untilHot(store);
    if (cold <= 0)
      return counted(isHandy(store) && canRun(store) ? native : interpreter, store, floor, budget, host, thrown);
    const fuel = cold + store.debt;
    if (budget.fuel <= fuel) return counted(interpreter, store, floor, budget, host, thrown);
    const before = paid(store);
    const stop = counted(interpreter, store, floor, { ...budget, fuel }, host, thrown);
    if (stop !== 'fuel') return stop;
    return auto.run(store, floor, { ...budget, fuel: budget.fuel - (paid(store) - before) }, host);
  },
  letGo: (store) => rewriter.letGo?.(store),
};

/** Runs on that engine, and notes how much was used. */
function counted(engine: Engine, store: Store, ...how: How): Stop {
  const before = store.fuelUsed;
  try {
    return engine.run(store, ...how);
  } finally {
    // What an inner run used is counted with the one around it.
    if (store.hostDepth === 0) noteUse(store, store.fuelUsed - before);
  }
}
type How = [floor: number, budget: Budget, host: HostPort, thrown?: Thrown];

const engines = { auto, interpreter, native } as const satisfies Record<string, Engine>;

export type EngineName = keyof typeof engines;

export const engineOption = oneOf(...Object.keys(engines));

/** Throws UsageError for a name that is none. */
export function engineNamed(name: EngineName = 'auto'): Engine {
  engineOption(name, 'engine');
  return engines[name];
}
