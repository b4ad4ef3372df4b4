// Fuses sequences of ops in place: only the number of the first op changes, so that a branch into the middle of a
// sequence, a trap's place and a suspended frame's stay what they were.

import type { ModuleCode } from '../machine/code.ts';
import { fusions } from '../machine/fusions.ts';
import { type FlowType, type Link, opNamed, ops, partNamed } from '../machine/ops.ts';

interface Node {
  /** Number of the op that does the sequence up to here; -1 where none does. */
  fused: number;
  /** By `keyOf`. */
  readonly next: Map<number, Node>;
}

type Links = readonly (Link | undefined)[];
const noLinks: Links = [];

/** An op's number with what is handed to it. */
function keyOf(number: number, links: Links): number {
  const code = (link: Link | undefined) => (link === undefined ? 0 : link.distance * 2 + (link.kept ? 1 : 0));
  return number * 256 + code(links[0]) * 16 + code(links[1]);
}

const root: Node = { fused: -1, next: new Map() };
for (const names of fusions) {
  let node = root;
  for (const name of names) {
    const { op, links } = partNamed(name);
    const key = keyOf(opNamed(op.name), links);
    const next = node.next.get(key) ?? { fused: -1, next: new Map() };
    node.next.set(key, next);
    node = next;
  }
  node.fused = opNamed(names.join(' + '));
}

/**
 * Which operands of the op at the last of some offsets the ones before can hand to it, in a function whose operands
 * begin at register `temps`. Nothing else reads an operand's register, so that it need not be written then.
 */
export function linksTo(words: Int32Array, offsets: readonly number[], temps: number): Links {
  const at = offsets[offsets.length - 1] as number;
  const flow = ops[words[at] as number]?.flow;
  if (flow === undefined || offsets.length < 2) return noLinks;
  const links = flow.operands.map(({ word, type }) => linkTo(words, offsets, words[at + word] as number, type, temps));
  // A value that is wanted twice is in a local, or it stays where it is.
  const [a, b] = links;
  return a !== undefined && a.distance === b?.distance && !a.kept ? noLinks : links;
}

function linkTo(
  words: Int32Array,
  offsets: readonly number[],
  register: number,
  type: FlowType,
  temps: number,
): Link | undefined {
  const last = offsets.length - 1;
  for (let distance = 1; distance <= last; distance++) {
    const from = offsets[last - distance] as number;
    const flow = ops[words[from] as number]?.flow;
    if (flow === undefined || flow.branches === true) return undefined;
    if (flow.result === undefined || words[from + 1] !== register) continue;
    const fits = flow.result === type || (flow.result === 'i64' && type === 'i32');
    return fits && type !== 'raw' ? { distance, kept: register < temps } : undefined;
  }
  return undefined;
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

/**
 * Fuses the code between two offsets, taking the longest sequence at each place. Operands begin at register `temps`.
 */
export function fuse({ words }: ModuleCode, start: number, end: number, temps: number): void {
  let offset = start;
  while (offset < end) {
    let after = offset + lengthAt(words, offset);
    let fused = -1;
    const offsets = [offset];
    let node = root.next.get(keyOf(words[offset] as number, noLinks));
    for (let at = after; node !== undefined && at < end; ) {
      offsets.push(at);
      const number = words[at] as number;
      node = node.next.get(keyOf(number, linksTo(words, offsets, temps))) ?? node.next.get(keyOf(number, noLinks));
      at += lengthAt(words, at);
      if (node === undefined || node.fused < 0) continue;
      fused = node.fused;
      after = at;
    }
    if (fused >= 0) words[offset] = fused;
    offset = after;
  }
}
