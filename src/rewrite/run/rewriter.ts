// The rewriter as an engine, and what native code of a store there is in this thread.

import type { Budget, Engine, Halt, HostPort, Mixing, Stop, Thrown } from '../../runtime/engine.ts';
import type { Store } from '../../runtime/store.ts';
import { supports } from './able.ts';
import { NativeStore } from './native.ts';
import { nativeStack } from './native-stack.ts';
import { giveNative, isAtHand, takeNative } from './reserve.ts';
import { leastNested, Run } from './run.ts';

const stores = new WeakMap<Store, NativeStore>();

function nativeOf(store: Store): NativeStore {
  const native = stores.get(store) ?? takeNative(store) ?? new NativeStore(store);
  stores.set(store, native);
  return native;
}

/** Whether the host's stack has room for a run within the one that is under way. */
export const hasStack = (): boolean => nativeStack.bytes >= leastNested;

/** Runs the top frame and those below it as the engine does, as long as they are native code's: in a store where engines mix. */
export const runNative = (
  store: Store,
  floor: number,
  budget: Budget,
  host: HostPort,
  thrown: Thrown | undefined,
  mix: Mixing,
): Halt => new Run(nativeOf(store), store, floor, budget, host, mix).run(thrown);

/** What native code of the store takes before it runs: an instance of the host's, or one that is at hand. */
export type Entry = 'made' | 'at hand' | 'there';

export const entryOf = (store: Store): Entry => (stores.has(store) ? 'there' : isAtHand(store) ? 'at hand' : 'made');

/** Runs guests as native code. It counts no instructions, and begins at safe points. */
export const rewriter: Engine = {
  supports,
  run: (store, floor, budget, host, thrown) => new Run(nativeOf(store), store, floor, budget, host).run(thrown) as Stop,
  letGo(store) {
    const native = stores.get(store);
    if (native === undefined) return;
    stores.delete(store);
    giveNative(native);
  },
};
