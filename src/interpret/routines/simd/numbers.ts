// Which routine of routines.ts carries out which vector instruction.

import type { InstructionReader } from '../../../binary/instruction.ts';
import { deterministic } from '../../../spec/instructions/relaxed.ts';
import { type Instruction, instructions } from '../../../spec/instructions.ts';

/** The rows that have routines, in their order. */
export const vectorRows: readonly Instruction[] = instructions.filter(
  ({ name, feature }) => feature === 'simd' || (feature === 'relaxed-simd' && deterministic(name) === name),
);

const byName = new Map(vectorRows.map(({ name }, i) => [name, i]));
const numbers = new Map(instructions.map((row) => [row, byName.get(deterministic(row.name))]));

/** The number of the routine for a row; undefined if it is no vector instruction. */
export const vectorNumber = (row: Instruction): number | undefined => numbers.get(row);

/** The immediates of a vector instruction as its routine wants them: of a memarg the memory and the offset's halves. */
export const vectorImmediates = ({ immediates }: Instruction, r: InstructionReader): number[] =>
  immediates.flatMap((kind) => {
    switch (kind) {
      case 'v128':
        return [...r.vector];
      case 'lanes16':
        return [...new Int32Array(Uint8Array.from(r.lanes).buffer)];
      case 'lane':
        return [r.lane];
      default:
        return [r.x, r.offsetLo, r.offsetHi];
    }
  });
