// Instructions as text, derived from the table: the specification's text format, blocks unfolded.
// Whole modules are not written as text.
// https://webassembly.github.io/spec/core/text/instructions.html

import { UsageError } from '../spec/errors.ts';
import type { Immediate, Special } from '../spec/instructions.ts';
import { cut } from '../spec/told.ts';
import { type HeapType, typeName } from '../spec/types.ts';
import { type Catch, InstructionReader } from './instruction.ts';
import type { ModuleSyntax } from './module.ts';

/** What indices are called where an instruction stands. What has no name keeps its number. */
export interface InstructionNames {
  readonly funcs?: ReadonlyMap<number, string>;
  readonly locals?: ReadonlyMap<number, string>;
}

export interface Line {
  /** Byte offset from the start of the function's body. */
  readonly pc: number;
  /** Indented by two spaces for every block around it. */
  readonly text: string;
}

/** The lines of a function's body, its closing `end` included. Imported functions have none. */
export function disassemble(module: ModuleSyntax, func: number): Line[] {
  const imported = module.imports.filter(({ desc }) => desc.kind === 'func').length;
  const body = module.funcs[func - imported]?.body;
  if (body === undefined) throw new UsageError(`function ${func} has no body in this module`);
  const locals = module.names.locals.get(func);
  const names = { funcs: module.names.funcs, ...(locals && { locals }) };
  const r = new InstructionReader(module.bytes, body.start, body.end);
  const lines: Line[] = [];
  for (let depth = 1; r.pos < r.end; ) {
    r.next();
    const [before, after] = steps[r.row.special as Special] ?? [0, 0];
    depth += before;
    lines.push({
      pc: r.start - body.start,
      text: '  '.repeat(Math.min(depth, maxIndent)) + formatInstruction(r, names),
    });
    depth += after;
  }
  return lines;
}

/** Deeper blocks are not indented further, so that the text of hostile nesting stays linear in its size. */
const maxIndent = 40;

/** How the indentation changes before and after an instruction. */
const steps: Partial<Record<Special, readonly [number, number]>> = {
  block: [0, 1],
  loop: [0, 1],
  if: [0, 1],
  try_table: [0, 1],
  try: [0, 1],
  else: [-1, 1],
  catch: [-1, 1],
  catch_all: [-1, 1],
  delegate: [-1, 0],
  end: [-1, 0],
};

/** The instruction that the reader holds, e.g. `i32.load offset=4 align=2` or `call $name`. */
export function formatInstruction(r: InstructionReader, names: InstructionNames = {}): string {
  const { immediates, name } = r.row;
  const words = immediates.map((kind, i) => formats[kind](r, i, names));
  if (isSwapped(immediates)) words.reverse();
  // Rows of one mnemonic differ in a second word (`select t`, `ref.test null`), which the immediates tell.
  const mnemonic = name.split(' ', 1)[0] as string;
  return [mnemonic, ...words].filter((word) => word !== '').join(' ');
}

/** The text names the table or memory first, the binary format last. */
const isSwapped = (immediates: readonly Immediate[]) => immediates[1] === 'table' || immediates[1] === 'memory';

type Format = (r: InstructionReader, i: number, names: InstructionNames) => string;

const index: Format = (r, i) => String(i === 0 ? r.x : r.y);
/** Index 0 goes without saying, if the other one of two is 0 as well. */
const optional: Format = (r, i) => {
  const two = r.row.immediates.some((kind) => kind === 'memory2' || kind === 'table2');
  return (two ? r.x === 0 && r.y === 0 : index(r, i, {}) === '0') ? '' : index(r, i, {});
};
const memarg =
  (natural: number): Format =>
  ({ x, align, offsetLo, offsetHi }) => {
    const offset = BigInt.asUintN(64, halves(offsetLo, offsetHi));
    const words = [x !== 0 && x, offset !== 0n && `offset=${offset}`, 2 ** align !== natural && `align=${2 ** align}`];
    return words.filter((word) => word !== false).join(' ');
  };

