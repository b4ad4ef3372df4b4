// What a pool has seen of the jobs that make the same call: how long one takes, and how much fuel a slice of one should have.
// A guess about the next ones, and no more.

import { Lru } from '../../runtime/kept/lru.ts';
import { bounds } from './bounds.ts';
import { firstFuel, fuelFor } from './pace.ts';

interface Seen {
  /** What one is charged, in units of fuel. */
  charged: number;
  /** What a unit takes at the least, in ms: what else the machine does says nothing of a job. */
  unitMs: number;
  /** For a slice; and what a unit took at the least in those after the first. */
  fuel: number;
  laterUnitMs: number;
  /** Whether the last one that was seen ended in its first slice. */
  isBrief: boolean;
}

/** How long the guests of jobs may take together that go to a thread in one message. */
const mostMs = 2;
/** What each takes besides. */
const ownMs = 0.02;
const mostTogether = 64;
/** So much longer is one taken to be that did not end in its first slice. */
const more = 10;
/** How much the last one says about the next. */
const weight = 0.25;
/** The least is forgotten by so much with each. */
const fading = 1.02;
/** What an entry is taken to need in bytes. */
const entryBytes = 200;

export class Known {
  private readonly calls = new Lru<string, Seen>(() => bounds.knownCalls);

  /** The first slice of a job that makes the call was granted so much fuel, and charged so much in so many ms. */
  saw(call: string, isDone: boolean, fuel: number, charged: number, ms: number, sliceMs: number): void {
    if (charged === 0) return;
    const seen =
      this.calls.get(call) ??
      this.calls.set(call, { charged: 0, unitMs: Infinity, fuel, laterUnitMs: Infinity, isBrief: isDone }, entryBytes);
    const long = Math.max(more * charged, (more * mostMs) / (ms / charged));
    const took = isDone ? charged : long;
    seen.isBrief = isDone;
    seen.charged += (seen.charged === 0 ? 1 : weight) * (took - seen.charged);
    seen.unitMs = Math.min(seen.unitMs * fading, ms / charged);
    seen.fuel = Math.max(firstFuel, fuelFor(fuel, Math.min(seen.unitMs, seen.laterUnitMs), sliceMs));
  }

  /** The same of a later slice: it says how fast such a job is, and nothing of how long one is. */
  sawLater(call: string, charged: number, ms: number): void {
    const seen = this.calls.get(call);
    if (seen === undefined || charged === 0) return;
    seen.laterUnitMs = Math.min(seen.laterUnitMs * fading, ms / charged);
  }

  /** Fuel for the first slice. */
  fuel(call: string): number {
    return this.calls.get(call)?.fuel ?? firstFuel;
  }

  /** Whether one is expected to end in its first slice. */
  isBrief(call: string): boolean {
    return this.calls.get(call)?.isBrief ?? false;
  }

  /** How many jobs of it may go to a thread in one message: 0 where that is not known, or where one is long. */
  together(call: string): number {
    const seen = this.calls.get(call);
    return seen === undefined ? 0 : Math.min(mostTogether, Math.floor(mostMs / (seen.charged * seen.unitMs + ownMs)));
  }
}
