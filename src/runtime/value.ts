// How values stand in a slot (frame.ts), and out of it again.

import { topOf } from '../spec/deftypes.ts';
import { UsageError } from '../spec/errors.ts';
import { told } from '../spec/told.ts';
import { isRef, type NumType, slotsOf, typeName, type ValType } from '../spec/types.ts';
import { refKinds, type Value } from './heap/ref.ts';
import type { Store } from './store.ts';

const half = new Int32Array(2);
const double = new Float64Array(half.buffer);
const single = new Float32Array(half.buffer);

/** Reads the value of a type from the slot at `slot` of `words`. */
export function readValue(words: Int32Array, slot: number, type: ValType, store: Store): Value {
  const lo = words[slot * 2] as number;
  const hi = words[slot * 2 + 1] as number;
  switch (type) {
    case 'i32':
      return lo;
    case 'i64':
      return BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo >>> 0));
    case 'f32':
      half[0] = lo;
      return single[0];
    case 'f64':
      half[0] = lo;
      half[1] = hi;
      return double[0];
    case 'v128':
      return new Uint8Array(words.slice(slot * 2, slot * 2 + 4).buffer);
    default:
      return readRef(lo, hi, store);
  }
}

function readRef(lo: number, hi: number, store: Store): Value {
  switch (hi) {
    case refKinds.null:
      return null;
    case refKinds.func:
      return store.ref('func', lo);
    case refKinds.extern:
      return store.externs[lo];
    case refKinds.object:
      return store.ref('object', lo);
    case refKinds.i31:
      return store.ref('i31', lo);
    default:
      return store.ref('exn', lo);
  }
}

/**
 * Writes a value to the slot at `slot`, all of its words. Throws UsageError, naming `what` (of several the one at
 * `index`), for a value that is not of the type; numbers must be in range, nothing is converted silently.
 */
export function writeValue(
  words: Int32Array,
  slot: number,
  type: ValType,
  value: Value,
  store: Store,
  what: string,
  index?: number,
): void {
  const at = slot * 2;
  if (isRef(type)) {
    const [lo, hi] = store.refWords(value, type) ?? misfit(value, type, what, index);
    words[at] = lo;
    words[at + 1] = hi;
    return;
  }
  if (type === 'v128') {
    if (!(value instanceof Uint8Array) || value.length !== 16) misfit(value, type, what, index);
    words.set(new Int32Array(new Uint8Array(value).buffer), at);
    return;
  }
  writeNumber(type, value, what, index);
  words[at] = half[0] as number;
  words[at + 1] = half[1] as number;
}

/** Leaves the words of a number in `half`. */
function writeNumber(type: NumType, value: Value, what: string, index: number | undefined): void {
  half[1] = 0;
  if (type === 'i64') {
    if (typeof value !== 'bigint' || (value !== BigInt.asIntN(64, value) && value !== BigInt.asUintN(64, value)))
      misfit(value, type, what, index);
    half[0] = Number(BigInt.asIntN(32, value));
    half[1] = Number(BigInt.asIntN(32, value >> 32n));
    return;
  }
  if (typeof value !== 'number') misfit(value, type, what, index);
  if (type === 'f64') double[0] = value;
  else if (type === 'f32') single[0] = value;
  else if (Number.isInteger(value) && value >= -0x8000_0000 && value <= 0xffff_ffff) half[0] = value;
  else misfit(value, type, what, index);
}

function misfit(value: Value, type: ValType, what: string, index: number | undefined): never {
  const which = index === undefined ? what : `${what} ${index}`;
  throw new UsageError(`${which} must be of type ${typeName(type)}, and ${told(value)} is not`);
}

/** Writes values one after the other from `slot` on. */
export function writeValues(
  words: Int32Array,
  slot: number,
  types: readonly ValType[],
  values: readonly Value[],
  store: Store,
  what: string,
): void {
  if (values.length !== types.length)
    throw new UsageError(
      `${what}: ${types.length} ${types.length === 1 ? 'value is' : 'values are'} expected, ${values.length} given`,
    );
  let at = slot;
  for (let i = 0; i < types.length; i++) {
    const type = types[i] as ValType;
    writeValue(words, at, type, values[i], store, what, i);
    at += slotsOf(type);
  }
}

export function readValues(words: Int32Array, slot: number, types: readonly ValType[], store: Store): Value[] {
  const values: Value[] = [];
  let at = slot;
  for (let i = 0; i < types.length; i++) {
    const type = types[i] as ValType;
    values.push(readValue(words, at, type, store));
    at += slotsOf(type);
  }
  return values;
}

/** The hierarchy that a reference of the host belongs to: null fits any nullable type. */
export const hierarchyOf = (type: ValType): 'func' | 'extern' | 'any' | 'exn' | undefined =>
  isRef(type) ? topOf(type.heap) : undefined;