const formats: Record<Immediate, Format> = {
  label: index,
  labels: (r) => r.labels.join(' '),
  func: (r, _, { funcs }) => named(r.x, funcs),
  local: (r, _, { locals }) => named(r.x, locals),
  type: (r, i) => (isSwapped(r.row.immediates) ? `(type ${r.x})` : index(r, i, {})),
  type2: index,
  table: optional,
  table2: optional,
  memory: optional,
  memory2: optional,
  global: index,
  data: index,
  elem: index,
  tag: index,
  field: index,
  count: index,
  memarg1: memarg(1),
  memarg2: memarg(2),
  memarg4: memarg(4),
  memarg8: memarg(8),
  memarg16: memarg(16),
  i32: index,
  i64: (r) => String(halves(r.x, r.y)),
  f32: (r) => formatF32(r.x),
  f64: (r) => formatF64(r.x, r.y),
  v128: (r) => `i32x4 ${Array.from(r.vector, (part) => `0x${(part >>> 0).toString(16).padStart(8, '0')}`).join(' ')}`,
  lane: (r) => String(r.lane),
  lanes16: (r) => r.lanes.join(' '),
  block: ({ block }) => {
    if ('type' in block) return `(type ${block.type})`;
    return block.result === undefined ? '' : `(result ${typeName(block.result)})`;
  },
  types: (r) => `(result ${r.types.map(typeName).join(' ')})`.replace(' )', ')'),
  heap: ({ row, heap }) => (row.special === 'ref.null' ? heapText(heap) : refText(heap, row.name.endsWith(' null'))),
  cast: ({ x, from, to }) => `${x} ${refText(from.heap, from.nullable)} ${refText(to.heap, to.nullable)}`,
  catches: (r) => r.catches.map(catchText).join(' '),
  fence: () => '',
};

const heapText = (heap: HeapType) => (typeof heap === 'object' ? heap.name : String(heap));
const refText = (heap: HeapType, nullable: boolean) => `(ref ${nullable ? 'null ' : ''}${heapText(heap)})`;

function catchText({ kind, tag, label }: Catch): string {
  return kind === 'catch' || kind === 'catch_ref' ? `(${kind} ${tag} ${label})` : `(${kind} ${label})`;
}

/** https://webassembly.github.io/spec/core/text/values.html#text-id */
function named(index: number, names: ReadonlyMap<number, string> | undefined): string {
  const name = cut(names?.get(index));
  if (name === undefined) return String(index);
  return /^[\w!#$%&'*+\-./:<=>?@\\^`|~]+$/.test(name) ? `$${name}` : `$"${escaped(name)}"`;
}

const escaped = (name: string) =>
  name.replace(/["\\]|\p{Cc}/gu, (char) => `\\u{${(char.codePointAt(0) as number).toString(16)}}`);

const halves = (lo: number, hi: number) => (BigInt(hi) << 32n) | BigInt(lo >>> 0);
const bits = new DataView(new ArrayBuffer(8));

function formatF32(int: number): string {
  bits.setInt32(0, int);
  const value = bits.getFloat32(0);
  if (Number.isNaN(value)) return nanText(int < 0, BigInt(int & 0x7f_ffff), 0x40_0000n);
  if (value === 0 || !Number.isFinite(value)) return floatText(value);
  // The fewest digits that still mean this number: nine always do.
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Object.is(Math.fround(short), value)) return floatText(short);
  }
  return floatText(Number(value.toPrecision(9)));
}

function formatF64(lo: number, hi: number): string {
  bits.setInt32(0, hi);
  bits.setInt32(4, lo);
  const value = bits.getFloat64(0);
  if (Number.isNaN(value)) return nanText(hi < 0, halves(lo, hi & 0xf_ffff), 0x8_0000_0000_0000n);
  return floatText(value);
}

function nanText(negative: boolean, payload: bigint, canonical: bigint): string {
  return `${negative ? '-' : ''}nan${payload === canonical ? '' : `:0x${payload.toString(16)}`}`;
}

function floatText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  return String(value).replace('Infinity', 'inf');
}
