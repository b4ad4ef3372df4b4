// Tells where two VMs that should be in the same state are not.

import { globalWords, type Store } from '../../../src/runtime/store.ts';
import { isRef, type ValType } from '../../../src/spec/types.ts';
import { showRef } from './expect.ts';

/** The first difference of two stores in fuel, sizes, memories, globals and tables; undefined if there is none. */
export function difference(a: Store, b: Store): string | undefined {
  const numbers = compareNumbers(a, b);
  return numbers ?? compareGlobals(a, b) ?? compareMemories(a, b) ?? compareTables(a, b);
}

function compareNumbers(a: Store, b: Store): string | undefined {
  const count = (s: Store) => ({
    fuel: s.fuelUsed,
    instances: s.instances.length,
    functions: s.funcs.length,
    globals: s.globals.length,
    tags: s.tags.length,
    memories: s.memories.map(({ size }) => size).join(),
    tables: s.tables.map(({ size }) => size).join(),
    'memory budget': s.memoryBudget.used,
    'stack depth': s.stack.depth,
  });
  const [one, other] = [Object.entries(count(a)), Object.values(count(b))];
  const at = one.findIndex(([, value], i) => value !== other[i]);
  return at < 0 ? undefined : `${one[at]?.[0]}: ${one[at]?.[1]} and ${other[at]}`;
}

function compareMemories(a: Store, b: Store): string | undefined {
  const at = a.memories.findIndex(({ bytes }, i) => Buffer.compare(bytes, b.memories[i]?.bytes as Uint8Array) !== 0);
  return at < 0 ? undefined : `memory ${at}`;
}

function compareGlobals(a: Store, b: Store): string | undefined {
  const at = a.globals.findIndex(({ type: { type } }, i) => {
    const words = (s: Store) => meaning(type, s.globalWords.subarray(i * globalWords, (i + 1) * globalWords), s);
    return words(a) !== words(b);
  });
  return at < 0 ? undefined : `global ${at}`;
}

function compareTables(a: Store, b: Store): string | undefined {
  const at = a.tables.findIndex(({ elements, size }, t) => {
    const others = b.tables[t]?.elements as Int32Array;
    for (let i = 0; i < size * 2; i += 2) if (refOf(elements, i, a) !== refOf(others, i, b)) return true;
    return false;
  });
  return at < 0 ? undefined : `table ${at}`;
}

/** A value's words that mean something. */
function meaning(type: ValType, words: Int32Array, store: Store): string {
  if (isRef(type)) return refOf(words, 0, store);
  return words.slice(0, type === 'v128' ? 4 : type === 'i32' || type === 'f32' ? 1 : 2).join();
}

const refOf = (words: Int32Array, i: number, store: Store): string =>
  showRef(words[i] as number, words[i + 1] as number, store);
