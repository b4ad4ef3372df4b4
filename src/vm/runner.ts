// What the handles of a VM need of it: its store, and running its functions.

import type { Outcome } from '../runtime/engine.ts';
import type { Ref, Value } from '../runtime/ref.ts';
import type { Store } from '../runtime/store.ts';
import type { RunOptions } from './options.ts';

export interface Runner {
  readonly store: Store;
  start(func: Ref, args?: readonly Value[]): void;
  run(options?: RunOptions): Outcome;
  invoke(func: Ref, args?: readonly Value[]): Value[];
}
