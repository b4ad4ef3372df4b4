// References in the order in which they were made, found by the address that they refer to. A table of our own, for there may
// be millions of them in one job of JavaScript: a Map would be copied again and again as its oldest go, each time to the old
// part of V8's heap, which is looked at last.

import type { Ref } from './ref.ts';

/** Places of the smallest table: as many are kept when all references go. */
const leastPlaces = 64;
/** So that addresses, which are multiples of some number, are spread. */
const spread = 0x9e3779b1;

/** Where there are no references yet. */
const none = new Int32Array(0);

export class Recent {
  /** In order; those from `size` on are left over. */
  private refs: (Ref | undefined)[] = [];
  private addresses = none;
  /** One more than an index in `refs`, at the first free place from where the address belongs; 0 is free. At most half are used. */
  private places = none;
  size = 0;

  get(address: number): Ref | undefined {
    if (this.size === 0) return undefined;
    return this.refs[(this.places[this.placeOf(address)] as number) - 1];
  }

  /** Where the address is, or would be. */
  private placeOf(address: number): number {
    const { places, addresses } = this;
    const last = places.length - 1;
    let place = Math.imul(address, spread) >>> Math.clz32(last);
    for (;;) {
      const at = (places[place] as number) - 1;
      if (at < 0 || addresses[at] === address) return place;
      place = (place + 1) & last;
    }
  }

  /** One that is not there yet. */
  add(address: number, ref: Ref): void {
    if (this.size === this.addresses.length) this.resize(Math.max(leastPlaces, 2 * this.size));
    this.refs[this.size] = ref;
    this.addresses[this.size++] = address;
    this.places[this.placeOf(address)] = this.size;
  }

  /** With room for so many. */
  private resize(room: number): void {
    const { addresses, size } = this;
    this.addresses = new Int32Array(room);
    this.addresses.set(addresses.subarray(0, size));
    this.places = new Int32Array(2 * room);
    this.placeAll();
  }

  private placeAll(): void {
    for (let i = 0; i < this.size; i++) this.places[this.placeOf(this.addresses[i] as number)] = i + 1;
  }

  /** With their addresses, from the oldest on. */
  *[Symbol.iterator](): Generator<readonly [number, Ref]> {
    for (let i = 0; i < this.size; i++) yield [this.addresses[i] as number, this.refs[i] as Ref];
  }

  /** Only these stay, in their order: it is asked about each, from the oldest on. */
  keep(stays: (ref: Ref) => boolean): void {
    const { refs, addresses, size } = this;
    let kept = 0;
    for (let i = 0; i < size; i++) {
      const ref = refs[i] as Ref;
      if (!stays(ref)) continue;
      refs[kept] = ref;
      addresses[kept++] = addresses[i] as number;
    }
    refs.fill(undefined, kept, size);
    this.size = kept;
    this.places.fill(0);
    this.placeAll();
  }

  clear(): void {
    this.refs = [];
    this.size = 0;
    if (this.addresses.length === leastPlaces) this.places.fill(0);
    else [this.addresses, this.places] = [new Int32Array(leastPlaces), new Int32Array(2 * leastPlaces)];
  }
}
