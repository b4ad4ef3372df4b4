// Lanes of vectors as JavaScript text: how one is read and written in each shape, and how what happens to lanes becomes
// a routine. Which instruction does what is in operations.ts.
//
// In the texts `d` is the word where the result goes, and `x`, `y`, `z` are those of the operands. The views B, S, I, F
// and D see the stack as int8, int16, int32, float32 and float64; TB, …, TD see a scratch copy of the operands (TU its
// bytes without sign), for operations that would otherwise read lanes which they have written: a result may lie where an
// operand does.

import type { Instruction } from '../../../spec/instructions.ts';

type View = 'B' | 'S' | 'I' | 'F' | 'D';

export interface Shape {
  readonly lanes: number;
  readonly bits: number;
  /** The view that shows a lane as one number; an i64 is two of its words. */
  readonly view: View;
  /** The scalar type whose instructions say what operations on a lane compute. */
  readonly scalar: 'i32' | 'i64' | 'f32' | 'f64';
}

const shapes = {
  i8x16: { lanes: 16, bits: 8, view: 'B', scalar: 'i32' },
  i16x8: { lanes: 8, bits: 16, view: 'S', scalar: 'i32' },
  i32x4: { lanes: 4, bits: 32, view: 'I', scalar: 'i32' },
  i64x2: { lanes: 2, bits: 64, view: 'I', scalar: 'i64' },
  f32x4: { lanes: 4, bits: 32, view: 'F', scalar: 'f32' },
  f64x2: { lanes: 2, bits: 64, view: 'D', scalar: 'f64' },
} satisfies Record<string, Shape>;

/** The shape of a name; a v128 without one is taken as words. */
export const shapeNamed = (name: string): Shape => shapes[name as keyof typeof shapes] ?? shapes.i32x4;

/** A lane's number, or the text of one. */
export type Lane = number | string;

/** Where a vector begins: the name of a word in the stack, or a word of the scratch copy. */
export type Place = string | number;
export const result: Place = 'd';
const registers = ['x', 'y', 'z'];
export const letters: readonly string[] = ['a', 'b', 'c'];
export const operand = (k: number): Place => registers[k] as string;
/** Copies follow each other, as one long vector. */
export const copied = (k: number): Place => 4 * k;

/** Word `k` of the op, or `i` words past it. */
export const word = (k: number, i: Lane = 0): string => `code[${plus(`pc + ${k}`, i)}]!`;

const perWord: Record<View, number> = { B: 4, S: 2, I: 1, F: 1, D: 0.5 };

export function plus(base: Lane, i: Lane): Lane {
  if (typeof base === 'number' && typeof i === 'number') return base + i;
  return base === 0 ? i : i === 0 ? base : `${base} + ${i}`;
}
export const times = (n: number, i: Lane): Lane => (typeof i === 'number' ? n * i : `${n} * ${i}`);

/** The element of a view that is lane `i` of a vector; to be assigned to as it is, to be read with a `!` after it. */
export function element(view: View, place: Place, i: Lane): string {
  const scale = perWord[view];
  if (typeof place === 'number') return `T${view}[${plus(place * scale, i)}]`;
  return `${view}[${plus(scale === 1 ? place : scale < 1 ? `(${place} >> 1)` : times(scale, place), i)}]`;
}
const half = (place: Place, i: Lane, high: number): string => element('I', place, plus(times(2, i), high));

