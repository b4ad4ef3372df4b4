// Opening the guest's blocks.

import type { BlockShape } from '../read/shape.ts';
import type { Local, LowTypes } from '../read/types.ts';
import type { BodyWriter } from './body-writer.ts';
import { charge } from './fuel.ts';
import { Op } from './ops.ts';

/** Opens the block whose opening instruction was just read. */
export function openBlock(b: BodyWriter): void {
  const block = b.blockAt.at(b.here) as BlockShape;
  const stashes = block.suspends && block.below.length > 0 ? stash(b, block) : [];
  if (block.kind === 'loop') return beginLoop(b, block, stashes);
  b.begin(block.kind === 'if' ? Op.if : Op.block, block.params, block.results);
  b.enter(block, stashes, block.params);
}

export function beginLoop(b: BodyWriter, block: BlockShape, stashes: readonly Local[]): void {
  b.begin(Op.loop, block.params, block.results);
  b.push({ block, label: b.depth, stashes });
  charge(b, block.cost, b.point(block.start), 'loop');
}

/** Puts what lies below the block's parameters into locals, where code inside can reach it. */
function stash(b: BodyWriter, { kind, params, below }: BlockShape): readonly Local[] {
  const above: LowTypes = kind === 'if' ? [...params, 'i32'] : params;
  const kept = b.popInto(above);
  const stashes = b.popInto(below);
  b.pushFrom(kept);
  return stashes;
}
