// Whether it pays that engines mix, in a store that `auto` runs: each call from one to the other takes some microseconds, in
// which the interpreter does a lot by itself. That is seen by trying, and what was seen holds for all VMs of a module.

import { interpretedPart } from '../rewrite/run/able.ts';
import type { Module } from '../runtime/module/module.ts';
import type { Store } from '../runtime/store.ts';

/** Not constant, so that tests can have engines that mix in any case. */
export const trial = {
  /** Most of a store's code that may stay interpreted: else little of it would be native, and much of that call the rest. */
  mostInterpreted: 0.25,
  /** Fuel that is to be used for each call from one engine to the other, */
  perCrossing: 400,
  /** as soon as there were so many of them; */
  fewCrossings: 500,
  /** and fuel of the first trial. Each one is as long as all before, four times; and the last has no end. */
  least: 200_000,
  most: 50_000_000,
};

/** What this thread has seen of a module. */
interface Seen {
  fuel: number;
  crossings: number;
}
const seen = new WeakMap<Module, Seen>();
const nothing: Seen = { fuel: 0, crossings: 0 };

/** Engines that mix have used so much fuel in the store, and called each other so often. */
export function noteMixed({ instances }: Store, fuel: number, crossings: number): void {
  for (const { module } of instances) {
    const sum = seen.get(module) ?? { ...nothing };
    sum.fuel += fuel;
    sum.crossings += crossings;
    seen.set(module, sum);
  }
}

/** Whether it may pay for a store of which not all can be native, as far as is known. */
export const pays = (store: Store): boolean =>
  interpretedPart(store) <= trial.mostInterpreted && store.instances.every(({ module }) => paysFor(module));

function paysFor(module: Module): boolean {
  const { fuel, crossings } = seen.get(module) ?? nothing;
  return crossings < trial.fewCrossings || fuel >= trial.perCrossing * crossings;
}

/** Fuel until it is asked again. */
export function trialFuel(store: Store): number {
  const least = store.instances.reduce(
    (least, { module }) => Math.min(least, seen.get(module)?.fuel ?? 0),
    Number.POSITIVE_INFINITY,
  );
  return least >= trial.most ? Number.POSITIVE_INFINITY : Math.max(trial.least, 4 * least);
}
