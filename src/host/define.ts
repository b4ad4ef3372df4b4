// Host functions, defined by their signature. Knows types, never the VM: what a function may touch arrives as its
// last argument.

import type { FuncLike, Ref, Value } from '../runtime/heap/ref.ts';
import type { ReadTextOptions, WriteTextOptions } from '../runtime/memory/text.ts';
import { UsageError } from '../spec/errors.ts';
import { aFunction, aList, aNumber, check, optionsOf, theOptions } from '../spec/options.ts';
import { quoted } from '../spec/told.ts';
import { type RefType, type TypeName, typeNamed, type ValType } from '../spec/types.ts';
import { NotYet, type Waiting } from './not-yet.ts';
import type { StateOwner } from './state.ts';

export interface MemoryNamed {
  /** Of the caller's exports, for another memory than its exported or first one. */
  readonly memory?: string | undefined;
}

/** What a host function may touch of the VM that calls it. */
export interface HostContext<S = unknown> {
  /**
   * The bytes of the caller's exported or first memory. Fetch it anew after anything that may have grown it. The view
   * ends with its VM.
   */
  memory(name?: string): Uint8Array;
  /** A text in that memory, as `MemoryRef.readString` gives it. */
  readString(address: number | bigint, options?: ReadTextOptions & MemoryNamed): string;
  /** Writes a text to that memory as `MemoryRef.writeString` does, and returns its bytes. */
  writeString(address: number | bigint, text: string, options?: WriteTextOptions & MemoryNamed): number;
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

/** What a host function does: it gets the arguments and then the context, and returns as `hostFunction` tells. */
export type HostBody = (...args: [...Value[], HostContext]) => unknown;

/** A host function and its type: what `hostFunction` and `asyncHostFunction` make, and imports are given. */
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

/** A type, or its name (`i32`, `i64`, `f32`, `f64`, `v128`, `funcref`, `externref`, `(ref func)`, …). */
export type TypeLike = ValType | TypeName;

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

/** What JavaScript sees of a value, by the name of its type; of all others any Value. */
interface NamedValues {
  readonly i32: number;
  readonly i64: bigint;
  readonly f32: number;
  readonly f64: number;
  readonly v128: Uint8Array;
  readonly funcref: Ref<'func'> | null;
  readonly eqref: Ref | null;
  readonly structref: Ref<'object'> | null;
  readonly arrayref: Ref<'object'> | null;
  readonly i31ref: Ref<'i31'> | null;
  readonly exnref: Ref<'exn'> | null;
  readonly '(ref func)': Ref<'func'>;
  readonly '(ref eq)': Ref;
  readonly '(ref struct)': Ref<'object'>;
  readonly '(ref array)': Ref<'object'>;
  readonly '(ref i31)': Ref<'i31'>;
  readonly '(ref exn)': Ref<'exn'>;
}
type Given<T> = T extends keyof NamedValues ? NamedValues[T] : Value;
/** What an instance exports is a function, too. */
type Taken<T> = T extends 'funcref' ? FuncLike | null : T extends '(ref func)' ? FuncLike : Given<T>;

/** What a body gets for parameters of these types. */
export type ParamsOf<P extends readonly TypeLike[]> = { -readonly [K in keyof P]: Given<P[K]> };
/** One result as it is, several as a list; of a function without any, whatever. */
export type ResultsOf<R extends readonly TypeLike[]> = number extends R['length']
  ? unknown
  : R extends readonly []
    ? // biome-ignore lint/suspicious/noConfusingVoidType: it is a return type, and lets a body return anything
      void
    : R extends readonly [infer One]
      ? Taken<One>
      : { readonly [K in keyof R]: Taken<R[K]> };
/** As ResultsOf, or a promise of it. */
export type LaterResultsOf<R extends readonly TypeLike[]> = R extends readonly []
  ? unknown
  : ResultsOf<R> | PromiseLike<ResultsOf<R>>;

/**
 * A host function that answers at once. One result is returned as it is, several as an array, none as undefined; their
 * types, and those of the parameters, follow from the signature where that is literal. Throws UsageError for an unknown
 * type.
 */
export const hostFunction = <
  const P extends readonly TypeLike[],
  const R extends readonly TypeLike[],
  const B extends ResultsOf<R> = ResultsOf<R>,
  S = unknown,
>(
  params: P,
  results: R,
  body: (...args: [...ParamsOf<P>, HostContext<S>]) => B,
): HostFunction => define('sync', params, results, body as unknown as HostBody);

/** A host function whose answer comes later: the VM suspends with a pending call, and may be saved and moved meanwhile. */
export const asyncHostFunction = <
  const P extends readonly TypeLike[],
  const R extends readonly TypeLike[],
  const B extends LaterResultsOf<R> = LaterResultsOf<R>,
  S = unknown,
>(
  params: P,
  results: R,
  body: (...args: [...ParamsOf<P>, HostContext<S>]) => B,
): HostFunction => define('async', params, results, body as unknown as HostBody);

/**
 * A host function that answers at once if it can. Where its body returns `notYet(…)`, the VM suspends, and the body is
 * called again with the same arguments when what it waits for is there: perhaps in another VM, that was restored. So a
 * body that returns `notYet` has done nothing yet.
 */
export const retryHostFunction = <
  const P extends readonly TypeLike[],
  const R extends readonly TypeLike[],
  const B extends ResultsOf<R> | NotYet = ResultsOf<R> | NotYet,
  S = unknown,
>(
  params: P,
  results: R,
  body: (...args: [...ParamsOf<P>, HostContext<S>]) => B,
): HostFunction => define('retry', params, results, body as unknown as HostBody);

const notYetOptions = optionsOf<Waiting>({
  until: aNumber(0),
  event: check(
    (v: PromiseLike<unknown> | readonly PromiseLike<unknown>[]) =>
      [v].flat().every(({ then }) => typeof then === 'function'),
    'a promise, or a list of them',
  ),
});

/** What the body of a `retryHostFunction` returns where it cannot answer yet. Throws UsageError. */
export function notYet(waiting: Waiting): NotYet {
  notYetOptions(waiting, theOptions);
  return new NotYet(waiting);
}
