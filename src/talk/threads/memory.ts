// Memory that the parts of a group share: which words and rings there are, and what is in them.

import { slotWords } from './crossing.ts';
import { isEmptyRing, Ring } from './ring.ts';

/** A port that members of several parts have hold of. */
export interface Crossing {
  readonly name: string;
  /** The part in which it is received from. */
  readonly inlet: number;
  /** Other parts in which somebody sends to it. */
  readonly outlets: readonly number[];
  /** A topic sends to it, and nobody else: from all parts. */
  readonly isOfTopic: boolean;
}

/** What one part is told of its place among the others. */
export interface BridgeData {
  readonly part: number;
  readonly parts: number;
  readonly words: SharedArrayBuffer;
  /** From part a to part b: at a * parts + b. From all to part a, what is published: at parts * parts + a. */
  readonly rings: readonly (SharedArrayBuffer | undefined)[];
  /** Each has its words by its place in this list. */
  readonly crossings: readonly Crossing[];
  /** Names of the other ports of this part. */
  readonly ports: ReadonlySet<string>;
  /** Of all members, in which part each is. */
  readonly members: ReadonlyMap<string, number>;
  /** Members that are where topics are that do not reach all parts. */
  readonly topics: ReadonlySet<string>;
}

/** Of a ring: more than twice what a port may hold that crosses, so that each of its messages goes through. */
const ringBytes = 2 ** 22;
/** Of one for calls only. */
const callBytes = 2 ** 18;
/** More parts than this there are not. */
export const mostParts = 16;

// Words: each that is written often has 64 bytes for itself.
export const overAt = 0;
export const epochAt = 16;
export const portsAt = 32;
/** Of 64 bits. */
export const bytesAt = 48;
/** Whether somebody publishes. */
export const lockAt = 64;
export const partsAt = 80;
export const partWords = 48;
/** What the part does. */
export const stateAt = 0;
/** It may send by now. */
export const roomAt = 16;
/** Parts, as bits, that wait for room in a ring to this one. */
export const fullAt = 32;

/** What a part does: runs; waits; was woken; has no slice, and would wait if it had. */
export const states = { busy: 0, idle: 1, woken: 2, gone: 3 } as const;

const wordsOf = (parts: number, crossings: number): number => partsAt + parts * partWords + crossings * slotWords;

/** What main thread and parts have of each other. */
export class BridgeMemory {
  readonly words: SharedArrayBuffer;
  readonly rings: readonly (SharedArrayBuffer | undefined)[];
  private readonly view: Int32Array;

  constructor(
    readonly parts: number,
    readonly crossings: readonly Crossing[],
    /** Parts with members that call those of others, or are called by them. */
    calling: ReadonlySet<number>,
    /** How many ports there are, and what they count for. */
    held: { readonly ports: number; readonly bytes: number },
  ) {
    this.words = new SharedArrayBuffer(wordsOf(parts, crossings.length) * 4);
    this.view = new Int32Array(this.words);
    Atomics.store(this.view, portsAt, held.ports);
    Atomics.store(new BigInt64Array(this.words, bytesAt * 4, 1), 0, BigInt(held.bytes));
    const used = new Set(
      crossings.flatMap(({ inlet, outlets, isOfTopic }) =>
        isOfTopic ? [parts * parts + inlet] : outlets.map((outlet) => outlet * parts + inlet),
      ),
    );
    const isCall = (i: number) =>
      i < parts * parts &&
      i % parts !== Math.floor(i / parts) &&
      calling.has(i % parts) &&
      calling.has(Math.floor(i / parts));
    this.rings = Array.from({ length: parts * (parts + 1) }, (_, i) =>
      used.has(i) ? Ring.make(ringBytes) : isCall(i) ? Ring.make(callBytes) : undefined,
    );
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
