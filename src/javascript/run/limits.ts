// What a program may use. Limits are told by whoever runs or resumes it, never by a token; of those that count over the
// whole of a program, what was used before is in the token.

import { LimitError, type LimitReached } from '../../spec/errors.ts';
import { aCount, aNumber, anInteger, type Checks, optionsOf } from '../../spec/options.ts';
import { mostStack } from '../machine/base.ts';

/** What a program may use. */
export interface ProgramLimits {
  /** Bytes of all that the program has at a time; 256 MiB unless told. */
  readonly memory: number;
  /** Units of fuel of the whole program, also before it was resumed; without a bound unless told. */
  readonly fuel: number;
  /** Milliseconds that this run may take, also those in which it waits; without a bound unless told. */
  readonly time: number;
  /** Bytes of QuickJS's own stack: past them code that recurses ends with RangeError; 512 KiB unless told, and at most. */
  readonly stack: number;
  /** Calls of tools of the whole program; 10,000 unless told. */
  readonly calls: number;
  /** Bytes of one value that crosses, as text; 64 MiB unless told. */
  readonly value: number;
  /** Bytes of all that the program prints; 16 MiB unless told. */
  readonly output: number;
}

/** What a program may use unless told. */
export const defaultProgramLimits: ProgramLimits = {
  memory: 256 * 1024 ** 2,
  fuel: Number.POSITIVE_INFINITY,
  time: Number.POSITIVE_INFINITY,
  stack: mostStack,
  calls: 10_000,
  value: 64 * 1024 ** 2,
  output: 16 * 1024 ** 2,
};

const checks: Checks<ProgramLimits> = {
  memory: aNumber(2 ** 20, 2 ** 32),
  fuel: aCount,
  time: aNumber(0),
  stack: anInteger(2 ** 14, mostStack),
  calls: aCount,
  value: aNumber(0),
  output: aNumber(0),
};
export const limitOptions = optionsOf(checks);

/** Limits of a program, of which any may be left out. */
export type ProgramLimitOptions = { readonly [K in keyof ProgramLimits]?: ProgramLimits[K] | undefined };

export const limitsOf = (given: ProgramLimitOptions = {}): ProgramLimits => ({
  ...defaultProgramLimits,
  ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
});

/** A program is over one of its limits. */
export class ProgramLimitError extends LimitError {
  /** With which it can go on under a higher limit; undefined where the program has ended. */
  readonly token: Uint8Array<ArrayBuffer> | undefined;
  constructor(
    message: string,
    { token, ...reached }: ErrorOptions & LimitReached & { token?: Uint8Array<ArrayBuffer> },
  ) {
    super(message, reached);
    Object.defineProperty(this, 'token', { value: token, enumerable: false });
  }
}

export const overLimit = (limit: keyof ProgramLimits, value: number, token?: Uint8Array<ArrayBuffer>) =>
  new ProgramLimitError(`the program is over its limit ${limit} of ${value}`, {
    ...{ limit, value },
    ...(token && { token }),
  });
