// Who talks, and what each is measured at.

import type { VmOptions } from 'wasbox';

export type Engine = NonNullable<VmOptions['engine']>;
export const engines: readonly Engine[] = ['native', 'interpreter'];

/** Bytes of a message. */
export const small = 64;
export const large = 65_536;

export interface Racer {
  readonly what: string;
  readonly who: string;
  /** Does it so many times. Rejects where the answer is not what it has to be. */
  run(count: number): Promise<void>;
}

/** Those that have something in common, and end together. */
export interface Racers {
  readonly racers: readonly Racer[];
  end(): Promise<void>;
}

export const whats = {
  smallTrip: 'a round trip, 64 B',
  largeTrip: 'a round trip, 64 KiB',
  stream: 'a stream, 64 B',
  largeStream: 'a stream, 64 KiB',
  call: 'a call',
  hostTrip: 'the host and back, 64 B',
  hostStream: 'through, from the host and back, 64 B',
} as const;

/** Of 1 to `count`, as 32 bits. */
const sumOf = (count: number): number => Number(BigInt.asIntN(32, (BigInt(count) * BigInt(count + 1)) / 2n));

/** What comes back of `count` messages with these numbers, to each of which `more` was added. */
export function checkSum(sum: number, count: number, more: number): void {
  const expected = (sumOf(count) + Math.imul(count, more)) | 0;
  if (sum !== expected) throw new Error(`${count} messages came to ${sum}, not to ${expected}`);
}
