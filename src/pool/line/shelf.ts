// What is kept by its use: keys with what they cost, least recently used first.

export class Shelf<K> {
  private readonly costs = new Map<K, number>();
  private sum = 0;
  private newest: K | undefined;

  get size(): number {
    return this.costs.size;
  }

  get cost(): number {
    return this.sum;
  }

  has(key: K): boolean {
    return this.costs.has(key);
  }

  /** It is used now, and costs so much. */
  put(key: K, cost: number): void {
    if (this.newest === key && this.costs.get(key) === cost) return;
    this.delete(key);
    this.costs.set(key, cost);
    this.sum += cost;
    this.newest = key;
  }

  delete(key: K): boolean {
    this.sum -= this.costs.get(key) ?? 0;
    return this.costs.delete(key);
  }

  /** Removes what is too much, but not the last `spared`; says what that was. */
  shed(mostCost: number, { mostCount = Infinity, spared = 0 } = {}): K[] {
    const gone: K[] = [];
    for (const key of this.costs.keys()) {
      const enough = this.sum <= mostCost && this.size <= mostCount;
      if (enough || this.size <= spared) break;
      this.delete(key);
      gone.push(key);
    }
    return gone;
  }
}
