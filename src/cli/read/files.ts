// Reads what the command line names: modules, what was saved, modules of host functions. All that goes wrong here is the
// user's to mend, and says so; a file of another kind than is wanted is told by what it is.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isSealed, isToken } from '../../javascript/token/marks.ts';
import { moduleFrom } from '../../rewrite/module/code-cache.ts';
import type { Module } from '../../runtime/module/module.ts';
import { looksSaved } from '../../snapshot/container/whole.ts';
import { type DecodeOptions, Snapshot } from '../../snapshot/snapshot.ts';
import { MalformedError, SnapshotError, UsageError, WasboxError } from '../../spec/errors.ts';
import { isA, messageOf } from '../../spec/told.ts';
import type { Imports } from '../../vm.ts';
import { attended } from '../told/attended.ts';
import { fileError } from '../told/exit.ts';

/** Throws UsageError. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

/** Does it; an error of ours then begins with the place, such as a file or a line of one. */
export function at<T>(place: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (isA(error, WasboxError)) error.message = `${place}: ${error.message}`;
    throw error;
  }
}

/** What a file is, as far as its first bytes tell. */
export type FileKind = 'empty' | 'module' | 'component' | 'text' | 'saved' | 'token' | 'sealed' | 'unknown';

const wasmMagic = [0x00, 0x61, 0x73, 0x6d];
const componentLayer = [0x01, 0x00];

export function kindOf(bytes: Uint8Array): FileKind {
  if (bytes.length === 0) return 'empty';
  if (wasmMagic.every((byte, i) => bytes[i] === byte))
    return componentLayer.every((byte, i) => bytes[6 + i] === byte) ? 'component' : 'module';
  if (looksSaved(bytes)) return 'saved';
  if (isToken(bytes)) return 'token';
  if (isSealed(bytes)) return 'sealed';
  const beginning = new TextDecoder().decode(bytes.subarray(0, 4096));
  return /^(?:\uFEFF|\s|;;[^\n]*\n)*\((?:module|;|component|func|import|memory|type)/.test(beginning)
    ? 'text'
    : 'unknown';
}

/** A JavaScript program at rest: a token. */
export const isAtRest = (bytes: Uint8Array): boolean => ['token', 'sealed'].includes(kindOf(bytes));

const goesOn = 'which `wasbox resume` takes';
/** What to do with a file of another kind. */
const advice: Readonly<Record<Exclude<FileKind, 'unknown'>, string>> = {
  empty: 'the file is empty',
  module: 'it is a WebAssembly module, which `wasbox run` takes',
  component: 'it is a WebAssembly component, and only core modules can be run',
  text: 'it is WebAssembly text; make it a module first, for example with `wat2wasm` or `wasm-tools parse`',
  saved: `it is a saved program, ${goesOn}`,
  token: `it is a JavaScript program at rest, ${goesOn}`,
  sealed: `it is a sealed JavaScript program at rest, ${goesOn} with its key`,
};
/** By what a file is called: JavaScript has no magic number. */
const javaScript = 'it is JavaScript, which `wasbox js` takes';
const isJavaScript = (path: string): boolean => /\.[cm]?js$/i.test(path);

export function adviceFor(bytes: Uint8Array, path = ''): string | undefined {
  const kind = kindOf(bytes);
  if ((kind === 'unknown' || kind === 'text') && isJavaScript(path)) return javaScript;
  return kind === 'unknown' ? undefined : advice[kind];
}

/** Throws UsageError, MalformedError, InvalidError. */
export function readModule(path: string): Module {
  const bytes = readBytes(path);
  return at(path, () => {
    const other = kindOf(bytes) === 'module' ? undefined : adviceFor(bytes, path);
    if (other === undefined) return moduleFrom(bytes);
    // Where that shows is no help.
    throw Object.assign(new MalformedError('', 0), { message: `not a module: ${other}` });
  });
}

/** Whatever a VM or a pool has saved, in a file of that path. Throws SnapshotError. */
export function savedIn(path: string, bytes: Uint8Array, most: DecodeOptions = {}): Snapshot {
  return at(path, () => {
    const other = kindOf(bytes) === 'saved' ? undefined : adviceFor(bytes, path);
    if (other !== undefined) throw new SnapshotError(`not a snapshot: ${other}`, 'file');
    return Snapshot.decode(bytes, most);
  });
}

/** Throws SnapshotError, for all modules at once that are neither given nor in the file. */
export function checkModules(snapshot: Snapshot, known: readonly Module[]): void {
  const hashes = new Set(known.map(({ hash }) => hash));
  const missing = snapshot.data.modules.filter((hash) => !hashes.has(hash));
  if (missing.length === 0) return;
  const told = missing.slice(0, mostTold).map((hash) => `SHA-256 ${hash}`);
  const more = missing.length > mostTold ? `, and ${missing.length - mostTold} more` : '';
  const what = missing.length === 1 ? 'a module' : `${missing.length} modules`;
  throw new SnapshotError(
    `needs ${what} that it does not hold: ${told.join(', ')}${more}; give each with --module FILE`,
    'modules',
  );
}
const mostTold = 20;

/**
 * The host functions that a JavaScript module exports as `imports` or by default: an object, or a function that makes
 * it. Throws UsageError.
 */
export async function readHost(path: string | undefined): Promise<Imports> {
  if (path === undefined) return {};
  const { imports, default: standard } = await loaded(path);
  const made = await madeImports(imports ?? standard);
  if (typeof made === 'object' && made !== null) return made;
  throw new UsageError(`${path} exports no \`imports\`: { module: { name: hostFunction(…) } }`);
}

/** Imports are given as they are, or by a function that makes them. */
export const madeImports = async (given: unknown): Promise<Imports> =>
  (typeof given === 'function' ? await given() : given) as Imports;

/** A JavaScript module. Throws UsageError. */
export async function loaded(path: string): Promise<Readonly<Record<string, unknown>>> {
  readBytes(path);
  try {
    const module = import(pathToFileURL(resolve(path)).href);
    return await attended(module, false, 'it waits, and nothing is left that it could wait for');
  } catch (cause) {
    throw new UsageError(`cannot load ${path}: ${messageOf(cause)}`, { cause });
  }
}
