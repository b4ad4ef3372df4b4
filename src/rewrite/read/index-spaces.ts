// Where the code of a rewritten body finds what it uses besides its own locals. The main module of a guest and its
// continuations number these things differently.

import type { DefType } from '../../spec/deftypes.ts';
import type { TypeIdx } from '../../spec/types.ts';
import type { ModuleContext } from '../../validate/context.ts';
import type { Low, LowTypes } from './types.ts';

/** Where fuel counts as used up although it is not: the real amount is held in the scratch module. */
export const left = -0x8000_0000;
/** Likewise, where an exception is on its way. */
export const thrown = left + 1;
/** Of a global that says something about a trap, or takes fuel along: it does not. */
export const notNoted = left;

/**
 * With less fuel than that code asks for more where it calls others: so it seldom has to leave because a loop, where it
 * does not ask, is out of fuel.
 */
export const spareFuel = 8_192;

/** The host's limit on parameters and on results; two are ours, and one is the pc at a safe point. */
export const mostValues = 990;
/** Values that one call hands over where a function is left: about as many as the host has registers for. */
export const mostLeft = 20;
const words = (count: number): LowTypes => new Array<Low>(count).fill('i64');
type Leave = `leave_${number}`;
/** The function that ends a spilled frame of so many values, in words of 64 bits. */
export const leave = (values: number): Leave => `leave_${values}`;

/**
 * Values, then the frame's end: address of the instance, function index, pc; and the fuel, which it gives back, or keeps
 * where some is left, for code is left for another reason then. Where an exception passes, the place is just noted.
 * It is one call, and the last that the function does, so that nothing has to outlive it: what the host's compiler has in
 * registers it need not write to its stack beforehand, where code is hot, for this case that is seldom.
 */
const leaveFunc = (values: number): Signature => ({
  params: [...words(values), 'i32', 'i32', 'i32', 'i32'],
  results: ['i32'],
});

const otherScratchFuncs = {
  /** Appends as many values to the spilled ones as fit in a call. */
  put: { params: words(mostLeft), results: [] },
  /** Of what was thrown: the exception, and the fuel that was left. It is no longer on its way then. */
  caught: { params: [], results: ['i64', 'i32'] },
  /** What code has from then on that has so much fuel, which is little or nothing; and whether it is a continuation. */
  more: { params: ['i32', 'i32'], results: ['i32'] },
  /** Reads the value at a byte offset of what the engine passes. */
  get_i32: { params: ['i32'], results: ['i32'] },
  get_i64: { params: ['i32'], results: ['i64'] },
  get_f32: { params: ['i32'], results: ['f32'] },
  get_f64: { params: ['i32'], results: ['f64'] },
  get_v128: { params: ['i32'], results: ['v128'] },
  /** Writes a value there: value, offset. */
  set_i32: { params: ['i32', 'i32'], results: [] },
  set_i64: { params: ['i64', 'i32'], results: [] },
  set_f32: { params: ['f32', 'i32'], results: [] },
  set_f64: { params: ['f64', 'i32'], results: [] },
  set_v128: { params: ['v128', 'i32'], results: [] },
} as const satisfies Record<string, Signature>;

/** Functions of the scratch module (scratch-memory.ts): they pass values between guest code and the engine. */
export const scratchFuncs: ReadonlyMap<ScratchFunc, Signature> = new Map<ScratchFunc, Signature>([
  ...(Object.entries(otherScratchFuncs) as [keyof typeof otherScratchFuncs, Signature][]),
  ...Array.from({ length: mostLeft + 1 }, (_, values): [Leave, Signature] => [leave(values), leaveFunc(values)]),
]);
export const scratchFunc = (name: ScratchFunc): Signature => scratchFuncs.get(name) as Signature;

/** Those that give a value, by its type. */
export const gets = { i32: 'get_i32', i64: 'get_i64', f32: 'get_f32', f64: 'get_f64', v128: 'get_v128' } as const;

