// Safe points whose landing (landing.ts) is the same: as many and the same kinds of values, in the same locals. Every call of a
// function asks for its group, so they are found by numbers that are soon computed.

import type { LocalSet } from '../../validate/safepoints.ts';
import type { Local, LowTypes } from './types.ts';

export interface Group {
  readonly own: LowTypes;
  /** How many of the last operands are results, not to be spilled; or `atEntry`. */
  readonly results: number;
  /** Locals that hold operands of the blocks around. */
  readonly stashes: readonly Local[];
  readonly live: readonly Local[];
  readonly set: LocalSet;
  /** Another one with the same hash, or -1. */
  readonly next: number;
}
/** The function was just entered. */
export const atEntry = -1;

const noSet: LocalSet = new Uint32Array(0);

function same<T>(a: ArrayLike<T>, b: ArrayLike<T>): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export class Groups {
  readonly list: Group[] = [];
  private readonly byHash = new Map<number, number>();
  private ofThrown = -1;
  /** The last set that was hashed. */
  private hashed = noSet;
  private hash = 0;

  /** The number of the group of a point; `locals` tells those of the set. */
  find(
    own: LowTypes,
    results: number,
    stashes: readonly Local[],
    set: LocalSet,
    locals: () => readonly Local[],
  ): number {
    const hash = (this.hashOf(set) * 31 + own.length * 7 + results) * 31 + (stashes.at(-1)?.index ?? 0);
    const first = this.byHash.get(hash) ?? -1;
    for (let i = first; i >= 0; ) {
      const group = this.list[i] as Group;
      if (group.results === results && same(group.own, own) && same(group.stashes, stashes) && same(group.set, set))
        return i;
      i = group.next;
    }
    this.byHash.set(hash, this.list.length);
    return this.add({ own, results, stashes, live: locals(), set, next: first });
  }

  /** That of exceptions which no block of the function handles. */
  thrown(): number {
    if (this.ofThrown < 0)
      this.ofThrown = this.add({ own: [], results: 0, stashes: [], live: [], set: noSet, next: -1 });
    return this.ofThrown;
  }

  private add(group: Group): number {
    return this.list.push(group) - 1;
  }

  /** Neighbours share a set, mostly. */
  private hashOf(set: LocalSet): number {
    if (set === this.hashed) return this.hash;
    let hash = 0;
    for (let i = 0; i < set.length; i++) hash = (Math.imul(hash, 31) + (set[i] as number)) | 0;
    this.hashed = set;
    this.hash = hash;
    return hash;
  }
}
