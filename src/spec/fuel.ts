// What instructions cost in units of fuel: one each, but for those named here, whose work is longer, or none. Prices are of
// the slower engine, so that a unit takes about as long whatever it is spent on; `npm run bench -- prices` shows how long.
//
// An instruction whose work has a length costs more by it. Those in `bulk` do it in chunks, pay each one when it is done,
// and can be left between two of them: the frame then stands at the instruction, whose operands say what is left to do.
// Those in `atOnce` do all at once, and pay when it is done; code stops at its next charge if that was too much.

// Rewritten code holds what it charges: where a price changes, its version does (rewrite/module/code-cache.ts).

import type { Instruction } from './instructions.ts';

/** Of a bulk instruction: how many items (bytes, elements) are one chunk, and what `count` of them cost. */
export interface Bulk {
  /** Its cost is a whole number, so that it does not matter where the work was left. */
  readonly chunk: number;
  /** An item costs `price / 2 ** shift`; what remains of a unit is free. */
  readonly price: number;
  readonly shift: number;
}

/** About 11 bytes a unit. */
const ofBytes: Bulk = { chunk: 65_536, price: 3, shift: 5 };
/** The host's own table follows, element by element. */
const ofTable: Bulk = { chunk: 256, price: 32, shift: 0 };
const ofArray: Bulk = { chunk: 4_096, price: 1, shift: 1 };

export const bulk = {
  'memory.fill': ofBytes,
  'memory.copy': ofBytes,
  'memory.init': ofBytes,
  'table.fill': ofTable,
  'table.copy': ofTable,
  'table.init': ofTable,
  'array.fill': ofArray,
  'array.copy': ofArray,
  'array.init_data': ofArray,
  'array.init_elem': ofArray,
} as const satisfies Readonly<Record<string, Bulk>>;
export type BulkName = keyof typeof bulk;

export const isBulk = (name: string): name is BulkName => Object.hasOwn(bulk, name);

/** Units that so many items of a bulk instruction cost. */
export const bulkCost = ({ price, shift }: Bulk, count: number): number => (count * price) >>> shift;

const atOnce: ReadonlySet<string> = new Set([
  'memory.grow',
  'table.grow',
  'array.new',
  'array.new_default',
  'array.new_data',
  'array.new_elem',
]);
/** Whether an instruction is done at once and charged by its length. */
export const isGrown = (name: string): boolean => atOnce.has(name);

/** Units by length, of what is done at once: a page of a memory, an element of a table, four bytes of an object. */
export const grown = { page: 256, element: ofTable.price, word: 1 } as const;

/** Units for a call of a host function, whatever it does. */
export const hostCall = 800;
/** More for a call of an import: it leaves the instance. */
export const importedCall = 8;

/** Values beyond these that a call, a return or a branch carries along cost a unit for each group of so many. */
const carried = 8;
/** Slots of locals beyond these that a frame begins with, likewise: they are set to zero. */
const plainLocals = 32;
const localsPerUnit = 4;
/** For each clause of a `try` or `try_table`, when it is entered: at most once until then is a handler looked for in it. */
const clause = 4;

/** More for values that are carried. */
export const carriedCost = (values: number): number => Math.floor(values / carried);
/** More for a frame of so many slots of locals. */
export const localsCost = (slots: number): number => Math.max(0, Math.ceil((slots - plainLocals) / localsPerUnit));
/** More for so many clauses. */
export const clausesCost = (clauses: number): number => clause * clauses;
/** More for a call through a table by a type that names types: the native engine compares them itself. */
export const resolveCost = 120;

/** Of instructions by name. What only brackets others is nothing in either engine's code. */
const prices: Readonly<Record<string, number>> = {
  block: 0,
  end: 0,
  'memory.grow': 400,
  'memory.copy': 4,
  'memory.fill': 4,
  'memory.init': 80,
  'data.drop': 40,
  'table.get': 60,
  'table.set': 130,
  'table.size': 20,
  'table.grow': 200,
  'table.fill': 130,
  'table.copy': 130,
  'table.init': 130,
  'elem.drop': 40,
  'ref.func': 30,
  call_ref: 200,
  return_call_ref: 200,
  'i64.atomic.load': 4,
  throw: 300,
  throw_ref: 300,
  rethrow: 300,
};

/** Units that an instruction costs, whatever its operands are. */
export const priceOf = ({ name }: Instruction): number => prices[name] ?? 1;
