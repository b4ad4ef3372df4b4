// The operand stack as lowering sees it: where each operand is. An operand stands in its own slot, or is only noted down
// (a local, a constant) until something needs it there: that is how reads of locals and constants cost no op.

/** In its slot; the value of a local; a constant of one word; a constant of two. */
export type Where = 'slot' | 'local' | 'word' | 'words';

export interface Operand {
  readonly where: Where;
  /** Word offset of its own slot from the frame's base. */
  readonly at: number;
  /** Words it takes: 2, or 4 for a v128. */
  readonly width: number;
  /** `local`: word offset of the local; constants: the low word. */
  readonly lo: number;
  readonly hi: number;
}

/** More noted operands than this are put into their slots, so that looking through them stays cheap. */
const mostNoted = 64;

export class Operands {
  readonly list: Operand[] = [];
  /** Word offset past the topmost operand's slot. */
  top: number;
  /** The most that `top` has been. */
  highest: number;
  /** Indices of operands that are not in their slots, ascending. */
  private noted: number[] = [];

  constructor(
    start: number,
    /** Emits what brings an operand into its slot. */
    private readonly settle: (operand: Operand) => void,
  ) {
    this.top = start;
    this.highest = start;
  }

  push(where: Where, width: number, lo = 0, hi = 0): void {
    this.list.push({ where, at: this.top, width, lo, hi });
    this.top += width;
    if (this.top > this.highest) this.highest = this.top;
    if (where === 'slot') return;
    this.noted.push(this.list.length - 1);
    if (this.noted.length > mostNoted) this.place(this.noted.shift() as number);
  }

  pop(): Operand {
    const operand = this.list.pop() as Operand;
    this.top = operand.at;
    if (operand.where !== 'slot') this.noted.pop();
    return operand;
  }

  truncate(count: number): void {
    while (this.list.length > count) this.pop();
  }

  private place(index: number): void {
    const operand = this.list[index] as Operand;
    this.settle(operand);
    this.list[index] = { ...operand, where: 'slot' };
  }

  /** Brings all operands into their slots. */
  flush(): void {
    for (const index of this.noted) this.place(index);
    this.noted = [];
  }

  /** Before a local changes: brings operands that stand for it into their slots. */
  flushLocal(local: number): void {
    const stale = (index: number) => {
      const operand = this.list[index] as Operand;
      return operand.where === 'local' && operand.lo === local;
    };
    if (!this.noted.some(stale)) return;
    for (const index of this.noted.filter(stale)) this.place(index);
    this.noted = this.noted.filter((index) => (this.list[index] as Operand).where !== 'slot');
  }
}
