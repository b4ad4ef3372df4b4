// Fuses sequences of ops in place: only the number of the first op changes, so that a branch into the middle of a
// sequence, a trap's place and a suspended frame's stay what they were.

import type { ModuleCode } from './code.ts';
import { fusions } from './fusions.ts';
import { opNamed, ops } from './ops.ts';

interface Node {
  /** Number of the op that does the sequence up to here; -1 where none does. */
  fused: number;
  readonly next: Map<number, Node>;
}

const root: Node = { fused: -1, next: new Map() };
for (const names of fusions) {
  let node = root;
  for (const name of names) {
    const number = opNamed(name);
    let next = node.next.get(number);
    if (next === undefined) {
      next = { fused: -1, next: new Map() };
      node.next.set(number, next);
    }
    node = next;
  }
  node.fused = opNamed(names.join(' + '));
}

const brTable = opNamed('br_table');
const vector = opNamed('vector');

/** Words of the op at an offset of unfused code. */
export function lengthAt(words: Int32Array, offset: number): number {
  const number = words[offset] as number;
  const fixed = ops[number]?.words ?? 0;
  if (fixed > 0) return fixed;
  if (number === brTable) return 4 + (words[offset + 2] as number);
  return words[offset + (number === vector ? 2 : 1)] as number;
}

/** Fuses the code between two offsets, taking the longest sequence at each place. */
export function fuse({ words }: ModuleCode, start: number, end: number): void {
  let offset = start;
  while (offset < end) {
    let after = offset + lengthAt(words, offset);
    let fused = -1;
    let node = root.next.get(words[offset] as number);
    for (let at = after; node !== undefined && at < end; ) {
      node = node.next.get(words[at] as number);
      at += lengthAt(words, at);
      if (node === undefined || node.fused < 0) continue;
      fused = node.fused;
      after = at;
    }
    if (fused >= 0) words[offset] = fused;
    offset = after;
  }
}
