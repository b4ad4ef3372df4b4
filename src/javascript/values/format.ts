// How a value stands in a text, between the guest and the host. Both sides write and read it: here encode.ts and
// decode.ts, in the guest guest/values.ts.
//
// It is JSON. null, booleans, texts, numbers that JSON has, lists without holes, and objects stand for themselves. All
// else is `{"$":[tag, …]}`, with a tag of this table. Objects of any kind are numbered as they begin, for references to
// them: a list before what is in it. Bytes are no part of the text: buffers go along beside it, and are named by number.

export const tags = {
  undefined: 2,
  /** `NaN`, `Infinity`, `-Infinity` or `-0`. */
  number: 3,
  /** Hexadecimal digits, after a `-` where it is negative. */
  bigint: 4,
  /** Milliseconds since 1970, or null for an invalid one. */
  date: 5,
  /** Keys and values in turn. */
  map: 6,
  set: 7,
  /** Name, message, stack (of a guest's), then `[cause]` or 0, `[errors]` or 0. */
  error: 8,
  /** The number of the buffer. */
  buffer: 9,
  /** Name of its class, its buffer as a value, offset and length. */
  view: 10,
  /** Source and flags. */
  regexp: 11,
  /** The number of the object. */
  known: 12,
  /** A primitive value, of which it is the object. */
  boxed: 13,
  /** Its length, then keys and values in turn: a list with holes, or with more than its elements. */
  list: 14,
  /** Keys and values in turn: an object with a key `$`. */
  object: 15,
} as const;

/** The most objects within each other: reading them takes stack. */
export const mostDepth = 400;

/** A value on its way. */
export interface Message {
  readonly text: string;
  readonly blobs: readonly Uint8Array[];
}

/** Classes of views, by name; some hosts lack some. */
export const viewKinds: Readonly<Record<string, ViewKind | undefined>> = Object.assign(
  Object.create(null) as object,
  { DataView, Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array },
  { Float32Array, Float64Array, BigInt64Array, BigUint64Array },
  { Float16Array: (globalThis as { Float16Array?: ViewKind }).Float16Array },
);
export type ViewKind = new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;

export const errorKinds: Readonly<Record<string, ErrorConstructor | undefined>> = Object.assign(
  Object.create(null) as object,
  { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError },
);
