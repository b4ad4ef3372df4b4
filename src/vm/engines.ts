// The engines, by the names that options give them, and how one hands over to another. Native code begins at safe points
// only and counts no instructions: for all else there is the interpreter, which can begin and stop anywhere.

import { interpreter } from '../interpret/interpreter.ts';
import { canEnter, rewriter } from '../rewrite/rewriter.ts';
import type { Budget, Engine, HostPort, Stop } from '../runtime/engine.ts';
import type { Store } from '../runtime/store.ts';
import { UsageError } from '../spec/errors.ts';

/** Fuel that was both charged and granted. */
const paid = ({ fuelUsed, debt }: Store): number => fuelUsed - debt;

/** Runs natively; interprets where instructions are counted, and up to the next safe point. */
const native: Engine = {
  supports: (module) => rewriter.supports(module),
  run(store, floor, budget, host) {
    if (budget.steps !== undefined) return interpreter.run(store, floor, budget, host);
    return canEnter(store) ? rewriter.run(store, floor, budget, host) : toSafePoint(store, floor, budget, host);
  },
};

/** Interprets with what is owed, which is used up at the next safe point; from there on native code runs. */
function toSafePoint(store: Store, floor: number, budget: Budget, host: HostPort): Stop {
  const before = paid(store);
  const stop = interpreter.run(store, floor, { ...budget, fuel: Math.min(budget.fuel, store.debt) }, host);
  if (stop !== 'fuel') return stop;
  return native.run(store, floor, { ...budget, fuel: budget.fuel - (paid(store) - before) }, host);
}

/** Native where all of the VM's code can be. */
const mixed: Engine = {
  supports: () => true,
  run: (store, floor, budget, host) =>
    (store.instances.every(({ module }) => rewriter.supports(module) === true) ? native : interpreter).run(
      store,
      floor,
      budget,
      host,
    ),
};

const engines = { auto: interpreter, interpreter, native, mixed } as const satisfies Record<string, Engine>;

export type EngineName = keyof typeof engines;

/** Throws UsageError for a name that is none. */
export function engineNamed(name: EngineName = 'auto'): Engine {
  if (!Object.hasOwn(engines, name)) throw new UsageError(`there is no engine called ${JSON.stringify(name)}`);
  return engines[name];
}
