// A seeded source of random choices: the same seed, the same program.

export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (seed ^ 0x9e3779b9) | 0;
  }

  /** 32 random bits, as int32. */
  bits(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return t ^ (t >>> 14);
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return (this.bits() >>> 0) % count;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** An int32, more often an odd one: zero, a bound, a small number. */
  int(): number {
    switch (this.below(4)) {
      case 0:
        return this.pick([0, 1, -1, 2, 31, 32, 63, 64, 255, -128, 32767, 65536, 0x7fffffff, -0x80000000]);
      case 1:
        return this.below(100) - 50;
      default:
        return this.bits();
    }
  }

  /** The bits of an f64, as halves (low, high): odd ones more often. */
  double(): readonly [number, number] {
    const value = this.pick([0, -0, 1, -1, 0.5, 1e10, -1e19, 2 ** 31, 2 ** 63, Infinity, -Infinity, 5e-324, NaN]);
    if (this.chance(3)) return [this.bits(), this.bits()];
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, this.chance(2) ? value : this.int() / 3, true);
    return [view.getInt32(0, true), view.getInt32(4, true)];
  }

  /** The bits of an f32. */
  single(): number {
    if (this.chance(3)) return this.bits();
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, this.pick([0, -0, 1, -1.5, 3e9, -3e9, 1e20, Infinity, NaN, 1e-45, this.int() / 7]), true);
    return view.getInt32(0, true);
  }
}
