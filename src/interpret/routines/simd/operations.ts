// What vector instructions do, by families of mnemonics. An operation on lanes that a scalar type has too is read from
// the instruction table, so that it is said once. A relaxed instruction does what the deterministic profile says.
// https://webassembly.github.io/spec/core/exec/instructions.html#vector-instructions

import { type Instruction, instructionNamed } from '../../../spec/instructions.ts';
import { accessBytes, isCondition } from '../../machine/ops.ts';
import {
  byWords,
  copied,
  copyOperands,
  each,
  element,
  type Lane,
  letters,
  lines,
  mask,
  operand,
  type Place,
  plus,
  read,
  result,
  type Shape,
  shapeNamed,
  times,
  vectors,
  word,
  wordOf,
  write,
} from './lanes.ts';

const scalar = (name: string): string => instructionNamed(name).semantics;

/** The first immediate's place among the op's words. */
const immediateAt = (row: Instruction): number => 4 + row.params.length;

// Lane by lane

const saturated = (value: string, low: string, high: string): string => `Math.max(${low}, Math.min(${high}, ${value}))`;

/** Semantics of operations that scalars do not have. MIN, MAX and UMAX stand for the bounds of a lane. */
const own: Record<Shape['scalar'], Record<string, string>> = {
  i32: {
    not: '~a',
    andnot: 'a & ~b',
    bitselect: '(a & c) | (b & ~c)',
    abs: 'a < 0 ? -a : a',
    neg: '-a',
    min_s: 'a < b ? a : b',
    min_u: 'a >>> 0 < b >>> 0 ? a : b',
    max_s: 'a > b ? a : b',
    max_u: 'a >>> 0 > b >>> 0 ? a : b',
    add_sat_s: saturated('a + b', 'MIN', 'MAX'),
    add_sat_u: saturated('au + bu', '0', 'UMAX'),
    sub_sat_s: saturated('a - b', 'MIN', 'MAX'),
    sub_sat_u: saturated('au - bu', '0', 'UMAX'),
    avgr_u: '(au + bu + 1) >>> 1',
    popcnt: 'num.popcnt32(au)',
    q15mulr_sat_s: 'Math.min(MAX, (a * b + 16384) >> 15)',
    shr_u: 'au >>> b',
    narrow_s: saturated('a', 'MIN', 'MAX'),
    narrow_u: saturated('a', '0', 'UMAX'),
    extend_s: 'a',
    extend_u: 'au',
    extmul_s: 'a * b',
    extmul_u: 'au * bu',
    extadd_s: 'a + b',
    extadd_u: 'au + bu',
    copy: 'a',
    copy_s: 'a',
    copy_u: 'au',
  },
  i64: {
    abs: 'const t = ah < 0 ? -al | 0 : al ; t ; ah < 0 ? (~ah + (t === 0 ? 1 : 0)) | 0 : ah',
    neg: 'const t = -al | 0 ; t ; (~ah + (t === 0 ? 1 : 0)) | 0',
    extend_s: scalar('i64.extend_i32_s'),
    extend_u: scalar('i64.extend_i32_u'),
    extmul_s: `const al = a ; const ah = a >> 31 ; const bl = b ; const bh = b >> 31 ; ${scalar('i64.mul')}`,
    extmul_u: `const al = a ; const ah = 0 ; const bl = b ; const bh = 0 ; ${scalar('i64.mul')}`,
    copy: 'al ; ah',
  },
  f32: {
    pmin: '# b < a ? bi : ai',
    pmax: '# a < b ? bi : ai',
    relaxed_madd: 'Math.fround(a * b) + c',
    relaxed_nmadd: 'Math.fround(-a * b) + c',
    copy: '# ai',
  },
  f64: {
    pmin: '# const t = b < a ; t ? bl : al ; t ? bh : ah',
    pmax: '# const t = a < b ; t ? bl : al ; t ? bh : ah',
    relaxed_madd: 'a * b + c',
    relaxed_nmadd: '-a * b + c',
    copy: '# al ; ah',
  },
};

function bounded(semantics: string, { bits }: Shape): string {
  const half = 2 ** (bits - 1);
  const bounds: Record<string, number> = { MIN: -half, MAX: half - 1, UMAX: 2 * half - 1 };
  return semantics.replace(/\b(?:MIN|MAX|UMAX)\b/g, (name) => String(bounds[name]));
}

function semanticsOf(operation: string, shape: Shape): string {
  const known = own[shape.scalar][operation];
  if (known !== undefined) return bounded(known, shape);
  const row = instructionNamed(`${shape.scalar}.${operation}`);
  return isCondition(row) ? mask(row.semantics, shape) : row.semantics;
}

