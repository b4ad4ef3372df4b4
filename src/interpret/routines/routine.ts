// What a routine of routines.ts is, and how it reads what it is given.

import type { InstanceInst } from '../../runtime/store.ts';
import type { Machine } from '../machine/machine.ts';

/**
 * A routine finds its operands in their slots from `base` on (a word index in `m.I`) and leaves its results from there
 * on; its immediates are `m.code[at]` and after.
 */
export type Routine = (m: Machine, at: number, base: number) => void;
/**
 * A routine that does a chunk of the work, charges it, and leaves in the operands' slots what is left to do. True where the
 * instruction is to be executed again: work or a debt is left. It is then left or not as after any other charge.
 */
export type BulkRoutine = (m: Machine, at: number, base: number) => boolean;

export const imm = (m: Machine, at: number): number => m.code[at] as number;
export const word = (m: Machine, index: number): number => m.I[index] as number;
export const u32 = (m: Machine, index: number): number => (m.I[index] as number) >>> 0;

/** The bytes of a data segment; none once it is dropped. */
export function dataBytes(instance: InstanceInst, index: number): Uint8Array {
  const { syntax } = instance.module;
  const span = syntax.datas[index]?.init;
  if (span === undefined || instance.droppedDatas[index] !== 0) return new Uint8Array(0);
  return syntax.bytes.subarray(span.start, span.end);
}
