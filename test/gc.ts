// The host's garbage collector, for tests of what does not stay, and benchmarks of what it takes.

import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
export const gc = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void;

/** Collects until something is so, or for as long as nobody would wait: whether it is. */
export async function collectedUntil(isSo: () => boolean): Promise<boolean> {
  for (let i = 0; i < 20 && !isSo(); i++) {
    await setTimeout(5);
    gc();
    await setTimeout(5);
  }
  return isSo();
}