/** Computes each lane of the result from what is read for it. */
const perLane = (shape: Shape, semantics: string, reads: (i: Lane) => string = () => ''): string =>
  each(shape.lanes, (i) => reads(i) + write(shape, i, semantics));

/** Reads lane `i` of all operands that are vectors. */
const readAll = (row: Instruction, shape: Shape, i: Lane, semantics: string): string =>
  vectors(row)
    .map(({ letter, place }) => read(letter, shape, place, i, semantics))
    .join('');

function lanewise(row: Instruction, shape: Shape, operation: string): string {
  const semantics = semanticsOf(operation, shape);
  if (shape.bits < 32) return byWords(row, shape, semantics);
  return perLane(shape, semantics, (i) => readAll(row, shape, i, semantics));
}

const shift = (row: Instruction, shape: Shape, operation: string): string =>
  lines(
    shape.bits === 64 ? 'const bl = I[y]!;' : `const b = I[y]! & ${shape.bits - 1};`,
    lanewise(row, shape, operation),
  );

// One lane

const scalarShapes = { i32: 'i32x4', i64: 'i64x2', f32: 'f32x4', f64: 'f64x2' } as const;
/** The shape that has a scalar operand, or a scalar result, as its first lane. */
const scalarShape = (shape: Shape): Shape => shapeNamed(scalarShapes[shape.scalar]);

const copyVector = (from: Place): string => each(4, (i) => `${element('I', result, i)} = ${element('I', from, i)}!;`);

function splat(shape: Shape): string {
  const copy = semanticsOf('copy', shape);
  return lines(read('a', scalarShape(shape), operand(0), 0, copy), perLane(shape, copy));
}

function extractLane(row: Instruction, shape: Shape, sign: string): string {
  const copy = semanticsOf(`copy${sign}`, shape);
  return read('a', shape, operand(0), word(immediateAt(row)), copy) + write(scalarShape(shape), 0, copy);
}

function replaceLane(row: Instruction, shape: Shape): string {
  const copy = semanticsOf('copy', shape);
  return lines(
    read('a', scalarShape(shape), operand(1), 0, copy),
    copyVector(operand(0)),
    write(shape, word(immediateAt(row)), copy),
  );
}

// All lanes to one number

const anyTrue = (): string => 'I[d] = (I[x]! | I[x + 1]! | I[x + 2]! | I[x + 3]!) !== 0 ? 1 : 0;';

function allTrue(shape: Shape): string {
  const zero = shape.bits === 64 ? '(al | ah) === 0' : 'a === 0';
  const tests = each(shape.lanes, (i) => `${read('a', shape, operand(0), i, zero)}if (${zero}) all = 0;`);
  return lines('let all = 1;', tests, 'I[d] = all;');
}

/** The signs of a word's lanes, as its lowest bits. */
const signs = (bits: number): string =>
  Array.from({ length: 32 / bits }, (_, j) => `((w >>> ${bits * (j + 1) - 1 - j}) & ${1 << j})`).join(' | ');

function bitmask({ bits }: Shape): string {
  if (bits === 64) return 'I[d] = (I[x + 1]! >>> 31) | ((I[x + 3]! >>> 31) << 1);';
  const words = each(
    4,
    (i) => `const w = ${element('I', operand(0), i)}!; bits |= (${signs(bits)}) << ${times(32 / bits, i)};`,
  );
  return lines('let bits = 0;', words, 'I[d] = bits;');
}

// From lanes to other lanes: the operands are read from their copies

function narrow(row: Instruction, shape: Shape, source: Shape, sign: string): string {
  const semantics = semanticsOf(`narrow${sign}`, shape);
  return lines(
    copyOperands(row),
    perLane(shape, semantics, (i) => read('a', source, copied(0), i, semantics)),
  );
}

/** One half of each operand's lanes to lanes twice as wide. */
function widen(row: Instruction, shape: Shape, source: Shape, operation: string, part: string): string {
  const semantics = semanticsOf(operation, shape);
  const used = shape.bits === 64 ? 'a b' : semantics;
  const first = part === 'low' ? 0 : shape.lanes;
  const reads = (i: Lane) =>
    row.params.map((_, k) => read(letters[k] as string, source, copied(k), plus(i, first), used));
  return lines(
    copyOperands(row),
    perLane(shape, semantics, (i) => reads(i).join('')),
  );
}

