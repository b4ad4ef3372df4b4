// Values of JavaScript programs as text and as JSON. They are plain data, but whoever wrote the program decides how large
// they are when written out: a text of a kilobyte can name one object a million times. So what would take long is found out
// before it is written.

import { formatWithOptions, type InspectOptions, inspect } from 'node:util';
import { LimitError } from '../../spec/errors.ts';
import { attempt, plain } from '../../spec/told.ts';

/** Values within a value, each as often as it is named, that are written out as a result. */
const mostOfResult = 2 ** 22;
/** Characters of a result, and how many a byte takes: as base64, and as a number in a list. */
const mostCharacters = 2 ** 26;
const perByte = { json: 2, text: 16 } as const;
/** The same of a value that is only shown, as deep as it is shown. */
const mostShown = 20_000;
const shownDepth = 2;

/** Text as a terminal may have it: what could steer it is told and not sent. */
export const harmless = (text: string, isTerminal: boolean | undefined): string =>
  isTerminal === true ? text.replace(/[^\n\t]+/g, plain) : text;

const whole: InspectOptions = {
  ...{ depth: null, maxArrayLength: null, maxStringLength: null, breakLength: 80, customInspect: false },
};

/** A result for people: a text as it is, nothing for undefined. Throws LimitError. */
export function resultLines(value: unknown): string[] {
  if (value === undefined) return [];
  if (typeof value === 'string') return [value];
  checkSize(value, 'text');
  return [inspect(value, whole)];
}

/** A result as JSON: README tells what becomes of values that JSON does not have. Throws LimitError. */
export function jsonOf(value: unknown): unknown {
  checkSize(value, 'json');
  return plainOf(value, new Set());
}

function checkSize(value: unknown, form: keyof typeof perByte): void {
  const size = new Size(Number.POSITIVE_INFINITY, mostOfResult, mostCharacters, perByte[form]);
  if (size.of(value, 0)) return;
  const told = 'the result is too large to be written out';
  throw new LimitError(told, { limit: 'value', value: mostOfResult });
}

/** A value for somebody who looks at it: as much of it as `console.log` of Node shows. */
export function shown(value: unknown): string {
  const depth = isSmall(value) ? shownDepth : 0;
  return inspect(value, { depth, breakLength: 80, customInspect: false, maxStringLength: 10_000 });
}

const isSmall = (value: unknown): boolean => new Size(shownDepth, mostShown, Number.POSITIVE_INFINITY, 0).of(value, 0);

/** What a program prints, as Node's console writes it; directives that would write out all of a value show it. */
export function printed(values: readonly unknown[]): string {
  const plainly = () => values.map((value) => (typeof value === 'string' ? value : shown(value))).join(' ');
  const [format, ...rest] = values;
  if (typeof format !== 'string' || !format.includes('%') || !rest.every(isSmall)) return plainly();
  const directives = format.replace(/%[%jo]/g, (directive) => (directive === '%%' ? directive : '%O'));
  return (
    attempt(() => formatWithOptions({ depth: shownDepth, customInspect: false }, directives, ...rest), undefined) ??
    plainly()
  );
}

/** Counts a value as it is written out, up to a bound. */
class Size {
  private readonly within = new Set<object>();

  constructor(
    private readonly depth: number,
    private values: number,
    private characters: number,
    private readonly perByte: number,
  ) {}

  /** Whether it is within the bounds. */
  of(value: unknown, depth: number): boolean {
    if (typeof value === 'string') this.characters -= value.length;
    if (isBytes(value)) this.characters -= value.byteLength * this.perByte;
    // Holes are written out as well.
    this.values -= Array.isArray(value) ? value.length - Object.keys(value).length + 1 : 1;
    if (this.values < 0 || this.characters < 0) return false;
    if (typeof value !== 'object' || value === null || depth > this.depth || this.within.has(value)) return true;
    this.within.add(value);
    const all = partsOf(value).every((part) => this.of(part, depth + 1));
    this.within.delete(value);
    return all;
  }
}

const isBytes = (value: unknown): value is ArrayBuffer | ArrayBufferView =>
  ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

function partsOf(value: object): readonly unknown[] {
  if (isBytes(value)) return [];
  if (value instanceof Map) return [...value].flat();
  if (value instanceof Set) return [...value];
  if (value instanceof Error) return [value.stack, value.cause, (value as AggregateError).errors];
  return Array.isArray(value) ? Object.values(value) : Object.entries(value).flat();
}

/** What JSON can say of a value; `within`: the objects that it is in. */
function plainOf(value: unknown, within: Set<object>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (within.has(value)) return '[circular]';
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof Date) return value;
  if ([Number, String, Boolean, BigInt].some((kind) => value instanceof kind)) return value.valueOf();
  if (value instanceof RegExp) return String(value);
  within.add(value);
  const inner = (part: unknown) => plainOf(part, within);
  const made = membersOf(value, inner);
  within.delete(value);
  return made;
}

function membersOf(value: object, inner: (part: unknown) => unknown): unknown {
  if (value instanceof Map) return Array.from(value, ([key, item]) => [inner(key), inner(item)]);
  if (value instanceof Set) return Array.from(value, inner);
  if (value instanceof Error) {
    const { name, message, cause, errors } = value as AggregateError;
    return {
      name,
      message,
      ...(cause !== undefined && { cause: inner(cause) }),
      ...(errors && { errors: inner(errors) }),
    };
  }
  if (Array.isArray(value)) return Array.from(value, inner);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inner(item)]));
}

/** An argument of a call, on one line. */
export const argument = (value: unknown): string => {
  const text = isSmall(value)
    ? inspect(value, { depth: shownDepth, breakLength: Infinity, compact: true, customInspect: false })
    : '…';
  return plain(text);
};
