// Rows of words beside those of a base snapshot: each is combined with the base's at the same place by exclusive or, so that
// what did not change is zero and packs to nothing; or rows that are the same are left out. Rows that number pages or blocks are left as they are: how those are
// numbered is each snapshot's own matter.

import { bad } from '../data/form.ts';
import { mapWords, type SnapshotData } from '../data/format.ts';
import { hashWords } from './checksum.ts';

const none = new Int32Array(0);

/** The rows of a base, in the order of mapWords. */
function rowsOf(base: SnapshotData): Int32Array[] {
  const rows: Int32Array[] = [];
  const memories = base.memories.map(({ size }) => ({ size, runs: none }));
  mapWords({ ...base, memories, states: undefined, blockRuns: undefined }, (row) => {
    rows.push(row);
    return row;
  });
  return rows;
}

/** Combines the rows that come one after the other with those of the base. Twice gives the rows again. */
export function besideWords(base: SnapshotData): (row: Int32Array) => Int32Array {
  const rows = rowsOf(base);
  let i = 0;
  return (row) => combined(row, rows[i++] ?? none);
}

function combined(row: Int32Array, there: Int32Array): Int32Array {
  if (there.length === 0) return row;
  const words = row.slice();
  for (let k = Math.min(row.length, there.length) - 1; k >= 0; k--) (words[k] as number) ^= there[k] as number;
  return words;
}

/** Those of the rows that are others than in the base, as `besideWords` gives them; and which these are. */
export function changedRows(rows: readonly Int32Array[], base: SnapshotData): { at: number[]; rows: Int32Array[] } {
  const others = rowsOf(base);
  const at: number[] = [];
  rows.forEach((row, i) => {
    if (!isSame(row, others[i] ?? none)) at.push(i);
  });
  return { at, rows: at.map((i) => combined(rows[i] as Int32Array, others[i] ?? none)) };
}

function isSame(row: Int32Array, there: Int32Array): boolean {
  if (row.length !== there.length) return false;
  for (let k = 0; k < row.length; k++) if (row[k] !== there[k]) return false;
  return true;
}

/**
 * The reverse, row by row and of the lengths that the rows have: `take` gives those that were changed. Throws SnapshotError where
 * one that was not has another length.
 */
export function wholeRows(
  at: readonly number[],
  base: SnapshotData,
  take: (length: number) => Int32Array,
): (length: number) => Int32Array {
  const others = rowsOf(base);
  const changed = new Set(at);
  let i = 0;
  return (length) => {
    const there = others[i] ?? none;
    if (changed.has(i++)) return combined(take(length), there);
    return there.length === length ? there.slice() : bad('a row is of another length than in the base', 'words');
  };
}

const known = new WeakMap<SnapshotData, string>();

/** What tells one snapshot's words from another's. */
export function fingerprintOfWords(base: SnapshotData): string {
  const told = known.get(base) ?? (rowsOf(base).reduce(mixed, 0) >>> 0).toString(16).padStart(8, '0');
  known.set(base, told);
  return told;
}

const mixed = (sum: number, row: Int32Array): number =>
  Math.imul(sum ^ row.length, 0x9e3779b1) ^ hashWords(row, 0, row.length & ~1) ^ ((row.at(-1) ?? 0) + (sum >>> 15));