function extaddPairwise(row: Instruction, shape: Shape, source: Shape, sign: string): string {
  const semantics = semanticsOf(`extadd${sign}`, shape);
  const reads = (i: Lane) =>
    [0, 1].map((k) => read(letters[k] as string, source, copied(0), plus(times(2, i), k), semantics));
  return lines(
    copyOperands(row),
    perLane(shape, semantics, (i) => reads(i).join('')),
  );
}

/** Declares p0, q0, p1, q1, …: the lanes of the first two operands whose products lane `i` adds up. */
const factors = (source: Shape, count: number, i: Lane): string =>
  Array.from({ length: count }, (_, k) =>
    ['p', 'q']
      .map((name, j) => read(`${name}${k}`, source, copied(j), plus(times(count, i), k), `${name}${k}`))
      .join(''),
  ).join('');

const dot = (row: Instruction, shape: Shape, source: Shape): string =>
  lines(
    copyOperands(row),
    perLane(shape, 'p0 * q0 + p1 * q1', (i) => factors(source, 2, i)),
  );

/** The products are added up in 16 bits first. */
function dotAdd(row: Instruction, shape: Shape, source: Shape): string {
  const semantics = '(((p0 * q0 + p1 * q1) << 16) >> 16) + (((p2 * q2 + p3 * q3) << 16) >> 16) + c';
  const reads = (i: Lane) => factors(source, 4, i) + read('c', shape, copied(2), i, 'c');
  return lines(copyOperands(row), perLane(shape, semantics, reads));
}

/** Conversions of numbers; result lanes that no operand lane is for are zero. */
function convert(row: Instruction, shape: Shape, source: Shape, operation: string, sign: string): string {
  const semantics = scalar(`${shape.scalar}.${operation}_${source.scalar}${sign}`);
  const count = Math.min(shape.lanes, source.lanes);
  const converted = each(count, (i) => read('a', source, copied(0), i, semantics) + write(shape, i, semantics));
  const zeros = shape.lanes > source.lanes ? 'I[d + 2] = 0; I[d + 3] = 0;' : '';
  return lines(copyOperands(row), converted, zeros);
}

const words = shapeNamed('i32x4');

/** Four numbers of lanes stand in a word. */
const shuffle = (row: Instruction): string =>
  lines(
    copyOperands(row),
    each(4, (i) => {
      const bytes = wordOf((j) => `TU[(k >>> ${8 * j}) & 31]!`);
      return `const k = ${word(immediateAt(row), i)}; ${write(words, i, bytes)}`;
    }),
  );

const swizzle = (row: Instruction): string =>
  lines(
    copyOperands(row),
    each(4, (i) => {
      const reads = [0, 1, 2, 3].map((j) => `const k${j} = TU[${16 + Number(times(4, i)) + j}]!; `);
      return (
        reads.join('') +
        write(
          words,
          i,
          wordOf((j) => `(k${j} < 16 ? TU[k${j}]! : 0)`),
        )
      );
    }),
  );

// Memory

/** Declares the checked address `ea` in `mem`. */
function address(row: Instruction): string {
  const at = immediateAt(row);
  return `const memory = m.memories[${word(at)}]!, mem = memory.view, ea = effectiveAddress(m, memory, pc + ${at + 1}, x, ${accessBytes(row)});`;
}
const laneAt = (row: Instruction): string => word(immediateAt(row) + 3);

const byBits: Record<string, Shape> = {
  8: shapeNamed('i8x16'),
  16: shapeNamed('i16x8'),
  32: words,
  64: shapeNamed('i64x2'),
};
const littleEndian = (bits: number): string => (bits === 8 ? '' : ', true');

/** Declares what is loaded under the names that `copy` uses. */
const loaded = ({ bits }: Shape): string =>
  bits === 64
    ? 'const al = mem.getInt32(ea, true), ah = mem.getInt32(ea + 4, true);'
    : `const a = mem.getInt${bits}(ea${littleEndian(bits)});`;

const load = (row: Instruction): string =>
  lines(
    address(row),
    each(4, (i) => write(words, i, `mem.getInt32(${plus('ea', times(4, i))}, true)`)),
  );

function loadWidened(row: Instruction, bits: number, sign: string): string {
  const shape = byBits[2 * bits] as Shape;
  const semantics = scalar(`${shape.scalar}.load${bits}${sign}`);
  return lines(
    address(row),
    each(shape.lanes, (i) => write(shape, i, semantics.replace(/\bea\b/, String(plus('ea', times(bits / 8, i)))))),
  );
}

