// A thread is not ended while it is in the host's zlib: see `holds`.

import { guardPacking } from '../../snapshot/container/packing.ts';
import { holds } from '../told/protocol.ts';

/** From now on. `slot`: of the thread's words, as its orders say. */
export function holdWhilePacking(words: Int32Array, slot: () => number): void {
  guardPacking((act) => {
    const at = slot();
    if (at < 0) return act();
    // It is over for this thread: what comes is its end.
    if (Atomics.compareExchange(words, at, holds.free, holds.held) === holds.ending)
      Atomics.wait(words, at, holds.ending);
    try {
      return act();
    } finally {
      Atomics.store(words, at, holds.free);
    }
  });
}
