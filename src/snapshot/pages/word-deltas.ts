// Rows of words beside those of a base snapshot: each is combined with the base's at the same place by exclusive or, so that
// what did not change is zero and packs to nothing. Rows that number pages or blocks are left as they are: how those are
// numbered is each snapshot's own matter.

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
  return (row) => {
    const there = rows[i++] ?? none;
    if (there.length === 0) return row;
    const combined = row.slice();
    for (let k = Math.min(row.length, there.length) - 1; k >= 0; k--) (combined[k] as number) ^= there[k] as number;
    return combined;
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
