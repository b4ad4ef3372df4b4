// The interpreter as an engine: what a run of it is, run/ tells.

import type { Budget, Engine, Halt, HostPort, Mixing, Stop, Thrown } from '../runtime/engine.ts';
import type { Store } from '../runtime/store.ts';
import { MixedRun } from './run/mixed.ts';
import { Run } from './run/run.ts';

/** Runs guests by interpreting them. */
export const interpreter: Engine = {
  supports: () => true,
  run: (store, floor, budget, host, thrown) => new Run(store, floor, budget, host).run(thrown) as Stop,
};

/** Runs the top frame and those below it, as long as they are the interpreter's: in a store where engines mix. */
export const interpret = (
  store: Store,
  floor: number,
  budget: Budget,
  host: HostPort,
  thrown: Thrown | undefined,
  mix: Mixing,
): Halt => new MixedRun(store, floor, budget, host, mix).run(thrown);
