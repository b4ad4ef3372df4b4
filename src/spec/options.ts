// What callers may say: a check for each option and argument, in tables by their names. All of it is checked before
// anything happens; what does not pass is a UsageError that tells the option, what is allowed, and what was given.

import { UsageError } from './errors.ts';
import { quoted, told } from './told.ts';

/** Throws UsageError, calling the value `what`. */
export type Check = (value: unknown, what: string) => void;

/** A check for each option of an interface. */
export type Checks<T> = { readonly [K in keyof Required<T>]: Check };

/** `allowed`: what fits, in words that go on from "must be". */
export const check =
  (fits: (value: never) => boolean, allowed: string): Check =>
  (value, what) => {
    if (!passes(fits, value)) throw new UsageError(`${what} must be ${allowed}, not ${told(value)}`);
  };

function passes(fits: (value: never) => boolean, value: unknown): boolean {
  try {
    return fits(value as never);
  } catch {
    return false;
  }
}

const range = (least: number, most: number): string =>
  most === Infinity ? `, ${least} or more` : ` from ${least} to ${most}`;

export const anything: Check = () => {};
export const aText = check((v: unknown) => typeof v === 'string', 'a text');
export const aFlag = check((v: unknown) => typeof v === 'boolean', 'true or false');
export const aFunction = check((v: unknown) => typeof v === 'function', 'a function');
/** Functions are objects, too: proxies often are. */
export const anObject = check((v: unknown) => Object(v) === v, 'an object');

export const aNumber = (least: number, most = Infinity): Check =>
  check((v: unknown) => typeof v === 'number' && v >= least && v <= most, `a number${range(least, most)}`);

export const anInteger = (least: number, most = Number.MAX_SAFE_INTEGER): Check =>
  check((v: number) => Number.isInteger(v) && v >= least && v <= most, `an integer${range(least, most)}`);

/** A count, or Infinity for no bound. */
export const aCount = check(
  (v: number) => v === Infinity || (Number.isSafeInteger(v) && v >= 0),
  'an integer, 0 or more, or Infinity',
);

export const oneOf = (...choices: readonly string[]): Check =>
  check((v: string) => choices.includes(v), `one of ${choices.join(', ')}`);

/** Of a class, whose constructor may be private. */
export const instanceOf = (type: { readonly prototype: object }, allowed: string): Check =>
  check((v: unknown) => v instanceof (type as abstract new () => unknown), allowed);

/** What an AbortSignal is to us; hosts that have one need not declare it. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
export const aSignal = check(
  ({ aborted, addEventListener, removeEventListener }: Signal) =>
    typeof aborted === 'boolean' && [addEventListener, removeEventListener].every((f) => typeof f === 'function'),
  'an AbortSignal',
);

/** Timers of hosts hold no more. */
export const mostMs = 2 ** 31 - 1;
/** In milliseconds. */
export const aTime = aNumber(0, mostMs);

export const aList = check((v: unknown) => Array.isArray(v), 'a list');

export const listOf =
  (item: Check): Check =>
  (value, what) => {
    aList(value, what);
    (value as unknown[]).forEach((each, i) => {
      item(each, `${what}[${i}]`);
    });
  };

/** An object with values of one kind. */
export const recordOf =
  (item: Check): Check =>
  (value, what) => {
    anObject(value, what);
    for (const [key, each] of Object.entries(value as object)) item(each, `${what}.${key}`);
  };

/** An object with these options and no others; those that are undefined are left out, but for the ones that must be. */
export const optionsOf =
  <T extends object>(checks: Checks<T>, ...required: readonly (keyof T & string)[]): Check =>
  (value, what) => {
    anObject(value, what);
    for (const name of required) checks[name]((value as T)[name], name);
    for (const key of Object.keys(value as object)) {
      const each = (value as Record<string, unknown>)[key];
      const allowed = Object.hasOwn(checks, key) ? checks[key as keyof T] : undefined;
      if (allowed === undefined)
        throw new UsageError(`there is no option ${quoted(key)} in ${what}, only ${Object.keys(checks).join(', ')}`);
      if (each !== undefined) allowed(each, what === theOptions ? key : `${what}.${key}`);
    }
  };

/** How a whole set of options is called; those within go by their own names. */
export const theOptions = 'the options';
