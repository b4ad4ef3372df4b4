// Safe points whose landing (landing.ts) is the same: as many and the same kinds of values, in the same locals. Every call of a
// function asks for its group, so they are found by numbers that are soon computed.

import type { LocalSet } from '../../validate/safepoints.ts';
import type { Growth } from './growth.ts';
import { codeOfLow, type Local, type Low, type LowTypes } from './types.ts';

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
/** About what a landing takes to hand a value over. */
const bytesPerValue = 6;

/** How many locals are in a set. */
function countOf(set: LocalSet): number {
  let count = 0;
  for (let i = 0; i < set.length; i++) for (let word = set[i] as number; word !== 0; word &= word - 1) count++;
  return count;
}

/** That of exceptions which no block of the function handles, and of no point. */
export const ofThrown: Group = { own: [], results: 0, stashes: [], live: [], set: new Uint32Array(0), next: -1 };

function same<T>(a: ArrayLike<T>, b: ArrayLike<T>): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export class Groups {
  readonly list: Group[] = [];
  private readonly byHash = new Map<number, number>();
  private thrownNumber = -1;
  /** The last set that was hashed. */
  private hashed = ofThrown.set;
  private hash = 0;

  constructor(private readonly growth: Growth) {}

  /** The number of the group of a point; `locals` tells those of the set. */
  find(
    own: LowTypes,
    results: number,
    stashes: readonly Local[],
    set: LocalSet,
    locals: () => readonly Local[],
  ): number {
    let hash = (this.hashOf(set) * 31 + results) * 31 + (stashes.at(-1)?.index ?? 0);
    for (let i = 0; i < own.length; i++) hash = (Math.imul(hash, 31) + codeOfLow(own[i] as Low)) | 0;
    const first = this.byHash.get(hash) ?? -1;
    for (let i = first; i >= 0; ) {
      const group = this.list[i] as Group;
      this.growth.use(1);
      if (group.results === results && same(group.own, own) && same(group.stashes, stashes) && same(group.set, set))
        return i;
      i = group.next;
    }
    this.byHash.set(hash, this.list.length);
    this.growth.use((own.length + stashes.length + countOf(set)) * bytesPerValue);
    return this.add({ own, results, stashes, live: locals(), set, next: first });
  }

  thrown(): number {
    if (this.thrownNumber < 0) this.thrownNumber = this.add(ofThrown);
    return this.thrownNumber;
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
