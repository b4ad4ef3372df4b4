// When native code is worth its while: the one place that decides it, for all VMs of a thread and so for a pool's jobs. What a
// module's VMs have used before counts for the next one, so that what is known to be long is native from its first call.

import { bytesToRecall, bytesToRewrite, recallAll } from '../rewrite/run/able.ts';
import { entryOf } from '../rewrite/run/rewriter.ts';
import type { Module } from '../runtime/module/module.ts';
import type { InstanceInst, Store } from '../runtime/store.ts';

/**
 * What it costs, in the fuel that the interpreter would use up in about that time. Not constant, so that tests can have native
 * code from the start.
 */
export const heat = {
  /** To rewrite a module, in any case, */
  least: 100_000,
  /** for each byte of code that is still to be rewritten, */
  perByte: 2,
  /** and until the cache is asked whether it has been. */
  perKeptByte: 0.25,
  /** To make an instance of the host's of what is rewritten, for a store, */
  instance: 20_000,
  /** and to use one that is at hand. */
  entry: 1_000,
};

/** What this thread has seen of a module: its stores, and the fuel that they have used. */
interface Past {
  stores: number;
  fuel: number;
}
const pasts = new WeakMap<Module, Past>();

/** The store is about to use fuel. */
export function beginUse(store: Store): void {
  // It may have been made with some, and been set back.
  if (!store.isCounted || store.notedFuel > store.fuelUsed) store.notedFuel = store.fuelUsed;
  if (store.isCounted) return;
  store.isCounted = true;
  for (const { module } of store.instances) pastOf(module).stores++;
}

/** What the store has used since is noted, that of calls from host functions as soon as they are over. */
export function noteUse(store: Store): void {
  const fuel = Math.max(0, store.fuelUsed - store.notedFuel);
  store.notedFuel = store.fuelUsed;
  for (const { module } of store.instances) pastOf(module).fuel += fuel;
}

function pastOf(module: Module): Past {
  const past = pasts.get(module) ?? { stores: 0, fuel: 0 };
  pasts.set(module, past);
  return past;
}

/** The least that is so of a module of the store. */
function leastOf(store: Store, figure: (past: Past) => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { module } of store.instances) {
    const past = pasts.get(module);
    least = Math.min(least, past === undefined ? 0 : figure(past));
  }
  return least;
}

/**
 * Fuel that the store has yet to use until native code is worth its while. To rewrite a module is worth it for all of its
 * stores, so what all have used counts; what is to be done for each store, for what one of them uses.
 */
export function untilHot(store: Store): number {
  const used = Math.max(
    store.fuelUsed,
    leastOf(store, ({ fuel }) => fuel),
  );
  const cold = heat.least - used;
  if (cold > 0) return cold;
  const toRecall = sumOf(store, bytesToRecall);
  if (toRecall > 0) {
    const soon = Math.ceil(heat.perKeptByte * toRecall) + cold;
    if (soon > 0) return soon;
    recallAll(store);
  }
  const toRewrite = sumOf(store, bytesToRewrite);
  if (toRewrite > 0) return heat.perByte * toRewrite + cold;
  const cost = entryCost(store);
  const expected = leastOf(store, ({ fuel, stores }) => fuel / stores);
  return expected >= cost ? 0 : cost - store.fuelUsed;
}

function entryCost(store: Store): number {
  const costs = { made: heat.instance, 'at hand': heat.entry, there: 0 };
  return Math.min(heat.least, costs[entryOf(store)]);
}

const sumOf = (store: Store, bytesOf: (store: Store, inst: InstanceInst) => number): number =>
  store.instances.reduce((sum, inst) => sum + bytesOf(store, inst), 0);