/** Functions of the engine (thunks.ts): what guest code cannot do by itself, as the store is the truth. */
export const thunks = {
  /** Operands of the instruction, then its immediates. Bulk instructions do a chunk and give the count that is left. */
  'memory.grow': { params: ['i32', 'i32'], results: ['i32'] },
  'memory.init': { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  'data.drop': { params: ['i32'], results: [] },
  'table.get': { params: ['i32', 'i32'], results: ['i64'] },
  'table.set': { params: ['i32', 'i64', 'i32'], results: [] },
  'table.size': { params: ['i32'], results: ['i32'] },
  'table.grow': { params: ['i64', 'i32', 'i32'], results: ['i32'] },
  'table.fill': { params: ['i32', 'i64', 'i32', 'i32'], results: ['i32'] },
  'table.copy': { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  'table.init': { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  'elem.drop': { params: ['i32'], results: [] },
  /** The tag; what the exception carries stands in the scratch memory. */
  throw: { params: ['i32'], results: [] },
  throw_ref: { params: ['i64'], results: [] },
  /** Whether what was thrown has the tag; what it carries is in the scratch memory then. */
  catch: { params: ['i32'], results: ['i32'] },
  'ref.func': { params: ['i32'], results: ['i64'] },
  /**
   * A new object of a type, with so many elements where it is an array, and whether it is to be paid for by its size: its
   * first byte. The fuel was noted.
   */
  'object.new': { params: ['i32', 'i32', 'i32'], results: ['i32'] },
  /** Whether a reference is of a type, or of it or null. */
  'ref.test': { params: ['i64', 'i32', 'i32'], results: ['i32'] },
  /** Operands, then type and segment: a new array. The fuel was noted. */
  'array.new_data': { params: ['i32', 'i32', 'i32', 'i32'], results: ['i64'] },
  'array.new_elem': { params: ['i32', 'i32', 'i32', 'i32'], results: ['i64'] },
  /** Array, first element, count; the value stands in the scratch memory. */
  'array.fill': { params: ['i64', 'i32', 'i32'], results: ['i32'] },
  'array.copy': { params: ['i64', 'i32', 'i64', 'i32', 'i32'], results: ['i32'] },
  /** Array, first element, first of the segment, count; the segment. */
  'array.init_data': { params: ['i64', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  'array.init_elem': { params: ['i64', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  /**
   * Element, type index, table: finds the function, checks it, and says which element of the table `found` it is: the one after
   * its address, or the first, where code calls it by a way of its own.
   */
  resolve: { params: ['i32', 'i32', 'i32'], results: ['i32'] },
  /** The same for a reference to a function. */
  callee: { params: ['i64'], results: ['i32'] },
  /**
   * Calls a function that stays interpreted: its index, depth and fuel of the caller, and what code was charged beyond its
   * fuel. Arguments and results pass through the scratch memory. Gives what a call gives.
   */
  cross: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
} as const satisfies Record<string, Signature>;

export interface Signature {
  readonly params: LowTypes;
  readonly results: LowTypes;
}
export type ScratchFunc = keyof typeof otherScratchFuncs | Leave;
export type Thunk = keyof typeof thunks;

/** Globals of each main module, after those of the guest. */
export const ownGlobals = {
  /** Address of the instance. */
  self: '$self',
  /** Address less index of its own functions, which follow each other in the store. */
  funcs: '$funcs',
  /** The fuel that was left where `unreachable` trapped, or what throws was called. */
  fuel: '$fuel',
  /** The element that the last `call_indirect` asked for, likewise. */
  element: '$element',
} as const;
export type OwnGlobal = keyof typeof ownGlobals;

/** The global of the number that the store's heap has for objects of a type. */
export const shapeGlobal = (type: TypeIdx): string => `$shape${type}`;
/** The type of the function that makes an object by itself, where it can (write/allocate.ts): each module has one. */
export const allocateFunc: Signature = { params: ['i32', 'i32'], results: ['i32'] };

const aggregatesOf = new WeakMap<ModuleContext, ReadonlyMap<TypeIdx, number>>();

/** The types of structures and arrays, numbered in their order. */
export function aggregates(context: ModuleContext): ReadonlyMap<TypeIdx, number> {
  const known = aggregatesOf.get(context) ?? numbered(context);
  aggregatesOf.set(context, known);
  return known;
}

function numbered({ types }: ModuleContext): ReadonlyMap<TypeIdx, number> {
  const map = new Map<TypeIdx, number>();
  types.forEach(({ comp }, i) => {
    if (comp.kind !== 'func') map.set(i, map.size);
  });
  return map;
}

/** Globals for what is noted where a function with very many safe points is left (many.ts): its pc, and the fuel. */
export const notes = ['site', 'fuel'] as const;
export type Note = (typeof notes)[number];

/** Whether a function type's rewritten form says less than it does: then the engine has to compare types. */
export const isVague = ({ comp, final, group }: DefType): boolean =>
  comp.kind === 'func' &&
  (!final || group.length > 1 || [...comp.params, ...comp.results].some((type) => typeof type === 'object'));

const exportedTables = new WeakMap<ModuleContext, ReadonlySet<number>>();

/** Whether other instances may have the table too: functions of the host that stand there have several callers. */
export function isOpenTable(context: ModuleContext, table: number): boolean {
  if (table < context.importedTables) return true;
  const known = exportedTables.get(context) ?? exportedOf(context);
  exportedTables.set(context, known);
  return known.has(table);
}

const exportedOf = ({ syntax }: ModuleContext): ReadonlySet<number> =>
  new Set(syntax.exports.filter(({ kind }) => kind === 'table').map(({ index }) => index));

export interface Env {
  func(index: number): number;
  scratch(name: ScratchFunc): number;
  thunk(name: Thunk): number;
  global(index: number): number;
  own(name: OwnGlobal): number;
  /** The thread's global that tells whose code looked last into a table that several instances may have. */
  asker(): number;
  /** The thread's global that tells what code has been charged beyond the fuel that it had. */
  owed(): number;
  table(index: number): number;
  found(): number;
  /** The memory that has the store's heap. */
  heap(): number;
  /** The global that has the number of a type's shape. */
  shape(type: TypeIdx): number;
  // What a module has besides (write/additions.ts). Written as wide numbers, which may be known only when all is written.
  /** The function that makes objects. */
  allocate(): number;
  /** The helper that spills values of the types. */
  helper(types: LowTypes): number;
  /** A global for what is noted. */
  note(what: Note): number;
  /** A type of blocks and helpers. */
  type(params: LowTypes, results: LowTypes): number;
  /** The rewritten form of the guest's type. */
  guestType(index: TypeIdx): number;
}
