// Do results have the bits that a script expects? And how both are told to people.
// https://github.com/WebAssembly/spec/tree/main/interpreter#scripts

import { inspect } from 'node:util';
import { refKinds } from '../../../src/runtime/heap/ref.ts';
import type { Store } from '../../../src/runtime/store.ts';
import { isRef, slotsOf, typeName, type ValType } from '../../../src/spec/types.ts';
import type { NanPattern } from '../script/literals.ts';
import type { Expected, Lane, Ref, Vec } from '../script/script.ts';

/** Results as slots, with what it takes to read them. */
export interface Results {
  readonly types: readonly ValType[];
  readonly words: Int32Array;
  readonly store: Store;
}

export function resultsMatch(expected: readonly Expected[], { types, words, store }: Results): boolean {
  if (expected.length !== types.length) return false;
  const slots = slotStarts(types);
  return expected.every((want, i) => matches(want, types[i] as ValType, words, slots[i] as number, store));
}

function slotStarts(types: readonly ValType[]): number[] {
  let next = 0;
  return types.map((type) => {
    const start = next;
    next += slotsOf(type);
    return start;
  });
}

function matches(want: Expected, type: ValType, words: Int32Array, slot: number, store: Store): boolean {
  switch (want.type) {
    case 'either':
      return want.options.some((option) => matches(option, type, words, slot, store));
    case 'ref':
      return isRef(type) && refMatches(want, words[slot * 2] as number, words[slot * 2 + 1] as number, store);
    case 'v128':
      return type === 'v128' && lanesMatch(want, viewOf(words, slot));
    default:
      return type === want.type && laneMatches(want.type, want.bits, viewOf(words, slot), 0);
  }
}

const viewOf = (words: Int32Array, slot: number): DataView =>
  new DataView(words.buffer, words.byteOffset + slot * 8, Math.min(16, words.byteLength - slot * 8));

type LaneType = 'i8' | 'i16' | 'i32' | 'i64' | 'f32' | 'f64';

const laneBytes: Record<LaneType, number> = { i8: 1, i16: 2, i32: 4, i64: 8, f32: 4, f64: 8 };

const laneTypeOf = (shape: Vec['shape']): LaneType => shape.split('x')[0] as LaneType;

function lanesMatch({ shape, lanes }: Vec, view: DataView): boolean {
  const type = laneTypeOf(shape);
  return lanes.every((lane, i) => laneMatches(type, lane, view, i * laneBytes[type]));
}

function laneMatches(type: LaneType, want: Lane, view: DataView, at: number): boolean {
  const bits = bitsAt(type, view, at);
  return typeof want === 'string' ? isNan(want, type === 'f32' ? 32 : 64, BigInt(bits)) : bits === want;
}

/** Bits as the script's literals give them: signed integers. */
function bitsAt(type: LaneType, view: DataView, at: number): number | bigint {
  switch (laneBytes[type]) {
    case 1:
      return view.getInt8(at);
    case 2:
      return view.getInt16(at, true);
    case 4:
      return view.getInt32(at, true);
    default:
      return view.getBigInt64(at, true);
  }
}

/** https://webassembly.github.io/spec/core/syntax/values.html#canonical-nan */
function isNan(pattern: NanPattern, width: 32 | 64, bits: bigint): boolean {
  const canonical = width === 32 ? 0x7fc00000n : 0x7ff8000000000000n;
  const magnitude = BigInt.asUintN(width - 1, bits);
  return pattern === 'nan:canonical' ? magnitude === canonical : (magnitude & canonical) === canonical;
}

const kinds = refKinds;

/** The kinds of references that suit, for each kind that a script can name. */
const suitable: Record<Ref['kind'], readonly number[]> = {
  null: [kinds.null],
  func: [kinds.func],
  extern: [kinds.extern, kinds.object, kinds.i31],
  host: [kinds.extern],
  any: [kinds.extern, kinds.object, kinds.i31],
  eq: [kinds.object, kinds.i31],
  i31: [kinds.i31],
  struct: [kinds.object],
  array: [kinds.object],
  exn: [kinds.exn],
};

function refMatches({ kind, value }: Ref, lo: number, hi: number, store: Store): boolean {
  if (!suitable[kind].includes(hi)) return false;
  if (kind === 'struct' || kind === 'array') return store.heap.shape(lo).kind === kind;
  return value === undefined || store.externs[lo] === value;
}

const kindNames = new Map<number | undefined, string>(Object.entries(refKinds).map(([name, kind]) => [kind, name]));

/** Results as the text format would write them, floats by their bits. */
export function showResults({ types, words, store }: Results): string {
  const slots = slotStarts(types);
  return `[${types.map((type, i) => showResult(type, words, slots[i] as number, store)).join(' ')}]`;
}

function showResult(type: ValType, words: Int32Array, slot: number, store: Store): string {
  if (isRef(type))
    return `${showRef(words[slot * 2] as number, words[slot * 2 + 1] as number, store)} as ${typeName(type)}`;
  const view = viewOf(words, slot);
  if (type !== 'v128') return showBits(type, bitsAt(type, view, 0));
  return `v128 i32x4 ${[0, 4, 8, 12].map((at) => hex(32, view.getInt32(at, true))).join(' ')}`;
}

/** Addresses in the heap and places of host values are not told: they change when a VM is saved and restored. */
export function showRef(lo: number, hi: number, store: Store): string {
  if (hi === kinds.object || hi === kinds.exn) return `ref.${store.heap.shape(lo).kind}`;
  if (hi === kinds.extern) return `ref.extern ${inspect(store.externs[lo])}`;
  return `ref.${kindNames.get(hi)} ${lo}`;
}

const hex = (width: number, bits: number | bigint): string => `0x${BigInt.asUintN(width, BigInt(bits)).toString(16)}`;

const showBits = (type: LaneType, bits: Lane): string =>
  `${type} ${typeof bits === 'string' || !type.startsWith('f') ? bits : hex(laneBytes[type] * 8, bits)}`;

export function showExpected(expected: readonly Expected[]): string {
  return `[${expected.map(showOne).join(' ')}]`;
}

function showOne(want: Expected): string {
  switch (want.type) {
    case 'either':
      return `either(${want.options.map(showOne).join(' | ')})`;
    case 'ref':
      return `ref.${want.kind} ${want.value ?? want.heap ?? ''}`.trim();
    case 'v128':
      return `v128 ${want.shape} ${want.lanes.map((lane) => showBits(laneTypeOf(want.shape), lane).slice(3).trim()).join(' ')}`;
    default:
      return showBits(want.type, want.bits);
  }
}
