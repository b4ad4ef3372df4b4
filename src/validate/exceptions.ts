// The rules of exceptions: those of WebAssembly 3.0 and the legacy instructions that compilers emitted before.
// https://webassembly.github.io/spec/core/valid/instructions.html#valid-try-table
// https://webassembly.github.io/exception-handling/legacy/core/valid/instructions.html

import type { Catch } from '../binary/instruction.ts';
import { valMatches } from '../spec/deftypes.ts';
import type { Special } from '../spec/instructions.ts';
import type { RefType, ValType } from '../spec/types.ts';
import type { Machine } from './machine.ts';
import { caught } from './operand.ts';

const exnref: RefType = { heap: 'exn', nullable: false };

/** A clause's label is outside of the `try_table`: it takes what the tag carries, then the exception if asked for. */
function catchClause(v: Machine, { kind, tag, label }: Catch): void {
  const carried = kind === 'catch' || kind === 'catch_ref' ? v.tagAt(tag).params : [];
  const given: readonly ValType[] = kind.endsWith('_ref') ? [...carried, exnref] : carried;
  const taken = v.labelTypes(v.label(label));
  const fits = given.length === taken.length && given.every((type, i) => valMatches(type, taken[i] as ValType));
  if (!fits) v.fail('type mismatch: the label of a catch clause takes other values than the clause gives');
}

function tryTable(v: Machine): void {
  const type = v.blockType();
  for (const clause of v.reader.catches) catchClause(v, clause);
  v.open('try_table', type);
}

/** Ends the `try` body or the catch before; no clause may follow `catch_all`. */
function nextClause(v: Machine, kind: 'catch' | 'catch_all', params: readonly ValType[]): void {
  if (v.top.kind !== 'try' && v.top.kind !== 'catch') v.fail(`${kind} outside of a try`);
  v.clause(kind, v.close(), params, true);
}

function delegate(v: Machine): void {
  if (v.top.kind !== 'try') v.fail('delegate outside of a try');
  const frame = v.close();
  v.label(v.reader.x);
  v.pushAll(frame.results);
}

function rethrow(v: Machine): void {
  if (!v.label(v.reader.x).hidden) v.fail('invalid rethrow label');
  v.setUnreachable();
}

export const exceptionRules = {
  throw: (v) => {
    v.popAll(v.tagAt(v.reader.x).params);
    v.setUnreachable();
  },
  throw_ref: (v) => {
    v.pop(caught);
    v.setUnreachable();
  },
  try_table: tryTable,
  try: (v) => v.open('try', v.blockType()),
  catch: (v) => nextClause(v, 'catch', v.tagAt(v.reader.x).params),
  catch_all: (v) => nextClause(v, 'catch_all', []),
  delegate,
  rethrow,
} satisfies Partial<Record<Special, (v: Machine) => void>>;
