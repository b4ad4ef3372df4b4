// What the parts of a group have in common whose members are on several threads at the same time: a ring from each to each, and
// words of shared memory.
//
// A group is split by its members; each part is a group of its own on a thread, with all that its members have hold of. A port is
// where it is received from, with its queue; a part that only sends to it has an outlet in its place, and what is sent there
// goes through the ring between the two. How much of a port's room is taken, whether it was shut, and whether anybody receives
// are words that all see (crossing.ts). Ends of ports do not go through rings, calls and topics neither: who is linked by such is in one
// part, and where that was not known, and somebody has to wait for it, the group is joined first (`joins`, `topics`).
//
// A cut needs no protocol: once all parts have come to rest, each takes what is left in the rings to it into its queues, and what
// they are then saved as is together what the group is (pieces.ts).

import { Inlet, Outlet, Slot, slotWords } from './crossing.ts';
import type { Port } from './port.ts';
import type { GroupLimits, Tally } from './ports.ts';
import { isEmptyRing, Ring } from './ring.ts';

/** A port that members of several parts have hold of. */
export interface Crossing {
  readonly name: string;
  /** The part in which it is received from. */
  readonly inlet: number;
  /** Other parts in which somebody sends to it. */
  readonly outlets: readonly number[];
}

/** What one part is told of its place among the others. */
export interface BridgeData {
  readonly part: number;
  readonly parts: number;
  readonly words: SharedArrayBuffer;
  /** From part a to part b: at a * parts + b. */
  readonly rings: readonly (SharedArrayBuffer | undefined)[];
  /** Each has its words by its place in this list. */
  readonly crossings: readonly Crossing[];
  /** Names of the other ports of this part; and of its members. */
  readonly ports: ReadonlySet<string>;
  readonly members: ReadonlySet<string>;
  /** Members that use topics: all are in one part. */
  readonly topics: ReadonlySet<string>;
}

/** Of a ring: more than twice what a port may hold that crosses, so that each of its messages goes through. */
const ringBytes = 2 ** 22;
/** More parts than this there are not. */
export const mostParts = 16;

// Words: each that is written often has 64 bytes for itself.
const overAt = 0;
const epochAt = 16;
const portsAt = 32;
/** Of 64 bits. */
const bytesAt = 48;
const partsAt = 64;
const partWords = 48;
/** What the part does. */
const stateAt = 0;
/** It may send by now. */
const roomAt = 16;
/** Parts, as bits, that wait for room in the ring to this one. */
const fullAt = 32;

/** What a part does: runs; waits; was woken; has no slice, and would wait if it had. */
const states = { busy: 0, idle: 1, woken: 2, gone: 3 } as const;

/** Kinds of messages in rings: the port's number, and what it is. */
const kinds = { message: 0, shut: 1, left: 2, look: 3 } as const;
const kindBits = 2;
const nothing = new Uint8Array(0);

const wordsOf = (parts: number, crossings: number): number => partsAt + parts * partWords + crossings * slotWords;

/** What main thread and parts have of each other. */
export class BridgeMemory {
  readonly words: SharedArrayBuffer;
  readonly rings: readonly (SharedArrayBuffer | undefined)[];
  private readonly view: Int32Array;

  constructor(
    readonly parts: number,
    readonly crossings: readonly Crossing[],
    /** How many ports there are, and what they count for. */
    held: { readonly ports: number; readonly bytes: number },
  ) {
    this.words = new SharedArrayBuffer(wordsOf(parts, crossings.length) * 4);
    this.view = new Int32Array(this.words);
    Atomics.store(this.view, portsAt, held.ports);
    Atomics.store(new BigInt64Array(this.words, bytesAt * 4, 1), 0, BigInt(held.bytes));
    const used = new Set(crossings.flatMap(({ inlet, outlets }) => outlets.map((outlet) => outlet * parts + inlet)));
    this.rings = Array.from({ length: parts * parts }, (_, i) => (used.has(i) ? Ring.make(ringBytes) : undefined));
    for (let part = 0; part < parts; part++) Atomics.store(this.view, partsAt + part * partWords, states.gone);
  }

  /** No part runs: those that are to have a slice now do. */
  begin(parts: readonly number[]): void {
    Atomics.store(this.view, overAt, 0);
    for (let part = 0; part < this.parts; part++)
      Atomics.store(this.view, partsAt + part * partWords, parts.includes(part) ? states.busy : states.gone);
  }

