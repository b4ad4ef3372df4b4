// Locals of one type that nobody uses now, the lowest first: so code that is written twice, as loops are where a function
// goes on in their midst, takes the same ones, and shares its landings.

import type { Local } from '../read/types.ts';

export class FreeLocals {
  /** A heap: none has a lower number than the one at half its place. */
  private readonly heap: Local[] = [];

  give(local: Local): void {
    const { heap } = this;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if ((heap[above] as Local).index < local.index) break;
      heap[at] = heap[above] as Local;
      at = above;
    }
    heap[at] = local;
  }

  take(): Local | undefined {
    const { heap } = this;
    const lowest = heap[0];
    const last = heap.pop();
    if (heap.length > 0) this.sink(last as Local);
    return lowest;
  }

  private sink(local: Local): void {
    const { heap } = this;
    let at = 0;
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      const other = heap[below + 1];
      if (other !== undefined && other.index < (heap[below] as Local).index) below++;
      if ((heap[below] as Local).index > local.index) break;
      heap[at] = heap[below] as Local;
      at = below;
    }
    heap[at] = local;
  }
}
