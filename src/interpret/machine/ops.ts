// The interpreter's own instructions: register form, one Int32Array of words, each op its number followed by its
// operands. What they do is JavaScript text, from which generate.ts prints loop.ts; their numbers are their places here.
//
// Registers are word offsets from the frame's base `fp` (a slot has two words). Names in the texts: `I`, `F`, `D` view
// the stack's slots as int32, float32, float64; `code` and `pc` are the words and the place in them; `mem` and `memLen`
// the first memory; `FR` and `fi` the frames and the current one's place in them. `break oob` traps, `break run` leaves
// the loop with `exit` set.

import { bytesAccessed, type Instruction, instructions, type OperandType } from '../../spec/instructions.ts';
import { fusions } from './fusions.ts';

export interface Op {
  readonly name: string;
  /** Words it takes, 0 where that varies. */
  readonly words: number;
  readonly text: string;
  /** Which registers it reads and writes, where other ops of a sequence may hand values to it, or take its result. */
  readonly flow?: Flow;
}

/** What a register holds, as far as it can be handed on in a variable; `raw` stays in memory. */
export type FlowType = 'i32' | 'i64' | 'f64' | 'raw';

/** Of an op that computes something and goes on to the next one. */
export interface Flow {
  /** What it writes to the register in word 1. */
  readonly result?: FlowType;
  /** The words of the registers that it reads, and what it takes from there. */
  readonly operands: readonly { readonly word: number; readonly type: FlowType }[];
  /** It leaves the sequence for another place: nothing can be handed past it. */
  readonly branches?: boolean;
  /**
   * Its text with operands from variables of earlier ops, by their numbers in the sequence; undefined for those that
   * are in their registers. `result` asks for the result in variables of that number, and in the register if `kept`.
   */
  text(sources: readonly (number | undefined)[], result?: Result): string;
}