function loadSplat(row: Instruction, shape: Shape): string {
  const copy = semanticsOf('copy', shape);
  return lines(address(row), loaded(shape), perLane(shape, copy));
}

const loadZero = (row: Instruction, shape: Shape): string =>
  lines(
    address(row),
    loaded(shape),
    'I[d + 1] = 0; I[d + 2] = 0; I[d + 3] = 0;',
    write(shape, 0, semanticsOf('copy', shape)),
  );

const loadLane = (row: Instruction, shape: Shape): string =>
  lines(address(row), loaded(shape), copyVector(operand(1)), write(shape, laneAt(row), semanticsOf('copy', shape)));

const store = (row: Instruction): string =>
  lines(
    address(row),
    each(4, (i) => `mem.setInt32(${plus('ea', times(4, i))}, ${element('I', operand(1), i)}!, true);`),
  );

function storeLane(row: Instruction, shape: Shape): string {
  const { bits } = shape;
  const stored =
    bits === 64
      ? 'mem.setInt32(ea, al, true); mem.setInt32(ea + 4, ah, true);'
      : `mem.setInt${bits}(ea, a${littleEndian(bits)});`;
  return lines(address(row), read('a', shape, operand(1), laneAt(row), semanticsOf('copy', shape)), stored);
}

const constant = (row: Instruction): string =>
  each(4, (i) => `${element('I', result, i)} = ${word(immediateAt(row), i)};`);

// Which is which

type Family = (row: Instruction, shape: Shape, ...captured: string[]) => string;

/** The families that a pattern of the name after the shape's tells; anything else goes lane by lane. */
const families: readonly (readonly [RegExp, Family])[] = [
  [/^const$/, constant],
  [/^load$/, load],
  [/^load(\d+)x\d+(_[su])$/, (row, _, bits, sign) => loadWidened(row, Number(bits), sign as string)],
  [/^load(\d+)_splat$/, (row, _, bits) => loadSplat(row, byBits[bits as string] as Shape)],
  [/^load(\d+)_zero$/, (row, _, bits) => loadZero(row, byBits[bits as string] as Shape)],
  [/^load(\d+)_lane$/, (row, _, bits) => loadLane(row, byBits[bits as string] as Shape)],
  [/^store$/, store],
  [/^store(\d+)_lane$/, (row, _, bits) => storeLane(row, byBits[bits as string] as Shape)],
  [/^shuffle$/, shuffle],
  [/^swizzle$/, swizzle],
  [/^splat$/, (_, shape) => splat(shape)],
  [/^extract_lane(|_[su])$/, (row, shape, sign) => extractLane(row, shape, sign as string)],
  [/^replace_lane$/, replaceLane],
  [/^any_true$/, anyTrue],
  [/^all_true$/, (_, shape) => allTrue(shape)],
  [/^bitmask$/, (_, shape) => bitmask(shape)],
  [/^(sh[lr](?:|_[su]))$/, (row, shape, operation) => shift(row, shape, operation as string)],
  [/^narrow_(\w+)(_[su])$/, (row, shape, from, sign) => narrow(row, shape, shapeNamed(from as string), sign as string)],
  [
    /^(extend|extmul)_(low|high)_(\w+)(_[su])$/,
    (row, shape, operation, part, from, sign) =>
      widen(row, shape, shapeNamed(from as string), `${operation}${sign}`, part as string),
  ],
  [
    /^extadd_pairwise_(\w+)(_[su])$/,
    (row, shape, from, sign) => extaddPairwise(row, shape, shapeNamed(from as string), sign as string),
  ],
  [/^(?:relaxed_)?dot_(\w\d+x\d+)(?:_i7x16)?_s$/, (row, shape, from) => dot(row, shape, shapeNamed(from as string))],
  [/^relaxed_dot_(\w\d+x\d+)_i7x16_add_s$/, (row, shape, from) => dotAdd(row, shape, shapeNamed(from as string))],
  [
    /^(trunc_sat|convert|demote|promote)_(?:low_)?(\w\d+x\d+)(|_[su])(?:_zero)?$/,
    (row, shape, operation, from, sign) =>
      convert(row, shape, shapeNamed(from as string), operation as string, sign as string),
  ],
];

/** What a row does, as the body of its routine. */
export function bodyOf(row: Instruction): string {
  const [shapeName = '', operation = ''] = row.name.split('.');
  const shape = shapeNamed(shapeName);
  for (const [pattern, family] of families) {
    const found = pattern.exec(operation);
    if (found !== null) return family(row, shape, ...found.slice(1));
  }
  return lanewise(row, shape, operation);
}