const mentions = (text: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(text);

/**
 * Declares those names of an operand that semantics use: the table's own (`a`, `ai`, `al`, `ah`), and `au`, a narrow
 * integer without its sign.
 */
export function read(letter: string, { bits, view }: Shape, place: Place, i: Lane, semantics: string): string {
  const names = {
    [letter]: `${element(view, place, i)}!`,
    [`${letter}u`]: `${element(view, place, i)}! & ${2 ** bits - 1}`,
    [`${letter}i`]: `${element('I', place, i)}!`,
    [`${letter}l`]: `${half(place, i, 0)}!`,
    [`${letter}h`]: `${half(place, i, 1)}!`,
  };
  return declared(names, semantics);
}
const declared = (names: Record<string, string>, semantics: string): string =>
  Object.entries(names)
    .filter(([name]) => mentions(semantics, name))
    .map(([name, text]) => `const ${name} = ${text}; `)
    .join('');

/** Computes semantics and writes the result to lane `i`. A NaN that was computed becomes the canonical one. */
export function write({ bits, view, scalar }: Shape, i: Lane, semantics: string): string {
  const raw = semantics.startsWith('#');
  const parts = (raw ? semantics.slice(1) : semantics).split(' ; ').map((part) => part.trim());
  const high = scalar === 'i64' || (scalar === 'f64' && raw) ? parts.pop() : undefined;
  const low = parts.pop();
  const before = parts.map((statement) => `${statement}; `).join('');
  if (high !== undefined)
    return `${before}const lo = ${low}, hi = ${high}; ${half(result, i, 0)} = lo; ${half(result, i, 1)} = hi;`;
  if (scalar === 'i32' || raw) return `${before}${element(bits === 32 ? 'I' : view, result, i)} = ${low};`;
  return `${before}const r = ${low}; ${element(view, result, i)} = r === r ? r : NaN;`;
}

/** The vectors among a row's operands, under their letters. */
export const vectors = (row: Instruction): { letter: string; place: Place }[] =>
  row.params.flatMap((type, k) => (type === 'v128' ? [{ letter: letters[k] as string, place: operand(k) }] : []));

/**
 * Computes integers narrower than a word, a word of them at a time: three times as fast as one by one. The semantics
 * are one expression of `a`, `au`, `b`, ….
 */
export function byWords(row: Instruction, { bits }: Shape, semantics: string): string {
  const expression = semantics.replace('# ', '');
  const part = (letter: string, j: number) => {
    const names = {
      [letter]: `(${letter}w << ${32 - bits * (j + 1)}) >> ${32 - bits}`,
      [`${letter}u`]: `(${letter}w >>> ${bits * j}) & ${2 ** bits - 1}`,
    };
    return declared(names, expression);
  };
  const parts = Array.from({ length: 32 / bits }, (_, j) => {
    const reads = vectors(row).map(({ letter }) => part(letter, j));
    return `{ ${reads.join('')}r |= ((${expression}) & ${2 ** bits - 1}) << ${bits * j}; }`;
  });
  const words = vectors(row).map(({ letter, place }) => `const ${letter}w = ${element('I', place, 'i')}!;`);
  return `for (let i = 0; i < 4; i++) {
      ${words.join(' ')} let r = 0;
      ${parts.join('\n      ')}
      ${element('I', result, 'i')} = r;
    }`;
}

/** The text of a word, given those of its four bytes. */
export const wordOf = (byte: (j: number) => string): string =>
  [0, 1, 2, 3].map((j) => (j === 0 ? byte(j) : `(${byte(j)} << ${8 * j})`)).join(' | ');

/** Semantics of a comparison as a vector has it: all bits of the lane set, or none. */
export function mask(semantics: string, { bits }: Shape): string {
  const value = semantics.replace(/ \? 1 : 0$/, ' ? -1 : 0');
  return bits === 64 ? `# const t = ${value} ; t ; t` : `# ${value}`;
}

/** Statements under each other, as the body of a routine has them. */
export const lines = (...statements: readonly string[]): string =>
  statements.filter((text) => text !== '').join('\n    ');

/** Statements for each lane: one after the other, or in a loop where lanes are many. */
export function each(lanes: number, text: (i: Lane) => string): string {
  if (lanes > 4) return `for (let i = 0; i < ${lanes}; i++) { ${text('i')} }`;
  return lines(...Array.from({ length: lanes }, (_, i) => scoped(text(i))));
}
const scoped = (text: string): string => (text.includes('const ') ? `{ ${text} }` : text);

/** Copies the vectors that are a row's operands to where `copied` finds them. */
export const copyOperands = (row: Instruction): string =>
  row.params
    .map((type, k) =>
      type === 'v128'
        ? [0, 1, 2, 3].map((i) => `${element('I', copied(k), i)} = ${element('I', operand(k), i)}!;`).join(' ')
        : '',
    )
    .join(' ');

/** The routine of a row, given what it does. */
export function routine(row: Instruction, body: string): string {
  const views = ['I', 'B', 'S', 'F', 'D'].filter((view) => mentions(body, view));
  const places = [
    ...(row.results.length === 0 ? [] : [`d = fp + ${word(1)}`]),
    ...row.params.map((_, k) => `${registers[k]} = fp + ${word(4 + k)}`),
  ];
  return `  // ${row.name}
  (m, pc, fp) => {
    const { ${['code', ...views].join(', ')} } = m;
    const ${places.join(', ')};
    ${body}
  },`;
}
