// Reads what the command line names: modules, snapshots, modules of host functions. All that goes wrong here is the
// user's to mend, and says so.

import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Module } from '../runtime/module.ts';
import { UsageError, WasboxError } from '../spec/errors.ts';
import { isA, messageOf } from '../spec/told.ts';
import type { Imports } from '../vm.ts';
import { fileError } from './exit.ts';
import { decodeRun, isSavedRun, type SavedRun } from './saved.ts';

/** Throws UsageError. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

/** Throws UsageError. */
export function writeBytes(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes);
  } catch (cause) {
    throw fileError('write', path, cause);
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

/** Throws UsageError, MalformedError, InvalidError. */
export function readModule(path: string): Module {
  const bytes = readBytes(path);
  return at(path, () => Module.from(bytes));
}

const wasmMagic = [0x00, 0x61, 0x73, 0x6d];
export const isWasm = (bytes: Uint8Array): boolean => wasmMagic.every((byte, i) => bytes[i] === byte);

const snapshotMagic = [0x00, 0x77, 0x62, 0x78];
export const isSaved = (bytes: Uint8Array): boolean =>
  isSavedRun(bytes) || snapshotMagic.every((byte, i) => bytes[i] === byte);

/** A file that `--save` wrote, or a bare snapshot. */
export const readSaved = (bytes: Uint8Array): SavedRun =>
  isSavedRun(bytes) ? decodeRun(bytes) : { plan: [], snapshot: bytes, modules: [] };

/**
 * The host functions that a JavaScript module exports as `imports` or by default: an object, or a function that makes
 * it. Throws UsageError.
 */
export async function readHost(path: string | undefined): Promise<Imports> {
  if (path === undefined) return {};
  const { imports, default: standard } = await loaded(path);
  const given = imports ?? standard;
  const made: unknown = typeof given === 'function' ? await given() : given;
  if (typeof made !== 'object' || made === null)
    throw new UsageError(`${path} exports no \`imports\`: { module: { name: hostFunction(…) } }`);
  return made as Imports;
}

async function loaded(path: string): Promise<{ imports?: unknown; default?: unknown }> {
  readBytes(path);
  try {
    return await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    throw new UsageError(`cannot load ${path}: ${messageOf(cause)}`, { cause });
  }
}