  /** While no part runs: those that have something to do that others did. */
  get awaited(): readonly number[] {
    return Array.from({ length: this.parts }, (_, part) => part).filter(
      (part) =>
        Atomics.load(this.view, partsAt + part * partWords + roomAt) !== 0 ||
        this.rings.some((ring, i) => ring !== undefined && i % this.parts === part && !isEmptyRing(ring)),
    );
  }
}

/** What of others a part's turns hear. */
export class Bridge implements Tally {
  /** Ports that cannot cross as they are used: all who have hold of one have to be in one part. */
  readonly joins = new Set<string>();
  /** Members that have to be with all others who use topics. */
  readonly topics = new Set<string>();
  private readonly words: Int32Array;
  private readonly held: BigInt64Array;
  private readonly from: readonly Ring[];
  private readonly fromParts: readonly number[];
  private readonly to: readonly (Ring | undefined)[];
  private readonly places: ReadonlyMap<string, number>;
  private readonly inlets = new Map<number, Inlet>();
  /** Those that somebody may wait for. */
  private readonly waiting = new Set<Outlet>();
  /** What has found no room in a ring. */
  private unsent: { readonly to: number; readonly kind: number; readonly bytes: Uint8Array }[] = [];
  /** How long it is worth waiting without leaving the thread, in microseconds. */
  private patience = mostSpun;
  private spins = 0;
  /** A part is sent to that has no slice; or the group is to be joined. */
  onNeed: () => void = () => {};

  constructor(readonly data: BridgeData) {
    const { words, rings, part, parts, crossings } = data;
    this.words = new Int32Array(words);
    this.held = new BigInt64Array(words, bytesAt * 4, 1);
    const ring = (from: number, to: number) => {
      const buffer = rings[from * parts + to];
      return buffer === undefined ? undefined : new Ring(buffer);
    };
    this.fromParts = Array.from({ length: parts }, (_, i) => i).filter((i) => rings[i * parts + part] !== undefined);
    this.from = this.fromParts.map((i) => ring(i, part) as Ring);
    this.to = Array.from({ length: parts }, (_, i) => ring(part, i));
    this.places = new Map(crossings.map(({ name }, i) => [name, i]));
  }

  // Ports

  /** What this part has of a port that is saved: itself, its queue or a way to that, or nothing. */
  roleOf(name: string): 'port' | 'inlet' | 'outlet' | undefined {
    const { part, crossings, ports } = this.data;
    const crossing = crossings[this.places.get(name) ?? -1];
    if (crossing === undefined) return ports.has(name) ? 'port' : undefined;
    return crossing.inlet === part ? 'inlet' : crossing.outlets.includes(part) ? 'outlet' : undefined;
  }

  /** Of one that crosses. */
  port(name: string, bounds: Port['bounds'], gone: () => void): Port {
    const place = this.places.get(name) as number;
    const { inlet, outlets } = this.data.crossings[place] as Crossing;
    const slot = new Slot(this.words, partsAt + this.data.parts * partWords + place * slotWords);
    if (inlet !== this.data.part) return new Outlet(name, bounds, gone, slot, this.outletSide(place, inlet));
    const port = new Inlet(name, bounds, gone, slot, (mask) => this.giveRoom(mask));
    // Until each tells that nobody sends there any more.
    for (const _ of outlets) port.took('send', false);
    this.inlets.set(place, port);
    return port;
  }

  private outletSide(place: number, to: number): ConstructorParameters<typeof Outlet>[4] {
    const ring = this.to[to] as Ring;
    const bit = 1 << this.data.part;
    const tell = (kind: number, bytes = nothing) => this.tell(to, (place << kindBits) | kind, bytes);
    return {
      bit,
      hasRoom: (length) => {
        if (ring.hasRoom(length)) return true;
        Atomics.or(this.words, this.wordOf(to, fullAt), bit);
        return ring.hasRoom(length);
      },
      send: (bytes) => {
        ring.write(place << kindBits, bytes);
        this.wake(to);
      },
      shut: (reason) => tell(kinds.shut, new TextEncoder().encode(reason === undefined ? '' : `:${reason}`)),
      left: () => tell(kinds.left),
      look: () => tell(kinds.look),
      waits: (outlet) => this.waiting.add(outlet),
      join: (name) => {
        this.joins.add(name);
        this.onNeed();
      },
    };
  }

