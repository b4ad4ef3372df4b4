// Values of the host that the guest holds, or may hold, as references of kind extern: their places in a list. Places that
// no word of the store names any more are given away again (collect.ts, `tidyHostValues`).

import { bounds } from '../kept/bounds.ts';
import { LateMap } from '../kept/late-map.ts';

export class HostValues {
  /** By place; undefined where there is none. */
  readonly list: unknown[] = [];
  private readonly places = new LateMap<unknown, number>();
  private readonly free: number[] = [];
  /** With so many it is time to look for those that nobody refers to. */
  private most = bounds.idleHostValues;

  get isFull(): boolean {
    return this.list.length - this.free.length >= this.most;
  }

  /** The place of a value: the same one each time, as long as the guest holds it. */
  placeOf(value: unknown): number {
    const known = this.places.get(value);
    if (known !== undefined) return known;
    const place = this.free.pop() ?? this.list.length;
    this.list[place] = value;
    this.places.set(value, place);
    return place;
  }

  /** Fills an empty list, as a restore does. */
  restore(values: readonly unknown[]): void {
    for (const value of values) this.places.set(value, this.list.push(value) - 1);
  }

  /** Forgets those that are not marked; `scanned` words had to be looked at to find that out. */
  sweep(marks: Uint8Array, scanned: number): void {
    const { list, places, free } = this;
    free.length = 0;
    list.length = marks.lastIndexOf(1) + 1;
    for (const [value, place] of places) if (marks[place] !== 1) places.delete(value);
    for (let place = list.length - 1; place >= 0; place--) {
      if (marks[place] === 1) continue;
      list[place] = undefined;
      free.push(place);
    }
    this.most = Math.max(bounds.idleHostValues, 2 * (list.length - free.length), scanned / 256);
  }
}
