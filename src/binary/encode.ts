// Module to bytes, every number in its shortest form and every custom section in its place. decode.ts is the pair.
// https://webassembly.github.io/spec/core/binary/modules.html

import { type SectionName, sections } from '../spec/sections.ts';
import { funcref, type RefType, type ValType } from '../spec/types.ts';
import { dataKinds, elemFlags, externKinds, magic, tableInitCode, version } from './decode.ts';
import { encodeInstruction } from './encode-instruction.ts';
import { InstructionReader } from './instruction.ts';
import {
  type Custom,
  compactCodes,
  type Data,
  type Elem,
  type Export,
  type Expr,
  type Func,
  type Import,
  type ImportDesc,
  type ModuleSyntax,
  type Table,
} from './module.ts';
import { writeGlobalType, writeMemType, writeRecType, writeTableType, writeTagType, writeValType } from './types.ts';
import { Writer } from './writer.ts';

export function encode(module: ModuleSyntax): Uint8Array {
  const w = new Writer(module.bytes.length + 64);
  w.fixed32(magic);
  w.fixed32(version);
  sections.forEach(({ id, name }, place) => {
    writeCustoms(w, module, place);
    writeSection(w, id, (w) => writers[name](w, module));
  });
  writeCustoms(w, module, sections.length);
  return w.finish();
}

/** A section without content is left out. */
function writeSection(w: Writer, id: number, write: (w: Writer) => void): void {
  const content = new Writer();
  write(content);
  if (content.length === 0) return;
  w.byte(id);
  w.u32(content.length);
  w.bytes(content.view());
}

function writeCustoms(w: Writer, module: ModuleSyntax, place: number): void {
  for (const custom of module.customs) if (custom.place === place) writeCustom(w, module.bytes, custom);
}

function writeCustom(w: Writer, bytes: Uint8Array, { name, data }: Custom): void {
  writeSection(w, 0, (w) => {
    w.name(name);
    w.bytes(bytes.subarray(data.start, data.end));
  });
}

const writers: Record<SectionName, (w: Writer, module: ModuleSyntax) => void> = {
  type: (w, { types }) => writeList(w, types, writeRecType),
  import: (w, { imports }) => writeList(w, grouped(imports), writeImports),
  function: (w, { funcs }) => writeList(w, funcs, (w, { type }) => w.u32(type)),
  table: (w, { tables, bytes }) => writeList(w, tables, (w, table) => writeTable(w, bytes, table)),
  memory: (w, { memories }) => writeList(w, memories, (w, { type }) => writeMemType(w, type)),
  tag: (w, { tags }) => writeList(w, tags, (w, { type }) => writeTagType(w, type)),
  global: (w, { globals, bytes }) =>
    writeList(w, globals, (w, { type, init }) => {
      writeGlobalType(w, type);
      writeExpr(w, bytes, init);
    }),
  export: (w, { exports }) => writeList(w, exports, writeExport),
  start: (w, { start }) => {
    if (start !== undefined) w.u32(start.func);
  },
  element: (w, { elems, bytes }) => writeList(w, elems, (w, elem) => writeElem(w, bytes, elem)),
  'data count': (w, { dataCount }) => {
    if (dataCount !== undefined) w.u32(dataCount);
  },
  code: (w, { funcs, bytes }) => writeList(w, funcs, (w, func) => w.sized((w) => writeCode(w, bytes, func))),
  data: (w, { datas, bytes }) => writeList(w, datas, (w, data) => writeData(w, bytes, data)),
};

/** Writes nothing for an empty list, so that its section is left out. */
function writeList<T>(w: Writer, list: readonly T[], write: (w: Writer, item: T) => void): void {
  if (list.length > 0) w.list(list, write);
}

/** At least one; more only in a compact group. */
type Group = [Import, ...Import[]];

/** Neighbours that can stand in one compact group do. */
function grouped(imports: readonly Import[]): Group[] {
  const groups: Group[] = [];
  for (const one of imports) {
    const last = groups.at(-1);
    if (last !== undefined && joins(last[0], one)) last.push(one);
    else groups.push([one]);
  }
  return groups;
}

