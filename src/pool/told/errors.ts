// How errors cross threads: structured clone drops classes and codes, so errors travel as plain data (`toData`) and come
// out as what they were (`fromData`). What a service or a host function throws may be anything, and of any size: whatever it
// is, its data is small, and can be printed. Also the pool's own errors, but for those that have a job's state (ends.ts).

import { fileURLToPath } from 'node:url';
import { Serializer } from 'node:v8';
import * as spec from '../../spec/errors.ts';
import { guestLines, hostLines } from '../../spec/stacks.ts';
import {
  attempt,
  cut,
  isA,
  isError,
  mostOfMessage,
  mostOfName,
  peek,
  textIn,
  told,
  toldThrown,
} from '../../spec/told.ts';
import { ClosedError, DeadlockError, PeerError } from '../../talk/errors.ts';
import type { CauseData, ErrorData } from './protocol.ts';

/** The job was given up, by `cancel()`, an abandoned `map`, or `terminate()`. Its state is gone. */
export class CancelledError extends spec.WasboxError {
  readonly code = 'cancelled';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    shorten(this);
  }
}

export { WorkerError } from '../../spec/errors.ts';

/** Of a thread of the pool. */
export function workerError(message: string, options?: ErrorOptions): spec.WorkerError {
  const error = new spec.WorkerError(message, options);
  shorten(error);
  return error;
}

type ErrorClass = { readonly prototype: Error };
const isErrorClass = (value: unknown): value is ErrorClass =>
  typeof value === 'function' && value.prototype instanceof Error;

/** Every error that keeps its class on the way, by name: ours and the language's. */
const classes = new Map<string, ErrorClass>(
  [
    ...Object.values<unknown>(spec),
    ...[CancelledError, ClosedError, DeadlockError, PeerError],
    ...[TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError],
  ]
    .filter(isErrorClass)
    .map((known) => [(known as unknown as { name: string }).name, known]),
);

/** Has errors of one more class keep it on the way. */
export function keepClass(type: ErrorClass & { readonly name: string }): void {
  classes.set(type.name, type);
}

/** Of an error, its causes, their causes and so on; what is beyond is left out, which also ends every circle. */
const most = {
  /** Causes of causes. */
  depth: 8,
  /** Errors in all, those in an AggregateError included. */
  errors: 64,
  /** Characters of a stack. */
  stack: 10_000,
  fields: 32,
  /** Bytes of a field or a cause that is no error, as V8 serializes it. */
  bytes: 65_536,
} as const;

/** What `ErrorData` holds in places of its own; and what would be another prototype where it is assigned. */
const ownPlaces = ['name', 'message', 'stack', 'cause', 'errors', '__proto__'];

/** Never throws. */
export const toData = (error: unknown): ErrorData => new Teller().error(isError(error) ? error : wrapped(error));

const wrapped = (thrown: unknown): Error => new Error(toldThrown(thrown), { cause: thrown });

class Teller {
  private left: number = most.errors;

  error(error: Error, depth = 0): ErrorData {
    this.left--;
    const cause = peek(error, 'cause');
    return {
      name: textIn(error, 'name', mostOfName),
      message: textIn(error, 'message', mostOfMessage),
      stack: attempt(() => stackOf(error), undefined),
      fields: attempt(() => fieldsOf(error), {}),
      cause: cause === undefined || !this.goesOn(depth) ? undefined : this.cause(cause, depth + 1),
      errors: attempt(() => this.errors(peek(error, 'errors'), depth), undefined),
    };
  }

  private goesOn(depth: number): boolean {
    return depth < most.depth && this.left > 0;
  }

  private cause(cause: unknown, depth: number): CauseData {
    if (isError(cause)) return { kind: 'error', error: this.error(cause, depth) };
    const copy = smallCopy(cause);
    return { kind: 'value', value: copy === undefined ? told(cause) : copy.value };
  }

  /** Of an AggregateError, or what looks like one. */
  private errors(list: unknown, depth: number): CauseData[] | undefined {
    if (!Array.isArray(list)) return undefined;
    const told: CauseData[] = [];
    for (let i = 0; i < list.length && this.goesOn(depth); i++) told.push(this.cause(peek(list, i), depth + 1));
    const rest = list.length - told.length;
    if (rest > 0) told.push({ kind: 'value', value: `and ${rest} more` });
    return told;
  }
}

/** Where the functions of this package are, as stacks write it. */
const ours = ['../../', '../../../workers/']
  .map((folder) => new URL(folder, import.meta.url))
  .flatMap((folder) => [folder.href, fileURLToPath(folder)]);

const isOurs = (line: string): boolean => /^ +at /.test(line) && ours.some((folder) => line.includes(folder));

/** Without our functions, but of a bug of ours: of an error of ours, the guest's frames and those of the program. */
function stackOf(error: Error): string | undefined {
  const told = peek(error, 'stack');
  if (typeof told !== 'string') return undefined;
  const stack = cut(told, most.stack);
  if (isA(error, spec.CrashError)) return stack;
  const lines = stack.split('\n').filter((line) => !isOurs(line));
  if (!isA(error, spec.WasboxError)) return lines.join('\n');
  return [`${error.name}: ${error.message}`, ...guestLines(error), ...hostLines(lines.join('\n'))].join('\n');
}

/** Takes what is ours from the stack of an error that ends a job: nobody's call has made it. */
export function shorten(error: Error): void {
  spec.hide(error, 'stack', stackOf(error));
}

function fieldsOf(error: Error): Record<string, unknown> {
  const hidden = isA(error, spec.GuestError) ? spec.hiddenFields : [];
  const names = [...hidden, ...Object.keys(error)].filter(
    (name) => !ownPlaces.includes(name) && name.length <= mostOfName,
  );
  const fields: Record<string, unknown> = {};
  for (const name of names.slice(0, most.fields)) {
    const copy = smallCopy(peek(error, name));
    if (copy !== undefined) fields[name] = copy.value;
  }
  return fields;
}

/** A value without getters and the like; undefined for one that cannot be copied to another thread, or is large. */
function smallCopy(value: unknown): { readonly value: unknown } | undefined {
  if (typeof value === 'string' && value.length > most.bytes) return undefined;
  return attempt(() => {
    const copy: unknown = structuredClone(value);
    const serializer = new Serializer();
    serializer.writeHeader();
    serializer.writeValue(copy);
    return serializer.releaseBuffer().length > most.bytes ? undefined : { value: copy };
  }, undefined);
}

/** The error that `toData` was given: same class where we know it, else an Error of that name. */
export function fromData(data: ErrorData): Error {
  const error = data.cause === undefined ? new Error(data.message) : new Error(data.message, causeFrom(data.cause));
  const known = classes.get(data.name);
  if (known !== undefined) Object.setPrototypeOf(error, known.prototype);
  spec.hide(error, 'name', data.name);
  spec.hide(error, 'stack', data.stack);
  if (data.errors !== undefined) spec.hide(error, 'errors', data.errors.map(valueFrom));
  for (const [name, value] of Object.entries(data.fields))
    if (spec.hiddenFields.includes(name)) spec.hide(error, name, value);
    else Object.assign(error, { [name]: value });
  return error;
}

const valueFrom = (data: CauseData): unknown => (data.kind === 'error' ? fromData(data.error) : data.value);
const causeFrom = (data: CauseData): ErrorOptions => ({ cause: valueFrom(data) });
