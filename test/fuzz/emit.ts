// Opcodes by mnemonic, through the table.

import type { Writer } from '../../src/binary/writer.ts';
import { instructionNamed } from '../../src/spec/instructions.ts';

/** Writes an opcode; immediates are the caller's. */
export function opcode(w: Writer, name: string): void {
  const { code } = instructionNamed(name);
  if (code < 0x10000) return w.byte(code);
  w.byte(Math.floor(code / 0x10000));
  w.u32(code % 0x10000);
}

export const encodeBlockEnd = (w: Writer): void => opcode(w, 'end');
