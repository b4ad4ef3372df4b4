// Topics of a group that is on several threads. Each part knows all ports of a topic: those of its own members, and outlets to
// others. Whoever publishes does so alone, by a lock: it takes room at all of them, or nowhere, and what is for another part is one
// message in that part's ring, for all ports there. As only who has the lock writes to these rings, all hear the same order.

import type { Port } from '../ports/port.ts';
import type { Inlet, Outlet, OutletSide } from './crossing.ts';
import { type Crossing, lockAt } from './memory.ts';
import type { Ring } from './ring.ts';

/** Ports of topics of a group that reach all its parts: the numbers of all fit into a message. */
export const mostListening = 2 ** 17;

/** How often it is tried to get the lock, and how long it is waited for each time at the most, in ms. */
const tries = 20;
const waitMs = 0.1;
/** Of a port's number before what is published. */
const placeBytes = 4;

interface Shared {
  readonly part: number;
  readonly words: Int32Array;
  readonly crossings: readonly Crossing[];
  /** By the part that reads from it. */
  readonly rings: readonly (Ring | undefined)[];
}

interface Around {
  inlet(place: number): Inlet | undefined;
  /** There is no room in the ring to a part: this one is to be told once there is. */
  full(part: number): void;
  waits(outlet: Outlet): void;
  wake(part: number): void;
}

export class Publishing {
  /** What each outlet is called, and in which part its port is. */
  private readonly places = new Map<Port, number>();
  /** Names of topics that have ports which are not to be reached from here. */
  readonly unreached = new Set<string>();

  constructor(
    private readonly shared: Shared,
    private readonly around: Around,
  ) {}

  add(outlet: Outlet, place: number): void {
    this.places.set(outlet, place);
  }

  /** What outlets of topics have of the part where their port is. */
  side(to: number): OutletSide {
    const none = (): void => {};
    return {
      ...{ bit: 1 << this.shared.part, left: none, shut: none, look: none, send: none, join: none },
      hasRoom: (length) => this.hasRoom(to, length + placeBytes),
      waits: (outlet) => this.around.waits(outlet),
    };
  }

  private hasRoom(part: number, length: number): boolean {
    const ring = this.shared.rings[part] as Ring;
    if (ring.hasRoom(length)) return true;
    // In this order: room that is made now is told.
    this.around.full(part);
    return ring.hasRoom(length);
  }

  /** Does what nobody else may do at the same time; undefined where somebody else is at it for long. */
  alone<T>(act: () => T): T | undefined {
    if (!this.lock()) return undefined;
    try {
      // What comes to this part's ports goes there behind all that came before.
      this.hear();
      return act();
    } finally {
      Atomics.store(this.shared.words, lockAt, 0);
      Atomics.notify(this.shared.words, lockAt, 1);
    }
  }

  /** A thread that dies leaves it locked: then all parts are of no use any more. */
  private lock(): boolean {
    const { words } = this.shared;
    for (let i = 0; i < tries; i++) {
      if (Atomics.compareExchange(words, lockAt, 0, 1) === 0) return true;
      Atomics.wait(words, lockAt, 1, waitMs);
    }
    return false;
  }

  /** To all of the ports, which have room; or, where there is none on the way, to nobody: then whoever is in the way is returned. */
  publish(ports: readonly Port[], bytes: Uint8Array): number | readonly Port[] {
    const away = this.byPart(ports);
    const full = [...away].filter(([part, { length }]) => !this.hasRoom(part, bytes.length + length * placeBytes));
    if (full.length > 0) return full.flatMap(([, [port]]) => this.waitsFor(port as Outlet));
    // It may be over by now.
    const taken = new Set(ports.filter((port) => port.take(bytes.length)));
    for (const port of taken) if (!this.places.has(port)) port.push({ bytes: bytes.slice(), ends: [] });
    for (const [part, outlets] of away)
      this.send(
        part,
        outlets.filter((port) => taken.has(port)),
        bytes,
      );
    return taken.size;
  }

  /** Those that are in others. */
  private byPart(ports: readonly Port[]): ReadonlyMap<number, Port[]> {
    const away = new Map<number, Port[]>();
    for (const port of ports) {
      const place = this.places.get(port);
      if (place === undefined) continue;
      const { inlet } = this.shared.crossings[place] as Crossing;
      const there = away.get(inlet);
      if (there === undefined) away.set(inlet, [port]);
      else there.push(port);
    }
    return away;
  }

  private waitsFor(outlet: Outlet): Outlet {
    this.around.waits(outlet);
    return outlet;
  }

  private send(part: number, outlets: readonly Port[], bytes: Uint8Array): void {
    if (outlets.length === 0) return;
    const message = new Uint8Array(outlets.length * placeBytes + bytes.length);
    const places = new Uint32Array(message.buffer, 0, outlets.length);
    outlets.forEach((outlet, i) => {
      places[i] = this.places.get(outlet) as number;
    });
    message.set(bytes, places.byteLength);
    (this.shared.rings[part] as Ring).write(outlets.length, message);
    this.around.wake(part);
  }

  // Hearing

  private get ring(): Ring | undefined {
    return this.shared.rings[this.shared.part];
  }

  get hasNews(): boolean {
    return this.ring?.isEmpty === false;
  }

  hear(most = Number.POSITIVE_INFINITY): void {
    for (let left = most; left > 0 && this.ring?.read(this.arrived) === true; left--);
  }

  private readonly arrived = (count: number, message: Uint8Array): void => {
    const bytes = message.subarray(count * placeBytes);
    for (const place of new Uint32Array(message.buffer, 0, count)) this.around.inlet(place)?.arrive(bytes.slice());
  };
}
