// What the parts of a group have in common whose members are on several threads at the same time: a ring from each to each, and
// words of shared memory.
//
// A group is split by its members; each part is a group of its own on a thread, with all that its members have hold of. A port is
// where it is received from, with its queue; a part that only sends to it has an outlet in its place, and what is sent there
// goes through the ring between the two. How much of a port's room is taken, whether it was shut, and whether anybody receives
// are words that all see (crossing.ts). A topic is in all parts (publishing.ts), and calls are letters in the rings (far-calls.ts).
// Ends of ports do not go through rings: who is linked by such is in one part, and where that was not known, and somebody has to wait
// for it, the group is joined first (`joins`, `topics`); so it is to subscribe (`mustJoin`).
//
// A cut needs no protocol: once all parts have come to rest, each takes what is left in the rings to it into its queues, and what
// they are then saved as is together what the group is (pieces.ts).

import type { Port } from '../ports/port.ts';
import type { GroupLimits, Tally } from '../ports/ports.ts';
import { Inlet, Outlet, type OutletSide, Slot, slotWords } from './crossing.ts';
import {
  type BridgeData,
  bytesAt,
  type Crossing,
  epochAt,
  fullAt,
  overAt,
  partsAt,
  partWords,
  portsAt,
  roomAt,
  stateAt,
  states,
} from './memory.ts';
import { Publishing } from './publishing.ts';
import { isEmptyRing, Ring } from './ring.ts';

/** Kinds of messages in rings: the port's number, and what it is; of a letter, which is about calls, what it says. */
const kinds = { message: 0, shut: 1, left: 2, look: 3, letter: 4 } as const;
const kindBits = 3;
const kindOf = (kind: number): number => kind & ((1 << kindBits) - 1);
const nothing = new Uint8Array(0);

/** How errors are told to other threads. */
export interface ErrorForm {
  write(error: Error): string;
  read(told: string): Error;
}

/** What of others a part's turns hear. */
export class Bridge implements Tally {
  /** Ports that cannot cross as they are used: all who have hold of one have to be in one part. */
  readonly joins = new Set<string>();
  /** Members that have to be where topics are that do not reach this part. */
  readonly topics = new Set<string>();
  /** Somebody waits until the group is joined. */
  mustJoin = false;
  readonly publishing: Publishing;
  private readonly words: Int32Array;
  private readonly held: BigInt64Array;
  private readonly from: readonly Ring[];
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
  /** A cut is being made: what is written now, others may have read too early. */
  private isCut = false;
  /** A part is sent to that has no slice; or the group is to be joined. */
  onNeed: () => void = () => {};
  onLetter: (what: number, bytes: Uint8Array) => void = () => {};

  constructor(
    readonly data: BridgeData,
    readonly errors: ErrorForm,
  ) {
    const { words, rings, part, parts, crossings } = data;
    this.words = new Int32Array(words);
    this.held = new BigInt64Array(words, bytesAt * 4, 1);
    const ring = (from: number, to: number) => {
      const buffer = rings[from * parts + to];
      return buffer === undefined ? undefined : new Ring(buffer);
    };
    const all = Array.from({ length: parts }, (_, i) => i);
    this.from = all.flatMap((i) => ring(i, part) ?? []);
    this.to = all.map((i) => ring(part, i));
    this.places = new Map(crossings.map(({ name }, i) => [name, i]));
    this.publishing = new Publishing(
      { part, words: this.words, crossings, rings: all.map((i) => ring(parts, i)) },
      {
        inlet: (place) => this.inlets.get(place),
        full: (to) => Atomics.or(this.words, this.wordOf(to, fullAt), 1 << part),
        waits: (outlet) => this.waiting.add(outlet),
        wake: (to) => this.wake(to),
      },
    );
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
    const { inlet, outlets, isOfTopic } = this.data.crossings[place] as Crossing;
    const slot = new Slot(this.words, partsAt + this.data.parts * partWords + place * slotWords);
    if (inlet === this.data.part) {
      const port = new Inlet(name, bounds, gone, slot, (mask) => this.giveRoom(mask));
      // Until each tells that nobody sends there any more; a topic never does.
      if (!isOfTopic) for (const _ of outlets) port.took('send', false);
      this.inlets.set(place, port);
      return port;
    }
    const side = isOfTopic ? this.publishing.side(inlet) : this.outletSide(place, inlet);
    const port = new Outlet(name, bounds, gone, slot, side);
    if (isOfTopic) this.publishing.add(port, place);
    return port;
  }

  private outletSide(place: number, to: number): OutletSide {
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

  /** A member cannot go on where it is: it has to be where topics are that do not reach this part. */
  joinTopics(member: string): void {
    this.topics.add(member);
    this.onNeed();
  }

  /** Nor before the group is whole. */
  joinAll(): void {
    this.mustJoin = true;
    this.onNeed();
  }

  /** What is no message, and cannot wait. */
  private tell(to: number, kind: number, bytes: Uint8Array): void {
    this.unsent.push({ to, kind, bytes });
    this.flush();
  }

  /** A letter to a part. */
  write(to: number, what: number, bytes: Uint8Array): void {
    this.tell(to, (what << kindBits) | kinds.letter, bytes);
  }

  /** Letters that are not on their way yet. */
  get unwritten(): readonly { readonly what: number; readonly bytes: Uint8Array }[] {
    const letters = this.unsent.filter(({ kind }) => kindOf(kind) === kinds.letter);
    return letters.map(({ kind, bytes }) => ({ what: kind >> kindBits, bytes }));
  }

  private flush(): void {
    if (this.isCut) return;
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
    if (this.publishing.hasNews) return true;
    return Atomics.load(this.words, this.wordOf(this.data.part, roomAt)) !== 0;
  }

  /** Takes in what others have done. */
  poll(): void {
    if (!this.hasNews) return;
    // What comes meanwhile is for the next time.
    for (const ring of this.from) for (let left = mostAtOnce; left > 0 && ring.read(this.hear); left--);
    this.publishing.hear(mostAtOnce);
    this.wereRead();
    const room = this.wordOf(this.data.part, roomAt);
    if (Atomics.load(this.words, room) === 0) return;
    Atomics.store(this.words, room, 0);
    this.flush();
    const outlets = [...this.waiting];
    this.waiting.clear();
    for (const outlet of outlets) outlet.look();
  }

  /** There may be room in the rings to this part. */
  private wereRead(): void {
    const full = this.wordOf(this.data.part, fullAt);
    if (Atomics.load(this.words, full) !== 0) this.giveRoom(Atomics.exchange(this.words, full, 0));
  }

  /** A slice begins; or a cut, in which nobody runs. */
  begin(isCut: boolean): void {
    this.isCut = isCut;
    this.flush();
    this.poll();
  }

  /** All that is in the rings to this part: no other one runs. */
  drain(): void {
    for (const ring of this.from) while (ring.read(this.hear));
    this.publishing.hear();
    this.poll();
  }

  private readonly hear = (kind: number, bytes: Uint8Array): void => {
    if (kindOf(kind) === kinds.letter) return this.onLetter(kind >> kindBits, bytes);
    const inlet = this.inlets.get(kind >> kindBits) as Inlet;
    switch (kindOf(kind)) {
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
    // It has to have a slice again.
    if (this.isCut && this.unsent.length > 0) Atomics.store(this.words, this.wordOf(this.data.part, roomAt), 1);
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
