// What the handles of a VM need of it: its store, and running its functions.

import type { Outcome } from '../runtime/engine.ts';
import type { Ref, Value } from '../runtime/heap/ref.ts';
import type { Store } from '../runtime/store.ts';
import type { RunOptions } from './options.ts';

/** A VM, as its handles know it. */
export interface Runner {
  /** @hidden */
  readonly store: Store;
  /** As `VM.start`. */
  start(func: Ref, args?: readonly Value[]): void;
  /** As `VM.run`. */
  run(options?: RunOptions): Outcome;
  /** As `VM.invoke`. */
  invoke(func: Ref, args?: readonly Value[]): Value[];
}
