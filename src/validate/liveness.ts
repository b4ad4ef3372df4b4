// Which locals are live at the safe points of a body: a backward data-flow over the events of flow.ts. Structured code
// needs no graph: the stack of open blocks says what is live at each label. Only a loop's label is not known yet when
// its end is met; so passes repeat until what is live at the loops' begins no longer grows, at most once more than loops
// nest. Where that would cost more than the flow's length allows, every local counts as live: right, the same everywhere,
// and merely larger.

import { checkDeadline } from '../spec/patience.ts';
import { eventBits, events, type Flow } from './flow.ts';

const { read: readCode, write: writeCode } = events;

/** A set of locals: bit `i & 31` of word `i >>> 5`. */
export type LocalSet = Uint32Array;

/** Words touched before giving up: for each event of the flow, and in any case. Programs touch up to 14 for each. */
const workPerEvent = 64;
const leastWork = 1 << 16;
/**
 * Words kept at once, likewise: for labels and loops, and for the results. A set costs some beyond its own. Programs keep
 * up to 3 for each event.
 */
const wordsPerEvent = 32;
const leastWords = 1 << 16;
const setWords = 16;

export interface Liveness {
  readonly entry: LocalSet;
  /** For each point of the flow. */
  readonly points: readonly LocalSet[];
}

export function livenessOf(flow: Flow): Liveness {
  const words = (flow.locals + 31) >>> 5;
  const sets = 3 * (flow.depth + 2) + flow.loops.length;
  if (words === 0 || sets * (words + setWords) > wordsFor(flow)) return allLive(flow, words);
  const solver = new Solver(flow, words);
  return solver.solve() ? solver : allLive(flow, words);
}

const wordsFor = ({ events }: Flow): number => leastWords + wordsPerEvent * events.length;

function allLive(flow: Flow, words: number): Liveness {
  const all = new Uint32Array(words).fill(0xffffffff);
  if ((flow.locals & 31) !== 0) all[words - 1] = 2 ** (flow.locals & 31) - 1;
  return { entry: all, points: flow.points.map(() => all) };
}

/** `into` takes in `from`. */
function add(into: LocalSet, from: LocalSet): void {
  for (let i = 0; i < into.length; i++) into[i] = (into[i] as number) | (from[i] as number);
}

/** Sets are small, mostly: a loop is quicker than the built-in methods. */
function assign(into: LocalSet, from: LocalSet): void {
  for (let i = 0; i < into.length; i++) into[i] = from[i] as number;
}

function empty(set: LocalSet): void {
  for (let i = 0; i < set.length; i++) set[i] = 0;
}

