// Bytes to Module: well-formedness and nothing more, function bodies included. What the module means is validate's.
// As in the reference interpreter a section is read first and its size compared afterwards, so that both find the same
// fault first. encode.ts is the pair.
// https://webassembly.github.io/spec/core/binary/modules.html

import { atOnce, checkDeadline, type Steps } from '../spec/patience.ts';
import { type SectionName, sections } from '../spec/sections.ts';
import { funcref, type RecType, type RefType, type TypeIdx, type ValType } from '../spec/types.ts';
import { ExprReader, KnownReader } from './expr.ts';
import { type Counted, limits, maxBodyBytes, maxModuleBytes, maxSubtypeDepth } from './limits.ts';
import {
  type Custom,
  compactCodes,
  type Data,
  type DataMode,
  type Elem,
  type ElemMode,
  type Export,
  type Expr,
  type Func,
  type Global,
  type Import,
  type ImportDesc,
  type Memory,
  type ModuleSyntax,
  type Table,
  type Tag,
} from './module.ts';
import { readNames } from './names.ts';
import {
  readGlobalType,
  readMemType,
  readRecType,
  readRefType,
  readTableType,
  readTagType,
  readValType,
} from './types.ts';

/** Kinds of imports and exports, by their code. */
export const externKinds = ['func', 'table', 'memory', 'global', 'tag'] as const satisfies Import['desc']['kind'][];
/** What may follow the flags of a table that has an initializer. */
export const tableInitCode = 0x40;
export const magic = 0x6d736100;
export const version = 1;

/** Bits of the number before an element segment; with `passive` the second one means declarative. */
export const elemFlags = { passive: 1, indexOrDeclarative: 2, exprs: 4 } as const;
export const dataKinds = ['active', 'passive', 'active in'] as const;

/** What the function section and the code section say about the same functions, before they are put together. */
interface FuncDecl {
  readonly type: TypeIdx;
  readonly offset: number;
}
interface Code extends Pick<Func, 'entry' | 'locals' | 'body'> {
  readonly dataUse: number;
}

/** A module in the making. */
interface Draft {
  types: RecType[];
  typeOffsets: number[];
  imports: Import[];
  funcDecls: FuncDecl[];
  tables: Table[];
  memories: Memory[];
  tags: Tag[];
  globals: Global[];
  exports: Export[];
  start?: { func: number; offset: number };
  elems: Elem[];
  codes: Code[];
  datas: Data[];
  dataCount?: number;
  customs: Custom[];
}

/** Throws MalformedError with the byte where it went wrong. */
export const decode = (bytes: Uint8Array): ModuleSyntax => atOnce(decodeSteps(bytes));

/** The same in steps of some functions each. */
export const decodeSteps = (bytes: Uint8Array): Steps<ModuleSyntax> => decodeWith(new ExprReader(bytes));

/** The same for bytes that `decode` has taken before: it does not look into function bodies, which is nearly all of its work. */
export const decodeKnown = (bytes: Uint8Array): ModuleSyntax => atOnce(decodeWith(new KnownReader(bytes)));

/** Of such bytes the imports alone, which takes no longer than they are. */
export function decodeImports(bytes: Uint8Array): readonly Import[] {
  const r = new KnownReader(bytes);
  const draft = emptyDraft();
  readHeader(r);
  while (r.pos < r.end) {
    const id = r.byte();
    const size = r.size();
    if (id === importsId) {
      readers.import(r, draft);
      break;
    }
    r.skip(size);
  }
  return draft.imports;
}
const importsId = sections.find(({ name }) => name === 'import')?.id;

function* decodeWith(r: ExprReader): Steps<ModuleSyntax> {
  const { bytes } = r;
  if (bytes.length > maxModuleBytes) r.fail(`module of ${bytes.length} bytes, the limit is ${maxModuleBytes}`, 0);
  readHeader(r);
  const draft = emptyDraft();
  for (let place = 0; r.pos < r.end; ) place = yield* readSection(r, draft, place);
  checkCounts(r, draft);
  return finish(bytes, draft);
}

function emptyDraft(): Draft {
  return {
    types: [],
    typeOffsets: [],
    imports: [],
    funcDecls: [],
    tables: [],
    memories: [],
    tags: [],
    globals: [],
    exports: [],
    elems: [],
    codes: [],
    datas: [],
    customs: [],
  };
}

function readHeader(r: ExprReader): void {
  if (r.fixed32() !== magic) r.fail('magic header not detected', 0);
  if (r.fixed32() !== version) r.fail('unknown binary version', 4);
}

const placeOf = new Map<number, number>(sections.map(({ id }, place) => [id, place]));

