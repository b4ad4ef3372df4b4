// How a job can end other than by the guest's own doing, and how errors cross threads: structured clone drops classes
// and codes, so errors travel as plain data (`toData`) and come out as what they were (`fromData`).

import * as spec from '../spec/errors.ts';
import type { CauseData, ErrorData } from './protocol.ts';
import type { JobSnapshot } from './snapshot.ts';

/** The job was suspended, by `suspend()` or its AbortSignal (then `cause` is the signal's reason). */
export class SuspendedError extends spec.WasboxError {
  readonly code = 'suspended';
  constructor(
    /** The job's state, to resume anywhere. */
    readonly snapshot: JobSnapshot,
    options?: ErrorOptions,
  ) {
    super('the job was suspended; its `snapshot` can be resumed', options);
  }
}

/** The job used up its fuel or its time. */
export class JobLimitError extends spec.LimitError {
  constructor(
    readonly limit: 'fuel' | 'deadline',
    message: string,
    /** The job's state; undefined where it was lost with its thread. */
    readonly snapshot: JobSnapshot | undefined,
  ) {
    super(message);
  }
}

/** The job was given up, by `cancel()`, an abandoned `map`, or `terminate()`. Its state is gone. */
export class CancelledError extends spec.WasboxError {
  readonly code = 'cancelled';
}

/** The thread that ran the job died: `process.exit` or an uncaught error in a host function, or it was killed. */
export class WorkerError extends spec.WasboxError {
  readonly code = 'worker';
}

type ErrorClass = { readonly prototype: Error };
const isErrorClass = (value: unknown): value is ErrorClass =>
  typeof value === 'function' && value.prototype instanceof Error;

/** Every error that keeps its class on the way, by name: ours and the language's. */
const classes = new Map<string, ErrorClass>(
  [
    ...Object.values(spec),
    ...[JobLimitError, CancelledError, WorkerError],
    ...[TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError],
  ]
    .filter(isErrorClass)
    .map((known) => [(known as unknown as { name: string }).name, known]),
);

/** Causes of causes deeper than this are dropped, which also ends a circle of them. */
const deepestCause = 8;
const mostFields = 32;
/** What `ErrorData` holds in places of its own. */
const ownPlaces = ['name', 'message', 'stack', 'cause'];

export function toData(error: unknown, depth = 0): ErrorData {
  if (!(error instanceof Error)) return toData(new Error(String(error), { cause: error }), depth);
  return {
    name: String(error.name),
    message: String(error.message),
    stack: typeof error.stack === 'string' ? error.stack : undefined,
    fields: fieldsOf(error),
    cause: error.cause === undefined || depth === deepestCause ? undefined : causeOf(error.cause, depth),
  };
}

function fieldsOf(error: Error): Record<string, unknown> {
  const own = Object.entries(error).filter(([name]) => !ownPlaces.includes(name));
  return Object.fromEntries(own.slice(0, mostFields).filter(([, value]) => isCopyable(value)));
}

function isCopyable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

function causeOf(cause: unknown, depth: number): CauseData {
  if (cause instanceof Error) return { kind: 'error', error: toData(cause, depth + 1) };
  return { kind: 'value', value: isCopyable(cause) ? cause : String(cause) };
}

/** The error that `toData` was given: same class where we know it, else an Error of that name. */
export function fromData(data: ErrorData): Error {
  const error = data.cause === undefined ? new Error(data.message) : new Error(data.message, causeFrom(data.cause));
  const known = classes.get(data.name);
  if (known !== undefined) Object.setPrototypeOf(error, known.prototype);
  const hidden = { configurable: true, writable: true, enumerable: false };
  Object.defineProperty(error, 'name', { ...hidden, value: data.name });
  Object.defineProperty(error, 'stack', { ...hidden, value: data.stack });
  return Object.assign(error, data.fields);
}

const causeFrom = (cause: CauseData): ErrorOptions => ({
  cause: cause.kind === 'error' ? fromData(cause.error) : cause.value,
});
