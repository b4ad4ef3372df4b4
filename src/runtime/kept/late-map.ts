// A map that takes room only once something is put into it: of most VMs most stay empty, and there are thousands of VMs.

export class LateMap<K, V> {
  private entries: Map<K, V> | undefined;

  get size(): number {
    return this.entries?.size ?? 0;
  }
  get(key: K): V | undefined {
    return this.entries?.get(key);
  }
  set(key: K, value: V): void {
    this.entries ??= new Map();
    this.entries.set(key, value);
  }
  delete(key: K): void {
    this.entries?.delete(key);
  }
  keys(): Iterator<K> {
    return this.all.keys();
  }
  [Symbol.iterator](): Iterator<[K, V]> {
    return this.all[Symbol.iterator]();
  }

  private get all(): Map<K, V> {
    return this.entries ?? new Map();
  }
}
