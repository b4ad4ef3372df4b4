// A module as a report: its sections, what it imports and exports, how much of everything there is; and one function's
// instructions.

import { disassemble } from '../../binary/disassemble.ts';
import { Reader } from '../../binary/reader.ts';
import type { Module } from '../../runtime/module/module.ts';
import type { DefType } from '../../spec/deftypes.ts';
import { sections } from '../../spec/sections.ts';
import { cut, quoted } from '../../spec/told.ts';
import type { ExternKind, FuncType, GlobalType, Limits, MemType, TableType, ValType } from '../../spec/types.ts';
import { typeName, typeNames } from '../../spec/types.ts';
import { columns, count, formatBytes, type Report } from '../told/print.ts';

/** Rows of a list that a report has: modules are as large as whoever made them likes. */
const mostRows = 10_000;

export function describeModule(file: string, module: Module): Report {
  const { bytes, hash, syntax } = module;
  const json = {
    kind: 'module',
    file,
    bytes: bytes.length,
    sha256: hash,
    name: cut(syntax.names.module),
    sections: sectionsOf(bytes),
    counts: countsOf(module),
    imports: importsOf(module),
    exports: exportsOf(module),
    start: syntax.start && cut(module.funcName(syntax.start.func)),
  };
  return { lines: moduleLines(json), json };
}

function moduleLines(json: {
  file: string;
  bytes: number;
  sha256: string;
  sections: readonly Sized[];
  counts: Readonly<Record<string, number>>;
  imports: readonly { module: string; name: string; type: string }[];
  exports: readonly { name: string; type: string }[];
  start: string | undefined;
}): string[] {
  const counts = Object.entries(json.counts).filter(([, n]) => n > 0);
  return [
    `module ${json.file}: ${formatBytes(json.bytes)}`,
    `sha-256 ${json.sha256}`,
    'sections',
    ...columns(json.sections.map(({ name, bytes }) => [name, formatBytes(bytes)])),
    'counts',
    ...columns(counts.map(([name, n]) => [name, String(n)])),
    ...block(
      'imports',
      json.imports.map(({ module, name, type }) => [`${module}.${name}`, type]),
      json.counts.imports,
    ),
    ...block(
      'exports',
      json.exports.map(({ name, type }) => [name, type]),
      json.counts.exports,
    ),
    ...(json.start === undefined ? [] : [`start function: ${json.start}`]),
  ];
}

function block(title: string, rows: readonly string[][], of = rows.length): string[] {
  if (rows.length === 0) return [`${title}: none`];
  return [title, ...columns(rows), ...(of > rows.length ? [`  and ${of - rows.length} more`] : [])];
}

interface Sized {
  readonly name: string;
  readonly bytes: number;
}

/** In the order of the file, the first of them. The module has been decoded, so the sections are well formed. */
function sectionsOf(bytes: Uint8Array): Sized[] {
  const r = new Reader(bytes, 8);
  const found: Sized[] = [];
  while (r.pos < r.end && found.length < mostRows) {
    const id = r.byte();
    const size = r.size();
    const start = r.skip(size);
    const name = sections.find((section) => section.id === id)?.name;
    found.push({
      name: name ?? `custom ${quoted(new Reader(bytes, start, start + size).name())}`,
      bytes: size,
    });
  }
  return found;
}

/** Imports are not counted among the functions, tables, … */
function countsOf({ syntax }: Module): Record<string, number> {
  return {
    types: syntax.types.reduce((sum, group) => sum + group.length, 0),
    imports: syntax.imports.length,
    functions: syntax.funcs.length,
    tables: syntax.tables.length,
    memories: syntax.memories.length,
    globals: syntax.globals.length,
    tags: syntax.tags.length,
    exports: syntax.exports.length,
    'element segments': syntax.elems.length,
    'data segments': syntax.datas.length,
    'bytes of code': syntax.funcs.reduce((sum, { body }) => sum + body.end - body.start, 0),
    'bytes of data': syntax.datas.reduce((sum, { init }) => sum + init.end - init.start, 0),
  };
}

function importsOf(module: Module): { module: string; name: string; kind: ExternKind; type: string }[] {
  const next: Record<ExternKind, number> = { func: 0, table: 0, memory: 0, global: 0, tag: 0 };
  return module.syntax.imports.slice(0, mostRows).map(({ module: from, name, desc: { kind } }) => ({
    module: cut(from),
    name: cut(name),
    kind,
    type: externType(module, kind, next[kind]++),
  }));
}

const exportsOf = (module: Module): { name: string; kind: ExternKind; index: number; type: string }[] =>
  module.syntax.exports.slice(0, mostRows).map(({ name, kind, index }) => ({
    name: cut(name),
    kind,
    index,
    type: externType(module, kind, index),
  }));

/** The type of an entity as the text format writes it, its kind first. */
function externType({ context }: Module, kind: ExternKind, index: number): string {
  const typesOf = {
    func: () => signature(funcType(context.funcs[index])),
    table: () => tableType(context.tables[index] as TableType),
    memory: () => memoryType(context.memories[index] as MemType),
    global: () => globalType(context.globals[index] as GlobalType),
    tag: () => listed(funcType(context.tags[index]).params),
  } satisfies Record<ExternKind, () => string>;
  return cut(`${kind} ${typesOf[kind]()}`);
}

/** Of a function or tag that exists. */
const funcType = (type: DefType | undefined): FuncType => (type as DefType).comp as FuncType;

/** Types of a list that are told; a thousand, at each export of a function, would be more than anybody reads. */
const mostTypes = 32;
const listed = (types: readonly ValType[]): string =>
  types.length <= mostTypes
    ? typeNames(types)
    : `${typeNames(types.slice(0, mostTypes))} and ${types.length - mostTypes} more`;

export const signature = ({ params, results }: FuncType): string => `${listed(params)} -> ${listed(results)}`;
const limits = ({ min, max }: Limits): string => (max === undefined ? `${min}` : `${min} to ${max}`);
const tableType = (type: TableType): string =>
  `${type.addr === 'i64' ? 'i64 ' : ''}${limits(type.limits)} ${typeName(type.ref)}`;
const globalType = ({ type, mutable }: GlobalType): string => (mutable ? `mut ${typeName(type)}` : typeName(type));

function memoryType({ addr, limits: sizes, shared, pageLog2 }: MemType): string {
  const pages = pageLog2 === 16 ? 'pages of 64 KiB' : `pages of ${count(2 ** pageLog2, 'byte')}`;
  return `${addr === 'i64' ? 'i64 ' : ''}${limits(sizes)} ${pages}${shared ? ' shared' : ''}`;
}

export function describeFunction(module: Module, index: number): Report {
  const lines = disassemble(module.syntax, index);
  const type = signature(funcType(module.context.funcs[index]));
  const name = module.funcName(index);
  return {
    lines: [`func ${index} ${name} ${type}`, ...columns(lines.map((line) => [`0x${line.pc.toString(16)}`, line.text]))],
    json: { kind: 'function', index, name, type, instructions: lines },
  };
}

/** By export, by name, or by index; undefined where there is none. */
export function findFunction({ syntax, context }: Module, text: string): number | undefined {
  const exported = syntax.exports.find(({ kind, name }) => kind === 'func' && name === text)?.index;
  const named = [...syntax.names.funcs].find(([, name]) => name === text)?.[0];
  const index = exported ?? named ?? (/^\d+$/.test(text) ? Number(text) : undefined);
  return index !== undefined && index < context.funcs.length ? index : undefined;
}
