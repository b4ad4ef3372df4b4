// How exceptions are lowered. Handlers are not ops: they are regions of the code, looked up when something is thrown
// (interpreter.ts, `unwind`), so that entering a `try` costs nothing.
// https://webassembly.github.io/spec/core/exec/instructions.html#exec-throw-ref

import type { Catch } from '../../binary/instruction.ts';
import type { Special } from '../../spec/instructions.ts';
import type { ValType } from '../../spec/types.ts';
import type { Handler, Region } from '../machine/code.ts';
import type { Label, Lowerer } from './lowerer.ts';

/** Opens a block whose exceptions go to a region's handlers; its label's code lies in that region. */
function openRegion(l: Lowerer, kind: 'try_table' | 'try'): Region | undefined {
  const type = l.v.unreachable ? undefined : l.v.blockType();
  if (type !== undefined) l.operands.flush();
  const parent = l.labels[l.labels.length - 1]?.region ?? -1;
  l.openLabel(kind, type?.params.length ?? 0);
  if (type === undefined) return undefined;
  const region: Region = { start: l.here, end: Number.MAX_SAFE_INTEGER, parent, handlers: [], delegate: undefined };
  l.label(0).region = l.regions.push(region) - 1;
  return region;
}

/** A clause of `try_table` branches to a label around the block, by a stub that `end` emits. */
function tryTable(l: Lowerer): void {
  const { catches } = l.v.reader;
  const targets = l.v.unreachable ? [] : catches.map(({ label }) => l.label(label));
  const region = openRegion(l, 'try_table');
  if (region === undefined) return;
  const stubs = catches.map((clause, i) => ({ clause, label: targets[i] as Label }));
  l.label(0).stubs = stubs.map(({ clause, label }) => ({ handler: handlerOf(clause, label, region), label }));
}

function handlerOf({ kind, tag }: Catch, label: Label, region: Region): Handler {
  const handler: Handler = { tag, ref: kind.endsWith('_ref'), hidden: false, base: label.base, target: -1 };
  region.handlers.push(handler);
  return handler;
}

/** At the end of a `try_table`: the jumps that its handlers take. Code that falls through goes round them. */
export function emitStubs(l: Lowerer, label: Label): void {
  if (label.stubs.length === 0) return;
  if (!l.v.unreachable) {
    l.op('br');
    l.target(label);
  }
  for (const { handler, label: to } of label.stubs) {
    handler.target = l.here;
    l.op('br');
    l.target(to);
  }
}

/** The region of a `try` ends where its first clause begins; clauses belong to the region around it. */
function closeRegion(l: Lowerer, label: Label): Region | undefined {
  const region = l.regions[label.region];
  if (region === undefined || label.clause) return region;
  region.end = l.here;
  label.clause = true;
  label.caughtBy = region;
  label.region = region.parent;
  return region;
}

/** Brings the results of a clause to where the block leaves them: in a catch the caught exception lies below them. */
export function settleResults(l: Lowerer, label: Label, results: readonly ValType[]): void {
  l.operands.flush();
  if (!l.inPlace(label, results.length)) l.carry(label, results.length);
}

function clause(l: Lowerer, tag: number, params: readonly ValType[]): void {
  const label = l.label(0);
  if (!label.live) return;
  if (!l.v.unreachable) {
    settleResults(l, label, l.v.top.results);
    l.op('br');
    l.target(label);
  }
  closeRegion(l, label);
  l.land([]);
  l.operands.truncate(label.height);
  label.caughtBy?.handlers.push({ tag, ref: false, hidden: true, base: label.base, target: l.here });
  l.pushSlot();
  l.pushTypes(params);
}

/** Before the end of a `try` body whose exceptions are those of another label's code. */
export function delegate(l: Lowerer): void {
  const label = l.label(0);
  const to = l.label(l.v.reader.x + 1);
  const region = label.live ? l.regions[label.region] : undefined;
  if (region !== undefined) region.delegate = to.region;
}

function throwTag(l: Lowerer): void {
  const { x } = l.v.reader;
  const { params } = l.v.tagAt(x);
  l.operands.flush();
  for (let i = 0; i < params.length; i++) l.operands.pop();
  l.op('throw');
  l.put(x, l.operands.top);
  l.dead();
}

function throwRegister(l: Lowerer, register: number): void {
  l.op('throw_ref');
  l.put(register);
  l.dead();
}

export const exceptions = {
  throw: throwTag,
  throw_ref: (l) => throwRegister(l, l.register(l.operands.pop())),
  try_table: tryTable,
  try: (l) => void openRegion(l, 'try'),
  catch: (l) => clause(l, l.v.reader.x, l.v.tagAt(l.v.reader.x).params),
  catch_all: (l) => clause(l, -1, []),
  rethrow: (l) => throwRegister(l, l.label(l.v.reader.x).base),
} satisfies Partial<Record<Special, (l: Lowerer) => void>>;
