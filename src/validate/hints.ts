// Branch hints: which way a conditional branch is likely to go, from the custom section `metadata.code.branch_hint`.
// They change nothing that a program does, so a module whose hints are wrong is still valid; who reads them is told.
// https://webassembly.github.io/spec/core/appendix/custom.html

import { InstructionReader } from '../binary/instruction.ts';
import type { Custom, Func } from '../binary/module.ts';
import { Reader } from '../binary/reader.ts';
import { InvalidError } from '../spec/errors.ts';
import { checkDeadline } from '../spec/patience.ts';
import type { FuncIdx } from '../spec/types.ts';
import { bodyOf, type ModuleContext } from './context.ts';

const sectionName = 'metadata.code.branch_hint';

/** By function, then by pc of the `br_if` or `if`: whether the branch is likely. */
export type BranchHints = ReadonlyMap<FuncIdx, ReadonlyMap<number, boolean>>;

/** Reads the hints. Throws MalformedError, or InvalidError for a hint that is not at a conditional branch. */
export function branchHints(context: ModuleContext): BranchHints {
  const section = context.syntax.customs.find(({ name }) => name === sectionName);
  return section === undefined ? new Map() : readSection(context, section);
}

function readSection(context: ModuleContext, { data }: Custom): BranchHints {
  const r = new Reader(context.syntax.bytes, data.start, data.end);
  const hints = new Map<FuncIdx, ReadonlyMap<number, boolean>>();
  let last = -1;
  for (let count = r.u32(); count > 0; count--) {
    const at = r.pos;
    const func = r.u32();
    if (func <= last || func < context.importedFuncs || func >= context.funcs.length)
      fail('invalid function index', at);
    last = func;
    hints.set(func, readFunction(r, context, func));
  }
  if (r.pos !== r.end) fail('unexpected content after the hints', r.pos);
  return hints;
}

/** Offsets count from the start of the function's entry in the code section, its locals included. */
function readFunction(r: Reader, context: ModuleContext, func: FuncIdx): ReadonlyMap<number, boolean> {
  const { entry } = context.syntax.funcs[func - context.importedFuncs] as Func;
  const body = bodyOf(context, func);
  const branches = conditionalBranches(context, func);
  const hints = new Map<number, boolean>();
  let last = -1;
  for (let count = r.u32(); count > 0; count--) {
    checkDeadline('reading branch hints');
    const at = r.pos;
    const offset = r.u32();
    if (offset <= last) fail('invalid target: hints are not in order', at);
    last = offset;
    const pc = entry + offset - body.start;
    if (!branches.has(pc)) fail('invalid target', at);
    if (r.u32() !== 1) fail('invalid size', r.pos - 1);
    const value = r.byte();
    if (value > 1) fail('invalid value', r.pos - 1);
    hints.set(pc, value === 1);
  }
  return hints;
}

function conditionalBranches(context: ModuleContext, func: FuncIdx): ReadonlySet<number> {
  const body = bodyOf(context, func);
  const reader = new InstructionReader(context.syntax.bytes, body.start, body.end);
  const found = new Set<number>();
  while (reader.pos < body.end) {
    checkDeadline('reading branch hints');
    reader.next();
    if (reader.row.name === 'br_if' || reader.row.name === 'if') found.add(reader.start - body.start);
  }
  return found;
}

function fail(message: string, offset: number): never {
  throw new InvalidError(`@${sectionName} annotation: ${message}`, offset);
}
