// How exceptions are written. They travel as frames that are left do: a function gives back the fuel `thrown`, and its
// caller, which looks at the fuel anyway, goes on with a handler or leaves as well. So the host need know no exceptions,
// both of their forms are the same, and one that leaves the outermost native frame is the engine's to deliver below.
//
// A block that handles exceptions, in words of the text format:
//   (block $label (param …) (result …)
//     (block $handler (param …)
//       …the body… br $label)
//     for each clause: if it has the tag: fuel and values, and the clause, br $label; or, of a `try_table`, its branch
//     on to the handler around)

import type { Special } from '../../spec/instructions.ts';
import { thrown } from '../read/index-spaces.ts';
import { type BlockShape, Finder } from '../read/shape.ts';
import { type Local, type LowTypes, lowAll, slotsOfLow } from '../read/types.ts';
import type { BodyWriter, Open } from './body-writer.ts';
import { code, Op } from './ops.ts';

/** The label of the handlers for what is thrown here, or -1. */
function handlerLabel(b: BodyWriter): number {
  if (!b.shape.catches) return -1;
  const i = b.open.at(-1)?.thrownTo ?? -1;
  return i < 0 ? -1 : b.depth - (b.open[i]?.handler as number);
}

/** After a call: goes on with the handlers of what it threw, where there are any. */
export function catchThrown(b: BodyWriter): void {
  const label = handlerLabel(b);
  if (label < 0) return;
  b.index(Op.localGet, b.fuelLocal);
  b.constant(thrown);
  b.w.byte(code['i32.eq']);
  b.w.byte(Op.if);
  b.w.byte(Op.noType);
  b.constant(b.pc);
  b.index(Op.localSet, b.site);
  b.index(Op.br, label + 1);
  b.w.byte(Op.end);
}

/** On to the next handlers around, or out of the function. */
function throwOn(b: BodyWriter): void {
  const label = handlerLabel(b);
  if (label < 0) b.leaveThrowing();
  else b.index(Op.br, label);
}

/** Throws by a function of the engine: what it wants is on the stack, but for an immediate. */
function throwBy(b: BodyWriter, name: 'throw' | 'throw_ref', ...immediates: number[]): void {
  b.index(Op.localGet, b.fuelLocal);
  b.index(Op.globalSet, b.env.own('fuel'));
  b.thunk(name, ...immediates);
  b.constant(thrown);
  b.index(Op.localSet, b.fuelLocal);
  b.constant(b.pc);
  b.index(Op.localSet, b.site);
  throwOn(b);
  b.skipDead();
}

function throwTag(b: BodyWriter): void {
  const params = carried(b, b.reader.x);
  let slot = params.reduce((sum, type) => sum + slotsOfLow(type), 0);
  for (const type of params.toReversed()) {
    slot -= slotsOfLow(type);
    b.constant(slot * 8);
    b.scratch(b.w, `set_${type}`);
  }
  throwBy(b, 'throw', b.reader.x);
}

function rethrow(b: BodyWriter): void {
  const clause = b.open[b.open.length - 1 - b.reader.x] as Open;
  b.index(Op.localGet, (clause.stashes.at(-1) as Local).index);
  throwBy(b, 'throw_ref');
}

/** What an exception with the tag carries. */
function carried(b: BodyWriter, tag: number): LowTypes {
  const type = b.context.tags[tag]?.comp;
  return type?.kind === 'func' ? lowAll(type.params) : [];
}

/** Opens what is done for a tag, or for all where that is negative, and takes the exception and its fuel. */
function openCaught(b: BodyWriter, tag: number): Local {
  if (tag >= 0) b.thunk('catch', tag);
  b.begin(tag >= 0 ? Op.if : Op.block, [], []);
  b.scratch(b.w, 'caught');
  b.index(Op.localSet, b.fuelLocal);
  const exception = b.take('i64');
  b.index(Op.localSet, exception.index);
  let slot = 0;
  for (const type of tag >= 0 ? carried(b, tag) : []) {
    b.fetch(type, slot);
    slot += slotsOfLow(type);
  }
  return exception;
}

/** Begins a clause of a `try`: what is before it ends. */
function clause(b: BodyWriter): void {
  const before = b.open.pop() as Open;
  const tried = before.block.tried ?? before.block;
  const block = new Finder(tried.clauses).at(b.reader.start - b.bodyStart) as BlockShape;
  const stashes = endClause(b, before);
  const exception = openCaught(b, block.tag);
  b.push({ block, label: before.label, stashes: [...stashes, exception], guarded: true }, before.loops);
}

/** Ends the body or the last clause; code goes on where something was thrown that was not handled yet. */
function endClause(b: BodyWriter, { block, label, stashes }: Open): readonly Local[] {
  b.index(Op.br, b.depth - label);
  b.endLabel();
  if (block.kind !== 'clause') return stashes;
  b.give(stashes.at(-1) as Local);
  return stashes.slice(0, -1);
}

/** Ends a block that handles exceptions, which is open no longer, up to its own label. Returns what it has stashed. */
function closeHandlers(b: BodyWriter, open: Open): readonly Local[] {
  if (open.block.kind === 'clause' && !open.guarded) {
    b.give(open.stashes.at(-1) as Local);
    return open.stashes.slice(0, -1);
  }
  const stashes = endClause(b, open);
  for (const { kind, tag, label } of open.block.catches) {
    const exception = openCaught(b, kind.startsWith('catch_all') ? -1 : tag);
    if (kind.endsWith('_ref')) b.index(Op.localGet, exception.index);
    b.give(exception);
    b.index(Op.br, b.label(label));
    b.endLabel();
  }
  throwOn(b);
  return stashes;
}

/** Closes the innermost block. */
export function closeBlock(b: BodyWriter): void {
  const open = b.open.pop() as Open;
  const { block } = open;
  const stashes = open.handler !== undefined || block.kind === 'clause' ? closeHandlers(b, open) : open.stashes;
  b.endLabel();
  b.written(open);
  if (stashes.length === 0) return;
  const results = b.popInto(block.results);
  b.pushFrom(stashes);
  b.pushFrom(results);
}

export const exceptions = {
  throw: throwTag,
  throw_ref: (b) => throwBy(b, 'throw_ref'),
  rethrow,
  catch: clause,
  catch_all: clause,
  delegate: closeBlock,
} satisfies Partial<Record<Special, (b: BodyWriter) => void>>;
