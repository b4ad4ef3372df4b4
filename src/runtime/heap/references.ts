// The references of a store that its host was handed: which of them it may still hold, so that the objects stay that they
// refer to. JavaScript tells that only once its current job is over: a `WeakRef` keeps what it refers to until then. So
// those that were handed out in the current job stand in a list of their own, and become weak at its end. In a job that
// never seems to end, the oldest of them are let go of where there is no room left for them (bounds.ts); a host that used
// one then would be told so.

import { bounds } from '../kept/bounds.ts';
import { LateMap } from '../kept/late-map.ts';
import { Recent } from './recent.ts';
import { Ref, type RefHome, type RefKind, type Value } from './ref.ts';

/** With more of them than this, those that are gone are looked for. */
const fewSettled = 1000;

export class References {
  /** To functions, by address: there are as many as the store has, at the most. */
  private readonly funcs: Ref[] = [];
  /** To small integers: they are values, so that the oldest can go, and one more be made. */
  private readonly smalls = new LateMap<number, Ref>();
  /** By address of the object, in the order in which the host was handed them. */
  private readonly recent = new Recent();
  /** Of earlier jobs. */
  private readonly settled = new LateMap<number, WeakRef<Ref>>();
  private mostSettled = fewSettled;
  private settles = false;
  /** What the host functions that run now were called with. */
  readonly inHands: (readonly Value[])[] = [];

  constructor(private readonly store: RefHome) {}

  /** The reference to something. */
  to(kind: RefKind, payload: number): Ref {
    if (kind === 'i31') return this.toSmall(payload);
    if (kind === 'func') return this.toFunc(payload);
    const known = this.recent.get(payload) ?? this.settled.get(payload)?.deref();
    return known ?? this.toObject(kind, payload);
  }

  private toFunc(addr: number): Ref {
    const ref = this.funcs[addr] ?? new Ref(this.store, 'func', addr);
    this.funcs[addr] = ref;
    return ref;
  }

  private toSmall(value: number): Ref {
    const { smalls } = this;
    const ref = smalls.get(value) ?? new Ref(this.store, 'i31', value);
    smalls.set(value, ref);
    if (smalls.size > bounds.smallReferences) smalls.delete(smalls.keys().next().value as number);
    return ref;
  }

  private toObject(kind: RefKind, address: number): Ref {
    const ref = new Ref(this.store, kind, address);
    this.recent.add(address, ref);
    if (this.recent.size > bounds.references) this.letGo(Math.floor(bounds.references / 2));
    if (!this.settles) {
      this.settles = true;
      queueMicrotask(() => this.settle());
    }
    return ref;
  }

  /** The job in which these were handed out is over. */
  private settle(): void {
    this.settles = false;
    for (const [address, ref] of this.recent) this.settled.set(address, new WeakRef(ref));
    this.recent.clear();
    if (this.settled.size > this.mostSettled) this.mostSettled = 2 * this.liveSettled().length + fewSettled;
  }

  private liveSettled(): Ref[] {
    const live: Ref[] = [];
    for (const [address, weak] of this.settled) {
      const ref = weak.deref();
      if (ref === undefined) this.settled.delete(address);
      else live.push(ref);
    }
    return live;
  }

  /** Those to objects that the host may still hold. */
  held(): Ref[] {
    return [...[...this.recent].map(([, ref]) => ref), ...this.liveSettled()];
  }

  /** Lets go of those handed out in this job, but for so many, the newest, and for what a host function has now. */
  letGo(kept: number = bounds.surestReferences): void {
    const inHands = new Set<Value>(this.inHands.flat());
    let surplus = this.recent.size - kept;
    this.recent.keep((ref) => {
      if (surplus-- <= 0 || inHands.has(ref)) return true;
      ref.letGo();
      return false;
    });
  }
}
