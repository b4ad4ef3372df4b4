// Lowering: a function body to the interpreter's code, driven by the validator's own pass over it. Folded code reads
// locals and constants in place, writes results straight into locals and fuses comparisons with branches; plain code
// does none of this and has a `step` before each instruction. Both keep frames as runtime/frame.ts says: folded code at
// safe points, plain code at every instruction.

import type { Special } from '../../spec/instructions.ts';
import { checkDeadline } from '../../spec/patience.ts';
import type { FuncIdx } from '../../spec/types.ts';
import type { Form, Lowered, ModuleCode } from '../machine/code.ts';
import { fuse } from './fuse.ts';
import { specials } from './lower-specials.ts';
import { Lowerer } from './lowerer.ts';

/** Specials that matter in unreachable code too. */
const structural: ReadonlySet<Special> = new Set<Special>([
  'block',
  'loop',
  'if',
  'else',
  'end',
  'try_table',
  'try',
  'catch',
  'catch_all',
  'delegate',
]);

function body(l: Lowerer): Lowered {
  const { v, code } = l;
  const entry = code.length;
  l.begin();
  while (!v.done) {
    checkDeadline('lowering');
    v.read();
    instruction(l);
    v.apply();
  }
  const lowered = l.finish(entry);
  if (l.folding) fuse(code, entry, code.length, lowered.temps);
  return lowered;
}

function instruction(l: Lowerer): void {
  const { row } = l.v.reader;
  if (!l.v.unreachable) l.next();
  else if (row.special === undefined || !structural.has(row.special)) return;
  if (row.special === undefined) l.plain(row);
  else specials[row.special](l);
}

/** Lowers a function and enters it into the module's code. */
export function lower(code: ModuleCode, func: FuncIdx, form: Form): Lowered {
  const known = code.lowered[form][func];
  if (known !== undefined) return known;
  const start = code.length;
  try {
    const lowered = body(new Lowerer(code, func, form));
    code.add(func, form, lowered);
    return lowered;
  } catch (error) {
    code.length = start;
    throw error;
  }
}