/** Reads one section. `place` is the first in the order of sections that may still come; gives that place after it. */
function* readSection(r: ExprReader, draft: Draft, place: number): Steps<number> {
  checkDeadline('decoding');
  const start = r.pos;
  const id = r.byte();
  const at = placeOf.get(id) ?? -1;
  if (id !== 0 && at < 0) r.fail('malformed section id', start);
  const size = r.size();
  const end = r.pos + size;
  if (id === 0) {
    draft.customs.push(readCustom(r, end, place));
    return place;
  }
  if (at < place) r.fail('unexpected content after last section', start);
  const content = r.pos;
  const { name } = sections[at] as (typeof sections)[number];
  if (name === 'code') yield* readCodes(r, draft);
  else readers[name](r, draft);
  if (r.pos !== end) r.fail('section size mismatch', content);
  return at + 1;
}

function readCustom(r: ExprReader, end: number, place: number): Custom {
  const name = r.name();
  const start = r.skip(end - r.pos);
  return { name, data: { start, end }, place };
}

const readers: Record<Exclude<SectionName, 'code'>, (r: ExprReader, draft: Draft) => void> = {
  type: readTypes,
  import: (r, draft) => {
    for (let left = r.count('imports'); left > 0; left--) readImports(r, draft.imports);
  },
  function: (r, draft) => {
    draft.funcDecls = r.list('functions', (r) => ({ offset: r.pos, type: r.u32() }));
  },
  table: (r, draft) => {
    draft.tables = r.list('tables', readTable);
  },
  memory: (r, draft) => {
    draft.memories = r.list('memories', (r) => ({ offset: r.pos, type: readMemType(r) }));
  },
  tag: (r, draft) => {
    draft.tags = r.list('tags', (r) => ({ offset: r.pos, type: readTagType(r) }));
  },
  global: (r, draft) => {
    draft.globals = r.list('globals', (r) => ({ offset: r.pos, type: readGlobalType(r), init: r.expr() }));
  },
  export: (r, draft) => {
    draft.exports = r.list('exports', readExport);
  },
  start: (r, draft) => {
    draft.start = { offset: r.pos, func: r.u32() };
  },
  element: (r, draft) => {
    draft.elems = r.list('element segments', readElem);
  },
  'data count': (r, draft) => {
    draft.dataCount = r.u32();
  },
  data: (r, draft) => {
    draft.datas = r.list('data segments', readData);
  },
};

function readTypes(r: ExprReader, draft: Draft): void {
  const depths: number[] = [];
  for (let left = r.count('types'); left > 0; left--) {
    checkDeadline('decoding');
    const start = r.pos;
    const group = readRecType(r);
    draft.typeOffsets.push(start);
    draft.types.push(group);
    for (const { supers } of group) {
      const depth = supers.reduce((depth, index) => Math.max(depth, (depths[index] ?? 0) + 1), 0);
      if (depth > maxSubtypeDepth) r.fail(`too many supertypes: the limit is ${maxSubtypeDepth}`, start);
      depths.push(depth);
    }
    if (depths.length > limits.types) r.fail(`too many types: the limit is ${limits.types}`, start);
  }
}

function readKind(r: ExprReader, what: string): Import['desc']['kind'] {
  return externKinds[r.byte()] ?? r.fail(`malformed ${what} kind`, r.pos - 1);
}

/** One import, or a compact group of them. */
function readImports(r: ExprReader, imports: Import[]): void {
  const offset = r.pos;
  const module = r.name();
  const name = r.name();
  const compact = name === '' ? readCompact(r) : undefined;
  if (compact === undefined) imports.push({ offset, module, name, desc: readDesc(r) });
  else readGroup(r, imports, module, compact);
  if (imports.length > limits.imports)
    r.fail(`too many imports: ${imports.length}, the limit is ${limits.imports}`, offset);
}

function readCompact(r: ExprReader): Import['compact'] {
  const found = compactForms.find((form) => r.pos < r.end && r.bytes[r.pos] === compactCodes[form]);
  if (found !== undefined) r.pos++;
  return found;
}

const compactForms = Object.keys(compactCodes) as (keyof typeof compactCodes)[];

function readGroup(r: ExprReader, imports: Import[], module: string, compact: keyof typeof compactCodes): void {
  const alike = compact === 'alike' ? readDesc(r) : undefined;
  for (let left = r.count('imports'); left > 0; left--)
    imports.push({ offset: r.pos, module, name: r.name(), desc: alike ?? readDesc(r), compact });
}

function readDesc(r: ExprReader): ImportDesc {
  const kind = readKind(r, 'import');
  switch (kind) {
    case 'func':
      return { kind, type: r.u32() };
    case 'table':
      return { kind, type: readTableType(r) };
    case 'memory':
      return { kind, type: readMemType(r) };
    case 'global':
      return { kind, type: readGlobalType(r) };
    case 'tag':
      return { kind, type: readTagType(r) };
    default:
      return kind satisfies never;
  }
}

function readExport(r: ExprReader): Export {
  return { offset: r.pos, name: r.name(), kind: readKind(r, 'export'), index: r.u32() };
}

