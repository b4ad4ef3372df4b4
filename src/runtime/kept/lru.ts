// A map that holds what costs bytes, up to a bound: what was not used for long goes first. To use something costs next to
// nothing: it is only marked, and whoever makes room passes it by once.

interface Entry<V> {
  readonly value: V;
  readonly bytes: number;
  used: boolean;
}

export class Lru<K, V> {
  private readonly entries = new Map<K, Entry<V>>();
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
    if (entry !== undefined) entry.used = true;
    return entry?.value;
  }

  /** Keeps a value, however large it is, until another one comes. */
  set(key: K, value: V, bytes: number): V {
    this.delete(key);
    this.entries.set(key, { value, bytes, used: false });
    this.sum += bytes;
    this.makeRoom(key);
    return value;
  }

  /** Those that were used since it was last looked for room stay once more. */
  private makeRoom(fresh: K): void {
    for (const [key, entry] of this.entries) {
      if (this.sum <= this.bound() || this.entries.size === 1) return;
      if (key !== fresh && !entry.used) this.delete(key);
      else {
        entry.used = false;
        this.entries.delete(key);
        this.entries.set(key, entry);
      }
    }
  }

  delete(key: K): void {
    this.sum -= this.entries.get(key)?.bytes ?? 0;
    this.entries.delete(key);
  }

  keys(): Iterable<K> {
    return this.entries.keys();
  }
}
