// Text to contexts, for the tests of this room.

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { decode } from '../../src/binary/decode.ts';
import { InstructionReader } from '../../src/binary/instruction.ts';
import { bodyOf, type ModuleContext } from '../../src/validate/context.ts';
import { validate } from '../../src/validate/module.ts';

/** Assembles and validates a module given as its fields. */
export const contextOf = async (fields: string): Promise<ModuleContext> =>
  validate(decode(await parse(`(module ${fields})`)));

export interface Line {
  readonly pc: number;
  readonly name: string;
}

/** The instructions of a body, in order. */
export function linesOf(context: ModuleContext, func = context.importedFuncs): Line[] {
  const { start, end } = bodyOf(context, func);
  const reader = new InstructionReader(context.syntax.bytes, start, end);
  const lines: Line[] = [];
  while (reader.pos < end) {
    reader.next();
    lines.push({ pc: reader.start - start, name: reader.row.name });
  }
  return lines;
}

/** The pc of the `nth` instruction of the name. */
export function pcOf(context: ModuleContext, name: string, nth = 0, func = context.importedFuncs): number {
  const found = linesOf(context, func).filter((line) => line.name === name)[nth];
  if (found === undefined) throw new Error(`no ${name}`);
  return found.pc;
}

/** The pc of the instruction after that one. */
export function pcAfter(context: ModuleContext, name: string, nth = 0, func = context.importedFuncs): number {
  const pc = pcOf(context, name, nth, func);
  return linesOf(context, func).find((line) => line.pc > pc)?.pc ?? -1;
}