  /** Whether a member is where topics are. */
  hasTopics(member: string): boolean {
    if (this.data.topics.has(member)) return true;
    this.topics.add(member);
    this.onNeed();
    return false;
  }

  /** What is no message, and cannot wait. */
  private tell(to: number, kind: number, bytes: Uint8Array): void {
    this.unsent.push({ to, kind, bytes });
    this.flush();
  }

  private flush(): void {
    this.unsent = this.unsent.filter(({ to, kind, bytes }) => {
      const isSent = (this.to[to] as Ring).write(kind, bytes);
      if (isSent) this.wake(to);
      else Atomics.or(this.words, this.wordOf(to, fullAt), 1 << this.data.part);
      return !isSent;
    });
  }

  /** All that was saved is in its queues: others may send. */
  open(): void {
    for (const inlet of this.inlets.values()) inlet.open();
    this.giveRoom(-1);
  }

  // Hearing of others

  private wordOf(part: number, at: number): number {
    return partsAt + part * partWords + at;
  }

  private wake(part: number): void {
    const at = this.wordOf(part, stateAt);
    const state = Atomics.load(this.words, at);
    if (state === states.busy || state === states.woken) return;
    if (state === states.gone) this.onNeed();
    else if (Atomics.compareExchange(this.words, at, states.idle, states.woken) === states.idle)
      Atomics.notify(this.words, at);
    // It may have gone meanwhile.
    else if (Atomics.load(this.words, at) === states.gone) this.onNeed();
  }

  /** To parts, as bits, there can be sent what could not. */
  private giveRoom(mask: number): void {
    for (let part = 0; part < this.data.parts; part++)
      if ((mask & (1 << part)) !== 0 && part !== this.data.part) {
        Atomics.store(this.words, this.wordOf(part, roomAt), 1);
        this.wake(part);
      }
  }

  /** Whether others have done something since it was last asked. */
  get hasNews(): boolean {
    for (const ring of this.from) if (!ring.isEmpty) return true;
    return Atomics.load(this.words, this.wordOf(this.data.part, roomAt)) !== 0;
  }

  /** Takes in what others have done. */
  poll(): void {
    if (!this.hasNews) return;
    for (const [i, ring] of this.from.entries()) {
      // What comes meanwhile is for the next time.
      for (let left = mostAtOnce; left > 0 && ring.read(this.hear); left--);
      this.readFrom(this.fromParts[i] as number);
    }
    const room = this.wordOf(this.data.part, roomAt);
    if (Atomics.load(this.words, room) === 0) return;
    Atomics.store(this.words, room, 0);
    this.flush();
    const outlets = [...this.waiting];
    this.waiting.clear();
    for (const outlet of outlets) outlet.look();
  }

  private readFrom(part: number): void {
    const full = this.wordOf(this.data.part, fullAt);
    if ((Atomics.load(this.words, full) & (1 << part)) === 0) return;
    Atomics.and(this.words, full, ~(1 << part));
    this.giveRoom(1 << part);
  }

  /** All that is in the rings to this part: no other one runs. */
  drain(): void {
    for (const ring of this.from) while (ring.read(this.hear));
    this.poll();
  }

  private readonly hear = (kind: number, bytes: Uint8Array): void => {
    const inlet = this.inlets.get(kind >> kindBits) as Inlet;
    switch (kind & ((1 << kindBits) - 1)) {
      case kinds.message:
        return inlet.arrive(bytes);
      case kinds.shut: {
        const told = new TextDecoder().decode(bytes);
        return inlet.close(told === '' ? undefined : told.slice(1));
      }
      case kinds.left:
        return inlet.released('send', false);
      default:
        return inlet.look();
    }
  };

  /**
   * Waits for others without leaving the thread, for some microseconds: less each time that it was in vain, as where the others have no
   * processor at the same time. Returns how many.
   */
  spin(): number {
    if (this.hasNews) return 0;
    const since = performance.now();
    // Now and then it is tried anew.
    if (++this.spins % triesAnew === 0) this.patience = mostSpun;
    for (;;) {
      for (let i = 0; i < looks; i++)
        if (this.hasNews) {
          this.patience = Math.min(mostSpun, this.patience * 2 + leastSpun);
          return (performance.now() - since) * 1000;
        }
      const spent = (performance.now() - since) * 1000;
      if (spent < this.patience) continue;
      this.patience = Math.max(leastSpun, this.patience / 2);
      return spent;
    }
  }

