// A map that holds what costs bytes, up to a bound: what was not used for the longest time goes first.

export class Lru<K, V> {
  private readonly entries = new Map<K, { readonly value: V; readonly bytes: number }>();
  private sum = 0;

  constructor(private readonly bound: () => number) {}

  get size(): number {
    return this.entries.size;
  }
  /** What all values cost. */
  get bytes(): number {
    return this.sum;
  }

  get(key: K): V | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  /** Keeps a value, however large it is, until another one comes. */
  set(key: K, value: V, bytes: number): V {
    this.delete(key);
    this.entries.set(key, { value, bytes });
    this.sum += bytes;
    for (const oldest of this.entries.keys()) {
      if (this.sum <= this.bound() || oldest === key) break;
      this.delete(oldest);
    }
    return value;
  }

  delete(key: K): void {
    this.sum -= this.entries.get(key)?.bytes ?? 0;
    this.entries.delete(key);
  }

  keys(): Iterable<K> {
    return this.entries.keys();
  }
}