function equal(a: LocalSet, b: LocalSet): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Room for the sets of a solver, which are done with when it is: fresh ones would keep the collector busy. */
let room = new Uint32Array(0);
/** Words of it that stay; smaller sets are made quickly, as the host has them on its heap. */
const mostRoom = 1 << 20;
const smallWords = 16;

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
  /** Words of the room that are in use. */
  private used = 0;

  constructor(
    private readonly flow: Flow,
    private readonly words: number,
  ) {
    this.current = this.make();
    this.entry = this.current;
    this.atLoop = flow.loops.map(() => this.make());
    this.labels[0] = this.make();
    this.reached[0] = this.make();
  }

  /** False if it would cost too much. */
  solve(): boolean {
    do {
      this.changed = false;
      this.kept = 0;
      this.points = new Array(this.flow.points.length);
      empty(this.current);
      this.depth = 0;
      if (!this.pass()) return false;
    } while (this.changed);
    this.entry = this.current.slice();
    return true;
  }

  private pass(): boolean {
    const list = this.flow.events;
    const bits = eventBits;
    const mask = (1 << bits) - 1;
    const maxWork = leastWork + workPerEvent * list.length;
    const maxWords = wordsFor(this.flow);
    this.work += list.length;
    for (let i = list.length - 1; i >= 0; i--) {
      const event = list[i] as number;
      const argument = event >>> bits;
      const code = event & mask;
      if (code === readCode) this.read(argument);
      else if (code === writeCode) this.write(argument);
      else {
        (steps[code] as Step)(this, argument);
        this.work += this.words;
        checkDeadline('finding live locals');
        if (this.work > maxWork || this.kept > maxWords) return false;
      }
    }
    return true;
  }

  private make(): LocalSet {
    const { words, used } = this;
    if (words <= smallWords || used + words > mostRoom) return new Uint32Array(words);
    // What has been made stays in the room that was.
    if (used + words > room.length) room = new Uint32Array(Math.min(mostRoom, 2 * (used + words)));
    this.used += words;
    return room.subarray(used, used + words).fill(0);
  }

  read(local: number): void {
    const i = local >>> 5;
    this.current[i] = (this.current[i] as number) | (1 << (local & 31));
  }

  /** A local that is only written may be beyond the sets. */
  write(local: number): void {
    const i = local >>> 5;
    if (i < this.words) this.current[i] = (this.current[i] as number) & ~(1 << (local & 31));
  }

  private label(depth: number): LocalSet {
    return this.labels[this.depth - depth] as LocalSet;
  }

  /** What follows may be what is at the label, too. */
  branch(depth: number): void {
    add(this.current, this.label(depth));
  }

  stop(): void {
    empty(this.current);
  }

  throw(): void {
    add(this.current, this.reached[this.depth] as LocalSet);
  }

  private copy(store: LocalSet[], depth: number, from: LocalSet): LocalSet {
    const set = store[depth] ?? this.make();
    store[depth] = set;
    assign(set, from);
    return set;
  }

  /** Meets the end of a block: a branch to it goes to where we are. */
  end(): void {
    const depth = ++this.depth;
    this.labels[depth] = this.copy(this.labelStore, depth, this.current);
    this.reached[depth] = this.reached[depth - 1] as LocalSet;
  }

  endLoop(loop: number): void {
    this.end();
    this.labels[this.depth] = this.atLoop[loop] as LocalSet;
  }

  begin(): void {
    this.depth--;
  }

  beginIf(hasElse: number): void {
    add(this.current, hasElse === 1 ? (this.elseStore[this.depth] as LocalSet) : this.label(0));
    this.depth--;
  }

  else(): void {
    this.copy(this.elseStore, this.depth, this.current);
    assign(this.current, this.label(0));
  }

  beginLoop(loop: number): void {
    const known = this.atLoop[loop] as LocalSet;
    if (!equal(known, this.current)) {
      assign(known, this.current);
      this.changed = true;
    }
    this.depth--;
  }

  /** The handlers of the block whose end comes next; an exception that they do not catch goes on to those around. */
  handlers(): void {
    this.copy(this.handlerStore, this.depth + 1, this.reached[this.depth] as LocalSet);
  }

  handler(depth: number): void {
    add(this.handlerStore[this.depth + 1] as LocalSet, this.label(depth));
  }

  endTryTable(): void {
    this.end();
    this.reached[this.depth] = this.handlerStore[this.depth] as LocalSet;
  }

  /** Meets a legacy catch clause; before the first one lies what it protects. */
  catch(first: number): void {
    const handlers = this.handlerStore[this.depth] as LocalSet;
    add(handlers, this.current);
    assign(this.current, this.label(0));
    if (first === 1) this.reached[this.depth] = handlers;
  }

  /** Neighbours are often equal: they share a set. */
  keep(point: number): void {
    const next = this.points[point + 1];
    if (next !== undefined && equal(next, this.current)) this.points[point] = next;
    else {
      this.points[point] = this.current.slice();
      this.kept += this.words + setWords;
    }
  }
}

type Step = (s: Solver, argument: number) => void;
const steps: Step[] = [];
const stepsByEvent = {
  read: (s, local) => s.read(local),
  write: (s, local) => s.write(local),
  branch: (s, depth) => s.branch(depth),
  stop: (s) => s.stop(),
  throw: (s) => s.throw(),
  // While it waits for its callee a frame may be left by an exception, too.
  call: (s, point) => {
    s.throw();
    s.keep(point);
  },
  beginLoop: (s, loop) => s.beginLoop(loop),
  point: (s, point) => s.keep(point),
  begin: (s) => s.begin(),
  beginIf: (s, hasElse) => s.beginIf(hasElse),
  else: (s) => s.else(),
  catch: (s, first) => s.catch(first),
  end: (s) => s.end(),
  endLoop: (s, loop) => s.endLoop(loop),
  endTry: (s) => {
    s.handlers();
    s.end();
  },
  endTryTable: (s) => s.endTryTable(),
  handler: (s, depth) => s.handler(depth),
  handlers: (s) => s.handlers(),
} satisfies Partial<Record<keyof typeof events, Step>>;
for (const name of Object.keys(stepsByEvent) as (keyof typeof stepsByEvent)[]) steps[events[name]] = stepsByEvent[name];
