// The jobs file of `wasbox batch`: one JSON object a line. Reads and checks all of it before anything runs; a mistake
// is told with its line.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CallSpec, ProgramSpec } from '../pool/options.ts';
import type { Module } from '../runtime/module.ts';
import { UsageError } from '../spec/errors.ts';
import { messageOf, quoted, told } from '../spec/told.ts';
import { parseArguments, parseCount } from './arguments.ts';
import { at, readBytes, readModule } from './files.ts';
import { defaultExport, exportType } from './run.ts';

export interface NamedJob {
  readonly name: string;
  readonly spec: CallSpec | ProgramSpec;
}

/** How each key of a line is checked. */
const keys = {
  name: isText,
  module: isText,
  export: isText,
  args: isArguments,
  program: isText,
  input: () => true,
  inputFile: isText,
  host: isText,
  fuel: isNumber,
  deadline: isNumber,
  priority: isNumber,
} satisfies Record<string, (value: unknown) => boolean>;

interface Line {
  readonly name?: string;
  readonly module: string;
  readonly export?: string;
  readonly args?: readonly (string | number)[];
  readonly program?: string;
  readonly input?: unknown;
  readonly inputFile?: string;
  readonly host?: string;
  readonly fuel?: number | string;
  readonly deadline?: number | string;
  readonly priority?: number;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
function isNumber(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'string';
}
function isArguments(value: unknown): boolean {
  return Array.isArray(value) && value.every(isNumber);
}

/** Throws UsageError, or what is wrong with a module, naming the line. */
export function readJobs(path: string): NamedJob[] {
  const folder = dirname(resolve(path));
  const modules = new Map<string, Module>();
  const lines = Buffer.from(readBytes(path)).toString('utf8').split(/\r?\n/);
  return lines.flatMap((text, i) => {
    if (text.trim() === '') return [];
    return [at(`${path}, line ${i + 1}`, () => readJob(text, i + 1, folder, modules))];
  });
}

function readJob(text: string, number: number, folder: string, modules: Map<string, Module>): NamedJob {
  const line = parseLine(text);
  const path = findModule(line.module, folder);
  const module = modules.get(path) ?? readModule(path);
  modules.set(path, module);
  const what = line.program ?? line.export ?? '';
  return { name: line.name ?? `${number} ${line.module} ${what}`.trim(), spec: specOf(line, module, folder) };
}

function parseLine(text: string): Line {
  const line = parsed(text);
  if (typeof line !== 'object' || line === null || Array.isArray(line)) throw new UsageError('a job is a JSON object');
  for (const [key, value] of Object.entries(line)) {
    if (!Object.hasOwn(keys, key))
      throw new UsageError(`there is no key ${quoted(key)}; keys are ${Object.keys(keys).join(', ')}`);
    if (!keys[key as keyof typeof keys](value)) throw new UsageError(`${key} cannot be ${told(value)}`);
  }
  if (!('module' in line)) throw new UsageError('a job names its module');
  return line as Line;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`no JSON: ${messageOf(cause)}`, { cause });
  }
}

/** A path, or a file of an installed package. */
function findModule(name: string, folder: string): string {
  const path = resolve(folder, name);
  if (existsSync(path)) return path;
  for (let parent = folder; ; parent = dirname(parent)) {
    const installed = join(parent, 'node_modules', name);
    if (existsSync(installed)) return installed;
    if (parent === dirname(parent))
      throw new UsageError(`there is no module ${name}, neither as a file nor in a package`);
  }
}

function specOf(line: Line, module: Module, folder: string): CallSpec | ProgramSpec {
  const common = {
    module,
    ...(line.host !== undefined && { host: urlOf(line.host, folder) }),
    ...(line.fuel !== undefined && { limits: { fuel: parseCount(String(line.fuel), 'fuel') } }),
    ...(line.deadline !== undefined && { deadline: parseCount(String(line.deadline), 'deadline') }),
    ...(line.priority !== undefined && { priority: line.priority }),
  };
  if (line.program !== undefined)
    return { ...common, program: urlOf(line.program, folder), input: inputOf(line, folder) };
  const name = line.export ?? defaultExport(module);
  const type = exportType(module, name);
  return {
    ...common,
    export: name,
    args: type === undefined ? [] : parseArguments(name, type.params, (line.args ?? []).map(String)),
  };
}

const urlOf = (path: string, folder: string): URL => pathToFileURL(resolve(folder, path));

/** The bytes of a file as they are, or the JSON value. */
const inputOf = ({ input, inputFile }: Line, folder: string): unknown =>
  inputFile === undefined ? input : new Uint8Array(readBytes(resolve(folder, inputFile)));
