// Modules put together from bytes, for shapes that nobody would write as text. A piece is bytes, or pieces.

export type Piece = number | readonly Piece[] | Uint8Array;

/** Appends the bytes of a piece. */
function append(bytes: number[], piece: Piece): void {
  if (typeof piece === 'number') bytes.push(piece);
  else for (const part of piece) append(bytes, part);
}

export function flat(piece: Piece): number[] {
  const bytes: number[] = [];
  append(bytes, piece);
  return bytes;
}

export function u(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return bytes;
}

/** Signed; what a block type or a small constant is. */
export function s(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest < -64 || rest > 63; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest & 0x7f);
  return bytes;
}

export const sized = (piece: Piece): Piece => {
  const bytes = flat(piece);
  return [u(bytes.length), bytes];
};
export const list = (items: readonly Piece[]): Piece => [u(items.length), items];
export const name = (text: string): Piece => sized([...new TextEncoder().encode(text)]);
export const times = (count: number, piece: (i: number) => Piece): Piece[] =>
  Array.from({ length: count }, (_, i) => piece(i));

export const i32 = 0x7f;
export const i64 = 0x7e;
export const v128 = 0x7b;
export const funcref = 0x70;
export const noType = 0x40;

/** Instructions, by what they do. */
export const op = {
  unreachable: 0x00,
  nop: 0x01,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  try: 0x06,
  catchAll: 0x19,
  delegate: 0x18,
  tryTable: 0x1f,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Const: 0x41,
  i32Add: 0x6a,
  i32DivS: 0x6d,
  refNull: 0xd0,
  refFunc: 0xd2,
} as const;

export const constant = (value: number): Piece => [op.i32Const, s(value)];
export const funcType = (params: readonly Piece[], results: readonly Piece[]): Piece => [
  0x60,
  list(params),
  list(results),
];

export interface Body {
  /** Index of its type. */
  readonly type: number;
  /** Runs of locals: count, type. */
  readonly locals?: readonly (readonly [number, number])[];
  /** Without the `end` of the function. */
  readonly code: Piece;
}

/** Sections by their content, in the order of the format; the first of the functions is exported as `run`. */
export interface Sections {
  readonly types?: readonly Piece[];
  readonly imports?: readonly Piece[];
  readonly tables?: readonly Piece[];
  readonly memories?: readonly Piece[];
  readonly tags?: readonly Piece[];
  readonly globals?: readonly Piece[];
  readonly exports?: readonly Piece[];
  readonly elems?: readonly Piece[];
  readonly dataCount?: boolean;
  readonly funcs: readonly Body[];
  readonly datas?: readonly Piece[];
  readonly customs?: readonly Piece[];
  /** How many of the imports are functions. */
  readonly importedFuncs?: number;
}

const section = (id: number, items: readonly Piece[] | undefined): Piece =>
  items === undefined || items.length === 0 ? [] : [id, sized(list(items))];

const writeBody = ({ locals = [], code }: Body): Piece =>
  sized([list(locals.map(([count, type]) => [u(count), type])), code, op.end]);

export function moduleOf(parts: Sections): Uint8Array<ArrayBuffer> {
  const { funcs, datas } = parts;
  return Uint8Array.from(
    flat([
      [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, parts.types ?? [funcType([], [])]),
      section(2, parts.imports),
      section(
        3,
        funcs.map(({ type }) => u(type)),
      ),
      section(4, parts.tables),
      section(5, parts.memories),
      section(13, parts.tags),
      section(6, parts.globals),
      section(7, [[name('run'), 0, u(parts.importedFuncs ?? 0)], ...(parts.exports ?? [])]),
      section(9, parts.elems),
      parts.dataCount === true ? [12, sized(u(datas?.length ?? 0))] : [],
      section(10, funcs.map(writeBody)),
      section(11, datas),
      (parts.customs ?? []).map((custom) => [0, sized(custom)]),
    ]),
  );
}
