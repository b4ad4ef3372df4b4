// What a body charges and where, found in one pass backwards over the costs of flow.ts. A frame and a loop charge the longest
// way through them beforehand. But where ways part, what one is longer than the other by is charged when code comes there, if
// it is worth it; and where ways meet, all that follows is. So of an interpreter's many cases, the one is paid for that runs.
// What a handler does is charged when code comes to it, for whatever was thrown.

import { clausesCost } from '../spec/fuel.ts';
import { checkDeadline } from '../spec/patience.ts';
import { eventBits, events, type Flow } from './flow.ts';

/** Units that are worth a charge of their own: as a share of them it takes next to no time. */
const least = 64;

export interface Charges {
  readonly entryCost: number;
  /** For each loop of the flow. */
  readonly loops: readonly number[];
  /** By the pc that code comes to. */
  readonly charges: ReadonlyMap<number, number>;
}

/** A block that is open, met from its end. */
interface Open {
  /** The longest way from its label on; a loop's label charges for itself. */
  readonly label: number;
  /** How many loops are around it, the block itself not counted. */
  readonly level: number;
  /** Of an `if` that has one: the longest way from its `else` on, and where that begins. */
  other: number | undefined;
  otherPc: number;
  /** Of a loop: the longest way from its end, or from labels around it that it branches to. */
  around: number;
  /** What the clauses of a `try` cost when it is entered. */
  clauses: number;
}

class Charger {
  readonly charges = new Map<number, number>();
  readonly loops: number[];
  /** The longest way from here to where is charged again. */
  longest = 0;
  private readonly open: Open[] = [];
  private readonly openLoops: Open[] = [];
  /** The pc behind the conditional branch that is met next. */
  private after = 0;

  constructor(loops: number) {
    this.loops = new Array(loops).fill(1);
    this.push(0);
  }

  private push(label: number): Open {
    const level = this.openLoops.length;
    const block = { label, level, other: undefined, otherPc: 0, around: this.longest, clauses: 0 };
    this.open.push(block);
    return block;
  }

  /** Charges what is longer than `way`, which is paid for before. */
  private charge(pc: number, way = 0): void {
    this.charges.set(pc, this.longest - way);
    this.longest = way;
  }

  spend(units: number): void {
    this.longest += units;
  }

  stop(): void {
    this.longest = 0;
  }

  setAfter(pc: number): void {
    this.after = pc;
  }

  join(pc: number): void {
    if (this.longest >= least) this.charge(pc);
  }

  land(pc: number): void {
    if (this.longest > 0) this.charge(pc);
  }

  branch(depth: number): void {
    const way = this.wayTo(this.open[this.open.length - 1 - depth] as Open);
    if (this.after > 0 && this.longest - way >= least) this.charge(this.after, way);
    this.after = 0;
    this.longest = Math.max(this.longest, way);
  }

  /** A way out of a loop is one of what is around it, from where the loop begins. */
  private wayTo({ label, level }: Open): number {
    const loop = this.openLoops[level];
    if (loop === undefined) return label;
    loop.around = Math.max(loop.around, label);
    return 0;
  }

  end(): void {
    this.push(this.longest);
  }

  begin(): void {
    this.longest += (this.open.pop() as Open).clauses;
  }

  catch(): void {
    const block = this.open[this.open.length - 1] as Open;
    block.clauses += clausesCost(1);
    this.longest = block.label;
  }

  else(): void {
    const block = this.open[this.open.length - 1] as Open;
    block.other = this.longest;
    block.otherPc = this.after;
    this.after = 0;
    this.longest = block.label;
  }

  beginIf(): void {
    const { other, otherPc, label } = this.open.pop() as Open;
    const way = other ?? label;
    if (this.longest - way >= least) this.charge(this.after, way);
    else if (way - this.longest >= least && other !== undefined) this.charges.set(otherPc, way - this.longest);
    else this.longest = Math.max(this.longest, way);
    this.after = 0;
  }

  endLoop(): void {
    this.openLoops.push(this.push(0));
    this.longest = 0;
  }

  beginLoop(loop: number): void {
    this.loops[loop] = Math.max(1, this.longest);
    this.longest = (this.open.pop() as Open).around;
    this.openLoops.pop();
  }
}

type Step = (c: Charger, argument: number) => void;
const steps: Step[] = [];
const stepsByEvent = {
  cost: (c, units) => c.spend(units),
  after: (c, pc) => c.setAfter(pc),
  join: (c, pc) => c.join(pc),
  landing: (c, pc) => c.land(pc),
  branch: (c, depth) => c.branch(depth),
  stop: (c) => c.stop(),
  beginLoop: (c, loop) => c.beginLoop(loop),
  begin: (c) => c.begin(),
  beginIf: (c) => c.beginIf(),
  else: (c) => c.else(),
  catch: (c) => c.catch(),
  end: (c) => c.end(),
  endLoop: (c) => c.endLoop(),
  endTry: (c) => c.end(),
  endTryTable: (c) => c.end(),
} satisfies Partial<Record<keyof typeof events, Step>>;
for (const name of Object.keys(stepsByEvent) as (keyof typeof stepsByEvent)[]) steps[events[name]] = stepsByEvent[name];

export function chargesOf({ costs, loops, localsCost }: Flow): Charges {
  const charger = new Charger(loops.length);
  const mask = (1 << eventBits) - 1;
  for (let i = costs.length - 1; i >= 0; i--) {
    const event = costs[i] as number;
    checkDeadline('finding what code charges');
    (steps[event & mask] as Step)(charger, event >>> eventBits);
  }
  return {
    entryCost: Math.max(1, charger.longest) + localsCost,
    loops: charger.loops,
    charges: charger.charges,
  };
}
