// Limits of memories and tables. https://webassembly.github.io/spec/core/valid/types.html#limits

import { InvalidError } from '../spec/errors.ts';
import type { Limits, MemType } from '../spec/types.ts';

/** Both sizes must be in range, and the smaller one first. */
export function checkLimits({ min, max }: Limits, range: bigint, tooLarge: string, offset: number): void {
  if (min > range || (max !== undefined && max > range)) throw new InvalidError(tooLarge, offset);
  if (max !== undefined && min > max) {
    throw new InvalidError('size minimum must not be greater than maximum', offset);
  }
}

/** https://webassembly.github.io/spec/core/valid/types.html#memory-types */
export function checkMemory(type: MemType, offset: number): MemType {
  const { addr, limits, shared, pageLog2 } = type;
  if (pageLog2 !== 0 && pageLog2 !== 16) throw new InvalidError('invalid custom page size', offset);
  const bits = addr === 'i32' ? 32 : 64;
  const range = pageLog2 === 0 ? 2n ** BigInt(bits) - 1n : 2n ** BigInt(bits - pageLog2);
  const size = addr === 'i32' ? '4GiB' : '16EiB';
  checkLimits(limits, range, `memory size must be at most ${range} pages (${size})`, offset);
  if (shared && limits.max === undefined) throw new InvalidError('shared memory must have maximum', offset);
  return type;
}
