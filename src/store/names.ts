// A set of blobs' names in 16 bytes each: by their first 8 bytes, which are as good as random. Two names that begin alike count
// as one, so that a collection may keep a blob too many, once in an age, and never removes one too many.

export class NameSet {
  private words = new Uint32Array(2048);
  private count = 0;

  get size(): number {
    return this.count;
  }

  has(name: Uint8Array): boolean {
    const at = this.place(...wordsOf(name));
    return this.words[at] !== 0 || this.words[at + 1] !== 0;
  }

  /** Whether it is new. */
  add(name: Uint8Array): boolean {
    if (this.has(name)) return false;
    if (this.count * 4 >= this.words.length) this.grow();
    this.put(...wordsOf(name));
    this.count++;
    return true;
  }

  private put(low: number, high: number): void {
    const at = this.place(low, high);
    this.words[at] = low;
    this.words[at + 1] = high;
  }

  /** Where it is, or would be. */
  private place(low: number, high: number): number {
    const { words } = this;
    const mask = words.length - 1;
    let at = (low << 1) & mask;
    while ((words[at] !== 0 || words[at + 1] !== 0) && (words[at] !== low || words[at + 1] !== high))
      at = (at + 2) & mask;
    return at;
  }

  private grow(): void {
    const before = this.words;
    this.words = new Uint32Array(before.length * 2);
    for (let i = 0; i < before.length; i += 2) {
      const [low, high] = [before[i] as number, before[i + 1] as number];
      if (low !== 0 || high !== 0) this.put(low, high);
    }
  }
}

/** Never both zero, which stands for an empty place. */
function wordsOf(name: Uint8Array): [number, number] {
  const word = (at: number) =>
    ((name[at] as number) |
      ((name[at + 1] as number) << 8) |
      ((name[at + 2] as number) << 16) |
      ((name[at + 3] as number) << 24)) >>>
    0;
  return [word(0), word(4) || 1];
}