function readTable(r: ExprReader): Table {
  const offset = r.pos;
  if (r.pos >= r.end || r.bytes[r.pos] !== tableInitCode) return { offset, type: readTableType(r) };
  r.pos++;
  r.zero();
  return { offset, type: readTableType(r), init: r.expr() };
}

/** https://webassembly.github.io/spec/core/binary/modules.html#element-section */
function readElem(r: ExprReader): Elem {
  const offset = r.pos;
  const flags = r.u32();
  if (flags > 7) r.fail('malformed elements segment kind', offset);
  const mode = readElemMode(r, flags);
  const implicit = (flags & (elemFlags.passive | elemFlags.indexOrDeclarative)) === 0;
  if (flags & elemFlags.exprs) {
    const type = implicit ? funcref : readRefType(r);
    return { offset, mode, type, init: { kind: 'exprs', exprs: r.list('elements', readExpr) } };
  }
  const type = implicit ? funcs : readElemKind(r);
  return { offset, mode, type, init: { kind: 'funcs', funcs: r.list('elements', (r) => r.u32()) } };
}

function readElemMode(r: ExprReader, flags: number): ElemMode {
  const second = (flags & elemFlags.indexOrDeclarative) !== 0;
  if (flags & elemFlags.passive) return { kind: second ? 'declarative' : 'passive' };
  return { kind: 'active', table: second ? r.u32() : 0, at: r.expr() };
}

const funcs: RefType = { heap: 'func', nullable: false };

function readElemKind(r: ExprReader): RefType {
  return r.byte() === 0 ? funcs : r.fail('malformed element kind', r.pos - 1);
}

const readExpr = (r: ExprReader): Expr => r.expr();

function readData(r: ExprReader): Data {
  const offset = r.pos;
  const mode = readDataMode(r);
  const size = r.size();
  const start = r.skip(size);
  return { offset, mode, init: { start, end: start + size } };
}

function readDataMode(r: ExprReader): DataMode {
  const start = r.pos;
  const kind = dataKinds[r.u32()] ?? r.fail('malformed data segment kind', start);
  if (kind === 'passive') return { kind };
  return { kind: 'active', memory: kind === 'active in' ? r.u32() : 0, at: r.expr() };
}

/** Of so many bytes a step is, and the function at its end. */
const stepBytes = 4096;

function* readCodes(r: ExprReader, draft: Draft): Steps<void> {
  let next = r.pos + stepBytes;
  for (let left = r.count('functions'); left > 0; left--) {
    checkDeadline('decoding');
    draft.codes.push(readCode(r));
    if (r.pos < next) continue;
    next = r.pos + stepBytes;
    yield;
  }
}

function readCode(r: ExprReader): Code {
  const size = r.size();
  const start = r.pos;
  if (size > maxBodyBytes) r.fail(`function of ${size} bytes, the limit is ${maxBodyBytes}`, start);
  const locals = readLocals(r);
  const body = r.body(start + size - r.pos);
  if (r.pos !== start + size) r.fail('section size mismatch', start);
  return { entry: start, locals, body, dataUse: r.dataUse };
}

function readLocals(r: ExprReader): Func['locals'] {
  const start = r.pos;
  const runs = r.list('runs of locals', readLocalRun);
  const total = runs.reduce((sum, { count }) => sum + count, 0);
  if (total > limits.locals) r.fail(`too many locals: ${total}, the limit is ${limits.locals}`, start);
  return runs;
}

function readLocalRun(r: ExprReader): { count: number; type: ValType } {
  return { count: r.u32(), type: readValType(r) };
}

/** What can be told only from several sections together. */
function checkCounts(r: ExprReader, draft: Draft): void {
  const { funcDecls, codes, dataCount, datas, imports } = draft;
  if (funcDecls.length !== codes.length) r.fail('function and code section have inconsistent lengths');
  if (dataCount !== undefined && dataCount !== datas.length)
    r.fail('data count and data section have inconsistent lengths');
  const user = dataCount === undefined ? codes.find(({ dataUse }) => dataUse >= 0) : undefined;
  if (user !== undefined) r.fail('data count section required', user.dataUse);
  const check = (of: Counted, kind: ImportDesc['kind'], own: number) => {
    const total = imports.reduce((sum, { desc }) => (desc.kind === kind ? sum + 1 : sum), own);
    if (total > limits[of]) r.fail(`too many ${of}: ${total}, the limit is ${limits[of]}`);
  };
  check('tables', 'table', draft.tables.length);
  check('memories', 'memory', draft.memories.length);
}

function finish(bytes: Uint8Array, { funcDecls, codes, ...rest }: Draft): ModuleSyntax {
  const funcs = funcDecls.map(({ type, offset }, i): Func => {
    const { entry, locals, body } = codes[i] as Code;
    return { type, entry, locals, body, typeOffset: offset };
  });
  return { bytes, ...rest, funcs, names: readNames(bytes, rest.customs) };
}
