// What rewriting a module may cost. Most of it takes time and bytes by the size of a body, but not all: what a landing
// hands over, what lies below blocks, and the host's own work grow with the number of values at a place times the number
// of places. All of that is counted as it is done, before memory is taken for it; where it is more than the module's size
// allows, the module stays interpreted. The count follows from the module's bytes alone, so all threads agree.

import { LimitError } from '../../spec/errors.ts';
import { checkDeadline } from '../../spec/patience.ts';

/** Rewriting would cost more than the module's size allows. */
export class GrowthError extends LimitError {
  constructor(message: string) {
    super(message, { limit: 'growth of rewritten code' });
  }
}

/**
 * Units of work that a module may take: for each byte, and in any case. A unit is about what writing a byte takes, with
 * all that the host does to it. Programs take up to 3.1 for each byte.
 */
const perByte = 24;
const atLeast = 100_000;

/** Bytes of one function, the rest of it from a safe point on included: a little more than half of what V8 takes. */
const mostBytes = 4_000_000;

/** Where a branch joins others the host looks at all locals, of which it takes so many in a unit. */
const localsPerUnit = 16;
/** Any function, with its export and all that both engines and the host keep of it. */
const perFunction = 32;

/**
 * How many of what costs the host much, and cannot be interrupted there, a module may have. Types are those of its
 * rewritten form: V8 11 compares each with all others, and takes 0.4 s for 5,000 and 56 s for 40,000.
 */
export const mostOf = { types: 2_000, functions: 200_000, imports: 50_000, globals: 50_000, tables: 1_000 } as const;

export class Growth {
  private readonly allowed: number;
  private readonly mostBytes: number;
  private left: number;

  constructor(
    /** Of the module. */
    bytes: number,
  ) {
    this.allowed = bytes * perByte + atLeast;
    this.left = this.allowed;
    this.mostBytes = bytes === Number.POSITIVE_INFINITY ? bytes : Math.min(mostBytes, this.allowed);
  }

  get used(): number {
    return this.allowed - this.left;
  }

  /** Throws GrowthError where so much work is more than is left. */
  use(units: number): void {
    this.left -= units;
    if (this.left < 0) throw new GrowthError('would be too large for what it comes from');
    checkDeadline('rewriting');
  }

  /** A function of so many locals begins. */
  begin(locals: number): void {
    this.use(perFunction + locals);
  }

  /** So many places at which branches join, in a function of so many locals. */
  join(places: number, locals: number): void {
    this.use(Math.ceil((places * locals) / localsPerUnit));
  }

  /** A function was written; the rest of it from any safe point on would not have more than so many bytes. */
  body(bytes: number): void {
    if (bytes > this.mostBytes)
      throw new GrowthError('would have a function that is too large, or is where it is continued');
  }
}

/** For what has been written within its bounds, and is written again in part: to continue it, or to find places. */
export const boundless: Growth = new Growth(Number.POSITIVE_INFINITY);
