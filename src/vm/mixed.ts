// Engines that mix: each function of a store is run by one of them, native code where it can be rewritten, and they call each
// other. A call runs the other engine on top of the one that calls, whose frames stay what they are. Only where a run is
// to stop, or where the host's stack is used up, do all of them leave, and the canonical frames are gone on with one by one.

import { interpret } from '../interpret/interpreter.ts';
import { isAtPoint, isNative, nativesOf } from '../rewrite/run/able.ts';
import { hasStack, runNative } from '../rewrite/run/rewriter.ts';
import { collect, tidyHostValues } from '../runtime/collect.ts';
import type { Budget, Halt, HostPort, Mixing, Stop } from '../runtime/engine.ts';
import { Thrown } from '../runtime/engine.ts';
import type { Module } from '../runtime/module/module.ts';
import type { Store } from '../runtime/store.ts';
import { UncaughtError } from '../spec/errors.ts';
import type { FuncAddr } from '../spec/types.ts';
import { noteMixed } from './trial.ts';

/** Fuel that was both charged and granted. */
export const paid = ({ fuelUsed, debt }: Store): number => fuelUsed - debt;

class Mix implements Mixing {
  passing: Thrown | undefined;
  goesOn = false;
  /** How often one engine has called the other, or has gone on where the other had left off. */
  crossings = 0;
  /** Runs within this one, within each other. */
  private level = 0;

  constructor(
    private readonly store: Store,
    private readonly host: HostPort,
  ) {}

  get isNested(): boolean {
    return this.level > 0;
  }

  isNative(func: FuncAddr): boolean {
    return isNative(this.store, func);
  }

  nativesOf(module: Module): Uint8Array {
    return nativesOf(module);
  }

  get hasRoom(): boolean {
    return hasStack();
  }

  within(floor: number, budget: Budget): Halt {
    this.crossings++;
    this.level++;
    try {
      return this.run(floor, budget);
    } finally {
      this.level--;
    }
  }

  run(floor: number, budget: Budget, thrown?: Thrown): Halt {
    const { store } = this;
    let { fuel } = budget;
    this.goesOn = false;
    for (let first = thrown; ; first = this.passed()) {
      const before = paid(store);
      const halt = this.part(floor, { ...budget, fuel }, first);
      if (halt !== 'cross' && (halt !== 'over' || this.isNested)) return halt;
      if (halt === 'over') this.tidy();
      fuel -= paid(store) - before;
      this.goesOn = true;
      this.crossings++;
    }
  }

  private passed(): Thrown | undefined {
    const { passing } = this;
    this.passing = undefined;
    return passing;
  }

  /** Until another engine is to go on. */
  private part(floor: number, budget: Budget, thrown: Thrown | undefined): Halt {
    const { store, host } = this;
    const { stack } = store;
    try {
      if (this.isNative(stack.func(stack.depth - 1)) && isAtPoint(store))
        return runNative(store, floor, budget, host, thrown, this);
      return interpret(store, floor, budget, host, thrown, this);
    } catch (error) {
      // A guest's exception that went from one engine to the other, and was caught by neither.
      throw error instanceof Thrown && error.value instanceof UncaughtError ? error.value : error;
    }
  }

  /** All frames are on the stack, so that what is dead can be found. */
  private tidy(): void {
    const { store } = this;
    const { heap } = store;
    tidyHostValues(store);
    if (heap.isCrowded || heap.mayShrink) collect(store, store.stack.top * 2);
    if (heap.isCrowded) heap.checkRoom(0);
    heap.isCrowded = false;
  }
}

/** Runs a store of which some functions stay interpreted, as an engine does. */
export function runMixed(store: Store, floor: number, budget: Budget, host: HostPort, thrown?: Thrown): Stop {
  const mix = new Mix(store, host);
  const before = store.fuelUsed;
  try {
    return mix.run(floor, budget, thrown) as Stop;
  } finally {
    noteMixed(store, store.fuelUsed - before, mix.crossings);
  }
}
