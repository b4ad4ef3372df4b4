// What can lie on the operand type stack: a value type, or less knowledge than that in unreachable code.
// https://webassembly.github.io/spec/core/valid/conventions.html#vocabulary-of-instruction-types

import { valMatches } from '../spec/deftypes.ts';
import { type HeapType, isRef, type RefType, type ValType } from '../spec/types.ts';

/** The type of an operand; `bot` stands for any type, and occurs in unreachable code only. */
export type Operand = ValType | 'bot';

/** The reference below all references: what is left of `bot` once it is known to be a reference that is not null. */
export const botRef: RefType = { heap: 'bot' as HeapType, nullable: false };

/** What a frame in a legacy catch block keeps right below the block's own operands: the caught exception. */
export const caught: RefType = { heap: 'exn', nullable: true };

/** Whether an operand can be taken where `want` is wanted. */
export const operandMatches = (have: Operand, want: ValType): boolean =>
  have === want || have === 'bot' || (have === botRef ? isRef(want) : valMatches(have, want));

const kept = new Map<HeapType, readonly [RefType, RefType]>();

/** A reference to an abstract heap type, one object for each. */
export function abstractRef(heap: HeapType, nullable: boolean): RefType {
  if (heap === botRef.heap) return nullable ? { heap, nullable } : botRef;
  let pair = kept.get(heap);
  if (pair === undefined) {
    pair = [
      { heap, nullable: false },
      { heap, nullable: true },
    ];
    if (typeof heap === 'string') kept.set(heap, pair);
  }
  return pair[nullable ? 1 : 0];
}
