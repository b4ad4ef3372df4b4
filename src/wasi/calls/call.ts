// What the calls have in common: how they are listed, and what they get.

import { NotYet } from '../../host/not-yet.ts';
import type { Form } from '../abi.ts';
import { fail } from '../errno.ts';
import type { GuestMemory } from '../memory.ts';
import type { System } from '../system/system.ts';

/** What one call works on. */
export interface Scene {
  readonly system: System;
  readonly memory: GuestMemory;
  readonly form: Form;
  /** It was asked before, and could not answer. */
  readonly again: boolean;
  /** Charges the guest for so many bytes that are copied. */
  copied(bytes: number): void;
  exit(code: number): never;
  overLimit(limit: string, value: number): never;
}

/** Numbers have no sign; `i64` comes as a bigint of 64 bits without one. */
type Args<P extends string> = P extends ''
  ? []
  : P extends `${infer First} ${infer Rest}`
    ? [First extends 'i64' ? bigint : number, ...Args<Rest>]
    : [P extends 'i64' ? bigint : number];

/** What a call comes to: nothing is success, and what fails throws ErrnoError. */
export type Result = undefined | NotYet;

export interface Call {
  /** Types of the parameters, `i32` or `i64`, with blanks between. */
  readonly params: string;
  /** Of what it returns, only that it waits for something counts. */
  readonly act: (scene: Scene, ...args: never[]) => unknown;
}

export const call = <const P extends string>(params: P, act: (scene: Scene, ...args: Args<P>) => unknown): Call => ({
  params,
  act: act as Call['act'],
});

/** What a guest waits for that must not wait: a descriptor with the flag `nonblock`. */
export const later = (event: PromiseLike<unknown> | undefined, mustWait: boolean): NotYet =>
  mustWait ? new NotYet({ event }) : fail('again');

/** A time or an offset that is a safe integer; `otherwise` for others. */
export const safe = (value: bigint, otherwise: 'inval' | 'fbig' | 'overflow'): number =>
  value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : fail(otherwise);
