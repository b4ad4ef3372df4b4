// Finds the end of an instruction sequence by reading every instruction of it: blocks open and close in pairs, without
// recursion. Whether the instructions make sense is validate's to say.
// https://webassembly.github.io/spec/core/binary/instructions.html

import { instructions, type Special } from '../spec/instructions.ts';
import { checkDeadline } from '../spec/patience.ts';
import { InstructionReader } from './instruction.ts';
import type { Expr } from './module.ts';

const begins: readonly Special[] = ['block', 'loop', 'if', 'try_table', 'try'];
const ends: readonly Special[] = ['end', 'delegate'];
/** Which part of a block each further part of it may follow. */
const follows: Partial<Record<Special, readonly Special[]>> = {
  else: ['if'],
  catch: ['try', 'catch'],
  catch_all: ['try', 'catch'],
  delegate: ['try'],
};

/** By code, all of one byte: is it about blocks? */
const nests: boolean[] = [];
for (const { code, special } of instructions)
  if (special !== undefined && [...begins, ...ends, ...(Object.keys(follows) as Special[])].includes(special))
    nests[code] = true;
const namesData = new Set(instructions.filter((row) => row.immediates.includes('data')).map((row) => row.code));

export class ExprReader extends InstructionReader {
  /** Offset of the first instruction in the last sequence that names a data segment; negative if there is none. */
  dataUse = -1;
  /** The open blocks, each by the instruction that began its current part. */
  private readonly open: Special[] = [];

  expr(): Expr {
    const start = this.pos;
    this.dataUse = -1;
    this.open.length = 0;
    this.open.push('block');
    while (this.open.length > 0) {
      checkDeadline('decoding');
      this.next();
      const { code, special } = this.row;
      if (code > 0xff) {
        if (this.dataUse < 0 && namesData.has(code)) this.dataUse = this.start;
      } else if (nests[code] === true) this.nest(special as Special);
    }
    return { start, end: this.pos };
  }

  /** The instructions of a function, which has so many bytes left. */
  body(_bytes: number): Expr {
    return this.expr();
  }

  private nest(special: Special): void {
    if (begins.includes(special)) {
      this.open.push(special);
      return;
    }
    const after = follows[special];
    if (after !== undefined && !after.includes(this.open.at(-1) as Special))
      this.fail('END opcode expected', this.start);
    if (ends.includes(special)) this.open.pop();
    else this.open[this.open.length - 1] = special;
  }
}

/** Of a module that was decoded before: bodies are where their sizes say, and are not looked into. */
export class KnownReader extends ExprReader {
  override body(bytes: number): Expr {
    this.dataUse = -1;
    const start = this.skip(bytes);
    return { start, end: this.pos };
  }
}
