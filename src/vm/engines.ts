// The engines, by the names that options give them, and how one hands over to another. Native code begins at safe points
// only and counts no instructions: for all else there is the interpreter, which can begin and stop anywhere.

import { interpreter } from '../interpret/interpreter.ts';
import { canEnter, canRun, isHandy, isMixed } from '../rewrite/run/able.ts';
import { rewriter } from '../rewrite/run/rewriter.ts';
import type { Budget, Engine, HostPort, Stop, Thrown } from '../runtime/engine.ts';
import type { Store } from '../runtime/store.ts';
import { oneOf } from '../spec/options.ts';
import { beginUse, noteUse, untilHot } from './heat.ts';
import { paid, runMixed } from './mixed.ts';
import { pays, trialFuel } from './trial.ts';

/** Runs natively; interprets where instructions are counted, up to the next safe point, and functions that cannot be native. */
const native: Engine = {
  supports: (module, shared) => rewriter.supports(module, shared),
  run(store, floor, budget, host, thrown) {
    if (budget.steps !== undefined) return interpreter.run(store, floor, budget, host, thrown);
    const run = isMixed(store) && canRun(store) ? runMixed : whole;
    return run(store, floor, budget, host, thrown);
  },
  letGo: (store) => rewriter.letGo?.(store),
};

/** Runs natively where all functions can be native, and interprets up to the next safe point. */
const whole: Engine['run'] = (store, floor, budget, host, thrown) => {
  if (canEnter(store)) return rewriter.run(store, floor, budget, host, thrown);
  return toSafePoint(store, floor, budget, host, thrown);
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
  return whole(store, floor, { ...budget, fuel: budget.fuel - (paid(store) - before) }, host);
}

/** What is interpreted at the least before it is asked again whether native code is worth its while, in units of fuel. */
const leastPart = 1000;

/** Interprets what is short, and goes on natively, where the VM's code can be and that pays, with what is long. */
const auto: Engine = {
  supports: () => true,
  run(store, floor, budget, host, thrown) {
    if (budget.steps !== undefined) return interpreter.run(store, floor, budget, host, thrown);
    let left = budget.fuel;
    for (let first = thrown; ; first = undefined) {
      const { run, part } = next(store, left);
      if (part >= left) return counted(run, store, floor, { ...budget, fuel: left }, host, first);
      const before = paid(store);
      const stop = partly(run, store, left, floor, { ...budget, fuel: part }, host, first);
      if (stop !== 'fuel') return stop;
      left -= paid(store) - before;
    }
  },
  letGo: (store) => rewriter.letGo?.(store),
};

/** What is to go on, and with how much of the fuel until that is asked again. */
function next(store: Store, left: number): { run: Engine['run']; part: number } {
  const cold = untilHot(store);
  if (cold > 0) return { run: interpreter.run, part: Math.max(cold, leastPart) + store.debt };
  const mixed = isMixed(store);
  if (!isHandy(store) || (mixed && !pays(store)) || !canRun(store)) return { run: interpreter.run, part: left };
  return mixed ? { run: runMixed, part: trialFuel(store) + store.debt } : { run: whole, part: left };
}

/** Runs with a part of what was granted: what was charged beyond the part is no debt, as far as `granted` goes. */
function partly(run: Engine['run'], store: Store, granted: number, ...how: How): Stop {
  const before = paid(store);
  let stop: Stop | undefined;
  try {
    stop = counted(run, store, ...how);
    return stop;
  } finally {
    if (stop !== 'fuel') store.debt = Math.max(0, store.debt - (granted - (paid(store) - before)));
  }
}

/** Runs, and notes how much was used. */
function counted(run: Engine['run'], store: Store, ...how: How): Stop {
  beginUse(store);
  try {
    return run(store, ...how);
  } finally {
    noteUse(store);
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
