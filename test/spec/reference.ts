// The list of all instructions as Markdown: code, type, feature, and the file of the interpreter that carries each out.
// Prints `src/spec/REFERENCE.md`; a test compares the two.

import { exceptions } from '../../src/interpret/lower/lower-exceptions.ts';
import { gcLowerings } from '../../src/interpret/lower/lower-gc.ts';
import { specials } from '../../src/interpret/lower/lower-specials.ts';
import { isRenaming, isSeldom, opNumber } from '../../src/interpret/machine/ops.ts';
import { atomicRoutines } from '../../src/interpret/routines/atomics.ts';
import { gcRoutines } from '../../src/interpret/routines/gc.ts';
import { rareNumber } from '../../src/interpret/routines/routines.ts';
import { vectorNumber } from '../../src/interpret/routines/simd/numbers.ts';
import { wideRoutines } from '../../src/interpret/routines/wide-arithmetic.ts';
import { type Instruction, instructions, type OperandType } from '../../src/spec/instructions.ts';
import { typeName } from '../../src/spec/types.ts';

/** Files of `src/interpret/`, and whether an instruction is carried out there; the first that says so counts. */
const files: readonly (readonly [file: string, has: (row: Instruction) => boolean])[] = [
  ['lower/lower-exceptions.ts', ({ special = '' }) => special in exceptions],
  ['lower/lower-gc.ts', ({ special = '' }) => special in gcLowerings],
  ['lower/lower-specials.ts', ({ special = '' }) => special in specials],
  ['routines/simd/routines.ts', (row) => vectorNumber(row) !== undefined],
  ['routines/access.ts', (row) => row.semantics !== '' && isSeldom(row)],
  ['lower/lowerer.ts', isRenaming],
  ['loop/loop.ts', ({ name }) => opNumber(name) !== undefined],
  ['routines/atomics.ts', ({ name }) => name in atomicRoutines],
  ['routines/wide-arithmetic.ts', ({ name }) => name in wideRoutines],
  ['routines/gc.ts', ({ name }) => name in gcRoutines],
  ['routines/routines.ts', ({ name }) => rareNumber(name) !== undefined],
  ['lower/lowerer.ts', ({ name, params }) => name === 'nop' || name.endsWith('.const') || params.length === 0],
];

/** The file that carries an instruction out. Throws where there is none. */
export function implementedIn(row: Instruction): string {
  const found = files.find(([, has]) => has(row));
  if (found === undefined) throw new Error(`${row.name} is carried out nowhere`);
  return found[0];
}

function codeText({ code }: Instruction): string {
  const hex = (n: number) => n.toString(16).padStart(2, '0');
  return code < 0x10000 ? hex(code) : `${hex(Math.floor(code / 0x10000))} ${hex(code % 0x10000)}`;
}

const types = (list: readonly OperandType[]): string =>
  list.map((type) => (type === 'addr' ? type : typeName(type))).join(' ');

const signature = ({ special, params, results }: Instruction): string =>
  special === undefined ? `[${types(params)}] → [${types(results)}]` : 'by its context';

const line = (row: Instruction): string =>
  `| \`${row.name}\` | ${codeText(row)} | ${row.immediates.join(' ')} | ${signature(row)} | ${row.feature} | ${implementedIn(row)} |`;

export const reference = (): string => `# All instructions

Generated from the instruction table by \`npm run generate\`: do not edit. ${instructions.length} instructions. \`addr\`
is the address type of the memory that the instruction names; the file is one of \`src/interpret/\`.

| instruction | code | immediates | type | feature | file |
|---|---|---|---|---|---|
${instructions.map(line).join('\n')}
`;