  /** The same, asleep, so shortly that nobody else of the thread minds. Returns how many. */
  nap(): number {
    const since = performance.now();
    this.rest();
    if (!this.hasNews && Atomics.load(this.words, overAt) === 0) this.sleep(napMs);
    this.goOn();
    return (performance.now() - since) * 1000;
  }

  // Resting

  /** Nobody of this part can go on. */
  rest(): void {
    Atomics.store(this.words, this.wordOf(this.data.part, stateAt), states.idle);
  }

  /** Somebody can. */
  goOn(): void {
    Atomics.add(this.words, epochAt, 1);
    Atomics.store(this.words, this.wordOf(this.data.part, stateAt), states.busy);
  }

  /** It has no slice from now on. */
  leave(): void {
    Atomics.store(this.words, this.wordOf(this.data.part, stateAt), states.gone);
  }

  /** Until it was woken, at the most so many ms; it may have been for nothing. */
  sleep(ms: number): void {
    const at = this.wordOf(this.data.part, stateAt);
    Atomics.wait(this.words, at, states.idle, ms);
    Atomics.compareExchange(this.words, at, states.woken, states.idle);
  }

  /** The same while other code of the thread has its turn, or until something else has come. */
  async orLater(what: Promise<unknown>, ms: number): Promise<void> {
    const at = this.wordOf(this.data.part, stateAt);
    const { value } = Atomics.waitAsync(this.words, at, states.idle, ms);
    await Promise.race([what, value]);
    Atomics.compareExchange(this.words, at, states.woken, states.idle);
  }

  /** While this part rests: whether all do, and nothing is on its way. Then all of them are told. */
  get isOver(): boolean {
    if (Atomics.load(this.words, overAt) !== 0) return true;
    if (!this.isQuiet) return false;
    Atomics.store(this.words, overAt, 1);
    for (let part = 0; part < this.data.parts; part++) if (part !== this.data.part) this.wake(part);
    return true;
  }

  /** Nobody has gone on between the two looks at the epoch: so all have rested at the same time, with nothing on its way. */
  private get isQuiet(): boolean {
    const epoch = Atomics.load(this.words, epochAt);
    for (let part = 0; part < this.data.parts; part++) {
      const state = Atomics.load(this.words, this.wordOf(part, stateAt));
      if (state !== states.idle && state !== states.gone) return false;
      if (Atomics.load(this.words, this.wordOf(part, roomAt)) !== 0) return false;
    }
    return (
      this.data.rings.every((ring) => ring === undefined || isEmptyRing(ring)) &&
      epoch === Atomics.load(this.words, epochAt)
    );
  }

  /** While this part rests: whether one without a slice has something to do. */
  get isAwaitedElsewhere(): boolean {
    for (let part = 0; part < this.data.parts; part++)
      if (Atomics.load(this.words, this.wordOf(part, stateAt)) === states.gone && this.isAwaited(part)) return true;
    return false;
  }

  private isAwaited(part: number): boolean {
    const { parts, rings } = this.data;
    if (Atomics.load(this.words, this.wordOf(part, roomAt)) !== 0) return true;
    return rings.some((ring, i) => ring !== undefined && i % parts === part && !isEmptyRing(ring));
  }

  // How much all parts have together

  get ports(): number {
    return Atomics.load(this.words, portsAt);
  }

  take(bytes: number, limits: GroupLimits): boolean {
    const ports = Atomics.add(this.words, portsAt, 1) + 1;
    const held = Number(Atomics.add(this.held, 0, BigInt(bytes))) + bytes;
    if (ports <= limits.ports && held <= limits.portBytes) return true;
    this.give(bytes);
    return false;
  }

  give(bytes: number): void {
    Atomics.sub(this.words, portsAt, 1);
    Atomics.sub(this.held, 0, BigInt(bytes));
  }
}

/** Messages that are taken in at once, from each part. */
const mostAtOnce = 256;
/** So long a thread waits for another one at the most before it goes to sleep, which costs more, in microseconds. */
const mostSpun = 50;
/** How long it sleeps at the most while its member is in the midst of a call, in ms. */
const napMs = 0.2;
/** At the least, and so much more each time that it was not in vain, in microseconds. */
const leastSpun = 2;
/** Once in so many times it is waited as long as at first. */
const triesAnew = 128;
/** Between two looks at the clock. */
const looks = 20;
