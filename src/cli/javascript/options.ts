// What the command line says of a JavaScript program, for whichever command it is.

import { posix } from 'node:path';
import { asyncTool, type ProgramOptions, pause, type Tools } from '../../javascript/node/index.ts';
import { limitOptions, type ProgramLimitOptions } from '../../javascript/run/limits.ts';
import { UsageError } from '../../spec/errors.ts';
import { messageOf, quoted } from '../../spec/told.ts';
import { Bounds, type GoOptions } from '../go/go.ts';
import { parseBytes, parseCount } from '../read/arguments.ts';
import { at, loaded, readBytes } from '../read/files.ts';
import { readKey } from './key.ts';

export interface ProgramGoOptions
  extends Pick<GoOptions, 'fuel' | 'timeout' | 'memory' | 'save' | 'engine' | 'cache' | 'json'> {
  /** A module of the host's. */
  readonly tools?: string;
  /** Names of tools that nobody answers here. */
  readonly tool?: readonly string[];
  /** Keys that seal tokens. */
  readonly key?: string;
  /** [NAME=]FILE each: modules that the program may import. */
  readonly import?: readonly string[];
  /** NAME=VALUE each. */
  readonly limit?: readonly string[];
}

/** Bounds of a program that goes on between two tokens. Throws UsageError. */
export function boundsOf({ fuel, timeout, memory, save, engine, cache, json }: ProgramGoOptions): Bounds {
  const given = { fuel, timeout, memory, save, engine, cache, json };
  return new Bounds(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
}

/** All that holds for a run, but for what stops it. */
export interface Given {
  readonly options: ProgramOptions;
  readonly seal: ReturnType<typeof readKey> | undefined;
}

/** Throws UsageError. */
export async function givenBy(options: ProgramGoOptions): Promise<Given> {
  const { tools, tool = [], key, engine } = options;
  const asked = Object.fromEntries(tool.map((name) => [name, () => pause]));
  const limits = limitsBy(options);
  const seal = key === undefined ? undefined : readKey(key);
  const modules = Object.fromEntries((options.import ?? []).map(moduleOf));
  return { options: { tools: { ...asked, ...(await readTools(tools)) }, modules, limits, engine }, seal };
}

/** Limits that are given by name, and how each is written. */
const named = { calls: parseCount, output: parseBytes, stack: parseBytes, value: parseBytes } as const;
const mostMemory = 2 ** 32;

/** All but that of fuel, which is granted. Throws UsageError. */
export function limitsBy({ memory, limit = [] }: ProgramGoOptions): ProgramLimitOptions {
  const limits = {
    memory: memory === undefined ? undefined : memoryOf(memory),
    ...Object.fromEntries(limit.map(limitOf)),
  };
  limitOptions(limits, '--limit');
  return limits;
}

function memoryOf(text: string): number {
  const bytes = parseBytes(text, '--memory');
  if (bytes >= 2 ** 20 && bytes <= mostMemory) return bytes;
  throw new UsageError(`--memory of a JavaScript program must be from 1M to 4G, ${quoted(text)} is not`);
}

function limitOf(text: string): [string, number] {
  const [, name = '', value = ''] = /^([a-z]+)=(.*)$/s.exec(text) ?? [];
  if (!Object.hasOwn(named, name))
    throw new UsageError(
      `--limit must be NAME=VALUE, with one of ${Object.keys(named).join(', ')}, not ${quoted(text)}`,
    );
  return [name, named[name as keyof typeof named](value, `--limit ${name}`)];
}

/** Text in UTF-8. Throws UsageError. */
export function textOf(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError(`${what}: it is no text in UTF-8`, { cause });
  }
}

/** A file as programs call it: what stack traces show, and what modules beside it are found by. */
export const nameOf = (path: string): string => posix.normalize(path.replaceAll('\\', '/'));

function moduleOf(text: string): [string, string] {
  const [, name, path = text] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  return [name ?? nameOf(path), textOf(readBytes(path), path)];
}

/** Throws UsageError. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${what} must be JSON: ${messageOf(cause)}`, { cause });
  }
}

/** The tools that a module of the host's exports as `tools` or by default: by name, or a function that makes them. */
async function readTools(path: string | undefined): Promise<Tools> {
  if (path === undefined) return {};
  const { tools, default: standard } = await loaded(path);
  const given = tools ?? standard;
  const made = typeof given === 'function' ? await madeBy(path, given as (of: object) => unknown) : given;
  if (typeof made === 'object' && made !== null) return made as Tools;
  throw new UsageError(`${path} exports no \`tools\`: { name: (…args) => result }, or a function that makes them`);
}

/** What tools are made with is given to them: it must be of this copy of wasbox. */
async function madeBy(path: string, make: (of: object) => unknown): Promise<unknown> {
  try {
    return await make({ pause, asyncTool });
  } catch (cause) {
    return at(path, () => {
      throw new UsageError(`its tools cannot be made: ${messageOf(cause)}`, { cause });
    });
  }
}
