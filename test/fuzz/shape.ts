// What a random program is made of, its code aside: the types of functions and objects, memories, tables, globals and tags.

import type { AddrType } from '../../src/spec/types.ts';
import { allFeatures, type Feature } from './features.ts';
import type { Random } from './random.ts';

export const codes = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
  eqref: 0x6d,
  exnref: 0x69,
  i16: 0x77,
  i8: 0x78,
} as const;
export const numbers = ['i32', 'i64', 'f32', 'f64'] as const;
export const vectors = ['v128'] as const;
export type Plain = (typeof numbers)[number] | 'v128';
export type Reference = 'funcref' | 'externref' | 'eqref' | 'exnref';
export type Type = Plain | Reference;

export interface Signature {
  readonly params: readonly Type[];
  readonly results: readonly Type[];
}

/** A field of an object; all are mutable. */
export type Storage = Plain | 'i8' | 'i16' | 'eqref';
export interface ObjectType {
  readonly kind: 'struct' | 'array';
  readonly fields: readonly Storage[];
  /** Its place in `objectTypes`. */
  readonly parent?: number;
}

const base: readonly Storage[] = ['i32', 'f64', 'i8', 'eqref'];

/** All programs with objects have the same types, in one recursive group. */
export const objectTypes: readonly ObjectType[] = [
  { kind: 'struct', fields: base },
  { kind: 'struct', fields: [...base, 'i64', 'i16', 'f32'], parent: 0 },
  { kind: 'struct', fields: [...base, 'v128'], parent: 0 },
  { kind: 'array', fields: ['i32'] },
  { kind: 'array', fields: ['i8'] },
  { kind: 'array', fields: ['i64'] },
  { kind: 'array', fields: ['f64'] },
  { kind: 'array', fields: ['eqref'] },
];

/** What exceptions carry, by tag. */
export const tags: readonly (readonly Plain[])[] = [[], ['i32', 'i64'], ['f64']];

export interface Shape {
  readonly features: ReadonlySet<Feature>;
  readonly functions: readonly Signature[];
  readonly memories: readonly AddrType[];
  /** The types of locals and of whatever code computes. */
  readonly types: readonly Type[];
  /** It imports a function of an i32 that it asks now and then (nested.ts). */
  readonly asks: boolean;
}

/** Type indices: the functions', then what tags carry, as parameters and as results, then objects. */
export const typeOfTag = ({ functions }: Shape, tag: number): number => functions.length + tag;
export const typeOfCaught = ({ functions }: Shape, tag: number): number => functions.length + tags.length + tag;
export const typeOfObject = ({ functions }: Shape, object: number): number =>
  functions.length + 2 * tags.length + object;

/** The last type: of the function that is asked. */
export const typeOfAsk = (shape: Shape): number =>
  typeOfObject(shape, shape.features.has('gc') ? objectTypes.length : 0);
/** Where functions begin. */
export const funcIndex = ({ asks }: Shape, i: number): number => (asks ? i + 1 : i);

/** Globals: numbers, the counter, then references of the types that there are. */
export const counter = numbers.length;
export const globalsOf = ({ types }: Shape): readonly Type[] => [...numbers, 'i32', ...types.filter(isReference)];

export const isReference = (type: Type): type is Reference => type.endsWith('ref');

/** Pages of each memory, at first and at most. */
export const pages = { min: 2, max: 4 };
/** Both tables hold functions; the first never changes. */
export const tableSize = 8;
export const tableMost = 12;
/** Bytes of the passive data segment; functions in the passive element segment. */
export const dataSize = 64;

/** Some of the features, each in a part of the programs. */
export function shapeOf(random: Random, available: readonly Feature[], asks: boolean): Shape {
  const chosen = allFeatures.filter(
    (feature) => random.chance(feature === 'gc' ? 3 : 2) && available.includes(feature),
  );
  const features = new Set(chosen);
  // Engines do not take both in one module.
  if (features.has('exceptions')) features.delete('legacy-exceptions');
  // Objects are references, and come with typed functions.
  if (features.has('gc')) features.add('references');
  const types: Type[] = [...numbers, 'v128'];
  if (features.has('references')) types.push('funcref', 'externref');
  if (features.has('gc')) types.push('eqref');
  if (features.has('exceptions')) types.push('exnref');
  const outside: Type[] = [...numbers, ...types.filter((type) => type === 'externref')];
  const some = (most: number) => Array.from({ length: random.below(most + 1) }, () => random.pick(outside));
  const functions = Array.from({ length: 2 + random.below(5) }, () => ({ params: some(4), results: some(2) }));
  const address = (): AddrType => (features.has('memory64') && random.chance(2) ? 'i64' : 'i32');
  const memories = features.has('multi-memory') ? [address(), address()] : [address()];
  return { features, functions, memories, types, asks };
}
