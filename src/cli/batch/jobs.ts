// The jobs file of `wasbox batch`: one JSON object a line, read and checked a line at a time.

import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bounds, moduleCost } from '../../pool/line/bounds.ts';
import type { CallSpec, ProgramSpec } from '../../pool/told/options.ts';
import { Lru } from '../../runtime/kept/lru.ts';
import { parseArguments } from '../../runtime/literals.ts';
import type { Module } from '../../runtime/module/module.ts';
import { UsageError } from '../../spec/errors.ts';
import { messageOf, quoted, told } from '../../spec/told.ts';
import type { FuncType, ValType } from '../../spec/types.ts';
import { parseBytes, parseCount, parseMs } from '../read/arguments.ts';
import { at, readBytes, readModule } from '../read/files.ts';
import { type Lines, linesOf, standardInput } from '../read/lines.ts';
import { defaultExport, exportType } from '../run.ts';
import { fileError } from '../told/exit.ts';

/** A job as the file has it. */
export interface JobLine {
  /** Of the jobs in the file, from 0; blank lines are none. */
  readonly index: number;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

export interface NamedJob {
  readonly name: string;
  readonly spec: CallSpec | ProgramSpec;
  /** Types of the results of a job that calls an export. */
  readonly results: readonly ValType[] | undefined;
}

/** Tells one job from another: 16 hexadecimal digits. */
export const jobKey = (text: string): string => createHash('sha256').update(text.trim()).digest('hex').slice(0, 16);

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
  memory: isNumber,
  deadline: isNumber,
} satisfies Record<string, (value: unknown) => boolean>;

interface Fields {
  readonly name?: string;
  readonly module: string;
  readonly export?: string;
  readonly args?: readonly (string | number)[];
  readonly program?: string;
  readonly input?: unknown;
  readonly inputFile?: string;
  readonly host?: string;
  readonly fuel?: number | string;
  readonly memory?: number | string;
  readonly deadline?: number | string;
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

/** The jobs of a file, or of the standard input. Iterating throws UsageError. */
export class JobLines implements AsyncIterable<JobLine> {
  private readonly lines: Lines;

  constructor(path: string) {
    this.lines = linesOf(path);
  }

  close(): void {
    this.lines.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<JobLine> {
    let index = 0;
    let line = 0;
    for await (const { text } of this.lines) {
      line++;
      if (text.trim() !== '') yield { index: index++, line, text };
    }
  }
}

/** Makes jobs of lines. */
export class JobReader {
  /** What paths are relative to. */
  private readonly folder: string;
  /** By path, for the next lines that name them. */
  private readonly modules = new Lru<string, Module>(() => bounds.threadModules);

  constructor(private readonly path: string) {
    this.folder = path === standardInput ? process.cwd() : dirname(resolve(path));
  }

  /** Throws UsageError, or what is wrong with a module, naming the line. */
  read(job: JobLine): NamedJob {
    return this.at(job, () => this.job(job));
  }

  /** The same for whoever only wants to know whether something is wrong. */
  check(job: JobLine): void {
    this.at(job, () => {
      const { inputFile, ...fields } = parseLine(job.text);
      if (inputFile !== undefined) checkReadable(resolve(this.folder, inputFile));
      this.jobOf(fields, job);
    });
  }

  private at<T>({ line }: JobLine, act: () => T): T {
    return at(`${this.path === standardInput ? 'standard input' : this.path}, line ${line}`, act);
  }

  private job(job: JobLine): NamedJob {
    return this.jobOf(parseLine(job.text), job);
  }

  private jobOf(fields: Fields, { line }: JobLine): NamedJob {
    const module = this.module(fields.module);
    const { type, spec } = specOf(fields, module, this.folder);
    const what = fields.program ?? fields.export ?? '';
    return { name: fields.name ?? `${line} ${fields.module} ${what}`.trim(), spec, results: type?.results };
  }

  private module(name: string): Module {
    const path = findModule(name, this.folder);
    const known = this.modules.get(path);
    if (known !== undefined) return known;
    const module = readModule(path);
    return this.modules.set(path, module, moduleCost(module.bytes.length));
  }
}

function checkReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

function parseLine(text: string): Fields {
  const line = parsed(text);
  if (typeof line !== 'object' || line === null || Array.isArray(line)) throw new UsageError('a job is a JSON object');
  for (const [key, value] of Object.entries(line)) {
    if (!Object.hasOwn(keys, key))
      throw new UsageError(`there is no key ${quoted(key)}; keys are ${Object.keys(keys).join(', ')}`);
    if (!keys[key as keyof typeof keys](value)) throw new UsageError(`${key} cannot be ${told(value)}`);
  }
  if (!('module' in line)) throw new UsageError('a job names its module');
  return line as Fields;
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

interface Specified {
  readonly spec: CallSpec | ProgramSpec;
  readonly type: FuncType | undefined;
}

function specOf(fields: Fields, module: Module, folder: string): Specified {
  const { host, fuel, memory, deadline, program, args = [] } = fields;
  const common = {
    module,
    ...(host !== undefined && { host: urlOf(host, folder) }),
    limits: {
      ...(fuel !== undefined && { fuel: parseCount(String(fuel), 'fuel') }),
      ...(memory !== undefined && { memory: parseBytes(String(memory), 'memory') }),
    },
    ...(deadline !== undefined && { deadline: parseMs(String(deadline), 'deadline'), deadlineFrom: 'start' as const }),
  };
  if (program !== undefined)
    return { spec: { ...common, program: urlOf(program, folder), input: inputOf(fields, folder) }, type: undefined };
  const name = fields.export ?? defaultExport(module);
  const type = exportType(module, name);
  return { spec: { ...common, export: name, args: parseArguments(name, type.params, args.map(String)) }, type };
}

const urlOf = (path: string, folder: string): URL => pathToFileURL(resolve(folder, path));

/** The bytes of a file as they are, or the JSON value. */
const inputOf = ({ input, inputFile }: Fields, folder: string): unknown =>
  inputFile === undefined ? input : new Uint8Array(readBytes(resolve(folder, inputFile)));
