// Writes the code of a rewritten body, all of it or the rest from a safe point on, instruction by instruction.

import { type BlockShape, chainOf, operandPlaces, type PointShape } from '../read/shape.ts';
import type { Local } from '../read/types.ts';
import { beginLoop } from './blocks.ts';
import type { BodyWriter, Open, Written } from './body-writer.ts';
import { catchThrown, closeBlock } from './exceptions.ts';
import { charge, spend } from './fuel.ts';
import { Op } from './ops.ts';
import { writePlain } from './plain.ts';
import { specialWriters } from './specials.ts';

/** The whole function. */
export function writeWhole(b: BodyWriter): Written {
  b.openBody();
  charge(b, b.shape.entryCost, b.point(0), 'entry');
  sequence(b, b.shape.end);
  return b.compose();
}

/** The rest of the function from a safe point on; the frame stands in the scratch memory. */
export function writeRest(b: BodyWriter, point: PointShape): Written {
  b.openBody();
  const { below, own } = operandPlaces(b.shape, point);
  for (const local of b.liveLocals(point)) b.fetch(local.type, b.shape.localSlots[local.guest] as number, local.index);
  chainOf(point.block).forEach((block, i) => {
    const stashes = (below[i] ?? []).map(({ slot, type }) => {
      const stash = b.take(type);
      b.fetch(type, slot, stash.index);
      return stash;
    });
    openRest(b, block, stashes);
  });
  for (const { slot, type } of own) b.fetch(type, slot);
  b.seek(point.pc);
  b.entered = point.pc;
  if (point.kind === 'call') catchThrown(b);
  for (let open = b.open.at(-1); open !== undefined; open = b.open.at(-1)) finishRest(b, open.block);
  sequence(b, b.shape.end);
  return b.compose();
}

/** The frame of a block in whose midst code begins; a loop has one around, for what follows it. */
function openRest(b: BodyWriter, block: BlockShape, stashes: readonly Local[]): void {
  if (block.kind === 'loop') b.begin(Op.block, [], block.results);
  const results = block.kind === 'loop' ? block.params : block.results;
  b.begin(Op.block, [], results);
  b.enter(block, stashes, []);
}

/** Writes the rest of the innermost block's current clause, and where it is a loop, the whole loop after it. */
function finishRest(b: BodyWriter, block: BlockShape): void {
  const inThen = block.elsePc >= 0 && b.pc <= block.elsePc;
  const next = block.tried?.clauses.find(({ pc }) => pc > block.pc);
  sequence(b, inThen ? block.elsePc : (next?.pc ?? block.end));
  if (block.kind === 'loop') {
    b.index(Op.br, 1);
    b.endLabel();
    const { stashes } = b.open.pop() as Open;
    beginLoop(b, block, stashes);
    b.seek(block.start);
    sequence(b, block.end);
    b.endLabel();
  }
  b.seek(block.after);
  closeBlock(b);
}

/** Writes the instructions up to a pc, at which no block is open that is not now, and what is charged there. */
function sequence(b: BodyWriter, until: number): void {
  const { reader } = b;
  const end = b.bodyStart + until;
  while (reader.pos < end) {
    spend(b);
    b.next();
    const { special } = reader.row;
    if (special === undefined) writePlain(b);
    else specialWriters[special](b);
  }
  spend(b);
}
