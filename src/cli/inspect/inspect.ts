// `wasbox inspect`: which kind of file it is, and what is in it. Modules are told in describe.ts, saved programs in
// stack.ts; what both come to is a report, printed as text or as JSON.

import { statSync } from 'node:fs';
import { Module } from '../../runtime/module/module.ts';
import { modulesAmong } from '../../snapshot/container/whole.ts';
import { restoreStore } from '../../snapshot/restore.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { UsageError } from '../../spec/errors.ts';
import { plain, quoted } from '../../spec/told.ts';
import { isDatabase } from '../../store/open/url.ts';
import { checkStore } from '../keep/store.ts';
import { checkFor, parseCount } from '../read/arguments.ts';
import { adviceFor, at, checkModules, isAtRest, kindOf, readBytes, readModule } from '../read/files.ts';
import type { Exit } from '../told/exit.ts';
import { print } from '../told/output.ts';
import { type Report, toJson } from '../told/print.ts';
import { describeBytes, parseStretch } from './bytes.ts';
import { type Base, modulesBeside, readBase, readBeside, withBase } from './change.ts';
import { describeFunction, describeModule, findFunction } from './describe.ts';
import { isGroup, reportGroup } from './group.ts';
import { describeSaved } from './stack.ts';

export interface InspectOptions {
  readonly func?: string;
  readonly frames: string;
  readonly bytes?: string;
  readonly module?: readonly string[];
  /** What a change is a change of: a series, the whole one first. */
  readonly base?: readonly string[];
  /** Keys of a sealed token. */
  readonly key?: string;
  /** The most that the program of a token may have. */
  readonly memory?: string;
  readonly json?: boolean;
}

export async function inspect(file: string, options: InspectOptions): Promise<Exit> {
  const isStore = isDatabase(file) || statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
  const { lines, json } = isStore ? await reportStored(file, options) : await reportOn(file, options);
  if (options.json) print(toJson(json));
  else for (const line of lines) print(plain(line));
  return 'ok';
}

/** A folder is a store, or a mistake. */
async function reportStored(path: string, options: InspectOptions): Promise<Report> {
  checkStore(path);
  checkFor('a store', options, 'func', 'bytes', 'module', 'base', 'key', 'memory');
  return (await import('./heads.ts')).reportStore(path);
}

async function reportOn(file: string, options: InspectOptions): Promise<Report> {
  const mostFrames = parseCount(options.frames, '--frames');
  const given = (options.module ?? []).map(readModule);
  const bytes = readBytes(file);
  if (isAtRest(bytes)) {
    checkFor('a JavaScript program', options, 'func', 'bytes', 'module', 'base');
    return (await import('../javascript/inspect.ts')).reportToken(file, bytes, options);
  }
  checkFor('what is no JavaScript program', options, 'key', 'memory');
  if (kindOf(bytes) === 'module') checkFor('a module', options, 'base');
  const base = readBase(options.base ?? []);
  return at(file, () => {
    if (kindOf(bytes) === 'module') {
      if (options.bytes !== undefined) throw new UsageError('--bytes is of use with a saved program only');
      return reportModule(file, Module.from(bytes), options.func);
    }
    if (kindOf(bytes) !== 'saved')
      throw new UsageError(adviceFor(bytes, file) ?? 'neither a WebAssembly module nor a saved program');
    if (isGroup(bytes)) {
      checkFor('a group of VMs', options, 'func', 'bytes', 'module', 'base');
      return reportGroup(file, bytes);
    }
    return reportSaved(file, bytes, { given, base, mostFrames }, options);
  });
}

function reportModule(file: string, module: Module, func: string | undefined): Report {
  if (func === undefined) return describeModule(file, module);
  const index = findFunction(module, func);
  if (index === undefined) throw new UsageError(`the module has no function ${quoted(func)}`);
  return describeFunction(module, index);
}

/** What was read besides the file. */
interface Beside {
  readonly given: readonly Module[];
  readonly base: Base | undefined;
  readonly mostFrames: number;
}

function reportSaved(
  file: string,
  bytes: Uint8Array,
  { given: told, base, mostFrames }: Beside,
  { func, bytes: stretch }: InspectOptions,
): Report {
  const snapshot = readBeside(bytes, base);
  const given = base === undefined ? told : modulesBeside(told, snapshot, base);
  const modules = modulesAmong(given, snapshot.data.modules, snapshot.extras);
  checkModules(snapshot, modules);
  if (stretch !== undefined) return reportBytes(snapshot, modules, stretch);
  if (func === undefined) {
    const report = describeSaved({ file, bytes: bytes.length, snapshot, modules, given }, mostFrames);
    return base === undefined ? report : withBase(report, snapshot, base);
  }
  for (const hash of snapshot.data.modules) {
    const module = modules.find((one) => one.hash === hash) as Module;
    const index = findFunction(module, func);
    if (index !== undefined) return describeFunction(module, index);
  }
  throw new UsageError(`no module of the saved program has a function ${quoted(func)}`);
}

function reportBytes(snapshot: Snapshot, modules: readonly Module[], text: string): Report {
  const stretch = parseStretch(text);
  const store = restoreStore(snapshot.data, { modules });
  try {
    return describeBytes(store, stretch);
  } finally {
    for (const memory of store.memories) memory.release();
  }
}
