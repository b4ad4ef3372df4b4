// Which locals are live at the safe points of a body: a backward data-flow over the events of flow.ts. Structured code
// needs no graph: the stack of open blocks says what is live at each label. Only a loop's label is not known yet when
// its end is met; so passes repeat until what is live at the loops' begins no longer grows, at most once more than loops
// nest. Where that would cost too much, every local counts as live: right, the same everywhere, and merely larger.

import { eventBits, events, type Flow } from './flow.ts';

/** A set of locals: bit `i & 31` of word `i >>> 5`. */
export type LocalSet = Uint32Array;

/** Words touched before giving up. */
const maxWork = 1 << 27;
/** Words kept at once: for labels and loops, and for the results. A set costs some beyond its own. */
const maxWords = 1 << 22;
const setWords = 16;

export interface Liveness {
  readonly entry: LocalSet;
  /** For each point of the flow. */
  readonly points: readonly LocalSet[];
}

export function livenessOf(flow: Flow): Liveness {
  const words = (flow.locals + 31) >>> 5;
  const sets = 3 * (flow.depth + 2) + flow.loops.length;
  if (words === 0 || sets * (words + setWords) > maxWords) return allLive(flow, words);
  const solver = new Solver(flow, words);
  return solver.solve() ? solver : allLive(flow, words);
}

function allLive(flow: Flow, words: number): Liveness {
  const all = new Uint32Array(words).fill(0xffffffff);
  if ((flow.locals & 31) !== 0) all[words - 1] = 2 ** (flow.locals & 31) - 1;
  return { entry: all, points: flow.points.map(() => all) };
}

/** `into` takes in `from`. */
function add(into: LocalSet, from: LocalSet): void {
  for (let i = 0; i < into.length; i++) into[i] = (into[i] as number) | (from[i] as number);
}

function equal(a: LocalSet, b: LocalSet): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

class Solver implements Liveness {
  entry: LocalSet;
  points: LocalSet[] = [];

  /** Live at the begin of each loop, as far as known. */
  private readonly atLoop: LocalSet[];
  /** By depth of open blocks, the function at 0: what is live at the label; */
  private readonly labels: LocalSet[] = [];
  /** what is live at the handlers that an exception may reach from the current place; */
  private readonly reached: LocalSet[] = [];
  /** and storage of each depth for the first, for handlers, and for the `else` clause. */
  private readonly labelStore: LocalSet[] = [];
  private readonly handlerStore: LocalSet[] = [];
  private readonly elseStore: LocalSet[] = [];
  private current: LocalSet;
  private depth = 0;
  private changed = false;
  private work = 0;
  private kept = 0;

  constructor(
    private readonly flow: Flow,
    private readonly words: number,
  ) {
    this.current = this.empty();
    this.entry = this.current;
    this.atLoop = flow.loops.map(() => this.empty());
    this.labels[0] = this.empty();
    this.reached[0] = this.empty();
  }

  /** False if it would cost too much. */
  solve(): boolean {
    do {
      this.changed = false;
      this.kept = 0;
      this.points = new Array(this.flow.points.length);
      this.current.fill(0);
      this.depth = 0;
      if (!this.pass()) return false;
    } while (this.changed);
    this.entry = this.current;
    return true;
  }

  private pass(): boolean {
    const list = this.flow.events;
    this.work += list.length;
    for (let i = list.length - 1; i >= 0; i--) {
      const event = list[i] as number;
      const argument = event >>> eventBits;
      const code = event & (2 ** eventBits - 1);
      if (code === events.read) this.set(argument);
      else if (code === events.write) this.clear(argument);
      else {
        this.control(code, argument);
        this.work += this.words;
        if (this.work > maxWork || this.kept > maxWords) return false;
      }
    }
    return true;
  }

  private empty(): LocalSet {
    return new Uint32Array(this.words);
  }

  private set(local: number): void {
    const i = local >>> 5;
    this.current[i] = (this.current[i] as number) | (1 << (local & 31));
  }

  /** A local that is only written may be beyond the sets. */
  private clear(local: number): void {
    const i = local >>> 5;
    if (i < this.words) this.current[i] = (this.current[i] as number) & ~(1 << (local & 31));
  }

  private control(code: number, argument: number): void {
    const { current, depth } = this;
    switch (code) {
      case events.branch:
        add(current, this.labels[depth - argument] as LocalSet);
        return;
      case events.stop:
        current.fill(0);
        return;
      case events.throw:
        add(current, this.reached[depth] as LocalSet);
        return;
      case events.call:
        // While it waits for its callee a frame may be left by an exception, too.
        add(current, this.reached[depth] as LocalSet);
        this.keep(argument);
        return;
      case events.loopPoint:
        this.keep(argument);
        return;
      case events.beginLoop:
        this.beginLoop(argument);
        return;
      case events.begin:
        this.depth--;
        return;
      case events.beginIf:
        add(current, (argument === 1 ? this.elseStore[depth] : this.labels[depth]) as LocalSet);
        this.depth--;
        return;
      case events.else:
        this.copy(this.elseStore, depth, current);
        current.set(this.labels[depth] as LocalSet);
        return;
      case events.catch:
        this.catch(argument === 1);
        return;
      case events.end:
        this.enter();
        return;
      case events.endLoop:
        this.enter();
        this.labels[this.depth] = this.atLoop[argument] as LocalSet;
        return;
      case events.endTry:
        this.copy(this.handlerStore, depth + 1, this.reached[depth] as LocalSet);
        this.enter();
        return;
      case events.handlers:
        this.copy(this.handlerStore, depth + 1, this.reached[depth] as LocalSet);
        return;
      case events.handler:
        add(this.handlerStore[depth + 1] as LocalSet, this.labels[depth - argument] as LocalSet);
        return;
      case events.endTryTable:
        this.enter();
        this.reached[this.depth] = this.handlerStore[this.depth] as LocalSet;
        return;
      default:
    }
  }

  private copy(store: LocalSet[], depth: number, from: LocalSet): LocalSet {
    let set = store[depth];
    if (set === undefined) {
      set = this.empty();
      store[depth] = set;
    }
    set.set(from);
    return set;
  }

  /** Meets the end of a block: a branch to it goes to where we are. */
  private enter(): void {
    const depth = ++this.depth;
    this.labels[depth] = this.copy(this.labelStore, depth, this.current);
    this.reached[depth] = this.reached[depth - 1] as LocalSet;
  }

  /** Meets a legacy catch clause; before the first one lies what it protects. */
  private catch(first: boolean): void {
    const handlers = this.handlerStore[this.depth] as LocalSet;
    add(handlers, this.current);
    this.current.set(this.labels[this.depth] as LocalSet);
    if (first) this.reached[this.depth] = handlers;
  }

  private beginLoop(loop: number): void {
    const known = this.atLoop[loop] as LocalSet;
    if (!equal(known, this.current)) {
      known.set(this.current);
      this.changed = true;
    }
    this.depth--;
  }

  /** Neighbours are often equal: they share a set. */
  private keep(point: number): void {
    const next = this.points[point + 1];
    if (next !== undefined && equal(next, this.current)) this.points[point] = next;
    else {
      this.points[point] = this.current.slice();
      this.kept += this.words + setWords;
    }
  }
}
