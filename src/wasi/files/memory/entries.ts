// The entries of one directory, by name, and in the order in which they were made: each has a cookie that no other entry of
// the directory ever has, so a listing goes on behind it whatever was made and removed meanwhile.

import { firstCookie } from '../listing.ts';

export interface Entry<N> {
  readonly name: string;
  readonly cookie: number;
  /** Undefined when the entry was removed. */
  node: N | undefined;
}

export class Entries<N> {
  private readonly byName = new Map<string, Entry<N>>();
  /** Cookies ascend. Removed entries stay until they are as many as the others. */
  private order: Entry<N>[] = [];

  constructor(
    /** The cookie of the next entry. */
    public nextCookie = firstCookie,
  ) {}

  get size(): number {
    return this.byName.size;
  }

  get(name: string): N | undefined {
    return this.byName.get(name)?.node;
  }

  add(name: string, node: N, cookie = this.nextCookie++): void {
    const entry = { name, cookie, node };
    this.byName.set(name, entry);
    this.order.push(entry);
  }

  /** The same name for another node: it stays where it was in a listing. */
  replace(name: string, node: N): void {
    const entry = this.byName.get(name);
    if (entry !== undefined) entry.node = node;
  }

  remove(name: string): void {
    const entry = this.byName.get(name);
    if (entry === undefined) return;
    entry.node = undefined;
    this.byName.delete(name);
    if (this.order.length > 16 && this.order.length > 2 * this.byName.size)
      this.order = this.order.filter((each) => each.node !== undefined);
  }

  all(): Iterable<Entry<N>> {
    return this.byName.values();
  }

  /** The first entry of this cookie or a later one. */
  from(cookie: number): { readonly name: string; readonly cookie: number; readonly node: N } | undefined {
    for (let i = this.indexOf(cookie); i < this.order.length; i++) {
      const { name, cookie, node } = this.order[i] as Entry<N>;
      if (node !== undefined) return { name, cookie, node };
    }
    return undefined;
  }

  private indexOf(cookie: number): number {
    let [low, high] = [0, this.order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.order[middle] as Entry<N>).cookie < cookie) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
