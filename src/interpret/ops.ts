// The interpreter's own instructions: register form, one Int32Array of words, each op its number followed by its
// operands. What they do is JavaScript text, from which generate.ts prints loop.ts; their numbers are their places here.
//
// Registers are word offsets from the frame's base `fp` (a slot has two words). Names in the texts: `I`, `F`, `D` view
// the stack's slots as int32, float32, float64; `code` and `pc` are the words and the place in them; `mem` and `memLen`
// the first memory; `FR` and `fi` the frames and the current one's place in them. `break oob` traps, `break run` leaves
// the loop with `exit` set.

import { type Instruction, instructions, type OperandType } from '../spec/instructions.ts';
import { fusions } from './fusions.ts';

export interface Op {
  readonly name: string;
  /** Words it takes, 0 where that varies. */
  readonly words: number;
  readonly text: string;
}

const word = (k: number): string => `code[pc + ${k}]!`;
const reg = (k: number): string => `I[fp + ${word(k)}]!`;

const mentions = (semantics: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(semantics);

/** Where the register in word `k` stands among the stack's words. */
const place = (k: number): string => `fp + ${word(k)}`;

/** Statements that read the operand at `at` under the names that a row's semantics use. */
export function readOperand(letter: string, type: OperandType, at: string, semantics: string): string {
  const uses = (name: string) => mentions(semantics, name);
  switch (type) {
    case 'i32':
      return `const ${letter} = I[${at}]!;`;
    case 'f32':
      return uses(letter) ? `const ${letter} = F[${at}]!;` : `const ${letter}i = I[${at}]!;`;
    default:
      if (type === 'f64' && uses(letter)) return `const ${letter} = D[(${at}) >> 1]!;`;
      return `const p${letter} = ${at}${uses(`${letter}l`) ? `, ${letter}l = I[p${letter}]!` : ''}${uses(`${letter}h`) ? `, ${letter}h = I[p${letter} + 1]!` : ''};`;
  }
}

/** The second operand as a constant in the code: an i64 is the sign extension of its word. */
function readConstant(type: OperandType, k: number, semantics: string): string {
  if (type !== 'i64') return `const b = ${word(k)};`;
  return `const bl = ${word(k)}${mentions(semantics, 'bh') ? ', bh = bl >> 31' : ''};`;
}

/** Splits semantics into statements and the one or two result expressions, and says whether they are raw bits. */
export function parts(row: Instruction): { raw: boolean; statements: string[]; results: string[] } {
  const raw = row.semantics.startsWith('#');
  const list = (raw ? row.semantics.slice(1) : row.semantics).split(' ; ').map((part) => part.trim());
  const result = row.results[0];
  const wide = result === 'i64' || (result === 'f64' && raw);
  const count = result === undefined ? 0 : wide ? 2 : 1;
  return { raw, statements: list.slice(0, list.length - count), results: list.slice(list.length - count) };
}

/** Statements that compute a row's semantics and write the result to the words from `at` on. */
export function compute(row: Instruction, at: string): string {
  const { raw, statements, results } = parts(row);
  const before = statements.map((s) => `${s};`).join(' ');
  const [first, second] = results;
  if (second !== undefined)
    return `${before} const lo = ${first}, hi = ${second}, r = ${at}; I[r] = lo; I[r + 1] = hi;`;
  if (first === undefined) return before;
  if (row.results[0] === 'f64') return `${before} D[(${at}) >> 1] = ${first};`;
  return `${before} ${row.results[0] === 'f32' && !raw ? 'F' : 'I'}[${at}] = ${first};`;
}

export const isMemory = (row: Instruction): boolean => row.immediates[0]?.startsWith('memarg') === true;
export const accessBytes = (row: Instruction): number => Number(row.immediates[0]?.slice(6));
export const isPlain = (row: Instruction): boolean =>
  row.special === undefined && row.semantics !== '' && !isMemory(row);
export const isCondition = (row: Instruction): boolean => row.semantics.endsWith(' ? 1 : 0');
const isInteger = (type: unknown): boolean => type === 'i32' || type === 'i64';
export const letters = ['a', 'b', 'c'];

/** Division calls a function anyway: a constant would save little. */
const hasConstantForm = (row: Instruction): boolean =>
  row.params.length === 2 && isInteger(row.params[1]) && !row.semantics.includes('num.');

/** Shifts of an i64 do one thing below 32 and another from there on: a constant count decides it beforehand. */
const isWideShift = (row: Instruction): boolean => /^i64\.(shl|shr|rotl)/.test(row.name);

/** Names of a row's form with a constant second operand; rotations to the right are lowered as ones to the left. */
export function constantName({ name }: Instruction, constant: number): string {
  if (!/^i64\.(shl|shr|rotl)/.test(name)) return `${name} k`;
  return (constant & 63) < 32 ? `${name} k<32` : `${name} k>=32`;
}

function constantOps(row: Instruction): Op[] {
  const made = (name: string, semantics: string): Op => {
    const specialised = { ...row, semantics };
    const read = readOperand('a', row.params[0] as OperandType, place(2), semantics);
    const constant = readConstant(row.params[1] as OperandType, 3, semantics);
    return { name, words: 4, text: `${read} ${constant} ${compute(specialised, place(1))}` };
  };
  if (!isWideShift(row)) return row.name.endsWith('.rotr') ? [] : [made(`${row.name} k`, row.semantics)];
  const only = (which: '$1' | '$2') =>
    row.semantics
      .split(' ; ')
      .map((part) => part.replace(/s < 32 \? (.*) : (.*)/, which))
      .join(' ; ');
  return [made(`${row.name} k<32`, only('$1')), made(`${row.name} k>=32`, only('$2'))];
}

/** Rows that programs seldom use are computed out of line (access.ts), to keep the loop small. */
export const isSeldom = ({ name }: Instruction): boolean =>
  /^f(32|64)\.(ceil|floor|trunc|nearest|copysign|min|max)$|popcnt|^i64\.c[lt]z|trunc_sat|trunc_f32|i64\.trunc|convert_i64|^f32\.(sqrt|convert|demote|abs|neg)/.test(
    name,
  );

/** Rows that only read the same bits as another type: nothing happens. */
export const isRenaming = ({ name }: Instruction): boolean => name === 'i32.wrap_i64' || name.includes('.reinterpret_');

function numericOps(row: Instruction): Op[] {
  const reads = row.params.map((type, i) => readOperand(letters[i] as string, type, place(2 + i), row.semantics));
  const made = [{ name: row.name, words: 2 + row.params.length, text: `${reads.join(' ')} ${compute(row, place(1))}` }];
  return hasConstantForm(row) ? [...made, ...constantOps(row)] : made;
}

/** Comparisons that fuse with a branch; those of f32 are too rare for the loop's size. */
export const isBranchable = (row: Instruction): boolean => isCondition(row) && row.params[0] !== 'f32';

/** Compare and branch in one: the comparison's operands, then the target. */
function branchOps(row: Instruction): Op[] {
  const condition = row.semantics.slice(0, -' ? 1 : 0'.length);
  const reads = row.params.map((type, i) => readOperand(letters[i] as string, type, place(1 + i), row.semantics));
  const target = 1 + row.params.length;
  const words = target + 1;
  const jump = (reading: string, test: string) => `${reading} if (${test}) { pc = ${word(target)}; continue; }`;
  const made = [{ name: `br_if ${row.name}`, words, text: jump(reads.join(' '), condition) }];
  if (row.params.length === 2 && isInteger(row.params[1])) {
    const constant = [reads[0], readConstant(row.params[1] as OperandType, 2, row.semantics)].join(' ');
    made.push({ name: `br_if ${row.name} k`, words, text: jump(constant, condition) });
  } else made.push({ name: `br_unless ${row.name}`, words, text: jump(reads.join(' '), `!(${condition})`) });
  return made;
}

/** Loads: dst, address register, offset. Stores: address register, offset, value register. */
function memoryOps(row: Instruction): Op[] {
  const store = row.results.length === 0;
  const address = `const ea = (${reg(store ? 1 : 2)} >>> 0) + ${word(store ? 2 : 3)}; if (ea + ${accessBytes(row)} > memLen) break oob;`;
  const value = store ? readOperand('b', row.params[1] as OperandType, place(3), row.semantics) : '';
  return [
    {
      name: row.name,
      words: 4,
      text: `${address} ${value} ${store ? `${row.semantics.replaceAll(' ; ', '; ')};` : compute(row, place(1))}`,
    },
  ];
}

const op = (name: string, words: number, text: string): Op => ({ name, words, text });

/** Makes the callee's frame; `index` and `base` are texts. The callee's `enter` does the rest. */
const enterCallee = (index: string, base: string, words: number): string =>
  `FR[fi + 1] = pc + ${words}; fi += 3; fp += ${base}; FR[fi] = ${index} + funcDelta; FR[fi + 2] = fp >> 1; pc = e; continue;`;

const leaveCallee =
  'fi -= 3; if (fi < floor) { exit = Exit.returned; break run; } pc = FR[fi + 1]!; fp = FR[fi + 2]! << 1; continue;';

/** Ops that are no row of the table: moves, control, calls. */
const ownOps: Op[] = [
  op('copy', 3, `const s = fp + ${word(2)}, d = fp + ${word(1)}; I[d] = I[s]!; I[d + 1] = I[s + 1]!;`),
  op('copy32', 3, `I[fp + ${word(1)}] = ${reg(2)};`),
  op('const32', 3, `I[fp + ${word(1)}] = ${word(2)};`),
  op('const64', 4, `const d = fp + ${word(1)}; I[d] = ${word(2)}; I[d + 1] = ${word(3)};`),
  op(
    'select',
    5,
    `const d = fp + ${word(1)}, s = fp + (${reg(4)} !== 0 ? ${word(2)} : ${word(3)}); I[d] = I[s]!; I[d + 1] = I[s + 1]!;`,
  ),
  op('global.get', 3, `const g = globalAt[${word(2)}]!, d = fp + ${word(1)}; I[d] = G[g]!; I[d + 1] = G[g + 1]!;`),
  op('global.set', 3, `const g = globalAt[${word(1)}]!, s = fp + ${word(2)}; G[g] = I[s]!; G[g + 1] = I[s + 1]!;`),
  op('ref.is_null', 3, `I[fp + ${word(1)}] = I[fp + ${word(2)} + 1] === 0 ? 1 : 0;`),
  op('br', 2, `pc = ${word(1)}; continue;`),
  op('br_if', 3, `if (${reg(1)} !== 0) { pc = ${word(2)}; continue; }`),
  op('br_unless', 3, `if (${reg(1)} === 0) { pc = ${word(2)}; continue; }`),
  // index register, count of targets without the default, targets, default
  op('br_table', 0, `const i = ${reg(1)} >>> 0, n = ${word(2)}; pc = code[pc + 3 + (i < n ? i : n)]!; continue;`),
  // fuel
  op('charge', 2, `fuel -= ${word(1)}; if (fuel < 0) { pc += 2; exit = Exit.fuel; break run; }`),
  // fuel, words of the frame, words of parameters, words of all locals
  op(
    'enter',
    5,
    `if (fp + ${word(2)} > lastWord) { exit = Exit.stack; break run; }
      for (let i = fp + ${word(3)}, end = fp + ${word(4)}; i < end; i++) I[i] = 0;
      fuel -= ${word(1)}; if (fuel < 0) { pc += 5; exit = Exit.fuel; break run; }`,
  ),
  // function index, register of the first argument
  op(
    'call',
    3,
    `const e = entries[${word(1)}]!; if (e < 0 || fi >= lastFrame) { exit = Exit.call; break run; }
      ${enterCallee(word(1), word(2), 3)}`,
  ),
  // table index, register of the element index, id of the type, register of the first argument
  op(
    'call_indirect',
    5,
    `const t = tables[${word(1)}]!, i = ${reg(2)} >>> 0; exit = Exit.callIndirect;
      if (i >= t.size || t.elements[2 * i + 1] === 0) break run;
      const f = funcs[t.elements[2 * i]!]!; if (f.kind !== 'wasm' || f.type.id !== ${word(3)} || f.instance !== instance) break run;
      const e = entries[f.index]!; if (e < 0 || fi >= lastFrame) break run;
      exit = Exit.outOfBounds; ${enterCallee('f.index', word(4), 5)}`,
  ),
  // register of the reference, register of the first argument
  op('call_ref', 3, 'exit = Exit.callRef; break run;'),
  // as the calls above, then the words of the arguments
  op('return_call', 4, 'exit = Exit.tailCall; break run;'),
  op('return_call_indirect', 6, 'exit = Exit.tailCall; break run;'),
  op('return_call_ref', 4, 'exit = Exit.tailCall; break run;'),
  // tag index, first register of the values
  op('throw', 3, 'exit = Exit.throw; break run;'),
  // register of the exception
  op('throw_ref', 2, 'exit = Exit.throwRef; break run;'),
  op('return0', 1, leaveCallee),
  op('return1', 2, `const s = fp + ${word(1)}; I[fp] = I[s]!; I[fp + 1] = I[s + 1]!; ${leaveCallee}`),
  // first register, count of words
  op(
    'return',
    3,
    `const s = fp + ${word(1)}, n = ${word(2)}; for (let i = 0; i < n; i++) I[fp + i] = I[s + i]!; ${leaveCallee}`,
  ),
  op('unreachable', 1, 'exit = Exit.unreachable; break run;'),
  // words of this op, number of the routine, first register, immediates: all that is rare, in rare.ts
  op(
    'rare',
    0,
    `m.pc = pc; rare[${word(2)}]!(m, pc + 4, fp + ${word(3)}); G = m.G; mem = m.mem; memLen = m.memLen; pc += ${word(1)}; continue;`,
  ),
  // destination, first and second operand, code of the row
  op('numeric', 5, `numeric(${word(4)}, I, F, D, ${place(1)}, ${place(2)}, ${place(3)});`),
  // destination, words of this op, number of the routine, registers of the operands, immediates
  op('vector', 0, `m.pc = pc; vector[${word(3)}]!(m, pc, fp); pc += ${word(2)}; continue;`),
  // Code that can stop at every instruction (lower.ts, `plain`) has a `step` before each.
  op('step', 1, 'if (m.steps <= 0) { exit = Exit.step; break run; } m.steps--;'),
  // fuel; hands over to folded code where nobody counts steps
  op(
    'charge plain',
    2,
    `fuel -= ${word(1)}; pc += 2; if (fuel < 0) { exit = Exit.fuel; break run; } if (!m.stepping) { exit = Exit.handover; break run; } continue;`,
  ),
];

/** Ops that lowering emits. */
const single: readonly Op[] = [
  ...ownOps,
  ...instructions.filter((row) => isPlain(row) && !isSeldom(row) && !isRenaming(row)).flatMap(numericOps),
  ...instructions.filter((row) => isPlain(row) && isBranchable(row)).flatMap(branchOps),
  ...instructions.filter((row) => isMemory(row) && row.semantics !== '').flatMap(memoryOps),
];

const singles = new Map(single.map((o) => [o.name, o]));

/** The text never goes on to the op that follows. */
const leaves = (text: string): boolean => text.endsWith('continue;') || text.endsWith('break run;');

/** What a case does: an op's text, then on to the next one. */
export const caseText = (o: Op): string => (leaves(o.text) ? o.text : `${o.text} pc += ${o.words}; continue;`);

/** A sequence as one op: the words of its parts stay as they are, only the first number changes (fuse.ts). */
function fusedOp(names: readonly string[]): Op {
  const parts = names.map((name) => singles.get(name) as Op);
  const text = parts.map(
    (part, i) => `{ ${i < parts.length - 1 ? `${part.text} pc += ${part.words};` : caseText(part)} }`,
  );
  return { name: names.join(' + '), words: 0, text: `${text.join('\n          ')} continue;` };
}

/** Whether an op may stand before another one in a sequence. */
export const isFusible = (o: Op): boolean => o.words > 0 && !leaves(o.text);

/** All ops; the places in this list are the numbers in the code. */
export const ops: readonly Op[] = [...single, ...fusions.map(fusedOp)];

const numbers = new Map(ops.map((o, i) => [o.name, i]));

/** The number of an op, or undefined. */
export const opNumber = (name: string): number | undefined => numbers.get(name);

/** The number of an op that must exist. */
export function opNamed(name: string): number {
  const number = numbers.get(name);
  if (number === undefined) throw new RangeError(`the interpreter has no op ${name}`);
  return number;
}
