// Host functions, defined by their signature. Knows types, never the VM: what a function may touch arrives as its
// last argument.

import type { Value } from '../runtime/ref.ts';
import { UsageError } from '../spec/errors.ts';
import { aFunction, aList, aNumber, check, optionsOf, theOptions } from '../spec/options.ts';
import { quoted } from '../spec/told.ts';
import { type RefType, typeNamed, type ValType } from '../spec/types.ts';
import { NotYet, type Waiting } from './not-yet.ts';
import type { StateOwner } from './state.ts';

/** What a host function may touch of the VM that calls it. */
export interface HostContext<S = unknown> {
  /**
   * The bytes of the caller's exported or first memory. Fetch it anew after anything that may have grown it. The view
   * ends with its VM.
   */
  memory(name?: string): Uint8Array;
  /** Calls an export of the caller's instance. That inner call cannot be suspended. */
  call(name: string, ...args: Value[]): Value[];
  /** Of a call that the VM waits for, its id: the same when a restored VM makes the call again. Else undefined. */
  readonly callId: number | undefined;
  /** The VM's state of the function's host module; undefined where it has none. */
  readonly state: S;
  /**
   * Ends the guest's call: it comes to nothing, but has not failed. The outcome is `exited`; what cannot have one throws
   * ExitError.
   */
  exit(code: number): never;
  /** Charges the guest so many units of fuel, whole ones, for what the function does besides being called. */
  spend(units: number): void;
  /** Ends the guest's call with LimitError: it is over a limit of the host module's own. */
  overLimit(limit: string, value: number): never;
}

export type HostBody = (...args: [...Value[], HostContext]) => unknown;

export interface HostFunction {
  /**
   * `async`: the VM suspends until the results are delivered. `retry`: it does so where the body says that it cannot
   * answer yet, and the body is called again then.
   */
  readonly kind: 'sync' | 'async' | 'retry';
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
  readonly body: HostBody;
  /** Whose state it works on. */
  readonly owner?: StateOwner | undefined;
}

/** A type, or its short name (`i32`, `i64`, `f32`, `f64`, `v128`, `funcref`, `externref`, …). */
export type TypeLike = ValType | string;

const typeObject = check(
  ({ heap, nullable }: RefType) => heap !== undefined && typeof nullable === 'boolean',
  'the name of a value type, or a reference type',
);

function valType(type: TypeLike): ValType {
  if (typeof type !== 'string') {
    typeObject(type, 'the type of a parameter or result');
    return type;
  }
  const named = typeNamed(type);
  if (named === undefined) throw new UsageError(`${quoted(type)} is not the name of a value type`);
  return named;
}

function define(
  kind: HostFunction['kind'],
  params: readonly TypeLike[],
  results: readonly TypeLike[],
  body: HostBody,
): HostFunction {
  aList(params, 'the parameters of a host function');
  aList(results, 'the results of a host function');
  aFunction(body, 'the body of a host function');
  return { kind, params: params.map(valType), results: results.map(valType), body };
}

/** What JavaScript sees of a value, by the name of its type. */
type ValueOf<T> = T extends 'i32' | 'f32' | 'f64'
  ? number
  : T extends 'i64'
    ? bigint
    : T extends 'v128'
      ? Uint8Array
      : Value;
type ValuesOf<P extends readonly TypeLike[]> = { -readonly [K in keyof P]: ValueOf<P[K]> };
/** A body whose parameters have the types that the signature names. */
export type BodyOf<P extends readonly TypeLike[], S> = (...args: [...ValuesOf<P>, HostContext<S>]) => unknown;

/**
 * A host function that answers at once. One result is returned as it is, several as an array, none as undefined.
 * Throws UsageError for an unknown type.
 */
export const hostFunction = <const P extends readonly TypeLike[], S>(
  params: P,
  results: readonly TypeLike[],
  body: BodyOf<P, S>,
): HostFunction => define('sync', params, results, body as unknown as HostBody);

/** A host function whose answer comes later: the VM suspends with a pending call, and may be saved and moved meanwhile. */
export const asyncHostFunction = <const P extends readonly TypeLike[], S>(
  params: P,
  results: readonly TypeLike[],
  body: BodyOf<P, S>,
): HostFunction => define('async', params, results, body as unknown as HostBody);

/**
 * A host function that answers at once if it can. Where its body returns `notYet(…)`, the VM suspends, and the body is
 * called again with the same arguments when what it waits for is there: perhaps in another VM, that was restored. So a
 * body that returns `notYet` has done nothing yet.
 */
export const retryHostFunction = <const P extends readonly TypeLike[], S>(
  params: P,
  results: readonly TypeLike[],
  body: BodyOf<P, S>,
): HostFunction => define('retry', params, results, body as unknown as HostBody);

const notYetOptions = optionsOf<Waiting>({
  until: aNumber(0),
  event: check(({ then }: PromiseLike<unknown>) => typeof then === 'function', 'a promise'),
});

/** What the body of a `retryHostFunction` returns where it cannot answer yet. Throws UsageError. */
export function notYet(waiting: Waiting): NotYet {
  notYetOptions(waiting, theOptions);
  return new NotYet(waiting);
}
