// What comes and goes all the time, in no order: an array whose items know their seats. A Set that is filled and emptied
// over and over leaves a chain of tables behind, each of which keeps the next one, and what was in it then, alive until
// the collector's next full turn.

/** An item: `seat` is the roster's business. */
export interface Placed {
  seat: number;
}

export class Roster<T extends Placed> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** Those of now: what is added or removed meanwhile changes nothing of it. */
  get all(): readonly T[] {
    return [...this.items];
  }

  add(item: T): void {
    item.seat = this.items.push(item) - 1;
  }

  /** Removes an item if it is there. */
  delete(item: T): void {
    if (this.items[item.seat] !== item) return;
    const last = this.items.pop() as T;
    if (last === item) return;
    last.seat = item.seat;
    this.items[last.seat] = last;
  }
}