export interface Result {
  readonly number: number;
  readonly kept: boolean;
  /** Whether the high word of an i64 is taken, too. */
  readonly high: boolean;
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

/** The same for an operand in the variables of an earlier op. */
function handedOperand(letter: string, type: OperandType, source: number, semantics: string): string {
  if (type !== 'i64') return `const ${letter} = x${source};`;
  const low = mentions(semantics, `${letter}l`) ? [`${letter}l = x${source}`] : [];
  const high = mentions(semantics, `${letter}h`) ? [`${letter}h = y${source}`] : [];
  return low.length + high.length === 0 ? '' : `const ${[...low, ...high].join(', ')};`;
}

const operandText = (i: number, type: OperandType, k: number, semantics: string, source?: number): string =>
  source === undefined
    ? readOperand(letters[i] as string, type, place(k), semantics)
    : handedOperand(letters[i] as string, type, source, semantics);

/** How an operand of a row may be handed on: f32 is rounded when it is stored, and bits stay as they are in memory. */
function flowType(type: OperandType, letter: string, semantics: string): FlowType {
  if (type === 'i32' || type === 'i64') return type;
  return type === 'f64' && mentions(semantics, letter) ? 'f64' : 'raw';
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

/** An expression as the signed word that a store would make of it. */
const asWord = (text: string): string => (/(\| 0|\? 1 : 0)$/.test(text) ? text : `(${text}) | 0`);

/** The same, with the result in variables; without a result wanted, as `compute`. */
function computeHanded(row: Instruction, result: Result | undefined): string {
  if (result === undefined) return compute(row, place(1));
  const { statements, results } = parts(row);
  const before = statements.map((s) => `${s};`).join(' ');
  const [first = '', second] = results;
  const [x, y] = [`x${result.number}`, `y${result.number}`];
  const high = second !== undefined && (result.high || result.kept) ? `, ${y} = ${asWord(second)}` : '';
  const values = `const ${x} = ${row.results[0] === 'f64' ? first : asWord(first)}${high};`;
  const kept = second !== undefined ? `const r = ${place(1)}; I[r] = ${x}; I[r + 1] = ${y};` : keptText(row, x);
  return `${before} ${values} ${result.kept ? kept : ''}`;
}

const keptText = (row: Instruction, x: string): string =>
  row.results[0] === 'f64' ? `D[(${place(1)}) >> 1] = ${x};` : `I[${place(1)}] = ${x};`;

const resultFlow = (row: Instruction): FlowType => {
  const type = row.results[0];
  if (type === 'i32' || type === 'i64') return type;
  return type === 'f64' && !row.semantics.startsWith('#') ? 'f64' : 'raw';
};

export const isMemory = (row: Instruction): boolean => bytesAccessed(row) > 0;
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
    const constant = readConstant(row.params[1] as OperandType, 3, semantics);
    const text: Flow['text'] = ([a], result) =>
      `${operandText(0, row.params[0] as OperandType, 2, semantics, a)} ${constant} ${computeHanded(specialised, result)}`;
    const operands = [{ word: 2, type: flowType(row.params[0] as OperandType, 'a', semantics) }];
    return { name, words: 4, text: text([]), flow: { result: resultFlow(row), operands, text } };
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
  const { semantics } = row;
  const text: Flow['text'] = (sources, result) =>
    `${row.params.map((type, i) => operandText(i, type, 2 + i, semantics, sources[i])).join(' ')} ${computeHanded(row, result)}`;
  const operands = row.params.map((type, i) => ({
    word: 2 + i,
    type: flowType(type, letters[i] as string, semantics),
  }));
  const flow: Flow = { result: resultFlow(row), operands, text };
  const made: Op[] = [{ name: row.name, words: 2 + row.params.length, text: text([]), flow }];
  return hasConstantForm(row) ? [...made, ...constantOps(row)] : made;
}

/** Comparisons that fuse with a branch; those of f32 are too rare for the loop's size. */
export const isBranchable = (row: Instruction): boolean => isCondition(row) && row.params[0] !== 'f32';

/** Compare and branch in one: the comparison's operands, then the target. */
function branchOps(row: Instruction): Op[] {
  const condition = row.semantics.slice(0, -' ? 1 : 0'.length);
  const branch = (name: string, test: string, constant: boolean): Op => {
    const params = constant ? row.params.slice(0, 1) : row.params;
    const target = 1 + row.params.length;
    const text: Flow['text'] = (sources) => {
      const reads = params.map((type, i) => operandText(i, type, 1 + i, row.semantics, sources[i]));
      if (constant) reads.push(readConstant(row.params[1] as OperandType, 2, row.semantics));
      return `${reads.join(' ')} if (${test}) { pc = ${word(target)}; continue; }`;
    };
    const operands = params.map((type, i) => ({
      word: 1 + i,
      type: flowType(type, letters[i] as string, row.semantics),
    }));
    return { name, words: target + 1, text: text([]), flow: { operands, branches: true, text } };
  };
  const hasConstant = row.params.length === 2 && isInteger(row.params[1]);
  return [
    branch(`br_if ${row.name}`, condition, false),
    hasConstant
      ? branch(`br_if ${row.name} k`, condition, true)
      : branch(`br_unless ${row.name}`, `!(${condition})`, false),
  ];
}

/** Loads: dst, address register, offset. Stores: address register, offset, value register. */
function memoryOps(row: Instruction): Op[] {
  const store = row.results.length === 0;
  const at = store ? 1 : 2;
  const value = row.params[1] as OperandType;
  const text: Flow['text'] = ([address, b], result) => {
    const base = address === undefined ? reg(at) : `x${address}`;
    const check = `const ea = (${base} >>> 0) + ${word(at + 1)}; if (ea + ${accessBytes(row)} > memLen) break oob;`;
    if (!store) return `${check} ${computeHanded(row, result)}`;
    return `${check} ${operandText(1, value, 3, row.semantics, b)} ${row.semantics.replaceAll(' ; ', '; ')};`;
  };
  const operands = [{ word: at, type: 'i32' as FlowType }];
  if (store) operands.push({ word: 3, type: flowType(value, 'b', row.semantics) });
  const flow: Flow = store ? { operands, text } : { result: resultFlow(row), operands, text };
  return [{ name: row.name, words: 4, text: text([]), flow }];
}

const op = (name: string, words: number, text: string): Op => ({ name, words, text });

/** A word or two from somewhere that is no register. */
function source(name: string, words: number, type: 'i32' | 'i64', before: string, low: string, high = ''): Op {
  const text: Flow['text'] = (_, result) => {
    const [x, y] = result === undefined ? ['', ''] : [`x${result.number}`, `y${result.number}`];
    const second = type === 'i64' && (result?.high === true || result?.kept === true) ? `, ${y} = ${high}` : '';
    const names = result === undefined ? '' : `const ${x} = ${low}${second};`;
    if (result?.kept === false) return `${before} ${names}`;
    const [first, last] = result === undefined ? [low, high] : [x, y];
    return type === 'i32'
      ? `${before} ${names} I[${place(1)}] = ${first};`
      : `${before} ${names} const d = ${place(1)}; I[d] = ${first}; I[d + 1] = ${last};`;
  };
  return { name, words, text: text([]), flow: { result: type, operands: [], text } };
}

/** Makes the callee's frame; `index` and `base` are texts. The callee's `enter` does the rest. */
const enterCallee = (index: string, base: string, words: number): string =>
  `FR[fi + 1] = pc + ${words}; fi += 3; fp += ${base}; FR[fi] = ${index} + funcDelta; FR[fi + 2] = fp >> 1; pc = e; continue;`;

const leaveCallee =
  'fi -= 3; if (fi < floor) { exit = Exit.returned; break run; } pc = FR[fi + 1]!; fp = FR[fi + 2]! << 1; continue;';

/** Ops that are no row of the table: moves, control, calls. */
const ownOps: Op[] = [
  op('copy', 3, `const s = fp + ${word(2)}, d = fp + ${word(1)}; I[d] = I[s]!; I[d + 1] = I[s + 1]!;`),
  op('copy32', 3, `I[fp + ${word(1)}] = ${reg(2)};`),
  source('const32', 3, 'i32', '', word(2)),
  source('const64', 4, 'i64', '', word(2), word(3)),
  op(
    'select',
    5,
    `const d = fp + ${word(1)}, s = fp + (${reg(4)} !== 0 ? ${word(2)} : ${word(3)}); I[d] = I[s]!; I[d + 1] = I[s + 1]!;`,
  ),
  source('global.get', 3, 'i64', `const g = globalAt[${word(2)}]!;`, 'G[g]!', 'G[g + 1]!'),
  op('global.set', 3, `const g = globalAt[${word(1)}]!, s = fp + ${word(2)}; G[g] = I[s]!; G[g + 1] = I[s + 1]!;`),
  op('ref.is_null', 3, `I[fp + ${word(1)}] = I[fp + ${word(2)} + 1] === 0 ? 1 : 0;`),
  op('br', 2, `pc = ${word(1)}; continue;`),
  op('br_if', 3, `if (${reg(1)} !== 0) { pc = ${word(2)}; continue; }`),
  op('br_unless', 3, `if (${reg(1)} === 0) { pc = ${word(2)}; continue; }`),
  // index register, count of targets without the default, targets, default
  op('br_table', 0, `const i = ${reg(1)} >>> 0, n = ${word(2)}; pc = code[pc + 3 + (i < n ? i : n)]!; continue;`),
  // fuel
  op('charge', 2, `fuel -= ${word(1)}; if (fuel < 0) { pc += 2; exit = Exit.fuel; break run; }`),
  // fuel, where code cannot be left: it may owe until the next charge
  op('spend', 2, `fuel -= ${word(1)};`),
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
  // words of this op, number of the routine, first register, immediates: all that is rare, in routines.ts
  op(
    'rare',
    0,
    `m.pc = pc; rare[${word(2)}]!(m, pc + 4, fp + ${word(3)}); G = m.G; mem = m.mem; memLen = m.memLen; pc += ${word(1)}; continue;`,
  ),
  // the same for what is charged by its length; a bulk routine says whether the op is to be carried out again
  op(
    'bulk',
    0,
    `m.pc = pc; m.fuel = fuel; const again = rare[${word(2)}]!(m, pc + 4, fp + ${word(3)}); fuel = m.fuel; G = m.G; mem = m.mem; memLen = m.memLen;
      if (again !== true) { pc += ${word(1)}; continue; } if (fuel < 0) { exit = Exit.fuel; break run; } continue;`,
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

/**
 * A part of a sequence as fusions.ts names it: an op, then for operands that are handed over in variables the operand's
 * letter and how many parts before it was made, as `i64.xor b<1`; `b=1` where its register must be written all the same,
 * because it is a local.
 */
export interface Part {
  readonly op: Op;
  readonly links: readonly (Link | undefined)[];
}
export interface Link {
  readonly distance: number;
  readonly kept: boolean;
}

const linkPattern = / ([ab])([<=])(\d)(?= |$)/g;

export function partNamed(text: string): Part {
  const links: (Link | undefined)[] = [];
  for (const [, letter, sign, distance] of text.matchAll(linkPattern))
    links[letter === 'a' ? 0 : 1] = { distance: Number(distance), kept: sign === '=' };
  const op = singles.get(text.replaceAll(linkPattern, ''));
  if (op === undefined) throw new RangeError(`the interpreter has no op ${text}`);
  return { op, links };
}

export const partName = (name: string, links: readonly (Link | undefined)[]): string =>
  name + links.map((link, i) => (link ? ` ${letters[i]}${link.kept ? '=' : '<'}${link.distance}` : '')).join('');

/** Text that needs `pc` to be at its own op, for a trap or for what it leaves the loop with. */
const needsPlace = (text: string): boolean => /num\.|break |exit|m\.|pc \+ \d+ \+/.test(text);

/** The texts of a sequence's parts. `high` says whether the high word of a part's result is taken. */
function sequenceTexts(sequence: readonly Part[], high: (i: number) => boolean): string[] {
  const resultOf = (i: number): Result | undefined => {
    const takers = sequence.flatMap(({ links }, j) => links.filter((link) => link && j - link.distance === i));
    if (takers.length === 0) return undefined;
    return { number: i, kept: takers.every((link) => link?.kept), high: high(i) };
  };
  /** Words of parts that `pc` has not passed yet. */
  let behind = 0;
  return sequence.map(({ op: { text, words, flow }, links }, i) => {
    const sources = links.map((link) => (link === undefined ? undefined : i - link.distance));
    const own = flow === undefined ? text : flow.text(sources, resultOf(i));
    const last = i === sequence.length - 1;
    const move = behind > 0 && (needsPlace(own) || last) ? `pc += ${behind}; ` : '';
    if (move !== '') behind = 0;
    const passed = behind;
    behind += words;
    const placed = own.replaceAll(/code\[pc \+ (\d+)\]/g, (_, k) => `code[pc + ${Number(k) + passed}]`);
    return move + (last ? caseText({ name: '', words, text: placed }) : placed);
  });
}

/** A sequence as one op: the words of its parts stay as they are, only the first number changes (fuse.ts). */
export function fusedOp(names: readonly string[]): Op {
  return {
    name: names.join(' + '),
    words: 0,
    // Only who generates the loop asks: to write all of them whenever wasbox is loaded would take as long as some files do.
    get text() {
      return fusedText(names.map(partNamed));
    },
  };
}

function fusedText(sequence: readonly Part[]): string {
  const texts = sequenceTexts(sequence, () => true);
  const slim = sequenceTexts(sequence, (i) => texts.slice(i + 1).some((text) => mentions(text, `y${i}`)));
  // Each part in the block of the one before: it sees its variables, and hides their names.
  return `${slim.map((text) => `{ ${text}`).join('\n          ')} ${'}'.repeat(sequence.length)} continue;`;
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
