// Where loads and stores go that the loop does not carry out itself: of any memory, with addresses of either type.
// https://webassembly.github.io/spec/core/exec/instructions.html#memory-instructions

import type { MemoryInst } from '../../runtime/memory/memory.ts';
import { Trap } from '../../spec/errors.ts';
import type { Machine } from '../machine/machine.ts';

const high = 0x1_0000_0000;

/**
 * The checked address of an access of `bytes` bytes. The operand is at word `base` of the stack, the halves of the
 * offset at `m.code[at]`. Above 2^53 the sum is not exact, but no memory is that large.
 */
export function effectiveAddress(m: Machine, memory: MemoryInst, at: number, base: number, bytes: number): number {
  const { code, I } = m;
  const offset = ((code[at + 1] as number) >>> 0) * high + ((code[at] as number) >>> 0);
  const address = (I[base] as number) >>> 0;
  const ea = (memory.type.addr === 'i64' ? ((I[base + 1] as number) >>> 0) * high + address : address) + offset;
  if (ea + bytes > memory.size) throw new Trap('out of bounds memory access');
  return ea;
}