const joins = (first: Import, { module, desc, compact }: Import): boolean =>
  compact !== undefined &&
  compact === first.compact &&
  module === first.module &&
  (compact === 'each' || desc === first.desc);

function writeImports(w: Writer, group: Group): void {
  const [{ module, name, desc, compact }] = group;
  w.name(module);
  if (compact === undefined) {
    w.name(name);
    writeDesc(w, desc);
    return;
  }
  w.name('');
  w.byte(compactCodes[compact]);
  if (compact === 'alike') writeDesc(w, desc);
  w.list(group, (w, { name, desc }) => {
    w.name(name);
    if (compact === 'each') writeDesc(w, desc);
  });
}

function writeDesc(w: Writer, desc: ImportDesc): void {
  w.byte(externKinds.indexOf(desc.kind));
  switch (desc.kind) {
    case 'func':
      w.u32(desc.type);
      break;
    case 'table':
      writeTableType(w, desc.type);
      break;
    case 'memory':
      writeMemType(w, desc.type);
      break;
    case 'global':
      writeGlobalType(w, desc.type);
      break;
    case 'tag':
      writeTagType(w, desc.type);
      break;
    default:
      desc satisfies never;
  }
}

function writeExport(w: Writer, { name, kind, index }: Export): void {
  w.name(name);
  w.byte(externKinds.indexOf(kind));
  w.u32(index);
}

function writeTable(w: Writer, bytes: Uint8Array, { type, init }: Table): void {
  if (init !== undefined) {
    w.byte(tableInitCode);
    w.byte(0);
  }
  writeTableType(w, type);
  if (init !== undefined) writeExpr(w, bytes, init);
}

const isFuncref = (type: RefType) => type.heap === funcref.heap && type.nullable === funcref.nullable;

/** Whether the short form will do, in which table 0 and a type of functions go without saying. */
function isImplicit({ mode, init, type }: Elem): boolean {
  return mode.kind === 'active' && mode.table === 0 && (init.kind === 'funcs' || isFuncref(type));
}

function writeElem(w: Writer, bytes: Uint8Array, elem: Elem): void {
  const { mode, init, type } = elem;
  const implicit = isImplicit(elem);
  const passive = mode.kind === 'active' ? 0 : elemFlags.passive;
  const second = implicit || mode.kind === 'passive' ? 0 : elemFlags.indexOrDeclarative;
  w.u32(passive | second | (init.kind === 'exprs' ? elemFlags.exprs : 0));
  if (mode.kind === 'active') {
    if (!implicit) w.u32(mode.table);
    writeExpr(w, bytes, mode.at);
  }
  if (init.kind === 'exprs') {
    if (!implicit) writeValType(w, type);
    w.list(init.exprs, (w, expr) => writeExpr(w, bytes, expr));
  } else {
    if (!implicit) w.byte(0);
    w.list(init.funcs, (w, func) => w.u32(func));
  }
}

function writeData(w: Writer, bytes: Uint8Array, { mode, init }: Data): void {
  const kind = mode.kind === 'active' && mode.memory !== 0 ? 'active in' : mode.kind;
  w.u32(dataKinds.indexOf(kind));
  if (mode.kind === 'active') {
    if (mode.memory !== 0) w.u32(mode.memory);
    writeExpr(w, bytes, mode.at);
  }
  w.u32(init.end - init.start);
  w.bytes(bytes.subarray(init.start, init.end));
}

function writeCode(w: Writer, bytes: Uint8Array, { locals, body }: Func): void {
  w.list(locals, writeLocalRun);
  writeExpr(w, bytes, body);
}

function writeLocalRun(w: Writer, { count, type }: { count: number; type: ValType }): void {
  w.u32(count);
  writeValType(w, type);
}

function writeExpr(w: Writer, bytes: Uint8Array, { start, end }: Expr): void {
  const r = new InstructionReader(bytes, start, end);
  while (r.pos < r.end) {
    r.next();
    encodeInstruction(r, w);
  }
}
