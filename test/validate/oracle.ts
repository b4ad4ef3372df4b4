// Liveness by the book, to compare with: a graph with a node per instruction, built from the branch targets, and sets
// of locals that grow until nothing changes. Slow, and independent of how validate/liveness.ts goes about it.

import { InstructionReader } from '../../src/binary/instruction.ts';
import type { ModuleContext } from '../../src/validate/context.ts';
import { bodyOf } from '../../src/validate/context.ts';
import { type Block, branchTargets, type Targets } from '../../src/validate/targets.ts';

interface Node {
  readonly pc: number;
  readonly name: string;
  readonly local: number;
  readonly next: number[];
  /** Where exceptions that leave from here may be caught. */
  readonly caught: number[];
  live: Set<number>;
}

const never = /^(unreachable|br|br_table|return|return_call.*|throw|throw_ref|rethrow)$/;
const throwing = /^(call|call_ref|call_indirect|throw|throw_ref|rethrow)$/;

/** Locals live before each instruction, by pc; at a call those of the handlers are among what is live after it. */
export function liveLocals(context: ModuleContext, func: number): Map<number, Set<number>> {
  const targets = branchTargets(context, func);
  const nodes = readNodes(context, func, targets);
  const list = [...nodes.values()].reverse();
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of list) {
      const live = new Set([...node.next, ...node.caught].flatMap((pc) => [...(nodes.get(pc)?.live ?? [])]));
      if (node.name === 'local.set' || node.name === 'local.tee') live.delete(node.local);
      if (node.name === 'local.get') live.add(node.local);
      changed ||= live.size !== node.live.size;
      node.live = live;
    }
  }
  const result = new Map([...nodes.values()].map(({ pc, live }) => [pc, live]));
  for (const { name, next, caught } of nodes.values()) {
    if (!/^call/.test(name)) continue;
    const after = next[0] as number;
    result.set(after, new Set([after, ...caught].flatMap((pc) => [...(nodes.get(pc)?.live ?? [])])));
  }
  return result;
}

function readNodes(context: ModuleContext, func: number, targets: Targets): Map<number, Node> {
  const { start, end } = bodyOf(context, func);
  const reader = new InstructionReader(context.syntax.bytes, start, end);
  const nodes = new Map<number, Node>();
  while (reader.pos < end) {
    reader.next();
    const { name } = reader.row;
    const pc = reader.start - start;
    const after = reader.pos - start;
    const next = never.test(name) ? [] : [after];
    if (/^br/.test(name)) next.push(...branches(reader, targets, pc));
    const block = targets.at(pc);
    if (name === 'if') next.push(block?.else?.start ?? block?.after ?? -1);
    const around = targets.around(pc);
    if (name === 'else') next.splice(0, 1, around?.after ?? -1);
    if (name === 'catch' || name === 'catch_all') next.splice(0, 1, around?.after ?? -1);
    if (pc === targets.end) next.length = 0;
    const caught = throwing.test(name) ? handlers(targets, pc) : [];
    nodes.set(pc, { pc, name, local: reader.x, next, caught, live: new Set() });
  }
  return nodes;
}

function branches(reader: InstructionReader, targets: Targets, pc: number): number[] {
  const labels = reader.row.name === 'br_table' ? reader.labels : [reader.x];
  return labels.map((depth) => targets.branch(pc, depth));
}

function handlers(targets: Targets, pc: number): number[] {
  const found: number[] = [];
  for (let block = targets.around(pc); block !== undefined; block = block.parent) {
    if (block.kind === 'try' && inBody(block, pc)) found.push(...block.clauses.map(({ start }) => start));
    for (const { label } of block.catches) found.push(targets.branch(block.pc, label));
  }
  return found;
}

const inBody = (block: Block, pc: number) => pc < (block.clauses[0]?.pc ?? block.end);
